"""Winner: what the held rest of an A/B audience gets, decided once however often and by however many it is asked.

The decision and its release are one transaction that holds the dispatch's row: killed before the commit nothing has
happened, a second beat finds it decided, a cancel or an expiry comes before it or after it.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.core.problems import Conflict
from apps.core.sql import rows
from apps.core.states import InvalidTransition
from apps.deliveries.models import Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.services.lifecycle import drop_held
from apps.deliveries.services.wake import wake_on_commit
from apps.deliveries.states import DISPATCH_STATES

_DECIDABLE = ("sending", "paused")


class UnknownVariant(ValueError):
    """The dispatch has no such variant."""


class AlreadyDecided(Conflict):
    """Another decision was made before (code `already_decided`)."""

    def __init__(self, decided: "Decision") -> None:
        self.decided = decided
        super().__init__("already_decided", _("it was decided before, by %(by)s") % {"by": decided.by})


@dataclass(frozen=True, slots=True)
class Decision:
    """What stands decided. variant None: nobody of the rest gets anything. devices: released by this very call."""

    variant: int | None
    by: str
    at: datetime
    devices: int = 0


def choose_winner(*, dispatch_id: int, variant: int | None, by: str, now: datetime) -> Decision:
    """The held rest gets `variant`, or nothing at all (None: outcome `cancelled`, code `not_chosen`).

    The same decision again changes nothing and returns the first. On a paused dispatch it takes effect on resume.
    Raises UnknownVariant, AlreadyDecided, InvalidTransition (the dispatch has ended). Cost: 1,000,000 devices 0.3 s.
    """
    with transaction.atomic():
        dispatch = Dispatch.objects.select_for_update(of=("self",)).get(pk=dispatch_id)
        if variant is not None and not 0 <= variant < len(Policy.from_json(dispatch.policy).shares):
            raise UnknownVariant(f"dispatch {dispatch_id} has no variant {variant}")
        if dispatch.decided_at is not None:
            return _as_decided(dispatch, variant)
        if dispatch.state not in _DECIDABLE:
            raise InvalidTransition(DISPATCH_STATES, dispatch.state, "decided")
        Dispatch.objects.filter(pk=dispatch_id).update(decided_at=now, winner=variant, decided_by=by[:150])
        if variant is None:
            drop_held(dispatch=dispatch, now=now)
            return Decision(None, by, now)
        released = rows("deliveries", "release_held", {"dispatch_id": dispatch_id, "variant": variant})
        wake_on_commit(dispatch.lane)
    return Decision(variant, by, now, sum(devices for (devices,) in released))


def _as_decided(dispatch: Dispatch, wanted: int | None) -> Decision:
    assert dispatch.decided_at is not None  # noqa: S101
    decided = Decision(dispatch.winner, dispatch.decided_by, dispatch.decided_at)
    if decided.variant != wanted:
        raise AlreadyDecided(decided)
    return decided
