"""A statement of the web server or of a worker is ended by the database when it takes too long."""

import subprocess
import sys

import pytest

from config.env import BASE_DIR

ASK = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("show statement_timeout")
    print(*cursor.fetchone())
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("program", "limit"),
    [
        ("from config.wsgi import application", "7s"),
        ("import config.celery, django; django.setup(); config.celery.signals.celeryd_init.send('worker')", "9s"),
        ("import django; django.setup()", "0"),
    ],
    ids=["web", "worker", "command"],
)
def test_a_program_has_its_limit(process_environment: dict[str, str], program: str, limit: str) -> None:
    ours = {"DATABASE_WEB_STATEMENT_SECONDS": "7", "DATABASE_WORKER_STATEMENT_SECONDS": "9"}
    environment = {**process_environment, **ours, "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-c", f"{program}\n{ASK}"]
    assert subprocess.check_output(command, cwd=BASE_DIR, env=environment, text=True).strip() == limit
