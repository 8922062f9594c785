"""`manage.py up` as a process tree: ready, tended, refused, stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.env import BASE_DIR

pytestmark = pytest.mark.long


class House:
    """One `up`, with its data directory and port."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self.data_dir = data_dir
        self.port = port
        self.process = start_up(data_dir, port)

    def readiness(self) -> tuple[int, dict[str, str]]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status, json.load(answer)["checks"]
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)["checks"]
        except OSError:
            return 0, {}

    def is_ready(self) -> bool:
        return self.readiness()[0] == 200

    def processes(self) -> dict[int, str]:
        """Every process of this house: each has the data directory in its environment or its command line."""
        return {
            int(entry.name): command
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and (command := self._command_of_ours(entry))
        }

    def _command_of_ours(self, entry: Path) -> str:
        try:
            command = (entry / "cmdline").read_text().replace("\0", " ")
            environment = (entry / "environ").read_text(errors="replace")
        except OSError:
            return ""
        return command if str(self.data_dir) in command + environment else ""

    def kill(self, part: str) -> None:
        """kill -9 of the first process whose command line contains the part."""
        pid = min(pid for pid, command in self.processes().items() if part in command)
        os.kill(pid, signal.SIGKILL)


def start_up(data_dir: Path, port: int) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if name not in {"CELERY_BROKER_URL", "CACHE_URL"}}
    return subprocess.Popen(
        [sys.executable, "manage.py", "up", "--port", str(port), "--no-sandbox", "--workers", "1"],
        cwd=BASE_DIR,
        env={**clean, "HELIOGRAPH_DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """One house for the tests that leave it standing."""
    with tempfile.TemporaryDirectory(prefix="hg-") as folder:
        Path(folder).chmod(0o755)
        house = House(Path(folder) / "data", free_port())
        wait_for(house.is_ready, 90)
        yield house
        house.process.send_signal(signal.SIGTERM)
        house.process.communicate(timeout=20)


def test_every_check_of_readyz_is_ok(house: House) -> None:
    status, checks = house.readiness()
    assert status == 200
    assert set(checks.values()) == {"ok"}
    assert {"database", "migrations", "broker", "beat", "worker_urgent", "worker_bulk", "worker_upkeep"} == set(checks)


def test_a_second_up_on_the_same_data_directory_is_refused(house: House) -> None:
    second = start_up(house.data_dir, free_port())
    said, _ = second.communicate(timeout=30)
    assert second.returncode == 1
    assert f"another `up` (process {house.process.pid})" in said


def test_a_port_in_use_is_named(house: House, tmp_path: Path) -> None:
    other = start_up(tmp_path / "other", house.port)
    said, _ = other.communicate(timeout=30)
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
def test_a_signal_stops_everything_within_ten_seconds(number: signal.Signals) -> None:
    with tempfile.TemporaryDirectory(prefix="hg-") as folder:
        Path(folder).chmod(0o755)
        house = House(Path(folder) / "data", free_port())
        wait_for(house.is_ready, 90)
        house.process.send_signal(number)
        house.process.communicate(timeout=10)
        assert house.process.returncode == 0
        assert house.processes() == {}


def test_a_killed_up_leaves_nothing_running() -> None:
    with tempfile.TemporaryDirectory(prefix="hg-") as folder:
        Path(folder).chmod(0o755)
        house = House(Path(folder) / "data", free_port())
        wait_for(house.is_ready, 90)
        house.process.kill()
        house.process.communicate()
        wait_for(lambda: house.processes() == {}, 15)


def test_a_worker_that_goes_deaf_is_started_again_within_two_minutes(house: House) -> None:
    time.sleep(90)  # a young process is given time
    deaf = min(pid for pid, command in house.processes().items() if "--hostname upkeep@" in command)
    os.kill(deaf, signal.SIGSTOP)  # alive, connected, and doing nothing
    wait_for(lambda: deaf not in house.processes(), 120)
    wait_for(house.is_ready, 60)
