"""The house of the fault tests."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faults.house import House
    from tests.fixtures_sandbox import RunningSandbox


@pytest.fixture
def house(sandbox: "RunningSandbox", process_environment: dict[str, str]) -> Iterator["House"]:
    from tests.faults.house import House

    house = House(sandbox, process_environment)
    yield house
    house.stop()
