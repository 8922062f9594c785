"""What `POST /v2.1/automations/{id}/enter` says, and how it is answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from apps.api.calls import NUMBER, TEXT, list_of, record
from apps.api.refusals import refuse_fields
from apps.api.services.idempotency import MOST_CHARACTERS
from apps.api.shapes import Anything, ListOf, Record, Text
from apps.core.problems import FieldProblem
from apps.customers.services.vocabulary import clean_values

MOST_CUSTOMERS = 1_000
ENTRY = Record(
    {
        "customers": ListOf(
            Text(least=1),
            MOST_CUSTOMERS,
            least=1,
            too_many="too_many_recipients",
            hint=gettext_lazy("; make a segment of them, and an automation for who joins it"),
            about="Your ids of customers.",
        ),
        "properties": Anything({"type": "object"}, "What texts that speak of the event say: flat, as of an event."),
        "idempotency_key": Anything({"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS}),
    },
    required=("customers",),
)
ENTERED = record(
    {"automation_id": NUMBER, "entered": NUMBER, "data": list_of(record({"customer": TEXT, "status": TEXT}))}
)


@dataclass(frozen=True, slots=True)
class EntryRequest:
    """names: in input order."""

    names: Sequence[str]
    properties: Mapping[str, Any]


def read_entry(body: Mapping[str, Any]) -> EntryRequest:
    """Raises Refusal with all that is wrong."""
    problems: list[FieldProblem] = []
    found: dict[str, Any] = ENTRY.read(body, "", problems)
    properties = clean_values(found.get("properties", {}), pointer="/properties", problems=problems)
    if problems:
        too_many = any(problem.code == "too_many_recipients" for problem in problems)
        raise refuse_fields(problems, 413 if too_many else 400)
    return EntryRequest(found["customers"], properties)


def entry_answer(body: Mapping[str, Any], automation_id: int, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The answer, from what is stored with the key and the request itself; identical each time."""
    said = zip(body["customers"], stored["to"], strict=False)
    return {
        "automation_id": automation_id,
        "entered": sum(status == "entered" for status in stored["to"]),
        "data": [{"customer": name, "status": status} for name, status in said],
    }
