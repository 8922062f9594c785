"""`run PROGRAM`: one program of the house in the foreground, for systemd, containers and other supervisors."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config import commands
from config.queues import LANES


class Command(BaseCommand):
    help = "Become one program of the house: web, beat, or the worker of a lane. `up` runs them all."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("program", choices=["web", "beat", *(f"worker-{lane}" for lane in LANES)])
        parser.add_argument("--host", default="127.0.0.1", help="web: the address to listen on")
        parser.add_argument("--port", type=int, default=8000, help="web: the port to listen on")

    def handle(self, *args: Any, **options: Any) -> None:
        program: str = options["program"]
        if program == "web":
            command = commands.web(options["host"], options["port"])
        elif program == "beat":
            command = commands.beat()
        else:
            lane = program.removeprefix("worker-")
            command = commands.worker(lane, f"{lane}-{os.getpid()}")
        os.execvpe(command[0], command, {**os.environ, **commands.CELERY_ENVIRONMENT})  # noqa: S606 - our own line
