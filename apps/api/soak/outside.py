"""The house of a soak: `up` on a data directory and ports of its own, started, watched over, stopped and removed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from apps.api.soak.house import House, send_signal
from config import embedded, env
from config.processes import Child, Program, die_with_parent
from config.up import ports
from config.up.watch import ask

READY_SECONDS = 180
STOP_SECONDS = 20.0
_WORKERS = 2

Say = Callable[[str], object]


class NotReady(Exception):
    """The house did not come up."""


def run_inside(arguments: Sequence[str], *, keeps: bool, say: Say) -> int:
    """Start a house, and manage.py in it with these arguments and where it is; the exit code.

    Raises: NotReady. Touches: a folder of its own in the data directory, free ports. Nothing is left behind, also
    when it is interrupted by an exception; `keeps`, or a failure, leaves the folder.
    """
    data_dir = env.DATA_DIR / f"soak-{os.getpid()}"
    port, sandbox_port = _free_ports(1), _free_ports(3)
    try:
        with _house(data_dir, port, sandbox_port) as up_pid:
            where = ["--up-pid", str(up_pid), "--port", str(port), "--sandbox-port", str(sandbox_port)]
            code = _run([sys.executable, sys.argv[0], *arguments, *where], _environment(data_dir, port))
        keeps = keeps or code != 0
    except NotReady:
        keeps = True
        raise
    finally:
        if keeps:
            say(f"logs and data are left in {data_dir}")
        else:
            _remove(data_dir)
    return code


@contextmanager
def _house(data_dir: Path, port: int, sandbox_port: int) -> Iterator[int]:
    """Yields the process id of `up`, once it is ready."""
    command = [sys.executable, "manage.py", "up", "--port", str(port), "--sandbox-port", str(sandbox_port)]
    (data_dir / "logs").mkdir(parents=True)
    data_dir.chmod(0o755)  # the servers' user passes through
    environment = _environment(data_dir, port)
    program = Program(
        "up",
        [*command, "--workers", str(_WORKERS)],
        data_dir / "logs" / "up.log",
        cwd=env.BASE_DIR,
        environment=environment,
    )
    up = Child(program)
    up.start()
    try:
        _wait_until_ready(up, port)
        yield up.pid
    finally:
        house = House(up_pid=up.pid, data_dir=data_dir, sandbox_port=sandbox_port)
        send_signal(house.keeper(), signal.SIGCONT)  # a fault may hold it
        up.stop(STOP_SECONDS)


def _wait_until_ready(up: Child, port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while ask(port, "/readyz")[0] != 200:
        if not up.is_alive or time.monotonic() > deadline:
            said = up.program.log.read_text(errors="replace").strip().splitlines()
            raise NotReady(f"the house did not come up: {' / '.join(said[-3:])} (see {up.program.log})")
        time.sleep(0.3)


def _environment(data_dir: Path, port: int) -> dict[str, str]:
    """Ours without what would lead to another house's servers and gateways."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_URL", "_HOST", "_PORT"))}
    ours = {"PUBLIC_URL": f"http://{ports.LOOPBACK}:{port}", "WEBHOOKS_ALLOW_LOOPBACK": "1"}
    return {**kept, **ours, "HELIOGRAPH_ENV": "demo", "HELIOGRAPH_DATA_DIR": str(data_dir)}


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    """To its end; ended with us, however that comes."""
    process = subprocess.Popen(  # noqa: S603 - ourselves
        command, env=environment, start_new_session=True, preexec_fn=die_with_parent(signal.SIGKILL)
    )
    try:
        return process.wait()
    finally:
        process.kill()
        process.wait()


def _remove(data_dir: Path) -> None:
    root = embedded.known(data_dir).root
    shutil.rmtree(data_dir, ignore_errors=True)
    if root != data_dir:
        shutil.rmtree(root, ignore_errors=True)


def _free_ports(number: int) -> int:
    """The first of so many neighbours that nobody listens on."""
    while True:
        with socket.socket() as probe:
            probe.bind((ports.LOOPBACK, 0))
            first = int(probe.getsockname()[1])
        if first + number < 65_536 and not any(ports.answers(first + step) for step in range(number)):
            return first
