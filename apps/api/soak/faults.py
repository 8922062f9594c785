"""What can go wrong. Each fault is drawn from the seed, noted with its time, and taken back when it has lasted."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import redis
from django.conf import settings

from apps.api.soak.house import House, send_signal
from apps.api.soak.journal import Journal
from config import commands
from config.processes import Child, Program

# How many seconds pass between two faults, on average.
EVERY_SECONDS = 9.0
# Whoever stops a worker for so long has taken its lease away: what it had in flight goes out again.
_LEASE_SECONDS = 40.0
# Streams of one connection: so many pushes may be without an answer when it is cut (README of gateways).
STREAMS = {"fcm": 100, "webpush": 100, "apns": 1000}


@dataclass(frozen=True, slots=True)
class Undo:
    """What ends a fault, and when (Unix seconds)."""

    at: float
    do: Callable[[], object]


class Faults:
    """Call `tick` often; `heal` at the end."""

    def __init__(self, house: House, journal: Journal, chance: Random, *, may_last: float, begins_at: float) -> None:
        """may_last: no fault lasts longer. begins_at: when the first may come."""
        self._house, self._journal, self._chance, self._may_last = house, journal, chance, may_last
        self._undo: list[Undo] = []
        self._frozen: set[int] = set()
        self._next_at = begins_at
        self._second_beat: Child | None = None
        self.crashes = 0

    def tick(self, now: float) -> None:
        """Take back what is over; do the next one when its time has come."""
        for one in [undo for undo in self._undo if undo.at <= now]:
            self._undo.remove(one)
            one.do()
        if now >= self._next_at:
            self._next_at = now + self._chance.expovariate(1 / EVERY_SECONDS)
            kinds = list(_KINDS)
            kind = self._chance.choices(kinds, [_KINDS[one][0] for one in kinds])[0]
            said = _KINDS[kind][1](self)
            self._journal.faults[kind] += said is not None
            self._journal.note(now, f"FAULT {kind}: {'nobody was there' if said is None else said}")

    def heal(self) -> None:
        """All is well again: everything goes on, gateways answer."""
        for one in self._undo:
            one.do()
        self._undo.clear()
        self.cuts()
        self._house.ask_sandbox("DELETE", "/_script")

    def cuts(self) -> int:
        """How many messages may have lost their answer because a gateway cut the connection."""
        scripts = self._house.ask_sandbox("GET", "/_script")["scripts"]
        hits = ((one["gateway"], one["hits"]) for one in scripts if one["behaviour"] == "drop_after_accept")
        self._journal.broken_off = sum(STREAMS.get(gateway, 0) * count for gateway, count in hits)
        return self._journal.broken_off

    def _kill_worker(self) -> str | None:
        return self._one(self._house.workers(), signal.SIGKILL, crashes=1)

    def _stop_worker(self) -> str | None:
        return self._one(self._house.workers(), signal.SIGTERM)

    def _freeze_worker(self) -> str | None:
        seconds = min(self._chance.choice((1.0, 3.0, 6.0, 12.0, 55.0)), self._may_last)
        workers = [pid for pid in self._house.workers() if pid not in self._frozen]
        if not workers:
            return None
        pid = self._chance.choice(workers)
        self.crashes += seconds > _LEASE_SECONDS
        return self._freeze([pid], seconds)

    def _end_upkeep(self) -> str | None:
        """It carries the webhooks, and sends no push."""
        return self._one(self._house.upkeep(), self._chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))

    def _kill_beat(self) -> str | None:
        return self._one(self._house.beat(), signal.SIGKILL)

    def _kill_web(self) -> str | None:
        return self._one(self._house.web(), signal.SIGKILL)

    def _two_beats(self) -> str | None:
        if self._second_beat is not None:
            return None
        log = settings.DATA_DIR / "logs" / "second-beat.log"
        self._second_beat = Child(Program("second beat", commands.beat(), log, cwd=settings.BASE_DIR))
        self._second_beat.start()
        seconds = min(self._chance.uniform(5, 30), self._may_last)
        self._later(seconds, self._end_second_beat)
        return f"for {seconds:.0f} s"

    def _end_second_beat(self) -> None:
        if self._second_beat is not None:
            self._second_beat.stop()
            self._second_beat = None

    def _database_crashes(self) -> str | None:
        return self._one(self._house.database(), signal.SIGQUIT)

    def _database_restarts(self) -> str | None:
        return self._one(self._house.database(), signal.SIGINT)

    def _database_away(self) -> str | None:
        return self._away(self._house.database(), signal.SIGQUIT, self._chance.uniform(3, 12))

    def _broker_away(self) -> str | None:
        return self._away(self._house.broker(), signal.SIGKILL, self._chance.uniform(3, 20))

    def _broker_hangs(self) -> str | None:
        found = self._house.broker()
        return self._freeze(found, min(self._chance.uniform(2, 8), self._may_last)) if found else None

    def _broker_forgets(self) -> str | None:
        try:
            with redis.Redis.from_url(settings.CACHE_URL, socket_timeout=2) as broker:
                broker.flushall()
        except redis.RedisError:
            return None
        return "FLUSHALL"

    def _gateway(self) -> str | None:
        gateway = self._chance.choice([*sorted(STREAMS), "sms"])
        behaviour, rest = self._chance.choice(_scripts(self._chance, self._may_last))
        self._house.ask_sandbox("POST", "/_script", {"gateway": gateway, "behaviour": behaviour, **rest})
        self._journal.faults[f"gateway {behaviour}"] += 1
        return f"{gateway} {behaviour} {rest}"

    def _one(self, pids: list[int], number: signal.Signals, *, crashes: int = 0) -> str | None:
        if not pids:
            return None
        pid = self._chance.choice(pids)
        self.crashes += crashes
        return f"{number.name} to {pid}" if send_signal([pid], number) else None

    def _away(self, pids: list[int], number: signal.Signals, seconds: float) -> str | None:
        """The keeper would start it again at once, so it is held meanwhile."""
        if not pids:
            return None
        self._freeze(self._house.keeper(), min(seconds, self._may_last))
        send_signal(pids, number)
        return f"{number.name} to {pids[0]}, for {min(seconds, self._may_last):.0f} s"

    def _freeze(self, pids: list[int], seconds: float) -> str:
        send_signal(pids, signal.SIGSTOP)
        self._frozen.update(pids)
        self._later(seconds, lambda: self._thaw(pids))
        return f"{pids} frozen for {seconds:.0f} s"

    def _thaw(self, pids: list[int]) -> None:
        send_signal(pids, signal.SIGCONT)
        self._frozen.difference_update(pids)

    def _later(self, seconds: float, do: Callable[[], object]) -> None:
        self._undo.append(Undo(time.time() + seconds, do))


def _scripts(chance: Random, may_last: float) -> list[tuple[str, dict[str, object]]]:
    """A behaviour and how long it shows, some at most so often.

    Never by count alone: a channel that closed tries one device now and then, so fifty resets would last for ever.
    """
    seconds = min(chance.uniform(2, 12), may_last)
    return [
        ("throttle", {"seconds": seconds, "retry_after": chance.choice((1, 3, "soon"))}),
        ("server_error", {"seconds": seconds}),
        ("html_error", {"seconds": seconds}),
        ("config_bad", {"seconds": seconds}),
        ("slow", {"seconds": chance.uniform(0.2, 2.0), "for_seconds": seconds}),
        ("never", {"times": chance.randint(1, 20), "for_seconds": seconds}),
        ("reset", {"times": chance.randint(1, 50), "seconds": seconds}),
        ("goaway", {"times": chance.randint(1, 5), "seconds": seconds}),
        ("drop_after_accept", {"times": chance.randint(1, 2), "seconds": seconds}),
    ]


_KINDS: dict[str, tuple[int, Callable[[Faults], str | None]]] = {
    "worker killed": (12, Faults._kill_worker),
    "worker told to stop": (8, Faults._stop_worker),
    "worker frozen": (10, Faults._freeze_worker),
    "upkeep ended": (6, Faults._end_upkeep),
    "beat killed": (4, Faults._kill_beat),
    "two beats": (4, Faults._two_beats),
    "web killed": (5, Faults._kill_web),
    "database crashed": (4, Faults._database_crashes),
    "database restarted": (4, Faults._database_restarts),
    "database away": (4, Faults._database_away),
    "broker away": (5, Faults._broker_away),
    "broker hung": (4, Faults._broker_hangs),
    "broker forgot": (5, Faults._broker_forgets),
    "gateway": (31, Faults._gateway),
}
