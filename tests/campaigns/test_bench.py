"""The benchmark of automations runs, small, and gives its fields. No figure is judged."""

import json
from io import StringIO

import pytest
from django.core.management import call_command


@pytest.mark.django_db(transaction=True)
def test_people_go_from_their_event_to_the_push() -> None:
    out = StringIO()
    call_command("bench", "automations", inside=True, people=200, stdout=out)
    result = json.loads(out.getvalue().splitlines()[-1])
    assert result["people"] == 200
    assert 0 < result["passed"] < 200
    assert result["planned"] == result["passed"]
    assert result["rows"] == 800 + result["passed"]
    assert result["phase_seconds"].keys() == {"enter", "to_wait", "wait", "condition", "push"}
