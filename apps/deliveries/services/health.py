"""Health: while a campaign is on its way, the app's own server is asked how it is, and spared where it is not well.

Whoever opens a push comes to that server. Each bad answer (none, no 2xx, or a slow one) halves the campaign's pace,
each good one gives a quarter back. Transactional pushes are never slowed.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Q

from apps.accounts.models import App
from apps.core.guarded_http import CallFailed, RefusedUrl, get
from apps.deliveries.models import Dispatch
from apps.deliveries.queries import progress
from apps.deliveries.services.guard import GUARDED_KINDS

SLOW_SECONDS = 1.0
PATIENCE_SECONDS = 3.0
CUT, GROWTH = 0.5, 1.25
SLOWEST_PER_SECOND = 1.0
# Two that ask at once must not halve twice.
STEP_EVERY = timedelta(seconds=2)


def ask_health(*, clock: Callable[[], datetime], allows_loopback: bool) -> int:
    """Ask the server of every app that has an address and a campaign on its way. Returns how many were asked.

    Holds no transaction while it waits.
    """
    going = Dispatch.objects.filter(state="sending", finished_at=None, kind__in=GUARDED_KINDS)
    apps = App.objects.exclude(health_url="").filter(pk__in=going.values("app"))
    for app in apps:
        complaint = complaint_of(app.health_url, allows_loopback=allows_loopback)
        for dispatch in going.filter(app=app):
            _step(dispatch, complaint, clock())
    return len(apps)


def complaint_of(url: str, *, allows_loopback: bool) -> str:
    """What is wrong with the server, in a few words; "" = it is well."""
    try:
        answer = get(url, seconds=PATIENCE_SECONDS, allows_loopback=allows_loopback)
    except RefusedUrl as refusal:
        return f"its address is refused: {refusal}"
    except CallFailed as failure:
        return f"no answer: {failure}"
    if not 200 <= answer.status < 300:
        return f"answers {answer.status}"
    return f"answers after {answer.seconds:.1f} s" if answer.seconds > SLOW_SECONDS else ""


def throttles_of(dispatch_ids: set[int]) -> dict[int, float | None]:
    """The pace at which each dispatch may go now, per second; None = no limit."""
    found = Dispatch.objects.filter(pk__in=dispatch_ids).values_list(
        "pk", "throttle_per_second", "slowed_to_per_second"
    )
    return {pk: min((pace for pace in (own, slowed) if pace is not None), default=None) for pk, own, slowed in found}


def _step(dispatch: Dispatch, complaint: str, now: datetime) -> None:
    slowed, begun = dispatch.slowed_to_per_second, dispatch.slowed_from_per_second
    if not complaint and slowed is None:
        return
    if complaint:
        begun = begun or dispatch.throttle_per_second or progress(dispatch, now=now).rate_per_second
        slowed = max((slowed or begun) * CUT, SLOWEST_PER_SECOND)
    else:
        slowed = (slowed or 0.0) * GROWTH
        if begun is None or slowed >= begun:
            slowed = begun = None
    Dispatch.objects.filter(Q(slowed_at=None) | Q(slowed_at__lte=now - STEP_EVERY), pk=dispatch.pk).update(
        slowed_to_per_second=slowed, slowed_from_per_second=begun, slowed_at=now, slowed_reason=complaint[:200]
    )
