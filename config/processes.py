"""How one process starts and tends another so that nothing is left behind and nothing stays dead."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
LONGEST_BACKOFF_SECONDS = 30.0
LARGEST_LOG_BYTES = 20_000_000
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `gentle` ends it at once but safely; `harsh` when that takes too long.

    popen: further arguments of subprocess.Popen (the user to run as).
    """

    name: str
    command: Sequence[str]
    log: Path
    cwd: Path = Path("/")
    environment: Mapping[str, str] | None = None
    gentle: signal.Signals = signal.SIGTERM
    harsh: signal.Signals = signal.SIGKILL
    popen: Mapping[str, Any] = field(default_factory=dict)


class Child:
    """A running program in a process group of its own, restarted with a growing pause when it dies."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._backoff_seconds = 0.0
        self._started_at = self._start_again_at = 0.0

    @property
    def age_seconds(self) -> float:
        return time.monotonic() - self._started_at

    @property
    def pid(self) -> int:
        """0 before it was started."""
        return self._process.pid if self._process is not None else 0

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        program = self.program
        keep_small(program.log)
        with program.log.open("ab") as log:
            self._process = subprocess.Popen(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=program.cwd,
                env=program.environment,
                start_new_session=True,
                preexec_fn=die_with_parent(program.gentle),
                **program.popen,
            )
        self._started_at = time.monotonic()

    def tend(self) -> str:
        """Start it again if it died: at once if it had lasted, else after 0.5, 1 ... 30 s. Says how it died, or ""."""
        if self._process is None or self.is_alive:
            return ""
        said = ""
        now = time.monotonic()
        if not self._start_again_at:
            self._end_group()
            lasted = now - self._started_at > LONGEST_BACKOFF_SECONDS
            self._backoff_seconds = 0.0 if lasted else min(self._backoff_seconds * 2 or 0.5, LONGEST_BACKOFF_SECONDS)
            self._start_again_at = now + self._backoff_seconds
            said = f"{self.program.name} {_how_it_ended(self._process.returncode)}, starting it again"
        if now >= self._start_again_at:
            self._start_again_at = 0.0
            self.start()
        return said

    def ask_to_stop(self) -> None:
        if self._process is not None and self.is_alive:
            self._process.send_signal(self.program.gentle)

    def wait_until_stopped(self, deadline: float) -> None:
        """Wait for it and whatever it started; past the deadline (monotonic) end it the harsh way."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.send_signal(self.program.harsh)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
        self._end_group()
        self._process.wait()

    def stop(self, within_seconds: float = 10.0) -> None:
        """Ask it to end, wait, and end it the harsh way if it does not. Does nothing where it has ended already."""
        self.ask_to_stop()
        self.wait_until_stopped(time.monotonic() + within_seconds)

    def _end_group(self) -> None:
        """Kill what is left of the process group: children outlive a parent that was killed."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """A preexec_fn: the kernel sends the child this signal when the thread that started it ends. Linux alone.

    Source: prctl(2). Survives the exec, not a later change of user, so it must run after that change (it does).
    """
    libc = _libc
    if libc is None:
        return None
    parent = os.getpid()

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)

    return bind


def keep_small(log: Path) -> None:
    """Set a log aside when it is large. Its writers append, so that emptying it in place is safe while they run."""
    if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
        shutil.copyfile(log, log.with_suffix(".old.log"))
        os.truncate(log, 0)


def _how_it_ended(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
