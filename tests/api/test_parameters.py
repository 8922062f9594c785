"""Every parameter of every address, wrong in each way: named, with its rule and what came. Generated from the calls."""

from typing import Any
from urllib.parse import quote

import pytest

from apps.api.query import MOST_CHARACTERS
from apps.api.urls import urlpatterns
from tests.factories.api import ApiCaller, make_key

pytestmark = pytest.mark.django_db

# What is wrong -> the code that says so, by the kind of the parameter.
WRONG_NUMBERS = dict.fromkeys(["x", "-1", "1.5", "1e3", "٣", "9" * 30], "range")
WRONG_TIMES = {
    "yesterday": "date_format",
    "2026-02-30T00:00:00Z": "date_format",
    "1767225600": "date_format",
    "2026-05-01T00:00:00": "time_zone_required",
}
WRONG_CURSORS = dict.fromkeys(["zzz", "-1", "0", "1 2", "9" * 30], "bad_cursor")
WRONG_WORDS = dict.fromkeys(["nonsense", "True", "a,b"], "choice")
WRONG_TEXTS = {"x" * (MOST_CHARACTERS + 1): "too_long"}


def calls_with_parameters() -> list[tuple[str, Any]]:
    return [
        (str(pattern.pattern), call)
        for pattern in urlpatterns
        for call in getattr(getattr(pattern.callback, "view_class", None), "calls", {}).values()
        if call.parameters
    ]


def wrong_values(schema: Any) -> dict[str, str]:
    """{value: code}"""
    if "enum" in schema or schema["type"] == "boolean":
        return WRONG_WORDS
    if schema["type"] == "integer":
        return WRONG_NUMBERS
    if schema.get("format") == "date-time":
        return WRONG_TIMES
    return WRONG_CURSORS if "pattern" in schema else WRONG_TEXTS


def path_of(pattern: str) -> str:
    """Of something that need not exist: parameters are judged before anything is looked up."""
    return "/" + "/".join("1" if part.startswith("<") else part for part in pattern.split("/"))


def problem_of(answer: Any) -> dict[str, Any]:
    """The one problem; in the envelope of pushes it is worded otherwise."""
    (problem,) = answer.json()["errors"]
    pointer = problem["pointer"] if "pointer" in problem else problem["meta"]["source"]
    return {"pointer": pointer, "code": problem["code"], "message": problem["message"]}


def test_there_are_parameters():
    assert len(calls_with_parameters()) >= 6


@pytest.mark.parametrize(("pattern", "call"), calls_with_parameters(), ids=lambda one: getattr(one, "name", ""))
def test_a_wrong_parameter_is_named_with_its_rule_and_what_came(app, pattern, call):
    api, path = ApiCaller(make_key(app)), path_of(pattern)
    for name, parameter in call.parameters.items():
        expected = {"": "required", "\0": "nul_not_allowed", **wrong_values(parameter.schema)}
        for value, code in expected.items():
            answer = api.get(f"{path}?{name}={quote(value)}")
            assert answer.status_code == 400, (name, value)
            problem = problem_of(answer)
            assert (problem["pointer"], problem["code"]) == (f"?{name}", code), (name, value)
            is_told = value[:20] in problem["message"] or str(len(value)) in problem["message"]
            assert is_told or code in ("required", "nul_not_allowed"), problem
        twice = problem_of(api.get(f"{path}?{name}=1&{name}=1"))
        assert (twice["pointer"], twice["code"]) == (f"?{name}", "duplicate_key")


@pytest.mark.parametrize(("pattern", "call"), calls_with_parameters(), ids=lambda one: getattr(one, "name", ""))
def test_all_wrong_parameters_are_told_at_once(app, pattern, call):
    wrong = "&".join(f"{name}=" for name in call.parameters)
    answer = ApiCaller(make_key(app)).get(f"{path_of(pattern)}?{wrong}&nonsense=1")
    assert len(answer.json()["errors"]) == len(call.parameters) + 1
