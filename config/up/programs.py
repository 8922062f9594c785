"""What `up` runs: sandbox, web server, workers and beat, each a program of its own."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config import commands, pulse
from config.env import BASE_DIR
from config.processes import Program
from config.queues import BULK, UPKEEP, URGENT
from config.up.ports import LOOPBACK


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
    return _program(options, "sandbox", [sys.executable, "manage.py", "sandbox", "--port", str(options.sandbox_port)])


def web(options: Options) -> Program:
    return _program(options, "web", commands.web(LOOPBACK, options.port))


def celery(options: Options) -> list[Program]:
    """One urgent worker, the bulk workers, one for upkeep, and beat."""
    bulk = [_worker(options, BULK, f"bulk-{number}") for number in range(1, options.workers + 1)]
    upkeep = _worker(options, UPKEEP, "upkeep")
    return [_worker(options, URGENT, "urgent"), *bulk, upkeep, _with_pulse(options, "beat", commands.beat())]


def pulse_file(options: Options, name: str) -> Path:
    return options.data_dir / "pulses" / name


def _worker(options: Options, lane: str, name: str) -> Program:
    return _with_pulse(options, f"worker-{name}", commands.worker(lane, name))


def _with_pulse(options: Options, name: str, command: list[str]) -> Program:
    path = pulse_file(options, name)
    path.parent.mkdir(exist_ok=True)
    return _program(options, name, command, {pulse.VARIABLE: str(path), **commands.CELERY_ENVIRONMENT})


def _program(options: Options, name: str, command: list[str], more: Mapping[str, str] | None = None) -> Program:
    logs = options.data_dir / "logs"
    logs.mkdir(exist_ok=True)
    return Program(
        name, command, logs / f"{name}.log", cwd=BASE_DIR, environment={**environment(options), **(more or {})}
    )
