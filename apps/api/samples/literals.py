"""A JSON value as the source of a language writes it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

SHORT = 84


@dataclass(frozen=True, slots=True)
class Style:
    """How a language writes an object, a key with its value, a text, and the words true, false and null.

    step: one level of indentation.
    """

    brackets: tuple[str, str] = ("{", "}")
    pair: str = ": "
    text: Callable[[str], str] = json.dumps
    words: Mapping[str, str] = field(default_factory=dict)
    step: str = "    "


def _single_quoted(text: str) -> str:
    """PHP looks for variables in double quotes."""
    inner = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{inner}'"


JSON = Style(step="  ")
PYTHON = Style(words={"true": "True", "false": "False", "null": "None"})
PHP = Style(brackets=("[", "]"), pair=" => ", text=_single_quoted)


def literal(value: Any, style: Style, *, indent: str = "") -> str:
    """The value; what is short stands on one line, else each entry on its own, indented below `indent`."""
    if isinstance(value, str):
        return style.text(value)
    if not isinstance(value, Mapping | list):
        word = json.dumps(value)
        return style.words.get(word, word)
    opening, closing = ("[", "]") if isinstance(value, list) else style.brackets
    deeper = indent + style.step
    entries = list(_entries(value, style, deeper))
    line = f"{opening}{', '.join(entries)}{closing}"
    if indent and len(line) <= SHORT and "\n" not in line:
        return line
    lines = ",\n".join(deeper + entry for entry in entries)
    return f"{opening}\n{lines}\n{indent}{closing}"


def _entries(value: Mapping[str, Any] | list[Any], style: Style, indent: str) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{style.text(key)}{style.pair}{literal(one, style, indent=indent)}" for key, one in value.items()]
    return [literal(one, style, indent=indent) for one in value]
