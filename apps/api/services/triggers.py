"""Accept a trigger: people, dispatch and idempotency record in one transaction, and one answer for all its twins."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import uuid_utils
from django.utils.translation import gettext as _

from apps.api.refusals import Refusal, refuse_fields
from apps.api.services.idempotency import Key
from apps.api.services.once import Accepted, answer_once
from apps.api.trigger_request import TriggerRequest, counts_of, read_trigger
from apps.campaigns.models import Campaign
from apps.campaigns.services import large_triggers, trigger
from apps.core.problems import FieldProblem
from apps.core.sql import prepared_rows
from apps.deliveries.services.freeze import Waterfall
from apps.segments.models import Segment

ACCEPTED = 202
NOBODY = Waterfall(0, 0, 0, 0, {})


def accept_trigger(
    *, campaign: Campaign, is_test: bool, body: Mapping[str, Any], key: Key | None, now: datetime
) -> Accepted:
    """Trigger the campaign as `body` says; committed when this returns. Raises Refusal, and what a trigger raises."""

    def act() -> Mapping[str, Any]:
        return _trigger(campaign, is_test, read_trigger(body), now)

    return answer_once(key=key, status=ACCEPTED, act=act, now=now)


def _trigger(campaign: Campaign, is_test: bool, asked: TriggerRequest, now: datetime) -> dict[str, Any]:
    trigger.require_triggerable(campaign)
    if missing := trigger.missing_facts(campaign, asked.facts):
        message = _("is used in a text without a fallback, but neither given here nor a trait of any customer")
        raise refuse_fields([FieldProblem(f"/traits/{name}", "missing_variables", message) for name in missing], 422)
    common: dict[str, Any] = {
        "campaign": campaign,
        "facts": asked.facts,
        "occurrence": str(uuid_utils.uuid7()),
        "is_test": is_test,
        "now": now,
    }
    if asked.segment_id is not None:
        segment = Segment.objects.filter(app=campaign.app_id, pk=asked.segment_id).first()
        if segment is None:
            raise Refusal("not_found", _("there is no segment %d") % asked.segment_id)
        if large_triggers.is_large(segment):
            waiting = large_triggers.store_trigger(segment_id=segment.pk, **common)
            return {"trigger": waiting.pk, "to": [], "unknown": trigger.unknown_facts(campaign, asked.facts)}
        done, verdicts = trigger.trigger_segment(segment_id=segment.pk, **common), []
    else:
        known = people_named(campaign.app_id, asked.names)
        if not known:
            return {**_stored(None, NOBODY), "to": ["unknown_customer"] * len(asked.names), "unknown": []}
        done = trigger.trigger_people(customer_ids=sorted(set(known.values())), **common)
        verdicts = list(verdicts_by_name(asked.names, known, done.verdicts))
    stored = _stored(done.dispatch.pk, done.waterfall)
    return {**stored, "to": verdicts, "unknown": trigger.unknown_facts(campaign, asked.facts)}


def people_named(app_id: int, names: Sequence[str]) -> dict[str, int]:
    """Customer ids by the caller's names; who was merged into another is that other."""
    once = list(dict.fromkeys(names))
    parameters = {"app_ids": [app_id] * len(once), "external_ids": once}
    return {row[0]: row[1] for row in prepared_rows("api", "recipients_by_customer", parameters)}


def verdicts_by_name(names: Sequence[str], known: Mapping[str, int], told: Mapping[int, str]) -> Iterable[str]:
    """One a name, in their order: what was told of the customer, or why nobody was asked."""
    seen: set[int] = set()
    for name in names:
        customer_id = known.get(name)
        if customer_id is None:
            yield "unknown_customer"
        elif customer_id in seen:
            yield "duplicate"
        else:
            seen.add(customer_id)
            yield told[customer_id]


def _stored(dispatch_id: int | None, counted: Waterfall) -> dict[str, Any]:
    return {"id": dispatch_id, **counts_of(counted)}
