"""Choosing: who did not open, as late as possible, in one statement.

A rule's wait begins when its dispatch is done: then everybody has had at least the wait, however long the campaign
took. A cancelled dispatch is followed by no SMS.
"""

import json
from datetime import datetime, timedelta
from itertools import batched

from django.db import transaction

from apps.core.sql import Compiled, execute, rows, statement
from apps.customers.preference_links import FACT, preferences_url
from apps.customers.queries import facts
from apps.deliveries.models import Content, Dispatch
from apps.deliveries.rendering import CompiledBody, RenderFailed, compile_body
from apps.deliveries.rendering.text import Facts
from apps.deliveries.rendering.visible import is_blank
from apps.deliveries.services.stop import is_stopped
from apps.gateways.sms_text import MOST_PARTS, measure
from apps.sms_booster.models import BoostRule

_AT_ONCE = 1000


def choose_due(now: datetime) -> int:
    """Choose the people of every rule whose wait is over; returns how many rules. None while sending is stopped."""
    if is_stopped("campaign"):
        return 0
    waiting = BoostRule.objects.filter(is_enabled=True, chosen_at=None, campaign__dispatch__state="done")
    return sum(_choose(rule.pk, now) for rule in waiting.select_related("campaign__dispatch") if _is_due(rule, now))


def _is_due(rule: BoostRule, now: datetime) -> bool:
    dispatch = rule.campaign.dispatch
    if dispatch is None or dispatch.finished_at is None:
        return False
    return dispatch.finished_at + timedelta(minutes=rule.wait_minutes) <= now


def _choose(rule_id: int, now: datetime) -> bool:
    """All or nothing: a process killed here leaves the rule unchosen."""
    with transaction.atomic():
        free = BoostRule.objects.select_for_update(of=("self",), skip_locked=True).select_related("campaign__dispatch")
        rule = free.filter(pk=rule_id, is_enabled=True, chosen_at=None).first()
        if rule is None or rule.campaign.dispatch is None:
            return False
        dispatch = rule.campaign.dispatch
        text = compile_body({"body": rule.text, "silent": True})
        if not text.is_static:
            _plan_personal(rule, dispatch, text, now)
        # After personal texts the same statement finds only those above the limit.
        _plan_all(rule, dispatch, text.render({}).body if text.is_static else "", now)
        BoostRule.objects.filter(pk=rule.pk).update(chosen_at=now)
    return True


def _plan_all(rule: BoostRule, dispatch: Dispatch, body: str, now: datetime) -> None:
    values = {
        "rule_id": rule.pk,
        "app_id": dispatch.app_id,
        "sms_dispatch_id": dispatch.pk,
        "most": rule.max_messages,
        "body": body,
        "parts": measure(body).parts,
        "now": now,
    }
    execute("sms_booster", "choose", values, unopened=_unopened(dispatch))


def _plan_personal(rule: BoostRule, dispatch: Dispatch, text: CompiledBody, now: datetime) -> None:
    people = rows("sms_booster", "unopened_facts", {"most": rule.max_messages}, unopened=_unopened(dispatch))
    common = {"rule_id": rule.pk, "app_id": dispatch.app_id, "dispatch_id": dispatch.pk, "now": now}
    for part in batched(people, _AT_ONCE):
        made = [
            _made(text, {**facts(columns, json.loads(traits)), **_link(text, dispatch, customer_id, now)})
            for customer_id, _phone, traits, *columns in part
        ]
        values = {
            "customer_ids": [person[0] for person in part],
            "phones": [person[1] for person in part],
            "bodies": [body for body, _parts, _code in made],
            "parts": [parts for _body, parts, _code in made],
            "codes": [code for _body, _parts, code in made],
        }
        execute("sms_booster", "plan_texts", {**common, **values})


def _unopened(dispatch: Dispatch) -> Compiled:
    where = {
        "dispatch_id": dispatch.pk,
        "planned_on": dispatch.planned_on,
        "variants": _visible_variants(dispatch),
    }
    return Compiled(statement("sms_booster", "unopened"), where)


def _visible_variants(dispatch: Dispatch) -> list[int]:
    """A silent push cannot be opened, so not opening it means nothing."""
    contents = Content.objects.filter(dispatch=dispatch)
    return sorted({content.variant for content in contents if not content.body.get("silent")})


def _link(text: CompiledBody, dispatch: Dispatch, customer_id: int, now: datetime) -> Facts:
    """The person's preference link, where the text has a place for it."""
    if FACT not in text.names:
        return {}
    return {FACT: preferences_url(app_id=dispatch.app_id, customer_id=customer_id, now=now)}


def _made(text: CompiledBody, known: Facts) -> tuple[str, int, str]:
    """Body, parts, and why it cannot be sent ("" = it can)."""
    try:
        body = text.render(known).body
    except RenderFailed as failed:
        return "", 0, failed.code
    parts = measure(body).parts
    if is_blank(body):
        return "", 0, "empty_text"
    return (body, parts, "") if parts <= MOST_PARTS else (body, 0, "too_many_parts")
