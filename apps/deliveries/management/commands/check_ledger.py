"""manage.py check_ledger [--dispatch ID]: prove that planned = sum of outcomes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.deliveries.models import Dispatch
from apps.deliveries.services.checks import check_ledger


class Command(BaseCommand):
    """Prints the differences and exits 1 where there are any."""

    help = "Prove that every planned device has exactly one outcome (while sending: plan + ledger = planned)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dispatch", type=int, help="only this dispatch")

    def handle(self, *args: Any, **options: Any) -> None:
        dispatch_id: int | None = options["dispatch"]
        checked = Dispatch.objects.filter(**({"id": dispatch_id} if dispatch_id else {})).count()
        if dispatch_id and not checked:
            raise CommandError(f"there is no dispatch {dispatch_id}")
        differences = check_ledger(dispatch_id)
        for difference in differences:
            self.stdout.write(str(difference))
        if differences:
            raise CommandError(f"{len(differences)} promises broken in {checked} dispatches")
        self.stdout.write(f"The ledger adds up: {checked} dispatches.")
