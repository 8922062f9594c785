"""Every test runs on real PostgreSQL and Valkey, held by config/embedded in a data directory of the tests' own.

The servers start with the first session on a data directory and stop with the last. Each session, and in it each
xdist worker, has a database of its own, so any number of sessions may run at once.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import django
import hypothesis
import psycopg
import pytest
import redis
from psycopg import sql
from pytest_django import DjangoDbBlocker

from config import embedded
from tests import emptying

# The same examples each time, so what fails for one fails for all; `--hypothesis-profile=default` looks for others.
# How long a slow machine takes over them says nothing.
hypothesis.settings.register_profile(
    "house", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("house")

pytest_plugins = ["tests.fixtures_sandbox"]

REPOSITORY = Path(__file__).resolve().parent.parent
XDIST_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")

if not XDIST_WORKER:  # its controller has set these already
    own = Path(os.environ.get("HELIOGRAPH_DATA_DIR") or REPOSITORY / ".heliograph").absolute()
    os.environ["HELIOGRAPH_DATA_DIR"] = str(own / "test")
    os.environ["HELIOGRAPH_ENV"] = "demo"
    os.environ["HELIOGRAPH_TEST_SESSION"] = str(os.getpid())
# Here and not in pyproject.toml: pytest-django would read settings before the lines above.
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

DATA_DIR = Path(os.environ["HELIOGRAPH_DATA_DIR"])
SESSION_DATABASE = f"test_{os.environ['HELIOGRAPH_TEST_SESSION']}"


def pytest_configure(config: pytest.Config) -> None:
    """Hold the servers before Django reads its settings. Under xdist the controller holds them for its workers."""
    if not XDIST_WORKER:
        held = embedded.hold(
            DATA_DIR,
            lambda line: None,
            postgres="DATABASE_URL" not in os.environ,
            valkey="CELERY_BROKER_URL" not in os.environ,
            durable=False,
        )
        config.add_cleanup(held.release)
        if "DATABASE_URL" not in os.environ:
            _drop_abandoned_databases(held.home)
    if "CELERY_BROKER_URL" not in os.environ or XDIST_WORKER:
        _take_own_valkey_databases(embedded.known(DATA_DIR))
    django.setup()  # pytest-django does it only where settings were read before its own turn


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> None:
    """Name the test database after the session (--reuse-db: one name for all, so one session at a time)."""
    from django.conf import settings

    name = "test_reused" if request.config.getoption("reuse_db") else SESSION_DATABASE
    if XDIST_WORKER:
        name = f"{name}_{XDIST_WORKER}"
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = name


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        emptying.keep_rows_of_migrations()
    yield
    with django_db_blocker.unblock():
        emptying.end_other_sessions()


@pytest.fixture
def process_environment(transactional_db: None) -> dict[str, str]:
    """The environment for a process that a test starts, so that it sees the test's database, broker and cache."""
    from django.conf import settings
    from django.db import connection

    url = settings.EMBEDDED.database_url(connection.settings_dict["NAME"])
    return {**os.environ, "DATABASE_URL": url}


def _take_own_valkey_databases(home: embedded.Home) -> None:
    number = 2 * int(XDIST_WORKER.removeprefix("gw") or 0)
    os.environ["CELERY_BROKER_URL"] = home.broker_url(number)
    os.environ["CACHE_URL"] = home.cache_url(number + 1)
    for database in (number, number + 1):
        with redis.Redis.from_url(home.cache_url(database)) as valkey:
            valkey.flushdb()


def _drop_abandoned_databases(home: embedded.Home) -> None:
    """Remove the databases of sessions that were killed: those named after a process that is no more."""
    with psycopg.connect(home.database_url(), autocommit=True) as connection:
        rows = connection.execute(r"select datname from pg_database where datname ~ '^test_\d+(_gw\d+)?$'").fetchall()
        for (name,) in rows:
            if not Path(f"/proc/{name.split('_')[1]}").exists():
                connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
