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


@pytest.mark.django_db(transaction=True)
def test_both_ends_watch_each_other(process_environment: dict[str, str]) -> None:
    """The server has its times by TCP alone: what it was asked for stands in the session's start options."""
    asked = """
import django; django.setup()
from django.db import connection
connection.ensure_connection()
told = {one.keyword.decode(): (one.val or b"").decode() for one in connection.connection.pgconn.info}
print(told["keepalives_idle"], told["tcp_user_timeout"], told["options"].count("tcp_keepalives_idle=10"))
"""
    environment = {**process_environment, "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.check_output([sys.executable, "-c", asked], cwd=BASE_DIR, env=environment, text=True)
    assert done.split() == ["10", "25000", "1"]
