"""People by the ten thousand: what `profiles` does for a call, done for a chunk of a file.

The rules are the same functions and so are the statements; only the way to the database differs: COPY into a temporary
table, and the first answers of new people written with them.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import IntegrityError, connection
from psycopg.errors import UniqueViolation

from apps.accounts.models import App
from apps.core.sql import compiled, rows_of_each, statement
from apps.customers.sealed import Sealer
from apps.customers.services.consent import Answer, append_topic_answers, log_answers
from apps.customers.services.profile_fields import CHANNELS, CleanCustomer
from apps.customers.services.profiles import (
    CONTACTS,
    FILE_LIST,
    OPT_OUT_KEPT,
    answers_of,
    store_cleaned,
    topic_changes,
)
from apps.customers.services.tombstones import take_back_erased

COLUMNS = ("email", "phone", "first_name", "last_name", "language", "time_zone", "country")
# Clean texts hold no control characters, so neither needs escaping.
_NULL, _TAB = "\x01", "\t"
_as_json = json.JSONEncoder(ensure_ascii=False).encode
# Where they stand in a line.
_CONTACTS = tuple((COLUMNS.index(column) + 1, kind) for column, kind in CONTACTS.items())
_CONSENTS = tuple(f"{channel}_consent" for channel in CHANNELS)
_COPY = f"copy import_row ({', '.join(('external_id', *COLUMNS, 'traits', 'topics', *_CONSENTS))})"
_COPY += r" from stdin (null E'\x01')"


@dataclass(frozen=True, slots=True)
class Chunk:
    """People of whom each stands here once, without problems and with accepted traits, and as COPY takes them."""

    people: Sequence[CleanCustomer]
    text: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a chunk: ids by name, without the erased, who stay what they are.

    stayed_left: {name: topics told, which this person had left, so that they stay out of them}.
    """

    created: Mapping[str, int]
    known: Mapping[str, int]
    updated_count: int
    erased: frozenset[str]
    stayed_left: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Raced(Exception):
    """Somebody else stored one of these people at the same moment; the whole transaction is to be tried again."""


def chunk_of(people: Sequence[CleanCustomer], key: Sealer) -> Chunk:
    """Pure. key: the app's (`sealer_of`), which contacts are sealed with. Cost: 5 us a person with both contacts."""
    return Chunk(people, "\n".join([_line(clean, key) for clean in people]).replace("\\", "\\\\"))


def _line(clean: CleanCustomer, key: Sealer) -> str:
    fields, consent = clean.fields, clean.consent
    cells = [clean.external_id, *[fields.get(column, _NULL) for column in COLUMNS]]
    for place, kind in _CONTACTS:
        if cells[place] is not _NULL:
            cells[place] = key.seal(kind, cells[place])
    cells.append(_traits(clean.traits) if clean.traits else _NULL)
    cells.append(_as_json(fields["topics"]) if "topics" in fields else _NULL)
    cells += ["ft"[consent[channel]] if channel in consent else _NULL for channel in CHANNELS]
    return _TAB.join(cells)


def _traits(traits: Mapping[str, Any]) -> str:
    try:
        return "{" + ",".join([_trait(name, value) for name, value in traits.items()]) + "}"
    except TypeError:  # a list, which nothing can be remembered by
        return _as_json(traits)


@lru_cache(maxsize=20_000, typed=True)
def _trait(name: str, value: Any) -> str:
    """People of a file share most of them, and the encoder takes a microsecond to be called."""
    return f"{_as_json(name)}:{_as_json(value)}"


def nothing() -> None:
    """What there is to do meanwhile where nobody says."""


def store_people(*, app: App, chunk: Chunk, now: datetime, meanwhile: Callable[[], object] = nothing) -> Stored:
    """Create or change people; `meanwhile` runs here while the server does so, see `rows_of_each`.

    A yes without wording never undoes a no, and a list of topics puts nobody back into one they left. Must run in a
    transaction, and leaves it the temporary table import_row. Raises Raced. Touches customers_customer,
    customers_consent. Rows: best by the 10,000.
    """
    people = chunk.people
    _copy(chunk)
    told = [clean for clean in people if clean.consent]
    found, made = _found_and_made(app, told[0] if told else CleanCustomer(), now, meanwhile)
    if len(found) + len(made) != len(people):
        raise Raced
    created: dict[str, int] = dict(made)
    taken_back = take_back_erased(app=app, created=created).keys()
    if taken_back:
        created = {name: customer_id for name, customer_id in created.items() if name not in taken_back}
    known = {name: customer_id for name, customer_id, is_erased, _, kept, *_rest in found if not (is_erased or kept)}
    _log_topics(people, created, found, now)
    _log(told, created, known, now)
    merged = _store_merged(app, people, {name for name, _id, _erased, _was, kept, *_rest in found if kept}, now)
    return Stored(
        created,
        {**known, **merged.known},
        sum(was_changed for _name, _id, _erased, was_changed, *_rest in found) + merged.updated_count,
        frozenset(name for name, _id, is_erased, *_rest in found if is_erased) | taken_back,
        {name: stayed_left for name, *_rest, stayed_left in found if stayed_left} | dict(merged.stayed_left),
    )


def _found_and_made(
    app: App, told: CleanCustomer, now: datetime, meanwhile: Callable[[], object]
) -> list[list[tuple[Any, ...]]]:
    """The rows of update_customers and import_new_people. told: somebody who answers, for the words. Raises Raced."""
    about = {"app_id": app.pk, "now": now}
    switches = {"made_by_test": False, "keeps_left_topics": True}
    people = compiled("customers", "people_of_import", {})
    words = {"wording": told.wording, **{f"{channel}_version": told.versions.get(channel) for channel in CHANNELS}}
    statements = [
        compiled("customers", "update_customers", about | switches, people=people),
        compiled("customers", "import_new_people", about | words),
    ]
    try:
        return rows_of_each(statements, meanwhile=meanwhile)
    except IntegrityError as error:
        if isinstance(error.__cause__, UniqueViolation):
            raise Raced from error
        raise


def _copy(chunk: Chunk) -> None:
    with connection.cursor() as cursor:
        cursor.execute("drop table if exists pg_temp.import_row")
        cursor.execute(statement("customers", "import_tables"))
        with cursor.cursor.copy(_COPY) as copy:
            copy.write(f"{chunk.text}\n")


def _log_topics(
    people: Sequence[CleanCustomer], created: Mapping[str, int], found: Sequence[tuple[Any, ...]], now: datetime
) -> None:
    """What a list says to each topic joined or left by it."""
    told = {clean.external_id: clean for clean in people if "topics" in clean.fields}
    if not told:
        return
    changed: dict[str, tuple[int, Collection[str], Collection[str]]] = {
        name: (customer_id, before, after)
        for name, customer_id, *_rest, before, after, _left in found
        if before is not None
    }
    changed |= {name: (created[name], (), clean.fields["topics"]) for name, clean in told.items() if name in created}
    answers = [
        answer
        for name, clean in told.items()
        if name in changed
        for answer in topic_changes(*changed[name], clean.wording)
    ]
    append_topic_answers(answers=answers, source=FILE_LIST, now=now)


def _log(told: Sequence[CleanCustomer], created: Mapping[str, int], known: Mapping[str, int], now: datetime) -> None:
    """Answers but new people's to channels, which came in with them: where they differ."""
    log_answers(
        answers=list(_answers(told, created, known)), source="import", now=now, only_changes=True, keeps_opt_out=True
    )


def _answers(told: Sequence[CleanCustomer], created: Mapping[str, int], known: Mapping[str, int]) -> Iterable[Answer]:
    for clean in told:
        if clean.external_id in known:
            yield from answers_of(clean, known[clean.external_id])
        elif clean.external_id in created and len(clean.consent) > sum(one in clean.consent for one in CHANNELS):
            yield from (one for one in answers_of(clean, created[clean.external_id]) if one.topic)


def _store_merged(app: App, people: Sequence[CleanCustomer], names: set[str], now: datetime) -> Stored:
    """Those whose row became part of another person's: few, and so as a call would."""
    some = [clean for clean in people if clean.external_id in names]
    verdicts = store_cleaned(app=app, cleaned=some, now=now, source="import") if some else []
    known = {one.external_id: one.customer_id for one in verdicts if one.customer_id is not None}
    kept = {one.external_id: [about.came for about in one.warnings if about.code == OPT_OUT_KEPT] for one in verdicts}
    updated = sum(one.status == "updated" for one in verdicts)
    return Stored({}, known, updated, frozenset(), {name: topics for name, topics in kept.items() if topics})
