"""Named SQL: one set-based statement a file, under `sql/` of the app that owns it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection
from psycopg import Cursor

_CURSORS = "heliograph_cursors"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A query made elsewhere and handed over: `sql` uses %(name)s placeholders only, values stand in `params`.

    Never holds a value of a user inside `sql`.
    """

    sql: str
    params: Mapping[str, Any] = field(default_factory=dict)


@cache
def statement(app: str, name: str) -> str:
    """The text of apps/<app>/sql/<name>.sql without comments and indents. Raises FileNotFoundError naming the path.

    So it is short enough for psycopg, which looks for the places of the values once in texts of up to 4,096 bytes, but
    at every call in longer ones: 0.2 ms.
    """
    lines = (Path(apps.get_app_config(app).path) / "sql" / f"{name}.sql").read_text().splitlines()
    return "\n".join(line for line in map(str.strip, lines) if line and not line.startswith("--"))


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


def rows_of_each(statements: Sequence[Compiled], *, meanwhile: Callable[[], object]) -> list[list[tuple[Any, ...]]]:
    """The rows of each statement, run one behind the other by the server while `meanwhile` runs here.

    Sent together (libpq's pipeline mode), so that neither side waits for the other in between. `meanwhile` must not
    touch the database. For long statements inside a transaction; those behind a failed one are not run.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        cursors = [connection.connection.cursor() for _ in statements]
        for cursor, one in zip(cursors, statements, strict=True):
            cursor.execute(one.sql, one.params)
        meanwhile()
        return [list(cursor.fetchall()) for cursor in cursors]


def prepared_rows(app: str, name: str, params: Mapping[str, Any], **parts: Compiled) -> list[tuple[Any, ...]]:
    """As `rows`, but planned once a connection: for small statements that run many times a second.

    Measured: claim_batches with nothing due costs PostgreSQL 890 us, 51 us prepared. Not for statements whose best
    plan depends on the values, nor for parts whose text is another each time. Plain `rows` where OPTIONS say
    prepare_threshold None (an old PgBouncer in between).
    """
    return list(_prepared(app, name, params, parts).fetchall())


def execute_prepared(app: str, name: str, params: Mapping[str, Any], **parts: Compiled) -> int:
    """As `execute`, planned once a connection. See `prepared_rows`."""
    return int(_prepared(app, name, params, parts).rowcount)


def _prepared(app: str, name: str, params: Mapping[str, Any], parts: Mapping[str, Compiled]) -> Cursor[tuple[Any, ...]]:
    """The values go apart from the text, which Django's own cursors never do.

    A connection keeps a cursor a statement: how its values are written and its columns read is found out once.
    """
    text, values = _assembled(statement(app, name), params, parts) if parts else (statement(app, name), params)
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        driver = connection.connection
        cursors: dict[str, Cursor[tuple[Any, ...]]] = driver.__dict__.setdefault(_CURSORS, {})
        cursor = cursors.get(text)
        if cursor is None:
            cursor = cursors[text] = Cursor(driver)
        return cursor.execute(text, values, prepare=True)


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
