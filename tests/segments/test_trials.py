"""Trials: every rule in fixtures/ means whom its file says (to add one, add a file); a wrong one is told why."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.accounts.models import App
from apps.core.problems import InvalidInput
from apps.customers.models import Customer
from apps.segments.services.trial_files import read_trial
from apps.segments.services.trials import run_trial

pytestmark = pytest.mark.django_db

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.json"))
SMALL: dict[str, Any] = {
    "rule": {"match": "all", "rules": [{"field": "trait.city", "op": "is", "value": "Paris"}]},
    "people": {"anna": {"traits": {"city": "Paris"}}, "bo": {"traits": {"city": "Oslo"}}},
    "in": ["anna"],
    "out": ["bo"],
}


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: file.stem)
def test_a_rule_means_whom_its_file_says(file: Path) -> None:
    assert run_trial(read_trial(file.read_text()), now=timezone.now()) == []
    assert not App.objects.exists()
    assert not Customer.objects.exists()


def test_a_surprise_is_told_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps({**SMALL, "in": ["anna", "bo"], "out": []}))
    with pytest.raises(CommandError, match="1 of 1 do not hold"):
        call_command("try_segment", str(file))
    told = capsys.readouterr().out
    assert "bo is out and should be in" in told
    assert "no: city is “Paris” (city is “Oslo”)" in told


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"in": ["ana"]}, {("/in/0", "choice"), ("/people/anna", "required")}),
        ({"people": {"anna": {"towns": 1}, "bo": {"events": [{"days_ago": 9_999}]}}},
         {("/people/anna/towns", "unknown_field"), ("/people/bo/events/0/days_ago", "range")}),
        ({"rule": 7}, {("/rule", "required")}),
        ({"people": []}, {("/people", "required"), ("/in/0", "choice"), ("/out/0", "choice")}),
    ],
    ids=["names", "people", "rule", "nobody"],
)  # fmt: skip
def test_a_trial_that_cannot_be_read_says_all_that_is_wrong(
    changes: dict[str, Any], places: set[tuple[str, str]]
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_trial(json.dumps({**SMALL, **changes}))
    assert {(one.pointer, one.code) for one in refusal.value.problems} == places


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"rule": {"match": "all", "rules": [{"field": "trait.town"}]}}, ("/rule/rules/0/field", "unknown_field")),
        (
            {"people": {"anna": {"devices": [{"platform": "fridge"}]}, "bo": {}}},
            ("/people/anna/devices/0/platform", "choice"),
        ),
        ({"people": {"anna": {"country": "Polska"}, "bo": {}}}, ("/people/anna/country", "country_unknown")),
        ({"people": {"anna": {"events": [{"name": ""}]}, "bo": {}}}, ("/people/anna/events/0/name", "required")),
    ],
    ids=["rule", "device", "profile", "event"],
)
def test_what_the_services_refuse_is_told_with_its_place(changes: dict[str, Any], place: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        run_trial(read_trial(json.dumps({**SMALL, **changes})), now=timezone.now())
    assert place in {(one.pointer, one.code) for one in refusal.value.problems}
    assert not App.objects.exists()
