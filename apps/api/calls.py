"""What one call is: its scope, its parameters, its body, its answers. Read by the view and by the schema alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.api.query import Parameter
from apps.api.shapes import Shape

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """schema None = no body. media: other than JSON."""

    about: str
    schema: Schema | None = None
    media: str = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """name: the operation's id in the schema. headers: those beside Authorization, {name: (about, is required)}.

    refusals: statuses that this call may give beside those that any call may.
    """

    name: str
    scope: str
    about: str
    answers: Mapping[int, Answer]
    body: Shape | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    refusals: tuple[int, ...] = ()


def listing(of: Schema, about: str) -> Answer:
    """A page of a list."""
    return Answer(about, record({"data": {"type": "array", "items": of}, "next_cursor": NULLABLE_TEXT}))


def record(properties: Mapping[str, Schema], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object in an answer, with all fields always there but the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def list_of(items: Schema) -> dict[str, Any]:
    return {"type": "array", "items": dict(items)}


def map_of(values: Schema) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": dict(values)}


TEXT: Schema = {"type": "string"}
NULLABLE_TEXT: Schema = {"type": ["string", "null"]}
NUMBER: Schema = {"type": "integer"}
TIME: Schema = {"type": "string", "format": "date-time"}
NULLABLE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
FLAG: Schema = {"type": "boolean"}
