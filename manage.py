#!/usr/bin/env python
"""Django's door to every command of Heliograph."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        explanation = why_no_database(error)
        if not explanation:
            raise
        sys.exit(explanation)


def why_no_database(error: Exception) -> str:
    """One line where the database cannot be reached at all; "" where it answered and refused something."""
    from config.embedded import is_running
    from config.env import DATA_DIR, text

    if text("DATABASE_URL"):
        said = str(error).strip().splitlines()[0]
        return f"The database of DATABASE_URL does not answer: {said}" if said.startswith("connection") else ""
    if is_running(DATA_DIR):
        return ""
    return f"The embedded PostgreSQL of {DATA_DIR} is not running: start it with `make demo` or `manage.py up`"


if __name__ == "__main__":
    main()
