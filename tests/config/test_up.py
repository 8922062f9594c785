"""`manage.py up` as a process tree: ready, tended, refused, stopped."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import pulse
from tests.house import GENEROSITY, House, free_port, standing_house, start_up, wait_for

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """One house for the tests that leave it standing."""
    with standing_house() as house:
        yield house


def test_every_check_of_readyz_is_ok(house: House) -> None:
    status, checks = house.readiness()
    assert status == 200
    assert set(checks.values()) == {"ok"}
    assert {"database", "migrations", "broker", "beat", "worker_urgent", "worker_bulk", "worker_upkeep"} == set(checks)


def test_a_second_up_on_the_same_data_directory_is_refused(house: House) -> None:
    second = start_up(house.data_dir, free_port())
    said, _ = second.communicate(timeout=30 * GENEROSITY)
    assert second.returncode == 1
    assert f"another `up` (process {house.process.pid})" in said


def test_a_port_in_use_is_named(house: House, tmp_path: Path) -> None:
    other = start_up(tmp_path / "other", house.port)
    said, _ = other.communicate(timeout=30 * GENEROSITY)
    assert other.returncode == 1
    assert f"port {house.port} is in use" in said


@pytest.mark.parametrize("part", ["--hostname urgent@", "--hostname bulk-1@", "celery --app config --quiet beat"])
def test_a_killed_program_is_started_again_within_seconds(house: House, part: str) -> None:
    before = set(house.processes())
    house.kill(part)
    wait_for(lambda: any(part in command for pid, command in house.processes().items() if pid not in before), 5)


def test_a_killed_web_server_answers_again(house: House) -> None:
    house.kill("granian")
    wait_for(house.is_ready, 20)


def test_the_beat_goes_on_after_a_killed_database(house: House) -> None:
    postmaster = int((house.data_dir / "postgres/postmaster.pid").read_text().split("\n", 1)[0])
    os.kill(postmaster, signal.SIGKILL)
    wait_for(house.is_ready, 60)
    time.sleep(31)  # older heartbeats are stale by now, so readiness needs new ones
    assert house.is_ready()


def test_the_beat_goes_on_after_a_killed_broker(house: House) -> None:
    house.kill("valkey-server")
    wait_for(house.is_ready, 60)
    time.sleep(31)
    assert house.is_ready()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything(number: signal.Signals) -> None:
    with standing_house() as house:
        house.process.send_signal(number)
        house.process.communicate(timeout=10 * GENEROSITY)
        assert house.process.returncode == 0
        assert house.processes() == {}


def test_a_killed_up_leaves_nothing_running() -> None:
    with standing_house() as house:
        house.process.kill()
        house.process.communicate()
        wait_for(lambda: house.processes() == {}, 15)


def test_a_worker_that_goes_deaf_is_started_again_within_two_minutes(house: House) -> None:
    """F15."""
    time.sleep(90)  # a young process is given time
    deaf = min(pid for pid, command in house.processes().items() if "--hostname upkeep@" in command)
    while True:  # alive, connected, and doing nothing; not in the middle of a task, which is given more time
        os.kill(deaf, signal.SIGSTOP)
        if pulse.read(house.data_dir / "pulses/worker-upkeep", time.time()).tasks == 0:
            break
        os.kill(deaf, signal.SIGCONT)
    wait_for(lambda: deaf not in house.processes(), 120)
    wait_for(house.is_ready, 60)
