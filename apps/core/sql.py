"""Named SQL: one set-based statement a file, under `sql/` of the app that owns it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection


@dataclass(frozen=True, slots=True)
class Compiled:
    """A query made elsewhere and handed over: `sql` uses %(name)s placeholders only, values stand in `params`.

    Never holds a value of a user inside `sql`.
    """

    sql: str
    params: Mapping[str, Any] = field(default_factory=dict)


@cache
def statement(app: str, name: str) -> str:
    """The text of apps/<app>/sql/<name>.sql. Raises FileNotFoundError naming the path."""
    return (Path(apps.get_app_config(app).path) / "sql" / f"{name}.sql").read_text()


def execute(app: str, name: str, params: Mapping[str, Any], **parts: Compiled) -> int:
    """Run a named statement; returns the rows touched. See `rows` for `parts`."""
    text, values = _assembled(statement(app, name), params, parts)
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return int(cursor.rowcount)


def rows(app: str, name: str, params: Mapping[str, Any], **parts: Compiled) -> list[tuple[Any, ...]]:
    """Run a named statement; returns its rows.

    `parts` replace `{{name}}` in the text by a compiled query in parentheses, so that an audience becomes a
    sub-query; their parameters must not clash with `params` (ValueError).
    """
    text, values = _assembled(statement(app, name), params, parts)
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return list(cursor.fetchall())


def compiled(app: str, name: str, params: Mapping[str, Any], **parts: Compiled) -> Compiled:
    """A named statement with its parts filled in, to be handed on (to COPY, say). See `rows` for `parts`."""
    return Compiled(*_assembled(statement(app, name), params, parts))


def _assembled(text: str, params: Mapping[str, Any], parts: Mapping[str, Compiled]) -> tuple[str, dict[str, Any]]:
    values = dict(params)
    for name, part in parts.items():
        clash = values.keys() & part.params.keys()
        if clash:
            raise ValueError(f"parameters named twice: {sorted(clash)}")
        values.update(part.params)
        text = text.replace("{{" + name + "}}", f"({part.sql})")
    return text, values
