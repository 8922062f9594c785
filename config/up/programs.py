"""What `up` runs: sandbox, web server, workers and beat, each a program of its own."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config import pulse
from config.env import BASE_DIR
from config.processes import Program
from config.queues import BULK, UPKEEP, URGENT
from config.up.ports import LOOPBACK

# Threads of a worker. One process holds one event loop for the gateways; its threads share it.
URGENT_THREADS = 4
BULK_THREADS = 2
UPKEEP_THREADS = 2
# Measured on 2 cores with a view that reads or writes one row: 2 processes; more threads than 4 gain nothing.
WEB_PROCESSES = 2
WEB_THREADS = 4


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. sandbox_port None: no sandbox."""

    data_dir: Path
    port: int
    sandbox_port: int | None
    workers: int
    demo: bool

    @property
    def sandbox_ports(self) -> tuple[int, ...]:
        """Plain, APNs, TLS."""
        return () if self.sandbox_port is None else tuple(self.sandbox_port + offset for offset in range(3))


def environment(options: Options) -> dict[str, str]:
    """What every program of this house sees. Compiled modules may be kept: ten programs start at once."""
    ours = {"HELIOGRAPH_DATA_DIR": str(options.data_dir), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": ""}
    return {"PUBLIC_URL": f"http://{LOOPBACK}:{options.port}", **os.environ, **ours}


def sandbox(options: Options) -> Program:
    return _program(options, "sandbox", ["manage.py", "sandbox", "--port", str(options.sandbox_port)])


def web(options: Options) -> Program:
    command = ["-m", "granian", "--interface", "wsgi", "--no-ws", "--host", LOOPBACK, "--port", str(options.port)]
    command += ["--workers", str(WEB_PROCESSES), "--blocking-threads", str(WEB_THREADS)]
    command += ["--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "3"]
    command += ["--log-level", "warning", "config.wsgi:application"]
    return _program(options, "web", command)


def celery(options: Options) -> list[Program]:
    """One urgent worker, the bulk workers, one for upkeep, and beat."""
    bulk = [_worker(options, f"bulk-{number}", BULK, BULK_THREADS) for number in range(1, options.workers + 1)]
    return [
        _worker(options, "urgent", URGENT, URGENT_THREADS),
        *bulk,
        _worker(options, "upkeep", UPKEEP, UPKEEP_THREADS),
        _with_pulse(options, "beat", ["beat", "--pidfile="]),
    ]


def pulse_file(options: Options, name: str) -> Path:
    return options.data_dir / "pulses" / name


def _worker(options: Options, name: str, queue: str, threads: int) -> Program:
    command = ["worker", "--queues", queue, "--pool", "threads", "--concurrency", str(threads)]
    command += ["--hostname", f"{name}@%h", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return _with_pulse(options, f"worker-{name}", command)


def _with_pulse(options: Options, name: str, command: list[str]) -> Program:
    path = pulse_file(options, name)
    path.parent.mkdir(exist_ok=True)
    started = ["-m", "celery", "--app", "config", "--quiet", *command, "--loglevel", "WARNING"]
    # The checks would load every screen and address of the web server into each worker; `migrate` has made them.
    return _program(options, name, started, {pulse.VARIABLE: str(path), "CELERY_SKIP_CHECKS": "1"})


def _program(options: Options, name: str, command: list[str], more: Mapping[str, str] | None = None) -> Program:
    logs = options.data_dir / "logs"
    logs.mkdir(exist_ok=True)
    return Program(
        name=name,
        command=[sys.executable, *command],
        log=logs / f"{name}.log",
        cwd=BASE_DIR,
        environment={**environment(options), **(more or {})},
    )
