"""What the keeper needs to know of a server, and the holding of one: start, ask, restart, stop."""

import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from config.embedded.account import Account
from config.embedded.errors import Unusable
from config.processes import die_with_parent

# The keeper's last word to whoever started it.
READY = "ready"
# After a kill -9 PostgreSQL replays its log; 2 minutes cover 4 GB of it.
START_SECONDS = 120.0
GENTLE_STOP_SECONDS = 5.0
LONGEST_BACKOFF_SECONDS = 30.0
LARGEST_LOG_BYTES = 10_000_000


class NotYet(Exception):
    """The server does not answer yet; the text is its last word."""


class Server(Protocol):
    """One kind of server."""

    name: str
    # What ends it at once but safely, and what ends it when that takes too long.
    gentle: signal.Signals
    harsh: signal.Signals

    def initialise(self, account: Account) -> None:
        """Make its files, once. Raises: Unusable."""
        ...

    def command(self) -> Sequence[str]: ...

    def probe(self) -> None:
        """Return when it answers. Raises: NotYet."""
        ...


class Held:
    """One running server, restarted with a growing pause when it dies."""

    def __init__(self, server: Server, account: Account, log: Path) -> None:
        self.server = server
        self._account = account
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None
        self._backoff_seconds = 0.0
        self._started_at = self._start_again_at = 0.0

    def start(self) -> None:
        if self._log.exists() and self._log.stat().st_size > LARGEST_LOG_BYTES:
            self._log.replace(self._log.with_suffix(".old.log"))
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                self.server.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                preexec_fn=die_with_parent(self.server.gentle),
                **self._account.popen_arguments(),
            )
        self._started_at = time.monotonic()

    def wait_until_ready(self) -> None:
        """Raises: Unusable, with the server's last word."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.server.probe()
            except NotYet as not_yet:
                if time.monotonic() > deadline:
                    raise Unusable(f"{self.server.name} does not answer: {not_yet} (see {self._log})") from not_yet
            self.tend()
            time.sleep(0.05)

    def tend(self) -> None:
        """Start it again if it died: at once if it had lasted, else after 0.5, 1, 2 ... 30 s."""
        if self._child is None or self._child.poll() is None:
            return
        now = time.monotonic()
        if not self._start_again_at:
            lasted_long = now - self._started_at > LONGEST_BACKOFF_SECONDS
            self._backoff_seconds = (
                0.0 if lasted_long else min(self._backoff_seconds * 2 or 0.5, LONGEST_BACKOFF_SECONDS)
            )
            self._start_again_at = now + self._backoff_seconds
        if now >= self._start_again_at:
            self._start_again_at = 0.0
            self.start()

    def ask_to_stop(self) -> None:
        if self._child and self._child.poll() is None:
            self._child.send_signal(self.server.gentle)

    def wait_until_stopped(self, deadline: float) -> None:
        """Wait for it; past the deadline (monotonic) end it the harsh way."""
        if self._child is None:
            return
        for ending in (self.server.harsh, signal.SIGKILL):
            try:
                self._child.wait(max(0.1, deadline - time.monotonic()))
                return
            except subprocess.TimeoutExpired:
                self._child.send_signal(ending)
                deadline = time.monotonic() + 2
        self._child.wait()
