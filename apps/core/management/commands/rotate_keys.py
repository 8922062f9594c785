"""manage.py rotate_keys [--check]: every stored secret under the first of FIELD_ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core.encryption import WrongKey, first_key_id
from apps.core.reencryption import encrypted_columns, reencrypt


class Command(BaseCommand):
    """Prints a line a field; exits with 1 where something stays that needs another key."""

    help = (
        "Encrypt every stored secret anew under the first of FIELD_ENCRYPTION_KEYS; --check only counts what is left."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="change nothing, exit with 1 if an older key is needed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        left = 0
        for column in encrypted_columns():
            if options["check"]:
                here = column.left().count()
                left += here
                self.stdout.write(f"{column}: {here} left")
                continue
            try:
                self.stdout.write(f"{column}: {reencrypt(column)} encrypted anew")
            except WrongKey as error:
                raise CommandError(f"{column}: {error}") from error
        if left:
            raise CommandError(f"{left} rows need another key than {first_key_id()!r}")
        self.stdout.write(f"Every stored secret is encrypted with {first_key_id()!r}; other keys may go.")
