"""Preview: how many people a rule means, before anything is saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.core.problems import FieldProblem, InvalidInput
from apps.core.sql import rows
from apps.customers.models import Customer
from apps.segments.rules import compile_rule
from apps.segments.services.counting import Superseded, Turn, take_turn
from apps.segments.services.limits import Stopped, TooSlow, limited

LIMIT_SECONDS = 5
SAMPLE_SIZE = 10


@dataclass(frozen=True, slots=True)
class Preview:
    """count: people the rule means; reachable_count: of these, who have a live device and did not opt out."""

    count: int
    reachable_count: int
    sample: tuple[Customer, ...]
    seconds: float


def count_rule(
    *,
    app: App,
    rule: Any,
    now: datetime,
    limit_seconds: float = LIMIT_SECONDS,
    turn: Turn | None = None,
    among: Sequence[int] | None = None,
) -> Preview:
    """Count and sample. With `turn`, the earlier counts of that page are stopped, and this one by a later.

    among: of these people alone (ids).

    Raises InvalidInput (every problem of the rule, or 422 segment_too_slow), Superseded.
    """
    audience = compile_rule(rule, app, now, among=among)
    started = monotonic()
    try:
        with limited(limit_seconds):
            if turn is not None:
                take_turn(turn)
            found = rows("segments", "preview_rule", {"app_id": app.pk, "sample_size": SAMPLE_SIZE}, audience=audience)
    except Stopped as error:
        raise Superseded from error
    except TooSlow as error:
        raise InvalidInput([_too_slow()], status=422) from error
    people, reachable, sample = found[0]
    named = Customer.objects.in_bulk(sample)
    return Preview(
        count=people,
        reachable_count=reachable,
        sample=tuple(named[customer_id] for customer_id in sample if customer_id in named),
        seconds=monotonic() - started,
    )


def _too_slow() -> FieldProblem:
    return FieldProblem("", "segment_too_slow", _("too slow to count live; it will be counted when it is saved"))
