"""A whole running house: `manage.py up` with sandbox and workers, its own data directory, a small demo world."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from config.env import BASE_DIR
from tests.house import GENEROSITY

READY_SECONDS = 120 * GENEROSITY


@dataclass(frozen=True, slots=True)
class House:
    """Where it listens, who may log in (user name -> password), the demo's API keys, and how a command joins it."""

    url: str
    sandbox_url: str
    users: dict[str, str]
    keys: dict[str, str]
    environment: dict[str, str]

    def manage(self, *arguments: str) -> str:
        """What `manage.py` printed; a command that fails fails the test."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=BASE_DIR, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def read(self, path: str) -> Any:
        """GET of the API with the secret key; a full address goes to the sandbox, without one."""
        headers = {"Authorization": f"Bearer {self.keys['secret']}"} if path.startswith("/") else {}
        address = self.url + path if path.startswith("/") else path
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=30) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """The house for the tests of one module; stopped, with all its processes, after the last."""
    with running_house() as house:
        yield house


@contextmanager
def running_house(**settings: str) -> Iterator[House]:
    """A house with these settings in its environment."""
    with tempfile.TemporaryDirectory(prefix="hg-") as folder:
        Path(folder).chmod(0o755)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.endswith("_URL")},
            **settings,
            "HELIOGRAPH_DATA_DIR": str(Path(folder) / "data"),
        }
        ports = ["--port", str(_free_ports(1)), "--sandbox-port", str(_free_ports(3))]
        with _running(["up", *ports, "--workers", "1"], environment) as process:
            _wait_until_ready(process, int(ports[1]))
            world = ["demo_data", "--customers", "400", "--events", "2000", *ports[2:]]
            subprocess.run([sys.executable, "manage.py", *world], cwd=BASE_DIR, env=environment, check=True)
            logins = json.loads((Path(folder) / "data/demo-logins.json").read_text())
            addresses = f"http://127.0.0.1:{ports[1]}", f"http://127.0.0.1:{ports[3]}"
            yield House(*addresses, logins["users"], logins["api_keys"], environment)


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", *command],
        cwd=BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30 * GENEROSITY)


def _wait_until_ready(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"`up` ended: {process.stdout and process.stdout.read()}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail("`up` was not ready in time")


def _free_ports(number: int) -> int:
    """The first of `number` ports in a row that nobody listens on."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first: int = probe.getsockname()[1]
        if first + number < 65536 and all(_is_free(first + step) for step in range(number)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
