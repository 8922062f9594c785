"""`migrate`, as a house under load needs it: while a migration waits for a lock, all who come later wait behind it.

So it waits two seconds, lets the others pass, and tries again.
"""

import time
from typing import Any

from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

LOCK_SECONDS = 2
TRIES = 30
PAUSE_SECONDS = 1.0


class Command(DjangoMigrate):
    def handle(self, *args: Any, **options: Any) -> None:
        with connections[options["database"]].cursor() as cursor:
            cursor.execute(f"set lock_timeout = '{LOCK_SECONDS}s'")
        try:
            self._migrate(*args, **options)
        finally:
            with connections[options["database"]].cursor() as cursor:
                cursor.execute("reset lock_timeout")

    def _migrate(self, *args: Any, **options: Any) -> None:
        for turn in range(1, TRIES + 1):
            try:
                super().handle(*args, **options)
            except OperationalError as error:
                if turn == TRIES or not isinstance(error.__cause__, LockNotAvailable):
                    raise
                self.stderr.write(f"A table was in use for {LOCK_SECONDS} s; trying again")
                time.sleep(PAUSE_SECONDS)
            else:
                return
