"""People by the ten thousand: what `profiles` does for a call, done for a chunk of a file.

The rules are the same functions and so are the statements; only the way to the database differs: COPY into a temporary
table, and the first answers of new people written with them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from apps.accounts.models import App
from apps.core.sql import compiled, execute, rows, statement
from apps.customers.services.consent import Answer, append_topic_answers, log_answers
from apps.customers.services.profile_fields import CHANNELS, CleanCustomer
from apps.customers.services.profiles import answers_of, store_cleaned, topic_changes
from apps.customers.services.tombstones import take_back_erased

COLUMNS = ("email", "phone", "first_name", "last_name", "language", "time_zone", "country")
# Clean texts hold no control characters, so neither needs escaping.
_NULL, _TAB = "\x01", "\t"
_as_json = json.JSONEncoder(ensure_ascii=False).encode
_CONSENTS = tuple(f"{channel}_consent" for channel in CHANNELS)
_COPY = f"copy import_row ({', '.join(('external_id', *COLUMNS, 'traits', 'topics', *_CONSENTS))})"
_COPY += r" from stdin (null E'\x01')"


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a chunk: ids by name, without the erased, who stay what they are."""

    created: Mapping[str, int]
    known: Mapping[str, int]
    updated_count: int
    erased: frozenset[str]


class Raced(Exception):
    """Somebody else stored one of these people at the same moment; the whole transaction is to be tried again."""


def store_people(*, app: App, people: Sequence[CleanCustomer], now: datetime) -> Stored:
    """Create or change people of whom each stands here once, without problems and with accepted traits.

    As an import does: a yes without wording never undoes a no. Must run in a transaction, and leaves it the temporary
    table import_row. Raises Raced. Touches customers_customer, customers_consent. Rows: best by the 10,000.
    Cost: 25 us a new person, 75 by `store_cleaned`.
    """
    _copy(people)
    part, parameters = compiled("customers", "people_of_import", {}), _parameters(app, now)
    found = rows("customers", "update_customers", parameters, people=part)
    created: dict[str, int] = {}
    if len(found) < len(people):
        created = dict(rows("customers", "insert_customers", parameters, people=part))
    if len(created) + len(found) != len(people):
        raise Raced
    erased = {name for name, _id, is_erased, *_rest in found if is_erased}
    erased |= take_back_erased(app=app, created=created).keys()
    known = {
        name: customer_id for name, customer_id, is_erased, _changed, kept, _topics in found if not (is_erased or kept)
    }
    created = {name: customer_id for name, customer_id in created.items() if name not in erased}
    before = {name: topics for name, *_rest, topics in found if topics is not None} | dict.fromkeys(created, ())
    _log_topics(people, {**known, **created}, before, now)
    _log(people, created, known, now)
    merged = _store_merged(app, people, {name for name, *_rest, kept, _topics in found if kept}, now)
    updated = sum(was_changed for _name, _id, _erased, was_changed, *_rest in found) + merged.updated_count
    return Stored(created, {**known, **merged.known}, updated, frozenset(erased))


def _parameters(app: App, now: datetime) -> dict[str, Any]:
    return {"app_id": app.pk, "now": now, "made_by_test": False}


def _copy(people: Sequence[CleanCustomer]) -> None:
    text = "\n".join(map(_line, people)).replace("\\", "\\\\")
    with connection.cursor() as cursor:
        cursor.execute("drop table if exists pg_temp.import_row")
        cursor.execute(statement("customers", "import_tables"))
        with cursor.cursor.copy(_COPY) as copy:
            copy.write(f"{text}\n")


def _line(clean: CleanCustomer) -> str:
    fields, consent = clean.fields, clean.consent
    cells = [clean.external_id, *[fields.get(column, _NULL) for column in COLUMNS]]
    cells.append(_as_json(clean.traits) if clean.traits else _NULL)
    cells.append(_as_json(fields["topics"]) if "topics" in fields else _NULL)
    cells += ["ft"[consent[channel]] if channel in consent else _NULL for channel in CHANNELS]
    return _TAB.join(cells)


def _log_topics(
    people: Sequence[CleanCustomer], ids: Mapping[str, int], before: Mapping[str, Sequence[str]], now: datetime
) -> None:
    told = [clean for clean in people if "topics" in clean.fields and clean.external_id in before]
    answers = [
        answer for clean in told for answer in topic_changes(clean, ids[clean.external_id], before[clean.external_id])
    ]
    append_topic_answers(answers=answers, source="import", now=now)


def _log(people: Sequence[CleanCustomer], created: Mapping[str, int], known: Mapping[str, int], now: datetime) -> None:
    """New people's answers to channels by the thousand; the rest one by one, where they differ."""
    told = [clean for clean in people if clean.consent]
    if not told:
        return
    names = [clean.external_id for clean in told if clean.external_id in created]
    if names:
        ids = [created[name] for name in names]
        parameters = {"names": names, "ids": ids, "wording": told[0].wording, "now": now}
        execute("customers", "import_first_answers", parameters)
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
    return Stored({}, known, sum(one.status == "updated" for one in verdicts), frozenset())
