"""Trial files: a rule with a handful of made-up people, and who of them must be in: a test that marketers can read.

A trial is a JSON file:

    {"rule": {...}, "in": ["anna"], "out": ["bo"], "lists": {"Testers": ["bo"]},
     "people": {"anna": {"language": "pl", "traits": {"city": "Paris"}, "first_seen_days_ago": 40,
                         "devices": [{"platform": "ios", "app_version": "4.1", "last_seen_days_ago": 3}],
                         "events": [{"name": "purchase", "days_ago": 3, "properties": {"amount": 20}}]}, "bo": {}}}

Days are counted back from the moment of the trial. A rule asks about a list by its name. services/trials.py runs them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem, InvalidInput
from apps.core.suggestions import did_you_mean
from apps.core.text import shown
from apps.customers.services.profiles import CustomerDraft
from apps.segments.services.rule_files import read_json

MOST_PEOPLE = 100
MOST_DAYS = 729  # events from longer ago count as a wrong clock
_ABOUT_PEOPLE = {*(one.name for one in fields(CustomerDraft)), "first_seen_days_ago", "devices", "events"}
_ABOUT_DEVICES = {"platform", "app_version", "os_version", "permission", "last_seen_days_ago"}
_ABOUT_EVENTS = {"name", "days_ago", "properties"}


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that was read. people: name -> what is known of them; inside and outside name each of them once."""

    rule: Mapping[str, Any]
    people: Mapping[str, Mapping[str, Any]]
    inside: tuple[str, ...]
    outside: tuple[str, ...]
    lists: Mapping[str, Sequence[str]]


def read_trial(text: str) -> Trial:
    """Raises InvalidInput with every problem: json_syntax, type, required, unknown_field, choice, range, too_many."""
    given = read_json(text)
    if not isinstance(given, Mapping):
        raise InvalidInput([FieldProblem("", "type", _("must be an object: {rule, people, in, out}"), shown(given))])
    problems = [*_wrong_keys(given, {"rule", "people", "in", "out", "lists", "about"}, "")]
    people = given.get("people")
    if not isinstance(people, Mapping) or not people or not all(isinstance(one, Mapping) for one in people.values()):
        problems.append(FieldProblem("/people", "required", _("must be an object: name -> what is known of them")))
        people = {}
    if len(people) > MOST_PEOPLE:
        message = _("has %(count)d entries; at most %(limit)d are allowed")
        problems.append(FieldProblem("/people", "too_many", message % {"count": len(people), "limit": MOST_PEOPLE}))
    for name, person in people.items():
        problems += _wrong_person(person, f"/people/{name}")
    if not isinstance(given.get("rule"), Mapping):
        problems.append(FieldProblem("/rule", "required", _("must be a rule: {match, rules}")))
    sides = {side: _names(given.get(side, []), f"/{side}", people, problems) for side in ("in", "out")}
    problems += _undecided(people, sides)
    lists = given.get("lists") if isinstance(given.get("lists"), Mapping) else {}
    members = {title: _names(names, f"/lists/{title}", people, problems) for title, names in (lists or {}).items()}
    if problems:
        raise InvalidInput(problems)
    return Trial(given["rule"], people, sides["in"], sides["out"], members)


def _wrong_person(person: Mapping[str, Any], here: str) -> Iterator[FieldProblem]:
    yield from _wrong_keys(person, _ABOUT_PEOPLE, here)
    yield from _wrong_days(person, "first_seen_days_ago", here)
    for kind, allowed, days in (
        ("devices", _ABOUT_DEVICES, "last_seen_days_ago"),
        ("events", _ABOUT_EVENTS, "days_ago"),
    ):
        given = person.get(kind, [])
        if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
            yield FieldProblem(f"{here}/{kind}", "type", _("must be a list of objects"), shown(given))
            continue
        for index, one in enumerate(given):
            yield from _wrong_keys(one, allowed, f"{here}/{kind}/{index}")
            yield from _wrong_days(one, days, f"{here}/{kind}/{index}")


def _wrong_keys(given: Mapping[str, Any], allowed: set[str], here: str) -> Iterator[FieldProblem]:
    for key in given:
        if key not in allowed:
            yield FieldProblem(f"{here}/{key}", "unknown_field", _("is not known here.") + did_you_mean(key, allowed))


def _wrong_days(given: Mapping[str, Any], key: str, here: str) -> Iterator[FieldProblem]:
    days = given.get(key, 0)
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 <= days <= MOST_DAYS:
        message = _("must be a number of days from 0 to %(limit)d") % {"limit": MOST_DAYS}
        yield FieldProblem(f"{here}/{key}", "range", message, shown(days))


def _names(given: Any, here: str, people: Mapping[str, Any], problems: list[FieldProblem]) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        problems.append(FieldProblem(here, "type", _("must be a list of names"), shown(given)))
        return ()
    for index, name in enumerate(given):
        if name not in people:
            message = _("is none of the people.") + did_you_mean(name, people)
            problems.append(FieldProblem(f"{here}/{index}", "choice", message, shown(name)))
    return tuple(given)


def _undecided(people: Mapping[str, Any], sides: Mapping[str, Sequence[str]]) -> Iterator[FieldProblem]:
    for name in people:
        if (name in sides["in"]) == (name in sides["out"]):
            yield FieldProblem(f"/people/{name}", "required", _("must be named under either in or out"))
