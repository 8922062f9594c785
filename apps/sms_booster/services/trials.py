"""Trials: the SMS of a draft, sent at once to the team's test numbers. It is no launch and counts as none.

At most once, as every SMS: `sending` is committed before the call. Nothing is tried again: whoever waits for a test
sees what came of it, and asks anew.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import App, User
from apps.accounts.services.audit import write_audit
from apps.core.problems import FieldProblem, InvalidInput
from apps.customers.models import Customer
from apps.customers.preference_links import FACT, sample_url
from apps.customers.queries import facts_of
from apps.deliveries.rendering import compile_body
from apps.deliveries.services.stop import is_stopped
from apps.deliveries.services.wake import Wish, ask_for
from apps.deliveries.services.work import HOLDS_SECONDS
from apps.devices.models import Channel
from apps.gateways.contract import RetryReason, SendResult, TextMessage, Verdict
from apps.gateways.faults import TOO_LATE
from apps.sms_booster.models import SmsTrial, TrialNumber
from apps.sms_booster.services.answers import stop_channel
from apps.sms_booster.services.provider import send_texts
from apps.sms_booster.services.send import CRASHED_AFTER, SLICE, Way, usable_provider
from apps.sms_booster.services.texts import make_text
from apps.sms_booster.states import SMS_STATES

# They are paid for: so many of an app's tests leave within an hour.
MOST_AN_HOUR = 100
EXPIRES_AFTER = timedelta(minutes=10)
KEPT_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class TriedText:
    """What is tried. subject: its draft, as in the audit log; facts: what it says beside the reader's own.

    problems: why it could not be sent, of the draft's own rules.
    """

    app: App
    subject: str
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    problems: Sequence[FieldProblem] = ()


def try_text(
    *, tried: TriedText, customer: Customer | None, numbers: Sequence[TrialNumber], actor: User, now: datetime
) -> list[SmsTrial]:
    """Send the text as `customer` would read it (None: with its fallbacks alone). Audited.

    Raises InvalidInput where it cannot be sent or no number was chosen. A counted link goes as the one it leads to.
    """
    body, parts, problems = _made(tried, customer)
    if not numbers:
        problems.append(FieldProblem("/numbers", "required", _("choose at least one test number")))
    if is_stopped("test"):
        problems.append(FieldProblem("", "sending_stopped", _("all sending is stopped")))
    with transaction.atomic():
        App.objects.select_for_update(no_key=True).get(pk=tried.app.pk)  # twins wait here, so none passes the limit
        lately = SmsTrial.objects.filter(app=tried.app, planned_at__gt=now - timedelta(hours=1)).count()
        if lately + len(numbers) > MOST_AN_HOUR:
            message = _("an app may send %(most)s test SMS an hour: wait a little") % {"most": MOST_AN_HOUR}
            problems.append(FieldProblem("/numbers", "too_many", message))
        if problems:
            raise InvalidInput(problems)
        planned = [_plan(tried, number, body, parts, now) for number in numbers]
        write_audit(
            app=tried.app,
            actor=actor,
            action=f"{tried.subject.partition(':')[0]}.tried",
            subject=tried.subject,
            details={"sms": [one.pk for one in planned], "numbers": [one.name for one in planned]},
            now=now,
        )
        transaction.on_commit(lambda: ask_for(Wish("sms_booster.fall_back", (), "urgent")))
    return planned


def send_trials(*, way: Way, now: datetime) -> int:
    """Hand over what waits; returns how many. No database connection is held while the provider thinks."""
    waiting = SmsTrial.objects.filter(state__in=["planned", "sending"])
    if not waiting.exists() or is_stopped("test"):
        return 0
    left = waiting.filter(state="sending", sending_at__lt=now - CRASHED_AFTER)
    SMS_STATES.move(left, "unknown", code="crashed", settled_at=now)
    old = waiting.filter(state="planned", planned_at__lt=now - EXPIRES_AFTER)
    SMS_STATES.move(old, "failed", code=TOO_LATE, settled_at=now)
    apps = waiting.filter(state="planned").values("app")
    channels = Channel.objects.filter(gateway="sms", state="active", app__in=apps)
    return sum(_send_slice(channel, way, now) for channel in channels)


def purge_trials(*, now: datetime) -> int:
    """Forget tests after KEPT_FOR: they hold phones, and what somebody would have read. Returns how many."""
    count, _each = SmsTrial.objects.filter(planned_at__lt=now - KEPT_FOR).delete()
    return count


def _made(tried: TriedText, customer: Customer | None) -> tuple[str, int, list[FieldProblem]]:
    """The text for this reader, its parts, and why it cannot be sent."""
    if tried.problems:
        return "", 0, list(tried.problems)
    known = {**(facts_of(customer) if customer else {}), **tried.facts, FACT: sample_url()}
    body, parts, code = make_text(compile_body({"body": tried.text, "silent": True}), known)
    message = _("it cannot be made for this person: nothing is left of it, or it has too many parts")
    return body, parts, [FieldProblem("/text", code, message)] if code else []


def _plan(tried: TriedText, number: TrialNumber, body: str, parts: int, now: datetime) -> SmsTrial:
    return SmsTrial.objects.create(
        app=tried.app,
        subject=tried.subject,
        name=number.name,
        sealed={"to": number.phone, "text": body},
        parts=parts,
        planned_at=now,
    )


def _send_slice(channel: Channel, way: Way, now: datetime) -> int:
    provider = usable_provider(channel, way, now)
    if provider is None:
        return 0
    start_by = time.monotonic() + HOLDS_SECONDS
    with transaction.atomic():
        free = SmsTrial.objects.filter(app=channel.app_id, state="planned").select_for_update(skip_locked=True)
        taken = list(free.order_by("pk")[:SLICE])
        SMS_STATES.move(SmsTrial.objects.filter(pk__in=[one.pk for one in taken]), "sending", sending_at=now)
    texts = [_text(one, way) for one in taken]
    results = send_texts(provider, texts, start_by=start_by) if texts else []
    for one, result in zip(taken, results, strict=True):
        _settle(one, result, now)
    broken = next((result for result in results if result.verdict == Verdict.CONFIG_BAD), None)
    if broken is not None:
        stop_channel(channel, f"{broken.vendor_code} {broken.detail}".strip(), now)
    return len(taken)


def _text(trial: SmsTrial, way: Way) -> TextMessage:
    """Its report comes back to its own address (callbacks.store_report)."""
    callback = f"{way.public_url}/v2.1/callbacks/sms/twilio?trial={trial.pk}"
    return TextMessage(f"trial-{trial.pk}", trial.sealed["to"], trial.sealed["text"], callback)


def _settle(trial: SmsTrial, result: SendResult, now: datetime) -> None:
    state = "accepted" if result.verdict == Verdict.ACCEPTED else "failed"
    if result.retry_reason == RetryReason.UNKNOWN_OUTCOME:
        state = "unknown"
    told = {"code": result.vendor_code[:60], "detail": result.detail[:300]}
    rows = SmsTrial.objects.filter(pk=trial.pk)
    rows.filter(provider_id="").update(provider_id=result.vendor_message_id[:64])
    SMS_STATES.move(rows, state, settled_at=now, **told)  # a report may have been faster: then it stays
