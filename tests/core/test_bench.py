"""Measuring: medians of runs, and the processor time of the database."""

import pytest
from django.db import connection

from apps.core.bench import medians
from apps.core.cpu import backend_pid, database_cpu_seconds, exact_cpu_seconds


def test_every_number_is_the_median_of_its_own() -> None:
    runs = [{"rate": rate, "rows": 7, "stages": {"claim": {"python_us": rate / 10}}} for rate in (30.0, 10.0, 20.0)]
    assert medians(runs) == {
        "rate": 20.0,
        "rows": 7,
        "stages": {"claim": {"python_us": 2.0}},
        "runs": [30.0, 10.0, 20.0],
    }


def test_what_is_no_number_is_the_last_runs() -> None:
    runs = [{"rate": 1.0, "name": "x", "postgres_us": 3.0}, {"rate": 2.0, "name": "x", "postgres_us": None}]
    assert medians(runs) == {"rate": 1.5, "name": "x", "postgres_us": None, "runs": [1.0, 2.0]}


@pytest.mark.django_db
def test_the_databases_work_is_counted() -> None:
    backend = backend_pid()
    server, own = database_cpu_seconds(), exact_cpu_seconds(backend)
    with connection.cursor() as cursor:
        cursor.execute("select count(sha256(number::text::bytea)) from generate_series(1, 300000) number")
    assert exact_cpu_seconds(backend) > own
    assert database_cpu_seconds() > server
