"""What the keeper needs to know of a server, and the holding of one until it answers."""

import time
from pathlib import Path
from typing import Protocol

from config.embedded.account import Account
from config.embedded.errors import Unusable
from config.processes import Child, Program

# The keeper's last word to whoever started it.
READY = "ready"
# After a kill -9 PostgreSQL replays its log; 2 minutes cover 4 GB of it.
START_SECONDS = 120.0
GENTLE_STOP_SECONDS = 3.5


class NotYet(Exception):
    """The server does not answer yet; the text is its last word."""


class Server(Protocol):
    """One kind of server."""

    name: str

    def initialise(self, account: Account) -> None:
        """Make its files, once. Raises: Unusable."""
        ...

    def program(self, account: Account, log: Path) -> Program: ...

    def probe(self) -> None:
        """Return when it answers. Raises: NotYet."""
        ...


def wait_until_ready(server: Server, child: Child) -> None:
    """Raises: Unusable, with the server's last word."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return server.probe()
        except NotYet as not_yet:
            if time.monotonic() > deadline:
                raise Unusable(f"{server.name} does not answer: {not_yet} (see {child.program.log})") from not_yet
        child.tend()
        time.sleep(0.05)
