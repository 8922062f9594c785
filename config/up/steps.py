"""What `up` does once before the house stands, each step a line on the terminal with what it took."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from config.env import BASE_DIR
from config.processes import die_with_parent
from config.up.errors import Refused
from config.up.programs import Options, environment

MARK = "[green]✓[/green]"


class Steps:
    """A spinner for the step at work, a line for each one done. On no terminal only the lines."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, doing: str, done: str) -> Iterator[Callable[[str], None]]:
        """Yields a function that shows what the step is at."""
        began = time.monotonic()
        with self.console.status(doing) as status:
            yield lambda text: status.update(f"{doing}: {text}")
        self.console.print(f"{MARK} {done} [dim]({time.monotonic() - began:.1f} s)[/dim]")

    def command(self, options: Options, *arguments: str, doing: str, done: str) -> None:
        """Run a manage.py command quietly. Raises: Refused, with what it said."""
        with self.step(doing, done):
            ended = _run(options, *arguments, output=subprocess.PIPE)
        if ended.returncode:
            raise Refused(f"{arguments[0]} failed:\n{ended.stdout.decode(errors='replace').strip()}")

    def shown_command(self, options: Options, *arguments: str, done: str) -> None:
        """Run a manage.py command that shows its own progress. Raises: Refused."""
        began = time.monotonic()
        if _run(options, *arguments).returncode:
            raise Refused(f"{arguments[0]} failed")
        self.console.print(f"{MARK} {done} [dim]({time.monotonic() - began:.1f} s)[/dim]")


def wait_until(condition: Callable[[], bool], seconds: float, failing: Callable[[], str]) -> None:
    """Poll until the condition holds. Raises: Refused with `failing()` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Refused(failing())
        time.sleep(0.1)


def _run(options: Options, *arguments: str, output: int | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=environment(options),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output and subprocess.STDOUT,
        check=False,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
