"""Joining the embedded servers of a data directory, or starting them: any number of processes share one pair."""

import os
import subprocess
import sys
import time
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
    """A use of the servers: while any process has one, they run. `notes`: what the user should be told."""

    def __init__(self, home: Home, users: Lock, arguments: list[str], notes: list[str]) -> None:
        self.home = home
        self.notes = notes
        self._users = users
        self._arguments = arguments
        self._log = _keeper_log(home)
        self._read = self._log.stat().st_size if self._log.exists() else 0

    def news(self) -> list[str]:
        """What the keeper wrote since the last call: which server ended, and how. Cost: one system call a call."""
        if not self._log.exists() or self._log.stat().st_size <= self._read:
            return []
        with self._log.open("rb") as log:
            log.seek(self._read)
            whole = log.read().rpartition(b"\n")[0]
        self._read += len(whole) + 1 if whole else 0
        return whole.decode(errors="replace").splitlines()

    def revive(self) -> bool:
        """Start a new keeper if the old one was killed. True if it was. Cost: one system call while it lives."""
        if is_running(self.home.data_dir):
            return False
        with Lock(self.home.data_dir, "start").exclusive():
            _start_keeper(self.home, self._arguments, say=_silently)
        return True

    def release(self) -> None:
        self._users.close()

    def wait_until_stopped(self, seconds: float) -> bool:
        """After `release`: wait for the servers to stop. False where others still use them, or time is over."""
        deadline = time.monotonic() + seconds
        while is_running(self.home.data_dir):
            if time.monotonic() > deadline or self._others_use_them():
                return False
            time.sleep(0.05)
        return True

    def _others_use_them(self) -> bool:
        """A keeper that leaves holds both locks itself, `start` first; so ask for `users` first."""
        data_dir = self.home.data_dir
        return is_taken(data_dir, "users", by_anybody=True) and not is_taken(data_dir, "start")


def hold(data_dir: Path, say: Say, *, postgres: bool = True, valkey: bool = True, durable: bool = True) -> Hold:
    """Join the servers of the data directory; start them where nobody has.

    `say` gets a line for each thing worth telling. durable=False trades the safety of the data for speed (tests).
    Raises: Unusable.
    """
    homes.make_data_dir(data_dir)
    data_dir = data_dir.resolve()
    wanted = [name for name, is_wanted in (("--postgres", postgres), ("--valkey", valkey)) if is_wanted]
    arguments = wanted if durable else [*wanted, "--not-durable"]
    notes: list[str] = []
    with Lock(data_dir, "start").exclusive():
        joins = is_running(data_dir)
        home = homes.known(data_dir) if joins else homes.prepare(data_dir, accounts.for_servers(), notes.append)
        users = Lock(data_dir, "users")
        users.share()
        if joins:
            _require_running(home, wanted)
        elif wanted:
            for note in notes:
                say(note)
            _start_keeper(home, arguments, say=say)
    return Hold(home, users, arguments, notes)


@contextmanager
def running(data_dir: Path, say: Say, *, durable: bool = True) -> Iterator[Home]:
    """`hold` as a context: both servers run inside it."""
    held = hold(data_dir, say, durable=durable)
    try:
        yield held.home
    finally:
        held.release()


def _require_running(home: Home, wanted: list[str]) -> None:
    """Raises: Unusable where the keeper at work was started for less."""
    runs = (home.data_dir / "keeper.arguments").read_text().split()
    missing = [name.removeprefix("--") for name in wanted if name not in runs]
    if missing:
        raise Unusable(f"the servers of {home.data_dir} run without {' and '.join(missing)}: stop them and try again")


def _start_keeper(home: Home, arguments: list[str], *, say: Say) -> None:
    """Raises: Unusable, with the keeper's last line."""
    command = [sys.executable, "-m", "config.embedded", str(home.data_dir), *arguments]
    (home.data_dir / "logs").mkdir(exist_ok=True)
    (home.data_dir / "keeper.arguments").write_text(" ".join(arguments))
    last = "the keeper of the embedded servers ended at once (see logs/keeper.log)"
    for line in _words_of(command, _keeper_log(home)):
        if line == READY:
            return
        say(line)
        last = line
    raise Unusable(last)


def _keeper_log(home: Home) -> Path:
    return home.data_dir / "logs" / "keeper.log"


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
