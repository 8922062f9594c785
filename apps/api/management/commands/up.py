"""`up`: the whole house in one process tree (see config/up)."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from config import env
from config.up.errors import Refused
from config.up.house import up
from config.up.programs import Options

MOST_WORKERS = 4


class Command(BaseCommand):
    help = "Run everything in one process tree until SIGTERM or Ctrl-C; ready when GET /readyz answers 200."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="load the demo world and show its logins")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--sandbox-port", type=int, default=9400, help="and the two ports after it")
        parser.add_argument("--workers", type=int, help="bulk workers (default: one a core, at most 4)")
        parser.add_argument("--no-sandbox", action="store_true")

    def handle(self, *args: Any, **given: Any) -> None:
        has_sandbox = not given["no_sandbox"] and not env.IS_PRODUCTION
        options = Options(
            data_dir=env.DATA_DIR,
            port=given["port"],
            sandbox_port=given["sandbox_port"] if has_sandbox else None,
            workers=given["workers"] or min(os.cpu_count() or 1, MOST_WORKERS),
            demo=given["demo"],
        )
        if options.demo and env.IS_PRODUCTION:
            raise CommandError("--demo is not for HELIOGRAPH_ENV=production")
        try:
            up(options, Console(highlight=False, soft_wrap=True))
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
