"""The journal: what the soak asked of the house, and between which moments the house may count as told.

A request is repeated until it is answered, so its effect begins somewhere between the first sending and the answer.
A promise is only held against the house from the answer on, and only until the next request that may end it begins.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from threading import Lock
from time import time


@dataclass(frozen=True, slots=True)
class Ban:
    """Nothing may arrive between these moments (Unix seconds). why: for the message."""

    begins: float
    ends: float
    why: str


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a device was: from the request that moved it there, until the answer to the next one."""

    customer_id: int
    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Promised:
    """A push that was answered 202: its id, and the delivery ids it named as queued."""

    push_id: str
    delivery_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class Came:
    """Somebody did what an automation waits for. is_sure: the API said that it is stored."""

    event: str
    is_sure: bool


@dataclass(slots=True)
class Journal:
    """All facts of a run. Threads write, the checker reads after they have ended.

    By customer: opted_out, erased, came, and ordered (no message of the cart's automation from then on). By campaign:
    stopped. By automation: paused. By device: owners. By webhook: silent. opened: delivery ids whose receipt was taken.
    """

    log: Path
    opted_out: dict[int, list[Ban]] = field(default_factory=lambda: defaultdict(list))
    erased: dict[int, list[Ban]] = field(default_factory=lambda: defaultdict(list))
    stopped: dict[int, list[Ban]] = field(default_factory=lambda: defaultdict(list))
    paused: dict[int, list[Ban]] = field(default_factory=lambda: defaultdict(list))
    owners: dict[int, list[Owner]] = field(default_factory=lambda: defaultdict(list))
    promised: list[Promised] = field(default_factory=list)
    silent: dict[str, list[Ban]] = field(default_factory=lambda: defaultdict(list))
    came: dict[int, list[Came]] = field(default_factory=lambda: defaultdict(list))
    ordered: dict[int, list[Ban]] = field(default_factory=lambda: defaultdict(list))
    opened: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    broken_off: int = 0
    _lock: Lock = field(default_factory=Lock)

    def note(self, at: float, text: str) -> None:
        """A line of the log, with its time."""
        with self._lock, self.log.open("a") as log:
            log.write(f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f} {text}\n")

    def count(self, word: str, number: int = 1) -> None:
        with self._lock:
            self.counts[word] += number

    def accuse(self, text: str) -> None:
        """A promise was seen broken while it ran."""
        with self._lock:
            self.wrong.append(text)
        self.note(time(), f"WRONG {text}")


def begin_ban(bans: list[Ban], answered_at: float, why: str) -> None:
    """From the answer on nothing may arrive, until further notice."""
    bans.append(Ban(answered_at, inf, why))


def end_ban(bans: list[Ban], asked_at: float) -> None:
    """From the moment the end was asked for, everything may arrive again, however often it had been banned."""
    bans[:] = [Ban(ban.begins, min(ban.ends, asked_at), ban.why) for ban in bans]


def ban_at(bans: Sequence[Ban], at: float, grace: float) -> Ban | None:
    """The ban that an arrival at this moment breaks."""
    place = bisect_right(bans, at - grace, key=lambda ban: ban.begins) - 1
    return bans[place] if place >= 0 and at < bans[place].ends else None


def owned_at(owners: Sequence[Owner], customer_id: int, at: float, grace: float) -> bool:
    """Whether the device may have been this customer's."""
    return any(one.customer_id == customer_id and one.begins <= at < one.ends + grace for one in owners)
