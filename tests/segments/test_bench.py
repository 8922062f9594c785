"""The benchmark of segments runs, small, and gives its fields. No figure is judged."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from apps.segments.bench import RULES

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


def test_every_rule_is_timed_and_every_segment_refreshed() -> None:
    out = StringIO()
    call_command("bench", "segment", inside=True, customers=4_000, events=40_000, stdout=out)
    result = json.loads(out.getvalue().splitlines()[-1])
    assert (result["name"], result["rows"], result["refreshed"]) == ("segment", 4_000, 20)
    assert result["rule_seconds"].keys() == RULES.keys()
    assert result["members"] > 0
    assert result["probe_p99_ms"].keys() == {"alone", "first_refresh", "refresh_again"}
