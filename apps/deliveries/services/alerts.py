"""Critical alerts: a push is sent again, under the same ids, as long as somebody has not answered with a receipt.

An alert is a row, never a timer. Each time its moment comes a copy of the dispatch goes to those who have not
answered: a dispatch of its own with its own ledger, so that every call is accounted for, whose messages carry the
delivery ids of the original; on a phone the copy replaces it, and receipts go to the original.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from apps.core.sql import rows
from apps.deliveries.models import Content, CriticalAlert, Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.services import lifecycle
from apps.deliveries.services.stop import is_stopped
from apps.deliveries.services.transactional import Push, Target, accept_pushes
from apps.deliveries.states import ALERT_STATES

COPY = "copy"
ALERTS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Unanswered:
    """targets: devices that got the push, of people none of whose devices has sent a receipt. reached: devices in all
    that got it.
    """

    targets: list[Target]
    reached: int


def resend_due(*, now: datetime) -> int:
    """Send again what is due; returns how many copies. None while the emergency stop holds transactional pushes."""
    if is_stopped("transactional"):
        return 0
    due = CriticalAlert.objects.filter(state="waiting", next_at__lte=now).order_by("next_at")
    return sum(_look_after(pk, now) for pk in due.values_list("pk", flat=True)[:ALERTS_AT_ONCE])


def end_alert(*, dispatch_id: int, now: datetime) -> bool:
    """Nothing of it is sent again, nor what is left of its last copy. False where there was nothing to end."""
    is_ended = bool(ALERT_STATES.move(CriticalAlert.objects.filter(dispatch=dispatch_id), "stopped", ended_at=now))
    if is_ended:
        for copy in _copies_under_way(Dispatch.objects.get(pk=dispatch_id)).exclude(state="cancelled"):
            lifecycle.cancel(dispatch_id=copy.pk, now=now)
    return is_ended


def alert_state(dispatch_id: int) -> dict[str, Any] | None:
    """How an alert stands, as the API shows it; None where the push is none."""
    alert = CriticalAlert.objects.filter(dispatch=dispatch_id).first()
    if alert is None:
        return None
    next_at = alert.next_at.isoformat() if alert.state == "waiting" else None
    return {"state": alert.state, "sent": alert.sent, "times": alert.times, "next_at": next_at}


def _look_after(pk: int, now: datetime) -> bool:
    """Send a copy, wait on, or end the alert; whether a copy was sent."""
    with transaction.atomic():
        free = CriticalAlert.objects.select_for_update(of=("self",), skip_locked=True).select_related("dispatch")
        alert = free.filter(pk=pk, state="waiting", next_at__lte=now).first()
        if alert is None:
            return False
        verdict = _verdict(alert, now)
        if verdict:
            ALERT_STATES.move(CriticalAlert.objects.filter(pk=pk), verdict, ended_at=now)
            return False
        targets = _unanswered(alert.dispatch).targets
        is_free = alert.dispatch.state != "paused" and not _copies_under_way(alert.dispatch).exists()
        sends = bool(targets) and is_free
        if sends:
            _send_copy(alert, targets, now)
        CriticalAlert.objects.filter(pk=pk).update(
            sent=alert.sent + sends, next_at=now + timedelta(seconds=alert.resend_after_seconds)
        )
        return sends


def _verdict(alert: CriticalAlert, now: datetime) -> str:
    """How the alert ends now; "" = it goes on."""
    dispatch = alert.dispatch
    if dispatch.state == "cancelled" or dispatch.expires_at <= now:
        return "stopped"
    unanswered = _unanswered(dispatch)
    is_over = dispatch.finished_at is not None
    if is_over and not unanswered.targets:
        return "acknowledged" if unanswered.reached else "unanswered"
    return "unanswered" if alert.sent >= alert.times else ""


def _unanswered(dispatch: Dispatch) -> Unanswered:
    found = rows("deliveries", "unanswered", {"dispatch_id": dispatch.pk, "planned_on": dispatch.planned_on})
    return Unanswered([Target(*row) for *row, is_answered in found if not is_answered], len(found))


def _send_copy(alert: CriticalAlert, targets: list[Target], now: datetime) -> None:
    """In the caller's transaction. Raises IntegrityError where this copy exists, so that none is sent twice."""
    dispatch = alert.dispatch
    contents = {content.language: content for content in Content.objects.filter(dispatch=dispatch)}
    if not contents:
        return
    policy = Policy.from_json(dispatch.policy)
    language = policy.default_language if policy.default_language in contents else min(contents)
    bodies = {spoken: content.body for spoken, content in contents.items()}
    push = Push(
        app_id=dispatch.app_id,
        targets=targets,
        body=bodies.pop(language),
        facts=contents[language].facts or {},
        external_id="",
        occurrence=str(alert.sent + 1),
        release_at=now,
        expires_at=dispatch.expires_at,
        created_at=now,
        is_test=policy.is_test,
        language=language,
        translations=bodies,
        named_after=policy.named_after or f"{dispatch.planned_on.isoformat()}:{dispatch.pk}",
        origin=_origin(dispatch),
    )
    accept_pushes([push])


def _copies_under_way(dispatch: Dispatch) -> QuerySet[Dispatch]:
    return Dispatch.objects.filter(app=dispatch.app_id, origin=_origin(dispatch), finished_at=None)


def _origin(dispatch: Dispatch) -> str:
    return f"{COPY}:{dispatch.pk}"
