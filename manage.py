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
    except OperationalError:
        from config.embedded import is_running
        from config.env import DATA_DIR, text

        if text("DATABASE_URL") or is_running(DATA_DIR):
            raise
        sys.exit(f"The embedded PostgreSQL of {DATA_DIR} is not running: start it with `make demo` or `manage.py up`")


if __name__ == "__main__":
    main()
