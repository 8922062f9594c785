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


@pytest.mark.django_db(transaction=True)
def test_a_day_of_five_campaigns_is_counted() -> None:
    """Of 200 people each number's share is in its audience; who had both pushes is capped from the second on."""
    out = StringIO()
    call_command("bench", "calendar", inside=True, people=200, stdout=out)
    result = json.loads(out.getvalue().splitlines()[-1])
    assert result["rows"] == 200 + 100 + 66 + 50 + 40
    assert result["meetings"] == 256 + 33 + 50 + 20 + 16 + 13 + 10
    assert 0 < result["capped"] < result["rows"]
