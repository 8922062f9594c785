"""How a request is written in each language: a template of forms/, filled in.

A line of a template that names a value which the request has not is left out; one with `@name@` stands once for each
header; a value of several lines keeps the indentation of its line.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from apps.api.samples.literals import JSON, PHP, PYTHON, Style, literal

HERE = Path(__file__).parent
type Body = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it goes over the wire, but for its key. name: of the recipe."""

    name: str
    method: str
    address: str
    headers: Sequence[tuple[str, str]]
    body: Body


@dataclass(frozen=True, slots=True)
class Language:
    """key: in addresses, and the name of its templates. word: as OpenAPI's readers know it. file, run: how it is tried.

    body: writes what is sent; None where a request without a body needs no word about it.
    """

    key: str
    label: str
    word: str
    file: str
    run: str
    body: Callable[[Body], str | None]


def _like(style: Style) -> Callable[[Body], str | None]:
    return lambda body: None if body is None else literal(body, style)


def _in_single_quotes(body: Body) -> str | None:
    """JSON within a shell's single quotes."""
    return None if body is None else literal(body, JSON).replace("'", "'\\''")


def _published(body: Body) -> str:
    """What Java's client asks for: JSON in a text block, where a backslash is its own."""
    if body is None:
        return "HttpRequest.BodyPublishers.noBody()"
    lines = literal(body, JSON).replace("\\", "\\\\").replace("\n", "\n    ")
    return f'HttpRequest.BodyPublishers.ofString("""\n    {lines}\n    """)'


LANGUAGES = {
    language.key: language
    for language in (
        Language("curl", "cURL", "Shell", "{name}.sh", "sh {file}", _in_single_quotes),
        Language("python", "Python", "Python", "{name}.py", "python3 {file}", _like(PYTHON)),
        Language("php", "PHP", "PHP", "{name}.php", "php {file}", _like(PHP)),
        Language("java", "Java", "Java", "{class_name}.java", "java {file}", _published),
        Language("node", "Node", "JavaScript", "{name}.mjs", "node {file}", _like(JSON)),
    )
}


def file_of(language: Language, asked: Asked) -> str:
    """Under which name the sample is saved to be tried."""
    return language.file.format(name=asked.name, class_name=class_of(asked))


def class_of(asked: Asked) -> str:
    """push-to-token -> PushToToken"""
    return "".join(part.capitalize() for part in asked.name.split("-"))


def written(language: Language, asked: Asked) -> str:
    """The request in the language: a whole program that prints the answer, and fails where it is a refusal."""
    values = {
        "method": asked.method,
        "address": asked.address,
        "class": class_of(asked),
        "body": language.body(asked.body),
    }
    lines = (made for line in _template(f"forms/{language.key}.txt") for made in _lines(line, values, asked.headers))
    return "\n".join(lines) + "\n"


def verification(language: Language) -> str:
    """How the language checks the signature of a webhook."""
    return "\n".join(_template(f"verify/{language.key}.txt")) + "\n"


def _lines(line: str, values: Mapping[str, str | None], headers: Sequence[tuple[str, str]]) -> Iterator[str]:
    if "@name@" in line:
        yield from (line.replace("@name@", name).replace("@value@", value) for name, value in headers)
        return
    indent = line[: len(line) - len(line.lstrip())]
    for name in re.findall("@([a-z]+)@", line):
        value = values[name]
        if value is None:
            return
        line = line.replace(f"@{name}@", value.replace("\n", f"\n{indent}"))
    yield line


@cache
def _template(name: str) -> tuple[str, ...]:
    return tuple((HERE / name).read_text().splitlines())
