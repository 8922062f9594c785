"""The house under test from outside: which processes it has, and what its gateways are told to do.

Everything is found anew each time: processes are what comes and goes here.
"""

import json
import os
import signal
import subprocess
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config import embedded
from config.up.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Process:
    """A line of `ps`."""

    pid: int
    parent: int
    command: str


class House:
    """One `up`, by its process id and data directory."""

    def __init__(self, *, up_pid: int, data_dir: Path, sandbox_port: int) -> None:
        self._up, self._data_dir, self._sandbox_port = up_pid, data_dir, sandbox_port

    def workers(self) -> list[int]:
        """Of the lanes that send."""
        return [one.pid for one in self._children() if " worker " in one.command and "upkeep" not in one.command]

    def upkeep(self) -> list[int]:
        return [one.pid for one in self._children() if " worker " in one.command and "upkeep" in one.command]

    def beat(self) -> list[int]:
        return [one.pid for one in self._children() if " beat " in one.command]

    def web(self) -> list[int]:
        """The processes that answer requests, without the one that watches them."""
        masters = {one.pid for one in self._children() if "granian" in one.command}
        return [one.pid for one in _processes() if one.parent in masters and "resource_tracker" not in one.command]

    def keeper(self) -> list[int]:
        mark = f"config.embedded {self._data_dir}"
        return [one.pid for one in _processes() if mark in one.command]

    def broker(self) -> list[int]:
        keepers = self.keeper()
        return [one.pid for one in _processes() if one.parent in keepers and "valkey" in one.command]

    def database(self) -> list[int]:
        """The postmaster."""
        path = embedded.known(self._data_dir).root / "postgres" / "postmaster.pid"
        with suppress(FileNotFoundError, ValueError):
            return [int(path.read_text().split("\n", 1)[0])]
        return []

    def ask_sandbox(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(f"http://{LOOPBACK}:{self._sandbox_port}{path}", method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - our own
            return json.loads(answer.read() or b"null")

    def arrived(self) -> int:
        """How many messages the gateways have taken."""
        return int(self.ask_sandbox("GET", "/_inbox?limit=0")["count"])

    def _children(self) -> list[Process]:
        return [one for one in _processes() if one.parent == self._up]


def send_signal(pids: list[int], number: signal.Signals) -> int:
    """To all of them that are still there; how many."""
    reached = 0
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            reached += 1
    return reached


def _processes() -> list[Process]:
    command = ["ps", "-axww", "-o", "pid=,ppid=,args="]
    told = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - as written above
    rows = (line.split(None, 2) for line in told.stdout.splitlines())
    return [Process(int(row[0]), int(row[1]), row[2]) for row in rows if len(row) == 3]
