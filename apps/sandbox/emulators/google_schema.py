"""Validates a message against Google's own schema of FCM, the discovery document of `google-api-python-client`.

The document is compiled once into nested functions; a message of ours costs about 15 us. Wording of the refusals
follows Google's JSON transcoder. Source: googleapiclient/discovery_cache/documents/fcm.v1.json.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

# Appends (field, description) for each violation.
Violations = list[tuple[str, str]]
Check = Callable[[Any, str, Violations], None]

_DURATION = re.compile(r"-?\d{1,12}(\.\d{1,9})?s")
_TYPE_NAMES = {"string": "TYPE_STRING", "boolean": "TYPE_BOOL", "integer": "TYPE_INT32", "number": "TYPE_FLOAT"}


@cache
def send_request_check() -> Check:
    """The compiled check of a SendMessageRequest."""
    document = json.loads((files("googleapiclient") / "discovery_cache/documents/fcm.v1.json").read_text())
    return _Compiler(document["schemas"]).message("SendMessageRequest")


def snake_case(name: str) -> str:
    """androidV2 -> android_v2, bodyLocKey -> body_loc_key: the names Google uses in its errors."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


class _Compiler:
    """Turns schemas into checks; each message type is compiled once."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas
        self._done: dict[str, Check] = {}

    def message(self, name: str) -> Check:
        if name not in self._done:
            self._done[name] = self._object(self._schemas[name].get("properties", {}))
        return self._done[name]

    def _object(self, properties: dict[str, Any]) -> Check:
        fields: dict[str, tuple[str, Check]] = {}
        for camel, schema in properties.items():
            snake = snake_case(camel)
            fields[camel] = fields[snake] = (snake, self._value(schema))

        def check(value: Any, path: str, violations: Violations) -> None:
            if not isinstance(value, dict):
                violations.append((path, _invalid(path, "message", value)))
                return
            for key, inner in value.items():
                known = fields.get(key)
                if known is None:
                    violations.append((path, _unknown(key, path)))
                elif inner is not None:
                    known[1](inner, f"{path}.{known[0]}" if path else known[0], violations)

        return check

    def _value(self, schema: dict[str, Any]) -> Check:
        if "$ref" in schema:
            return self.message(schema["$ref"])
        if schema["type"] == "array":
            return _array(self._value(schema["items"]))
        if schema["type"] == "object":
            of_strings = schema.get("additionalProperties", {}).get("type") == "string"
            return _string_map if of_strings else _struct
        if "enum" in schema:
            return _enum(frozenset(schema["enum"]))
        if schema.get("format") == "google-duration":
            return _duration
        if schema.get("format") == "google-datetime":
            return _datetime
        return _SCALARS[schema["type"]]


def _invalid(path: str, type_name: str, value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
    return f"Invalid value at '{path}' ({type_name}), {shown[:200]}"


def _unknown(key: str, path: str) -> str:
    place = f" at '{path}'" if path else ""
    return f'Invalid JSON payload received. Unknown name "{key}"{place}: Cannot find field.'


def _array(check_item: Check) -> Check:
    def check(value: Any, path: str, violations: Violations) -> None:
        if not isinstance(value, list):
            violations.append((path, _invalid(path, "repeated", value)))
            return
        for index, item in enumerate(value):
            check_item(item, f"{path}[{index}]", violations)

    return check


def _enum(words: frozenset[str]) -> Check:
    def check(value: Any, path: str, violations: Violations) -> None:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if not is_number and not (isinstance(value, str) and value.upper() in words):
            violations.append((path, _invalid(path, "TYPE_ENUM", value)))

    return check


def _string_map(value: Any, path: str, violations: Violations) -> None:
    if not isinstance(value, dict):
        violations.append((path, _invalid(path, "map", value)))
        return
    for index, inner in enumerate(value.values()):
        if not isinstance(inner, str):
            field = f"{path}[{index}].value"
            violations.append((field, _invalid(field, "TYPE_STRING", inner)))


def _struct(value: Any, path: str, violations: Violations) -> None:
    if not isinstance(value, dict):
        violations.append((path, _invalid(path, "type.googleapis.com/google.protobuf.Struct", value)))


def _duration(value: Any, path: str, violations: Violations) -> None:
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        reason = "Illegal duration format; duration must end with 's'"
        violations.append((path, f"Invalid value at '{path}' (type.googleapis.com/google.protobuf.Duration), {reason}"))


def _datetime(value: Any, path: str, violations: Violations) -> None:
    try:
        is_good = isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        is_good = False
    if not is_good:
        violations.append((path, _invalid(path, "type.googleapis.com/google.protobuf.Timestamp", value)))


def _string(value: Any, path: str, violations: Violations) -> None:
    if not isinstance(value, str):
        violations.append((path, _invalid(path, _TYPE_NAMES["string"], value)))


def _boolean(value: Any, path: str, violations: Violations) -> None:
    if not isinstance(value, bool):
        violations.append((path, _invalid(path, _TYPE_NAMES["boolean"], value)))


def _integer(value: Any, path: str, violations: Violations) -> None:
    """Whole numbers of 32 bits, also as text, as in the JSON form of protocol buffers."""
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None or number != number // 1 or not -(2**31) <= number < 2**31:
        violations.append((path, _invalid(path, _TYPE_NAMES["integer"], value)))


def _number(value: Any, path: str, violations: Violations) -> None:
    try:
        is_good = isinstance(value, int | float | str) and not isinstance(value, bool)
        float(value if is_good else 0)
    except ValueError:
        is_good = False
    if not is_good:
        violations.append((path, _invalid(path, _TYPE_NAMES["number"], value)))


_SCALARS: dict[str, Check] = {"string": _string, "boolean": _boolean, "integer": _integer, "number": _number}
