"""Faults: a step that nobody foresaw would fail is tried again later and later, and stops its automation in the end.

A fault is a row, so it outlives workers and is the same for all of them. What passes by itself (a deadlock, a database
that is away, a full disk) is none, as for every launch (`services/faults.py`).
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.services.audit import write_audit
from apps.campaigns.models import Automation, AutomationFault
from apps.campaigns.services.faults import failed_again
from apps.campaigns.states import AUTOMATION_STATES
from apps.core.database import passes_by_itself

# After each failed try; after one more than these the automation is stopped.
WAITS = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
MOST_TRIES = len(WAITS) + 1

_log = logging.getLogger(__name__)


def note_fault(*, automation_id: int, position: int, error: Exception, now: datetime) -> None:
    """A move past this step failed and was undone: wait before the next try, or stop the automation."""
    if passes_by_itself(error):
        return
    place = {"automation_id": automation_id, "position": position}
    with transaction.atomic():
        fault = failed_again(AutomationFault.objects.all(), error, WAITS, now, **place)
        _log.error(
            "automation %s, step %s, try %s: %s", automation_id, position + 1, fault.tries, fault.error, exc_info=error
        )
        if fault.tries >= MOST_TRIES:
            reason = _("step %(step)d failed %(times)d times in a row: %(error)s")
            values = {"step": position + 1, "times": fault.tries, "error": fault.error}
            stop_automation(automation_id=automation_id, reason=reason % values, now=now)


def forget_fault(*, automation_id: int, position: int) -> None:
    """People moved past this step."""
    AutomationFault.objects.filter(automation=automation_id, position=position).delete()


def stop_automation(*, automation_id: int, reason: str, now: datetime) -> None:
    """active -> paused by itself, with the reason in words; audited. Whoever stands at a step stays there."""
    details: dict[str, Any] = {"reason": reason}
    with transaction.atomic():
        row = Automation.objects.filter(pk=automation_id)
        if AUTOMATION_STATES.move(row, "paused", paused_reason=reason[:300], stopped_at=now):
            app, subject = row.select_related("app").get().app, f"automation:{automation_id}"
            write_audit(app=app, actor="system", action="automation.paused", subject=subject, details=details, now=now)
            _log.error("automation %s stopped: %s", automation_id, reason)
