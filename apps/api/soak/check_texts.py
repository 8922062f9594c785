"""SMS, against what the provider took: none twice, none lost, none to who said no or whose automation is paused."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.db.models import Q

from apps.api.soak.journal import Ban, Journal, ban_at
from apps.campaigns.models import AutomationRun
from apps.sms_booster.models import BoostRule, Fallback, SmsMessage

_ARRIVED = ("accepted", "delivered", "undelivered")
# What is due within it is waited for, and what was due before it is late.
_SOON = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Text:
    """An SMS that the provider took. number: of its row, as the callback's address says. at: Unix seconds."""

    number: int
    at: float


def texts_in(messages: Sequence[Mapping[str, Any]]) -> list[Text]:
    """From the sandbox's inbox."""
    return [
        Text(
            int(parse_qs(urlsplit(one["payload"]["StatusCallback"]).query)["sms"][0]),
            datetime.fromisoformat(one["received_at"]).timestamp(),
        )
        for one in messages
    ]


def is_texting(now: datetime) -> bool:
    """Whether an SMS is still to be chosen or sent. What waits for a morning is not waited for."""
    to_choose = BoostRule.objects.filter(is_enabled=True, chosen_at=None, campaign__dispatch__state="done")
    to_send = SmsMessage.objects.filter(Q(state="sending") | Q(state="planned", due_at__lte=now + _SOON))
    return to_choose.exists() or to_send.exists() or Fallback.objects.filter(state="waiting").exists()


def broken_texts(journal: Journal, texts: Sequence[Text], now: datetime, grace: float) -> Iterator[str]:
    """Each broken promise in words."""
    rows = {one.pk: one for one in SmsMessage.objects.select_related("step")}
    yield from _ended(now)
    yield from _once(texts, rows)
    yield from _subsets(texts, rows)
    for text in texts:
        row = rows.get(text.number)
        if row is not None and (ban := _ban(journal, row, text, grace)):
            yield f"SMS {row.pk} left {text.at - ban.begins:.1f} s after: {ban.why}"


def _ended(now: datetime) -> Iterator[str]:
    for one in SmsMessage.objects.filter(Q(state="sending") | Q(state="planned", due_at__lt=now - _SOON)):
        yield f"SMS {one.pk} has not ended: {one.state} {one.code}"
    for fallback in Fallback.objects.filter(state="waiting"):
        yield f"nobody was chosen for the SMS after push {fallback.pk}"


def _once(texts: Sequence[Text], rows: Mapping[int, SmsMessage]) -> Iterator[str]:
    """None twice; one of a rule or a push to a person, and of a step one each time they went past it."""
    for number, count in Counter(text.number for text in texts).items():
        if count > 1:
            yield f"SMS {number} was sent {count} times"
    arrived = [rows[number] for number in {text.number for text in texts} if number in rows]
    sources = Counter((one.rule_id, one.fallback_id, one.customer_id) for one in arrived if one.step is None)
    for (rule, push, person), count in sources.items():
        if count > 1:
            yield f"customer {person} got {count} SMS of rule {rule}, push {push}"
    steps = {one.step_id: one.step for one in arrived if one.step}
    for (step_id, person), count in Counter((one.step_id, one.customer_id) for one in arrived if one.step).items():
        step = steps[step_id]
        runs = AutomationRun.objects.filter(customer=person, automation=step.automation_id, position__gt=step.position)
        if count > runs.count():
            yield f"customer {person} got {count} SMS of step {step_id}, and went past it {runs.count()} times"


def _subsets(texts: Sequence[Text], rows: Mapping[int, SmsMessage]) -> Iterator[str]:
    """accepted <= arrived <= accepted + unknown."""
    taken = {text.number for text in texts}
    for number in taken - rows.keys():
        yield f"SMS {number} arrived, but there is none"
    for row in rows.values():
        if row.state in _ARRIVED and row.pk not in taken:
            yield f"SMS {row.pk} is {row.state}, but never arrived"
        if row.pk in taken and row.state not in (*_ARRIVED, "unknown"):
            yield f"SMS {row.pk} arrived, but is called {row.state} {row.code}"


def _ban(journal: Journal, row: SmsMessage, text: Text, grace: float) -> Ban | None:
    person = [journal.opted_out.get(row.customer_id, ()), journal.erased.get(row.customer_id, ())]
    waits = [journal.paused.get(row.step.automation_id, ())] if row.step else []
    return next((ban for bans in (*person, *waits) if (ban := ban_at(bans, text.at, grace))), None)
