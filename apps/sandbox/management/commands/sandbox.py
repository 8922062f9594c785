"""manage.py sandbox: the emulators alone."""

import asyncio
import logging
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.sandbox.server import PortInUse, SandboxOptions, run
from apps.sandbox.world import World


class Command(BaseCommand):
    """Serves until SIGTERM or Ctrl-C. Needs no database."""

    help = "Emulators of FCM, APNs, Web Push and an SMS provider, with virtual phones. Not for production."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One port; APNs has the next, TLS the one after."""
        parser.add_argument("--port", type=int, default=9400)
        parser.add_argument(
            "--receipts", action="store_true", help="phones report received and displayed by themselves"
        )

    def handle(self, *, port: int, receipts: bool, **_options: Any) -> None:
        """Refuse production, then serve."""
        if settings.IS_PRODUCTION:
            raise CommandError("The sandbox does not start when HELIOGRAPH_ENV=production.")
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
        options = SandboxOptions(settings.DATA_DIR, port, settings.PUBLIC_URL, receipts)
        try:
            asyncio.run(run(options, self._announce))
        except PortInUse as reason:
            raise CommandError(str(reason)) from None

    def _announce(self, world: World) -> None:
        credentials = world.credentials
        self.stdout.write(f"Sandbox: {credentials.base_url} (APNs {credentials.port + 1}, TLS {credentials.port + 2})")
        self.stdout.write(f"Virtual phones: {credentials.base_url}/_phones")
        self.stdout.flush()
