"""A whole `manage.py up` for tests, with its data directory and port."""

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
from contextlib import contextmanager
from pathlib import Path

from config.env import BASE_DIR


class House:
    """One `up`, with its data directory and port."""

    def __init__(self, data_dir: Path, port: int, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = port
        self.process = start_up(data_dir, port, **environment)

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


def start_up(data_dir: Path, port: int, **environment: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if name not in {"CELERY_BROKER_URL", "CACHE_URL"}}
    return subprocess.Popen(
        [sys.executable, "manage.py", "up", "--port", str(port), "--no-sandbox", "--workers", "1"],
        cwd=BASE_DIR,
        env={**clean, "HELIOGRAPH_DATA_DIR": str(data_dir), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# Tests give bounds for a machine of two cores that has nothing else to do; another may be slower and busier by so much.
# Only a test that fails waits so long.
GENEROSITY = 5


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Until something is so. seconds: how long that takes at most where nothing else is done meanwhile."""
    deadline = time.monotonic() + GENEROSITY * seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


@contextmanager
def standing_house(**environment: str) -> Iterator[House]:
    """A house that is ready, in a folder that the servers' user can reach; stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="hg-") as folder:
        Path(folder).chmod(0o755)
        house = House(Path(folder) / "data", free_port(), **environment)
        wait_for(house.is_ready, 120)
        yield house
        house.process.send_signal(signal.SIGTERM)
        house.process.communicate(timeout=20 * GENEROSITY)
