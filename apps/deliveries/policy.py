"""The rules a dispatch is sent under, frozen with it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, time, timedelta
from itertools import accumulate
from typing import Any, Self

_UNSAID = frozenset({"default_language", "named_after", "has_personal_facts"})
# What a frequency cap counts, and holds back.
CAPPED_KINDS = ("campaign", "automation")
# A push counts against the cap from when it was accepted, which may be days after its dispatch was planned.
CAP_LOOKS_BACK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Policy:
    """Immutable once planned; stored as JSON in Dispatch.policy.

    topic: only people who are in it; "" = whatever they chose. platforms: empty = all. devices: "all" of a person's,
    or only the "latest" seen. cap_count None = no frequency cap; topic_cap_count: the same, among campaigns of `topic`
    alone. quiet_from, quiet_until: "HH:MM" in the recipient's zone, both "" = none. local_at: "YYYY-MM-DDTHH:MM", read
    on each recipient's own clock; "" = one moment for all. by_habit: on that local day at the hour each person usually
    opens at, at local_at where none is known. missed_hour: who has that hour behind them when it is planned is left out
    ("skip") or gets it on the "next_day". shares: percent of each variant; what is missing to 100 is planned held, as
    variant -1.
    salt: what variant and hold-out are drawn from. on_unknown: after a call without an answer "resend" (at-least-
    once) or "leave" (at-most-once). is_test: never reaches a phone in production. canary_devices: so many are sent
    and judged before the rest; None = by size, 0 = none. stop_*: a campaign or automation stops by itself when of its
    latest answers (at least stop_after_answers) so many percent are errors, or dead addresses; 100 = never.
    default_language: for whom no text is in their language; "" = the app's. named_after: the dispatch
    ("<planned_on>:<id>") whose delivery ids its messages carry; "" = its own. has_personal_facts: its maker gave facts
    for each person (services.personal). Push consent is always needed; there is no switch for it.
    """

    topic: str = ""
    platforms: tuple[str, ...] = ()
    devices: str = "all"
    cap_count: int | None = None
    cap_days: int = 7
    topic_cap_count: int | None = None
    topic_cap_days: int = 7
    quiet_from: str = ""
    quiet_until: str = ""
    default_time_zone: str = "UTC"
    local_at: str = ""
    by_habit: bool = False
    missed_hour: str = "skip"
    shares: tuple[float, ...] = (100,)
    holdout_percent: float = 0
    salt: str = ""
    on_unknown: str = "resend"
    excludes_stale: bool = False
    expire_after_seconds: int = 24 * 3600
    is_test: bool = False
    canary_devices: int | None = None
    stop_after_answers: int = 20
    stop_error_percent: float = 30
    stop_dead_percent: float = 50
    default_language: str = ""
    named_after: str = ""
    has_personal_facts: bool = False

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Keys that this version does not know are ignored, missing ones take their default."""
        known = {field.name for field in fields(cls)}
        lists = {name: tuple(stored[name]) for name in ("platforms", "shares") if name in stored}
        return cls(**{**{name: value for name, value in stored.items() if name in known}, **lists})

    def as_json(self) -> dict[str, Any]:
        """Younger fields are left out where they say nothing: what was approved before them stays the same."""
        unsaid = {name for name in _UNSAID if not getattr(self, name)}
        if self.topic_cap_count is None:
            unsaid |= {"topic_cap_count", "topic_cap_days"}
        return {name: value for name, value in asdict(self).items() if name not in unsaid}

    @property
    def is_capped(self) -> bool:
        return self.cap_count is not None or self.topic_cap_count is not None

    @property
    def bounds(self) -> list[float]:
        """Cumulated shares; what rounding left open at the top belongs to the last variant, not to nobody."""
        bounds = list(accumulate(map(float, self.shares)))
        if bounds[-1] > 99.5:
            bounds[-1] = 100.0
        return bounds

    @property
    def wall(self) -> datetime | None:
        """local_at as a time without a zone; None where it goes out at one moment for all."""
        return datetime.fromisoformat(self.local_at) if self.local_at else None

    @property
    def quiet_hours(self) -> tuple[time, time] | None:
        """Local begin and end; None where the policy has none (also when both are equal)."""
        if not self.quiet_from or not self.quiet_until or self.quiet_from == self.quiet_until:
            return None
        return time.fromisoformat(self.quiet_from), time.fromisoformat(self.quiet_until)
