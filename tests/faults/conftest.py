"""The house of the fault tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faults.house import House
    from tests.faults.valkey import Valkey
    from tests.fixtures_sandbox import RunningSandbox


@pytest.fixture
def house(sandbox: "RunningSandbox", process_environment: dict[str, str]) -> Iterator["House"]:
    from tests.faults.house import House

    house = House(sandbox, process_environment)
    yield house
    house.stop()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator["Valkey"]:
    """A broker and cache of the test's own; not started."""
    from tests.faults.valkey import Valkey

    valkey = Valkey(tmp_path)
    yield valkey
    valkey.stop()


@pytest.fixture
def alone(house: "House", valkey: "Valkey") -> "House":
    """A house on the test's own broker, in which the test plays no beat."""
    from tests.faults.valkey import broker_and_cache

    house.has_beat = False
    house.use(**broker_and_cache(valkey.port))
    return house
