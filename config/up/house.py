"""Starting, tending and stopping the whole house."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from config import embedded, env
from config.embedded.home import make_data_dir
from config.embedded.locks import Lock
from config.processes import Child, Program, keep_small
from config.up import ports, programs
from config.up.errors import Refused
from config.up.programs import Options
from config.up.steps import Steps, wait_until
from config.up.watch import Watch, ask

READY_SECONDS = 120
TEND_SECONDS = 0.3
WATCH_SECONDS = 5
STOP_SECONDS = 4.0
# A worker that hears nothing may still send what it found by itself: it ends its slices first.
DEAF_STOP_SECONDS = 10.0
SERVERS_STOP_SECONDS = 6.0


class Stopped(BaseException):
    """SIGTERM, SIGHUP or Ctrl-C came."""


def up(options: Options, console: Console) -> int:
    """Run the house until a signal comes; returns the exit code.

    Raises: Refused. Touches: the data directory, the ports, every process it starts.
    """
    make_data_dir(options.data_dir)
    lock = _lock(options.data_dir)
    ports.require_free(
        {options.port: "--port"} | dict.fromkeys(options.sandbox_ports, "--sandbox-port (it takes three ports)")
    )
    house = House(options, console)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        house.start()
        house.tend()
    except Stopped:
        console.print("stopping ...")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        house.stop()
        lock.release()
    console.print("stopped")
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


def _lock(data_dir: Path) -> Lock:
    """Raises: Refused where another `up` runs on this data directory."""
    lock = Lock(data_dir, "up")
    pid_file = data_dir / "up.pid"
    if not lock.try_exclusive():
        pid = pid_file.read_text().strip() if pid_file.exists() else "?"
        raise Refused(f"another `up` (process {pid}) runs on {data_dir}: stop it, or set HELIOGRAPH_DATA_DIR")
    pid_file.write_text(f"{os.getpid()}\n")
    return lock


class House:
    """The process tree."""

    def __init__(self, options: Options, console: Console) -> None:
        self._options = options
        self._console = console
        self._steps = Steps(console)
        self._held: embedded.Hold | None = None
        self._children: list[Child] = []
        self._web: Child | None = None

    def start(self) -> None:
        self._start_servers()
        sandbox = self._start_sandbox()
        self._steps.command(self._options, "migrate", "--verbosity", "0", doing="Migrations", done="Migrations applied")
        if sandbox:
            self._wait_for(sandbox)
        if self._options.demo:
            arguments = ["demo_data", "--sandbox-port", str(self._options.sandbox_port or 9400)]
            self._steps.shown_command(self._options, *arguments, done="Demo world")
        if env.IS_PRODUCTION:
            arguments = ["collectstatic", "--noinput", "--verbosity", "0"]
            self._steps.command(self._options, *arguments, doing="Static files", done="Static files collected")
        with self._steps.step("Web server, workers and beat", "Web server, workers and beat"):
            self._web = self._run(programs.web(self._options))
            for program in programs.celery(self._options):
                self._run(program)
            self._wait_until_ready()
        self._show_where()

    def tend(self) -> None:
        """Start again what dies or goes deaf, for ever."""
        watch = Watch(self._options)
        look_again_at = time.monotonic() + WATCH_SECONDS
        while True:
            self._tend_once()
            if time.monotonic() > look_again_at:
                self._restart_silent(watch)
                look_again_at = time.monotonic() + WATCH_SECONDS
            time.sleep(TEND_SECONDS)

    def stop(self) -> None:
        """Within 10 s, whatever state the house is in."""
        for child in self._children:
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children:
            child.wait_until_stopped(deadline)
        if self._held:
            self._held.release()
            if not self._held.wait_until_stopped(SERVERS_STOP_SECONDS):
                self._console.print("the embedded servers stay up: another process uses them")

    def _start_servers(self) -> None:
        postgres, valkey = not env.text("DATABASE_URL"), env.needs_embedded_valkey()
        if not (postgres or valkey):
            return
        names = " and ".join(name for name, wanted in (("PostgreSQL", postgres), ("Valkey", valkey)) if wanted)
        with self._steps.step(names, names) as show:
            try:
                self._held = embedded.hold(self._options.data_dir, show, postgres=postgres, valkey=valkey)
            except embedded.Unusable as error:
                raise Refused(str(error)) from error
        for note in self._held.notes:
            self._console.print(note)

    def _start_sandbox(self) -> Child | None:
        (self._options.data_dir / "sandbox.json").unlink(missing_ok=True)
        return None if self._options.sandbox_port is None else self._run(programs.sandbox(self._options))

    def _wait_for(self, sandbox: Child) -> None:
        with self._steps.step("Sandbox", f"Sandbox on port {self._options.sandbox_port}"):
            self._wait(lambda: ports.all_answer(self._options.sandbox_ports), lambda: _last_words(sandbox))

    def _run(self, program: Program) -> Child:
        child = Child(program)
        self._children.append(child)
        child.start()
        return child

    def _wait_until_ready(self) -> None:
        def not_ready() -> str:
            checks = ask(self._options.port, "/readyz")[1].get("checks", {})
            wrong = [f"{name}: {outcome}" for name, outcome in checks.items() if outcome != "ok"]
            return f"not ready after {READY_SECONDS} s: {', '.join(wrong) or 'no answer'} (see {self._logs})"

        self._wait(lambda: ask(self._options.port, "/readyz")[0] == 200, not_ready)

    def _wait(self, condition: Callable[[], bool], failing: Callable[[], str]) -> None:
        def tended() -> bool:
            self._tend_once()
            return condition()

        wait_until(tended, READY_SECONDS, failing)

    def _tend_once(self) -> None:
        if self._held and self._held.revive():
            self._console.print("the keeper of the embedded servers had ended, started it again")
        for line in self._held.news() if self._held else []:
            self._console.print(line, markup=False)
        for child in self._children:
            if said := child.tend():
                self._console.print(f"{said} (see {child.program.log})")
            keep_small(child.program.log)

    def _restart_silent(self, watch: Watch) -> None:
        silent = watch.deaf(self._children)
        if self._web and watch.web_is_silent(self._web):
            silent.append(self._web)
        for child in silent:
            self._console.print(f"{child.program.name} does nothing, starting it again")
            child.stop(DEAF_STOP_SECONDS)

    def _show_where(self) -> None:
        url = programs.environment(self._options)["PUBLIC_URL"]
        self._console.print(f"\nHeliograph is ready: [bold]{url}/admin/[/bold]")
        if self._options.sandbox_port is not None:
            phones = f"http://{ports.LOOPBACK}:{self._options.sandbox_port}/_phones?app=shop"
            self._console.print(f"Virtual phones: {phones}")
        if self._options.demo:
            self._console.print(_logins(self._options.data_dir))
        self._console.print(f"[dim]Logs: {self._logs}   Ctrl-C stops everything[/dim]")

    @property
    def _logs(self) -> Path:
        return self._options.data_dir / "logs"


def _last_words(child: Child) -> str:
    lines = child.program.log.read_text(errors="replace").strip().splitlines()
    return f"{child.program.name} does not answer: {lines[-1] if lines else 'no word'} (see {child.program.log})"


def _logins(data_dir: Path) -> Table:
    logins: dict[str, Any] = json.loads((data_dir / "demo-logins.json").read_text())
    table = Table("login", "password", title="Demo logins", title_justify="left", show_edge=False, pad_edge=False)
    for user, password in logins["users"].items():
        table.add_row(user, password)
    return table
