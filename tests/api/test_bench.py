"""The API's benchmarks run, small, and give their fields. No figure is judged."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from psycopg.conninfo import conninfo_to_dict

from apps.api.management.commands.bench import _for_libpq

FIELDS = {"name", "seconds", "rate", "unit", "cpu_us_per_item", "peak_rss_mb", "rows", "machine", "leaves_out"}
WHEN = {"p50_ms", "p99_ms", "lost", "answer_p50_ms", "answer_p99_ms"}


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_accept_to_gateway_sees_every_request_arrive(
    process_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", process_environment["DATABASE_URL"])
    world = {"due_segments": 3, "customers": 1_000, "events": 5_000}
    result = bench("accept_to_gateway", devices=200, seconds=1.0, offered=20.0, **world)
    assert result.keys() >= FIELDS | {f"{when}_{what}" for when in ("idle", "busy", "refreshing") for what in WHEN}
    assert result["rows"] >= 20
    assert result["idle_lost"] == result["busy_lost"] == result["refreshing_lost"] == 0
    assert result["refreshed"] == 3
    assert result["busy_rate_share"] > 0
    assert result["bulk_devices"] >= 200


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("name", "options", "rows"),
    [("events", {"events": 400, "batch": 100}, 400), ("register", {"requests": 50}, 50)],
    ids=["events", "register"],
)
def test_what_apps_tell_is_stored_to_the_last(
    name: str,
    options: dict[str, int],
    rows: int,
    process_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", process_environment["DATABASE_URL"])
    result = bench(name, clients=2, **options)
    assert result.keys() >= FIELDS | {"p50_ms", "p99_ms", "web_us_per_item", "database_us_per_item"}
    assert result["rows"] == rows


def test_an_address_means_to_libpq_what_it_means_to_us() -> None:
    url = "postgres://me@/shop?host=/run/a%20b&options=-c%20jit%3Doff&prepare_threshold=None"
    told = conninfo_to_dict(_for_libpq(url))
    assert told == {"user": "me", "dbname": "shop", "host": "/run/a b", "options": "-c jit=off"}


def bench(name: str, **options: Any) -> dict[str, Any]:
    out = StringIO()
    call_command("bench", name, inside=True, stdout=out, **options)
    result: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    assert result["name"] == name
    return result


@pytest.mark.django_db(transaction=True)
def test_every_kind_of_search_is_timed() -> None:
    result = bench("logsearch", rows=3_000)
    assert result.keys() >= FIELDS | {"p50_ms", "max_ms", "ledger_mb", "index_mb"}
    assert result["ledger_rows"] >= 2_900
    found = {name: told["found"] for name, told in result["searches"].items()}
    nothing = {"campaign_and_no_such_outcome", "no_such_outcome", "pushes_with_no_such_outcome", "pushes_queued"}
    chance = {
        "an_hour_and_outcome",
        "campaign_and_rare_outcome",
        "rare_outcome",
        "pushes_with_rare_outcome",
        "pushes_cancelled",
    }
    assert {name for name, count in found.items() if not count} - chance == nothing
