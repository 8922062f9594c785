"""The engine's benchmarks run, small, and give their fields. No figure is judged."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

pytestmark = pytest.mark.django_db(transaction=True)

FIELDS = {"name", "seconds", "rate", "unit", "cpu_us_per_item", "peak_rss_mb", "rows", "machine", "leaves_out"}


def bench(name: str, **options: Any) -> dict[str, Any]:
    out = StringIO()
    call_command("bench", name, inside=True, stdout=out, **options)
    result: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    assert result.keys() >= FIELDS
    assert result["name"] == name
    return result


def test_plan_excludes_for_every_reason_it_names() -> None:
    result = bench("plan", devices=400)
    assert result["rows"] == 400
    assert result["excluded"].keys() == {"no_consent", "capped", "holdout", "no_live_device"}
    assert "database_us_per_item" in result
    assert result["wal_bytes_per_item"] > 0


def test_habits_are_learnt_and_planned_by() -> None:
    result = bench("habits", devices=120)
    assert result["habits"] > 60
    assert result["plan_seconds"].keys() == {"app", "each", "habit"}
    assert result["batches"] > 12


def test_record_tells_each_stage() -> None:
    result = bench("record", devices=300)
    assert result["rows"] == 288  # one in 25 has refused push
    assert result["stages"].keys() == {"claim", "open", "prepare", "record", "commit"}
    assert all(cost.keys() == {"wall_us", "python_us", "database_us"} for cost in result["stages"].values())
    assert result.keys() >= {"database_us_per_item", "road_rate", "render_us", "wal_bytes_per_item"}


@pytest.mark.long
def test_a_campaign_is_compared_with_the_libraries(
    process_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", process_environment["DATABASE_URL"])
    result = bench("campaign", devices=100, baseline=True)
    assert result["accepted"] == result["distinct_at_sink"] == 96
    assert result["lock_waits_percent"].keys() == {"locks", "latches"}
    assert result["baseline"].keys() == {"firebase-admin", "aioapns", "pywebpush"}
    assert all(one.keys() == {"gateway", "rate", "cpu_us_per_item", "ratio"} for one in result["baseline"].values())
