"""Work: one process brings what is due in a lane to the gateways and writes down what came of it.

A cycle is one transaction: record the slices that came back, claim batches, open their next slices; then, committed,
the opened slices go out. Several batches are under way at once, each with one slice in flight, so the wire is busy
while the database works. At most IN_FLIGHT devices are in flight per process: the bound of duplicates per crash.
"""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from threading import Event, Lock
from time import monotonic, sleep

from django.db import connection, transaction
from django.db.utils import IntegrityError

from apps.core.database import AWAY
from apps.core.outage import outage
from apps.deliveries.services.claim import Held, claim_batches, give_back, renew_leases
from apps.deliveries.services.contents import DispatchText, texts_of
from apps.deliveries.services.health import throttles_of
from apps.deliveries.services.open import Slice, open_slices
from apps.deliveries.services.pace import Purse, Wish, grant, size_at
from apps.deliveries.services.prepare import prepare
from apps.deliveries.services.record import record_slices
from apps.deliveries.services.tally import Tally
from apps.deliveries.services.wire import Sent, Wire
from apps.devices.services.steering import standings

IN_FLIGHT = 1000
# Of what a process can hold and have in flight, no channel gets more: one that hangs leaves room for the others.
CHANNEL_SHARE = 0.9
LEASE = timedelta(seconds=45)
# What a slice's opening found (consent, whose device it is, the dispatch's state) is believed for so long.
HOLDS_SECONDS = 2.0
DATABASE_REST_SECONDS = 0.5
# A batch whose next token is further away is given back; claim takes it again when there is one.
LONGEST_REST_SECONDS = 1.0

_log = logging.getLogger(__name__)
_at_work: dict[str, Lock] = {"urgent": Lock(), "bulk": Lock()}
# Somebody was woken for the lane since this process last looked for work in it.
_is_called: dict[str, Event] = {"urgent": Event(), "bulk": Event()}


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How a lane works. Units: batches, seconds.

    batches: held at once. look_every: how often an idle hand looks for new batches. gather: a cycle begins so long
    after the one before at the earliest, so that what comes one by one shares its transactions. linger: how long after
    the last work it goes on looking; longer than wake-ups are thinned (services.wake), so none is missed.
    """

    batches: int
    look_every: float
    gather: float
    linger: float


RHYTHMS = {
    "urgent": Rhythm(batches=500, look_every=0.02, gather=0.02, linger=1.0),
    "bulk": Rhythm(batches=10, look_every=0.05, gather=0.0, linger=0.5),
}


@dataclass(frozen=True, slots=True)
class WorkDone:
    """devices: recorded in this call. is_more: it stopped for the time, not for want of work, so somebody should go on.

    Where the lane is only warm that counts as more: until the next wake-up nobody would look. So does a wake-up that
    came behind the last look: whoever brought it was sent away.
    """

    devices: int = 0
    is_more: bool = False


def work(
    *,
    lane: str,
    wire: Wire,
    slot_seconds: float,
    clock: Callable[[], datetime],
    chance: Random,
    lease: timedelta = LEASE,
    is_stopping: Callable[[], bool] = lambda: False,
) -> WorkDone:
    """Work on a lane until nothing is due, the slot is over, or the process stops; then nothing is in flight or held.

    A second call for a lane that this process already works on returns at once. A database that is away is waited
    for, with nothing sent meanwhile and the answers that came kept; a stop ends that wait.
    """
    _is_called[lane].set()  # before the lock is asked for: who holds it reads this once it is free
    if not _at_work[lane].acquire(blocking=False):
        return WorkDone()
    try:
        done = _Shift(lane, wire, clock, chance, lease, is_stopping).run(slot_seconds)
    finally:
        _at_work[lane].release()
    return replace(done, is_more=done.is_more or _is_called[lane].is_set())


class _Shift:
    """One call of work: what is held, what is in flight, what came back and is not written yet.

    Positions in `held` run ahead of the database by exactly the `answers` not yet written, and every cycle writes
    all of them first. So a transaction that failed, or whose commit was lost with the connection, is just tried again.
    """

    def __init__(
        self,
        lane: str,
        wire: Wire,
        clock: Callable[[], datetime],
        chance: Random,
        lease: timedelta,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._lane, self._rhythm, self._wire = lane, RHYTHMS[lane], wire
        self._clock, self._chance, self._lease, self._is_stopping = clock, chance, lease, is_stopping
        self._held: dict[int, Held] = {}
        self._flying: dict[int, Slice] = {}
        self._answers: list[Sent] = []
        self._tally = Tally(lane)
        self._purse = Purse()
        self._texts: dict[int, DispatchText] = {}
        self._rests_until: dict[int, float] = {}
        self._may_repeat = False
        self._is_away = False
        self._cycle_at = 0.0
        self._look_at = 0.0
        self._renew_at = 0.0
        self._devices = 0

    def run(self, slot_seconds: float) -> WorkDone:
        begun = busy_at = monotonic()
        is_over = is_idle = False
        while not is_over or self._flying or self._answers:
            is_over = is_over or self._is_stopping() or monotonic() - begun > slot_seconds
            try:
                was_busy = self._cycle(takes_more=not is_over)
            except IntegrityError:
                # Something stands in the ledger already. It cannot be ours, but it may not stop the lane either.
                if self._may_repeat:
                    raise
                _log.exception("an outcome is in the ledger already; it stays, what is new is added")
                self._may_repeat = True
                continue
            except AWAY as error:
                if is_over and self._is_stopping():
                    raise
                self._rest(error)
                self._collect()  # what comes back meanwhile is written before anything is claimed
                continue
            self._is_away = False
            if was_busy or self._flying or self._held:
                busy_at = monotonic()
            elif monotonic() - busy_at > self._rhythm.linger:
                is_idle = True
                break
            self._collect()
            if self._tally.is_due():
                self._report()
        self._report()
        self._purse.settle(now=self._clock())
        give_back(held=list(self._held.values()))
        return WorkDone(self._devices, is_more=not is_idle)

    def _rest(self, error: Exception) -> None:
        """The database is away: say so once, forget the connection, wait a little."""
        if not outage.tells(error) and not self._is_away:
            _log.warning("%s devices wait to be recorded: %s", self._unwritten(), error)
        self._is_away = True
        connection.close()
        sleep(DATABASE_REST_SECONDS)

    def _cycle(self, *, takes_more: bool) -> bool:
        """One transaction, then the sending. True where it got anything done."""
        self._cycle_at = monotonic()
        now, start_by = self._clock(), self._cycle_at + HOLDS_SECONDS
        written = self._answers
        opened: list[Slice] = []
        self._purse.fill(held=self._held.values(), now=now)
        with transaction.atomic():
            ours = record_slices(sent=written, now=now, chance=self._chance, may_repeat=self._may_repeat)
            lost = {one.slice.held.batch_id for one in written} - ours
            claimed = self._claim(now) if takes_more else {}
            held = {batch_id: one for batch_id, one in (self._held | claimed).items() if batch_id not in lost}
            self._renew(held, now)
            if takes_more:
                held, opened = self._open(held, now)
        self._tally.add(written, now)
        self._answers, self._may_repeat = [], False
        self._held = {batch_id: one for batch_id, one in held.items() if one.recorded < one.size}
        self._devices += sum(one.slice.last - one.slice.first for one in written if one.slice.held.batch_id in ours)
        for slice_ in opened:
            prepare(slice_)
            self._flying[slice_.held.batch_id] = slice_
            slice_.held.opened = max(slice_.held.opened, slice_.last)
            self._wire.send(slice_, start_by=start_by)
        return bool(written or claimed or opened)

    def _claim(self, now: datetime) -> dict[int, Held]:
        """New batches, where there is room and it is time to look."""
        room = self._rhythm.batches - len(self._held)
        if room <= 0 or monotonic() < self._look_at:
            return {}
        _is_called[self._lane].clear()
        claimed = claim_batches(
            lane=self._lane,
            most=room,
            most_each=int(self._rhythm.batches * CHANNEL_SHARE),
            busy=Counter(one.channel.channel_id for one in self._held.values()),
            lease=self._lease,
            now=now,
        )
        if len(claimed) < room:
            self._look_at = self._cycle_at + self._rhythm.look_every
        wanted = {one.dispatch_id for one in [*self._held.values(), *claimed]}
        self._texts = {key: text for key, text in self._texts.items() if key in wanted}
        self._texts |= texts_of(wanted - self._texts.keys()) if wanted - self._texts.keys() else {}
        for one in claimed:
            self._wire.meet(one.channel, is_test=self._texts[one.dispatch_id].policy.is_test)
        return {one.batch_id: one for one in claimed}

    def _renew(self, held: dict[int, Held], now: datetime) -> None:
        """Batches may wait in our hand for tokens, or for a dangerous one to be tried alone."""
        if held and monotonic() > self._renew_at:
            renew_leases(held=list(held.values()), lease=self._lease, now=now)
            self._renew_at = monotonic() + self._lease.total_seconds() / 3

    def _open(self, held: dict[int, Held], now: datetime) -> tuple[dict[int, Held], list[Slice]]:
        """The next slices. Returns what we go on holding: batches that may not be sent now are given back."""
        affordable = self._purse.spend(self._wishes(held))
        wishes = grant(wishes=affordable, now=now)
        self._purse.put_back(affordable, wishes)
        granted = [wish for wish in wishes if wish.count]
        opened = open_slices(wishes=granted, texts=self._texts, lease=self._lease, now=now)
        refused = {wish.held.batch_id for wish in granted} - {one.held.batch_id for one in opened}
        for wish in wishes:
            if not wish.count:
                wait = 1.0 / _rate(wish.held)
                if wait > LONGEST_REST_SECONDS:
                    refused.add(wish.held.batch_id)
                self._rests_until[wish.held.batch_id] = monotonic() + wait
        give_back(held=[held[batch_id] for batch_id in refused])
        return {batch_id: one for batch_id, one in held.items() if batch_id not in refused}, opened

    def _report(self) -> None:
        """Tell what the gateways answered, and take up the pace that follows. A database away loses a report."""
        try:
            self._tally.report(now=self._clock(), chance=self._chance)
            held = self._held.values()
            paces = standings([one.channel.channel_id for one in held]) if held else {}
            throttles = throttles_of({one.dispatch_id for one in held}) if held else {}
        except AWAY as error:
            if not outage.tells(error):
                _log.warning("the channels are not steered: %s", error)
            connection.close()
            return
        for one in self._held.values():
            one.pace_per_second = paces.get(one.channel.channel_id, one.pace_per_second)
            one.throttle_per_second = throttles.get(one.dispatch_id, one.throttle_per_second)

    def _wishes(self, held: dict[int, Held]) -> list[Wish]:
        """Who may open how much. A device that was alone with a crash before is tried with nothing else in flight."""
        flying = Counter[int]()
        for slice_ in self._flying.values():
            flying[slice_.held.channel.channel_id] += slice_.last - slice_.first
        idle = [one for batch_id, one in held.items() if batch_id not in self._flying and one.recorded < one.size]
        ready = [one for one in idle if self._rests_until.pop(one.batch_id, 0.0) <= monotonic()]
        dangerous = [one for one in ready if one.is_suspect and one.crashes > 1]
        if dangerous:
            return [Wish(dangerous[0], 1)] if not self._flying else []
        room = IN_FLIGHT - flying.total()
        wishes = []
        for one in ready:
            count = 1 if one.is_suspect or one.is_probe else min(_size(one), one.size - one.recorded)
            channel_id = one.channel.channel_id
            if count <= min(room, int(IN_FLIGHT * CHANNEL_SHARE) - flying[channel_id]):
                room -= count
                flying[channel_id] += count
                wishes.append(Wish(one, count))
        return wishes

    def _collect(self) -> None:
        """Answers that came; their batches stand past them from now on. A shift that failed may have left others."""
        found = self._wire.collect(wait_seconds=self._rhythm.look_every)
        rest = self._cycle_at + self._rhythm.gather - monotonic()
        if rest > 0:
            sleep(rest)
            found += self._wire.collect(wait_seconds=0)
        answers = [one for one in found if self._flying.get(one.slice.held.batch_id) is one.slice]
        for answer in answers:
            held = answer.slice.held
            del self._flying[held.batch_id]
            held.recorded = answer.slice.last
            held.crashes = min(held.crashes, 1) if held.is_suspect else 0
            held.is_probe = False
        self._answers += answers

    def _unwritten(self) -> int:
        return sum(one.slice.last - one.slice.first for one in self._answers)


def _size(held: Held) -> int:
    return min(size_at(held.throttle_per_second), size_at(held.pace_per_second))


def _rate(held: Held) -> float:
    rates = (held.throttle_per_second, held.pace_per_second, held.quota_per_second)
    return min(rate for rate in rates if rate is not None)
