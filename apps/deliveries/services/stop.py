"""Stop: the kill switch of the whole installation. One row stops all; taking it away goes on where everything was.

Claim and open read the row in their own statements, so it holds for every gateway call that starts 2 s after the
commit, costs no round trip, and outlives every restart.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services.audit import write_audit
from apps.core.problems import Conflict, FieldProblem, InvalidInput
from apps.deliveries.models import LANES, SendingStop
from apps.deliveries.services.wake import wake_on_commit


class SendingStopped(Conflict):
    """The emergency stop is on (code `sending_stopped`); nothing is launched until it is taken off."""

    def __init__(self) -> None:
        super().__init__(
            "sending_stopped", _("the emergency stop is on: nothing can be launched until an owner takes it off")
        )


def stop_sending(*, scope: str, reason: str, actor: User | str, now: datetime) -> bool:
    """Stop every kind of `scope` at once; False where it was stopped already. Raises InvalidInput."""
    if scope not in SendingStop.SCOPES:
        raise InvalidInput([FieldProblem("/scope", "choice", _("must be marketing or transactional"), scope)])
    if not reason.strip():
        raise InvalidInput([FieldProblem("/reason", "required", _("say why: everybody will read it"))])
    name = actor if isinstance(actor, str) else actor.get_username()
    values = {"kinds": SendingStop.SCOPES[scope], "reason": reason.strip()[:300], "stopped_by": name[:150]}
    with transaction.atomic():
        _stop, is_new = SendingStop.objects.get_or_create(scope=scope, defaults={**values, "stopped_at": now})
        if is_new:
            _note(actor, "sending.stopped", scope, now, {"reason": values["reason"], "kinds": values["kinds"]})
    return is_new


def resume_sending(*, scope: str, actor: User | str, now: datetime) -> bool:
    """Take the stop away; what ran before runs on. False where nothing was stopped."""
    with transaction.atomic():
        stop = SendingStop.objects.select_for_update().filter(scope=scope).first()
        if stop is None:
            return False
        stop.delete()
        since = {"stopped_by": stop.stopped_by, "stopped_at": stop.stopped_at.isoformat(), "reason": stop.reason}
        _note(actor, "sending.resumed", scope, now, since)
        for lane, _label in LANES:
            wake_on_commit(lane)
    return True


def require_sending(kind: str) -> None:
    """Raises SendingStopped where pushes of this kind are stopped."""
    if is_stopped(kind):
        raise SendingStopped


def is_stopped(kind: str) -> bool:
    return SendingStop.objects.filter(kinds__contains=[kind]).exists()


def _note(actor: User | str, action: str, scope: str, now: datetime, details: Mapping[str, Any]) -> None:
    write_audit(app=None, actor=actor, action=action, subject=f"sending:{scope}", details=details, now=now)
