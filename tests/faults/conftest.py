"""The houses of the fault tests: one on the session's database, one on a PostgreSQL of its own."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faults.cluster import Cluster, Mould
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


@pytest.fixture(scope="session")
def mould(django_db_setup: None) -> Iterator["Mould"]:
    from tests.faults.cluster import make_mould

    with reachable_folder() as folder:
        yield make_mould(folder)


@pytest.fixture
def cluster(request: pytest.FixtureRequest, transactional_db: None, mould: "Mould") -> Iterator["Cluster"]:
    """A server of the test's own, which the test's connection goes to. @pytest.mark.postgresql gives its parameters."""
    from tests.faults.cluster import as_default, poured

    marker = request.node.get_closest_marker("postgresql")
    with reachable_folder() as folder:
        cluster = poured(mould, folder, **(marker.kwargs if marker else {}))
        try:
            with as_default(cluster.url):
                yield cluster
        finally:
            cluster.end()


@pytest.fixture
def own_house(sandbox: "RunningSandbox", cluster: "Cluster") -> Iterator["House"]:
    """A house on `cluster`."""
    from tests.faults.house import House

    house = House(sandbox, {**os.environ, "DATABASE_URL": cluster.url})
    yield house
    house.stop()


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """A temporary folder that the servers' user may enter."""
    with tempfile.TemporaryDirectory(prefix="hg-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
