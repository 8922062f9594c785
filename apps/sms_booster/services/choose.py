"""Choosing: who did not open, as late as possible, in one statement.

A rule's wait begins when its dispatch is done: then everybody has had at least the wait, however long the campaign
took. A cancelled dispatch is followed by no SMS.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from apps.core.sql import Compiled, execute, rows, statement
from apps.deliveries.models import Content, Dispatch
from apps.deliveries.rendering import CompiledBody, compile_body
from apps.deliveries.services.stop import is_stopped
from apps.gateways.sms_text import measure
from apps.sms_booster.click_links import sample
from apps.sms_booster.models import BoostRule
from apps.sms_booster.services.texts import plan_texts


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
        where = _where(dispatch)
        unopened = Compiled(statement("sms_booster", "unopened"), where)
        text = compile_body({"body": rule.text, "silent": True})
        if not text.is_static:
            _plan_personal(rule, dispatch, text, unopened, now)
        # After personal texts the same statement finds only those above the limit.
        _plan_all(rule, dispatch, text.render({}).body if text.is_static else "", unopened, now)
        execute("sms_booster", "settle_choice", {"rule_id": rule.pk, "now": now, **where})
    return True


def _plan_all(rule: BoostRule, dispatch: Dispatch, body: str, unopened: Compiled, now: datetime) -> None:
    values = {
        "rule_id": rule.pk,
        "app_id": dispatch.app_id,
        "sms_dispatch_id": dispatch.pk,
        "most": rule.max_messages,
        "body": body,
        "parts": measure(sample(body) if rule.counts_clicks else body).parts,
        "now": now,
    }
    execute("sms_booster", "choose", values, unopened=unopened)


def _plan_personal(rule: BoostRule, dispatch: Dispatch, text: CompiledBody, unopened: Compiled, now: datetime) -> None:
    people = rows("sms_booster", "unopened_facts", {"most": rule.max_messages}, unopened=unopened)
    plan_texts(
        people=people,
        text=text,
        app_id=dispatch.app_id,
        now=now,
        rule_id=rule.pk,
        dispatch_id=dispatch.pk,
        counts_clicks=rule.counts_clicks,
    )


def _where(dispatch: Dispatch) -> dict[str, Any]:
    return {"dispatch_id": dispatch.pk, "planned_on": dispatch.planned_on, "variants": _visible_variants(dispatch)}


def _visible_variants(dispatch: Dispatch) -> list[int]:
    """A silent push cannot be opened, so not opening it means nothing."""
    contents = Content.objects.filter(dispatch=dispatch)
    return sorted({content.variant for content in contents if not content.body.get("silent")})
