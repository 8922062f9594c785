"""A file whose age says how long ago a worker or beat last did something, for `up` to see a process that went deaf.

A worker can be alive, connected and yet consume nothing (celery#8030 and its kin); beat can stop sending in silence.
The file holds the number of tasks at work, so that a long task is not taken for deafness.
"""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "HELIOGRAPH_PULSE_FILE"


@dataclass(frozen=True, slots=True)
class Pulse:
    """How long ago (seconds) something last happened, and how many tasks were at work then."""

    age_seconds: float
    tasks: int


class Recorder:
    """Writes this process's pulse; does nothing where nobody asked for it."""

    def __init__(self) -> None:
        self._path = os.environ.get(VARIABLE, "")
        self._tasks = 0
        self._lock = threading.Lock()

    def begin(self) -> None:
        self._record(+1)

    def end(self) -> None:
        self._record(-1)

    def touch(self) -> None:
        self._record(0)

    def _record(self, change: int) -> None:
        if not self._path:
            return
        with self._lock:
            self._tasks += change
            Path(self._path).write_text(str(self._tasks))


def read(path: Path, now: float) -> Pulse:
    """`now` in Unix seconds."""
    try:
        return Pulse(now - path.stat().st_mtime, int(path.read_text() or 0))
    except FileNotFoundError:
        return Pulse(0.0, 0)
