"""Choosing: who did not open, as late as possible, in one statement.

A rule's wait begins when its dispatch is done: then everybody has had at least the wait, however long the campaign
took. A cancelled dispatch is followed by no SMS.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from apps.core.sql import execute
from apps.customers.queries import facts_of
from apps.deliveries.models import Content, Dispatch
from apps.deliveries.rendering import CompiledBody, RenderFailed, compile_body
from apps.gateways.sms_text import MOST_PARTS, measure
from apps.sms_booster.models import BoostRule, SmsMessage

_AT_ONCE = 500


def choose_due(now: datetime) -> int:
    """Choose the people of every rule whose wait is over; returns how many rules were served."""
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
        rows = BoostRule.objects.select_for_update(of=("self",), skip_locked=True).select_related("campaign__dispatch")
        rule = rows.filter(pk=rule_id, is_enabled=True, chosen_at=None).first()
        if rule is None or rule.campaign.dispatch is None:
            return False
        text = compile_body({"body": rule.text, "silent": True})
        _insert(rule, rule.campaign.dispatch, text, now)
        if not text.is_static:
            _write_texts(rule, text, now)
        BoostRule.objects.filter(pk=rule.pk).update(chosen_at=now)
    return True


def _insert(rule: BoostRule, dispatch: Dispatch, text: CompiledBody, now: datetime) -> None:
    body = text.render({}).body if text.is_static else ""
    execute(
        "sms_booster",
        "choose",
        {
            "rule_id": rule.pk,
            "app_id": dispatch.app_id,
            "dispatch_id": dispatch.pk,
            "planned_on": dispatch.planned_on,
            "variants": _visible_variants(dispatch),
            "most": rule.max_messages,
            "body": body,
            "parts": measure(body).parts,
            "now": now,
        },
    )


def _visible_variants(dispatch: Dispatch) -> list[int]:
    """A silent push cannot be opened, so not opening it means nothing."""
    contents = Content.objects.filter(dispatch=dispatch)
    return sorted({content.variant for content in contents if not content.body.get("silent")})


def _write_texts(rule: BoostRule, text: CompiledBody, now: datetime) -> None:
    unwritten = SmsMessage.objects.filter(rule=rule, state="planned", body="").select_related("customer").order_by("pk")
    batch: list[SmsMessage] = []
    for message in unwritten.iterator(chunk_size=_AT_ONCE):
        batch.append(message)
        if len(batch) == _AT_ONCE:
            _write_batch(batch, text, now)
            batch = []
    _write_batch(batch, text, now)


def _write_batch(batch: Sequence[SmsMessage], text: CompiledBody, now: datetime) -> None:
    written = [_written(message, text) for message in batch]
    execute(
        "sms_booster",
        "write_texts",
        {
            "ids": [message.pk for message in batch],
            "bodies": [body for body, _parts, _code in written],
            "parts": [parts for _body, parts, _code in written],
            "codes": [code for _body, _parts, code in written],
            "now": now,
        },
    )


def _written(message: SmsMessage, text: CompiledBody) -> tuple[str, int, str]:
    """Body, parts, and why it cannot be sent ("" = it can)."""
    try:
        body = text.render(facts_of(message.customer)).body
    except RenderFailed as failed:
        return "", 0, failed.code
    parts = measure(body).parts
    if not body.strip():
        return "", 0, "empty_text"
    return (body, parts, "") if parts <= MOST_PARTS else (body, 0, "too_many_parts")
