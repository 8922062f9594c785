"""The deliveries of a dispatch as CSV: `export_deliveries --dispatch ID [--out FILE]`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.deliveries.models import Dispatch
from apps.deliveries.services.export import delivery_csv
from apps.sms_booster.queries import sms_columns


class Command(BaseCommand):
    help = "One CSV line per planned device, streamed by COPY; to the terminal or into a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dispatch", type=int, required=True, metavar="ID")
        parser.add_argument("--out", type=Path, metavar="FILE", help="write here instead of the terminal")
        parser.add_argument("--bom", action="store_true", help="begin with a byte order mark, for spreadsheets")

    def handle(self, *args: Any, **options: Any) -> None:
        dispatch = Dispatch.objects.filter(pk=options["dispatch"]).first()
        if dispatch is None:
            raise CommandError(f"there is no dispatch {options['dispatch']}")
        chunks = delivery_csv(dispatch=dispatch, extras=sms_columns(dispatch.pk), bom=options["bom"])
        if options["out"] is None:
            for chunk in chunks:
                self.stdout.write(chunk.decode(), ending="")
            return
        try:
            with options["out"].open("wb") as file:
                file.writelines(chunks)
        except OSError as error:
            raise CommandError(f"cannot write {options['out']}: {error.strerror}") from None
