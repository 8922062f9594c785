"""What the engine's tests share: phones in memory, a wire to them, and a short way to work on a lane.

The engine is imported inside the fixtures: this file is read before Django is set up.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from apps.deliveries.services.wire import Wire
    from apps.deliveries.services.work import WorkDone
    from tests.deliveries.phones import Phones

type Worker = Callable[..., "WorkDone"]


@pytest.fixture
def phones() -> "Phones":
    from tests.deliveries.phones import Phones

    return Phones()


@pytest.fixture
def wire(phones: "Phones") -> Iterator["Wire"]:
    from apps.deliveries.services.wire import Wire

    wire = Wire(phones)
    yield wire
    wire.close()


@pytest.fixture
def run_lane(wire: "Wire") -> Worker:
    """Work on a lane at a fixed time until nothing is due."""
    from apps.deliveries.services.work import work
    from tests.factories import NOW

    def run(lane: str = "bulk", at: datetime = NOW, slot_seconds: float = 20, **how: Any) -> "WorkDone":
        return work(
            lane=lane, wire=wire, slot_seconds=slot_seconds, **{"clock": lambda: at, "chance": Random(7), **how}
        )

    return run
