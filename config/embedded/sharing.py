"""Joining the embedded servers of a data directory, or starting them: any number of processes share one pair."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded import account as accounts
from config.embedded import home as homes
from config.embedded.errors import Unusable
from config.embedded.home import Home, Say
from config.embedded.locks import Lock, is_taken
from config.embedded.server import READY

REPOSITORY = Path(__file__).resolve().parent.parent.parent


def is_running(data_dir: Path) -> bool:
    """Whether the embedded servers of this data directory are up."""
    return is_taken(data_dir, "keeper")


class Hold:
    """A use of the servers: while any process has one, they run."""

    def __init__(self, home: Home, users: Lock, servers: list[str], *, durable: bool) -> None:
        self.home = home
        self._users = users
        self._servers = servers
        self._durable = durable

    def revive(self) -> bool:
        """Start a new keeper if the old one was killed. True if it was."""
        if is_running(self.home.data_dir):
            return False
        with Lock(self.home.data_dir, "start").exclusive():
            _start_keeper(self.home, self._servers, durable=self._durable, say=_silently)
        return True

    def release(self) -> None:
        self._users.close()


def hold(data_dir: Path, say: Say, *, postgres: bool = True, valkey: bool = True, durable: bool = True) -> Hold:
    """Join the servers of the data directory; start them where nobody has.

    `say` gets a line for each thing worth telling. durable=False trades the safety of the data for speed (tests).
    Raises: Unusable.
    """
    account = accounts.for_servers()
    homes.make_data_dir(data_dir)
    data_dir = data_dir.resolve()
    servers = [name for name, wanted in (("--postgres", postgres), ("--valkey", valkey)) if wanted]
    with Lock(data_dir, "start").exclusive():
        home = homes.prepare(data_dir, account, say) if not is_running(data_dir) else homes.known(data_dir)
        users = Lock(data_dir, "users")
        users.share()
        if servers and not is_running(data_dir):
            _start_keeper(home, servers, durable=durable, say=say)
    return Hold(home, users, servers, durable=durable)


@contextmanager
def running(data_dir: Path, say: Say, *, durable: bool = True) -> Iterator[Home]:
    """`hold` as a context: both servers run inside it."""
    held = hold(data_dir, say, durable=durable)
    try:
        yield held.home
    finally:
        held.release()


def _start_keeper(home: Home, servers: list[str], *, durable: bool, say: Say) -> None:
    """Raises: Unusable, with the keeper's last line."""
    command = [sys.executable, "-m", "config.embedded", str(home.data_dir), *servers]
    if not durable:
        command.append("--not-durable")
    (home.data_dir / "logs").mkdir(exist_ok=True)
    last = "the keeper of the embedded servers ended at once (see logs/keeper.log)"
    for line in _words_of(command, home.data_dir / "logs" / "keeper.log"):
        if line == READY:
            return
        say(line)
        last = line
    raise Unusable(last)


def _words_of(command: list[str], log: Path) -> Iterator[str]:
    """Start a process that outlives this one, and yield its lines as they come."""
    read_end, write_end = os.pipe()
    with log.open("ab") as errors, open(read_end) as words:
        with open(write_end, "w") as stdout:
            subprocess.Popen(
                command,
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=errors,
                start_new_session=True,
            )
        yield from (line.strip() for line in words)


def _silently(line: str) -> None:
    pass
