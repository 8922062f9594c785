"""Answers to calls that take many things at once: what is sound is stored, what is not is named, nothing is lost."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse

from apps.api.base import json_response
from apps.api.calls import NUMBER, TEXT, list_of, record
from apps.api.refusals import refuse_fields
from apps.api.shapes import Anything, ListOf, Problems, Record, Shape
from apps.core.problems import MOST_SHOWN, FieldProblem

PROBLEM = record({"pointer": TEXT, "code": TEXT, "message": TEXT})
BATCH_ANSWER = record(
    {"stored": NUMBER, "refused": NUMBER, "errors": list_of(PROBLEM), "warnings": list_of(PROBLEM)},
)


@dataclass(frozen=True, slots=True)
class Batch:
    """The items of a request: `sound` ones with their places in it, and what is wrong with the others."""

    name: str
    total: int
    sound: Sequence[Any]
    places: Sequence[int]
    problems: Problems = field(default_factory=list)

    def placed(self, problems: Sequence[FieldProblem]) -> list[FieldProblem]:
        """Problems that a service counted by its own places ("/events/0/name"), by those of the request."""
        return [self._placed(problem) for problem in problems]

    def _placed(self, problem: FieldProblem) -> FieldProblem:
        found = re.match(rf"/{self.name}/(\d+)(.*)", problem.pointer, re.DOTALL)
        if found is None:
            return problem
        pointer = f"/{self.name}/{self.places[int(found[1])]}{found[2]}"
        return FieldProblem(pointer, problem.code, problem.message, problem.came)


def batch_shape(name: str, item: Shape, most: int) -> Record:
    """{name: [item, ...]}: described in full, but its items are read one by one by `read_batch`."""
    return Record({name: Anything(ListOf(item, most, least=1).schema())}, required=(name,))


def read_batch(items: Any, name: str, item: Shape, most: int) -> Batch:
    """Judge each item alone. Raises Refusal where it is no list, is empty or has more than `most` (413)."""
    problems: Problems = []
    whole = ListOf(Anything(), most, least=1).read(items, f"/{name}", problems)
    if problems:
        raise refuse_fields(problems, 413 if problems[0].code == "too_many" else 400)
    read = [(place, _read_one(item, one, f"/{name}/{place}", problems)) for place, one in enumerate(whole)]
    sound = [(place, value) for place, value in read if value is not None]
    return Batch(name, len(whole), [value for _place, value in sound], [place for place, _value in sound], problems)


def _read_one(item: Shape, given: Any, pointer: str, problems: Problems) -> Any:
    before = len(problems)
    value = item.read(given, pointer, problems)
    return value if len(problems) == before else None


def batch_response(
    *, status: int, stored: int, total: int, problems: Sequence[FieldProblem], warnings: Sequence[FieldProblem] = ()
) -> HttpResponse:
    """The answer of a batch. Raises Refusal where nothing of it was sound."""
    if problems and not stored:
        raise refuse_fields(problems)
    answer = {
        "stored": stored,
        "refused": total - stored,
        "errors": shown_problems(problems),
        "warnings": shown_problems(warnings),
    }
    return json_response(answer, status)


def shown_problems(problems: Sequence[FieldProblem]) -> list[dict[str, Any]]:
    """At most 50 problems as `errors` shows them."""
    return [
        {"pointer": problem.pointer, "code": problem.code, "message": problem.message}
        for problem in problems[:MOST_SHOWN]
    ]
