"""`check_setup`: one line for each thing that Heliograph stands on; exit 1 where one is not right."""

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.api.services.check_setup import findings


class Command(BaseCommand):
    help = "Prove credentials, clock, database, broker and gateways; exit 1 where something is wrong."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        is_good = True
        for finding in findings(timezone.now):
            is_good &= finding.is_good
            mark = self.style.SUCCESS("ok   ") if finding.is_good else self.style.ERROR("WRONG")
            self.stdout.write(f"{mark} {finding.name:<22} {finding.said}")
        if not is_good:
            sys.exit(1)
