"""`bench record`: what the database's part of the road costs, verb by verb: claim, open, record, and the commit."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.core.bench import Measured, timed
from apps.core.cpu import backend_pid, exact_cpu_seconds
from apps.deliveries.bench import launch, make_bench_world, wal_position
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Batch, Dispatch
from apps.deliveries.services.claim import Held, claim_batches
from apps.deliveries.services.contents import DispatchText, texts_of
from apps.deliveries.services.open import Slice, open_slices
from apps.deliveries.services.pace import Wish, grant, size_at
from apps.deliveries.services.prepare import prepare
from apps.deliveries.services.record import record_slices
from apps.deliveries.services.wire import Sent
from apps.deliveries.services.work import LEASE, RHYTHMS
from apps.gateways.contract import SendResult, Verdict

# As long as Google's, of which the gateway keeps what stands behind the project.
_VENDOR_ID = "0:1700000000{:06}%0a1b2c3d4e5f6071"
_BATCHES = RHYTHMS["bulk"].batches
_SAMPLE = 5_000

Say = Callable[[str], None]


@dataclass(slots=True)
class _Cost:
    """Seconds: on the clock, of our processor time, of our backend's."""

    wall: float = 0.0
    python: float = 0.0
    database: float = 0.0

    def each(self, items: int) -> dict[str, float]:
        """Microseconds an item."""
        named = {"wall_us": self.wall, "python_us": self.python, "database_us": self.database}
        return {name: round(seconds * 1e6 / items, 2) for name, seconds in named.items()}


class _Meter:
    """What each stage cost in all."""

    def __init__(self) -> None:
        self.stages: dict[str, _Cost] = defaultdict(_Cost)
        self._backend = backend_pid()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        database, python, wall = exact_cpu_seconds(self._backend), time.thread_time(), time.perf_counter()
        yield
        cost = self.stages[name]
        cost.wall += time.perf_counter() - wall
        cost.python += time.thread_time() - python
        cost.database += exact_cpu_seconds(self._backend) - database

    def sum(self, *names: str) -> _Cost:
        chosen = [self.stages[name] for name in names]
        return _Cost(*(sum(getattr(one, field) for one in chosen) for field in ("wall", "python", "database")))


def record(options: dict[str, Any], say: Say) -> Measured:
    """A planned dispatch through the engine's own verbs in one process, every device accepted from memory.

    rate and cpu_us_per_item are of claim + record + commit. Extra fields: stages (claim, open, prepare, record, commit;
    wall, Python and PostgreSQL microseconds a device), render_us (within prepare: text and delivery id), road_rate (all
    stages together), wal_bytes_per_item of all of them. Fails unless every planned device was recorded.
    """
    say(f"planning {options['devices']:,} devices")
    world = make_bench_world(devices=options["devices"], gateway="fcm", now=timezone.now())
    dispatch = launch(world, canary_devices=0)  # nobody is there to let the rest go
    planned = sum(Batch.objects.filter(dispatch=dispatch).values_list("device_ids__len", flat=True))
    wal, meter = wal_position(), _Meter()
    with timed() as watch:
        devices = _work_off(meter)
    if devices != planned:
        raise RuntimeError(f"{devices:,} of {planned:,} devices were recorded")
    wal = wal_position() - wal
    road, ours = watch.seconds, meter.sum("claim", "record", "commit")
    watch.seconds, watch.cpu_seconds = ours.wall, ours.python
    return watch.measured(
        "record",
        unit="deliveries",
        rows=devices,
        database_us_per_item=ours.each(devices)["database_us"],
        road_rate=round(devices / road, 1),
        stages={name: cost.each(devices) for name, cost in meter.stages.items()},
        render_us=_render_us(dispatch),
        wal_bytes_per_item=round(wal / devices, 1),
        leaves_out="planning, the wire, and in `rate` opening and rendering; WAL writer and checkpoints",
    )


def _work_off(meter: _Meter) -> int:
    """Cycles like those of services.work, but for the sending. Returns how many devices were recorded."""
    held: dict[int, Held] = {}
    texts: dict[int, DispatchText] = {}
    flying: list[Slice] = []
    chance, devices = Random(7), 0  # noqa: S311
    transaction.set_autocommit(False)
    try:
        while True:
            now = timezone.now()
            answers = [_answered(one) for one in flying]
            with meter.stage("record"):
                record_slices(sent=answers, now=now, chance=chance)
            for one in flying:
                one.held.recorded = one.last
                devices += one.last - one.first
            held = {batch_id: one for batch_id, one in held.items() if one.recorded < one.size}
            with meter.stage("claim"):
                held |= _claim(_BATCHES - len(held))
            if new := {one.dispatch_id for one in held.values()} - texts.keys():
                texts |= texts_of(new)
            with meter.stage("open"):
                flying = _open(held, texts)
            with meter.stage("commit"):
                transaction.commit()
            with meter.stage("prepare"):
                for one in flying:
                    prepare(one)
            if not flying:
                return devices
    finally:
        transaction.set_autocommit(True)


def _claim(room: int) -> dict[int, Held]:
    if not room:
        return {}
    now = timezone.now()
    claimed = claim_batches(lane="bulk", most=room, most_each=_BATCHES, busy={}, lease=LEASE, now=now)
    return {one.batch_id: one for one in claimed}


def _open(held: dict[int, Held], texts: dict[int, DispatchText]) -> list[Slice]:
    now = timezone.now()
    wishes = [Wish(one, min(size_at(one.throttle_per_second), one.size - one.recorded)) for one in held.values()]
    return open_slices(wishes=grant(wishes=wishes, now=now), texts=texts, lease=LEASE, now=now)


def _answered(slice_: Slice) -> Sent:
    """Accepted from memory."""
    numbers = range(len(slice_.messages))
    return Sent(slice_, [SendResult(Verdict.ACCEPTED, vendor_message_id=_VENDOR_ID.format(n)) for n in numbers], 0.0)


def _render_us(dispatch: Dispatch) -> float:
    """Processor microseconds for one text and one delivery id."""
    text = texts_of([dispatch.pk])[dispatch.pk]
    body = text.bodies[0, ""]
    started = time.thread_time()
    for number in range(_SAMPLE):
        body.render({"first_name": f"Name{number}", "city": "Leeds"})
        make_delivery_id(planned_on=text.planned_on, dispatch_id=dispatch.pk, device_id=number)
    return round((time.thread_time() - started) * 1e6 / _SAMPLE, 2)
