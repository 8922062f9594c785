"""What a dispatch says: its frozen contents, compiled, and which of them fits a person."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

from apps.core.encryption import decrypt
from apps.core.sql import prepared_rows
from apps.customers.preference_links import FACT
from apps.customers.queries import fact_reader
from apps.deliveries.policy import Policy
from apps.deliveries.rendering import CompiledBody, compile_body


@dataclass(frozen=True, slots=True)
class Text:
    """The content chosen for a person. language: under which it stands, recorded in the ledger.

    read_facts: what this content needs to know of a person, see `fact_reader`; has_link: also their preference link.
    """

    language: str
    body: CompiledBody
    read_facts: Callable[[Sequence[str | None], str], dict[str, Any]]
    has_link: bool = False


@dataclass(frozen=True, slots=True)
class DispatchText:
    """A planned dispatch as the sender needs it: nothing here changes any more.

    named_on, named_id: the dispatch whose delivery ids its messages carry; but for copies of an alert this one.
    facts: the API caller's values, which win over the profile's. needs_facts: some text reads facts.
    """

    dispatch_id: int
    planned_on: date
    named_on: date
    named_id: int
    kind: str
    policy: Policy
    default_language: str
    facts: Mapping[str, Any]
    needs_facts: bool
    bodies: Mapping[tuple[int, str], CompiledBody]
    _chosen: dict[tuple[int, str, str], Text | None] = field(default_factory=dict)

    def text_for(self, variant: int, language: str, locale: str) -> Text | None:
        """By the person's language, the device's, the default, the one for everybody else, any; None = no variant."""
        key = (variant, language, locale)
        if key not in self._chosen:
            self._chosen[key] = self._choose(variant, language, locale)
        return self._chosen[key]

    def _choose(self, variant: int, spoken: str, locale: str) -> Text | None:
        mine = {name.lower(): (name, body) for (number, name), body in self.bodies.items() if number == variant}
        wanted = [option for word in (spoken, locale, self.default_language) for option in _widening(word)]
        for option in [*wanted, "", *mine]:
            if option in mine:
                language, body = mine[option]
                return Text(language, body, fact_reader(body.names - {FACT}), FACT in body.names)
        return None


def texts_of(dispatch_ids: Iterable[int]) -> dict[int, DispatchText]:
    """The texts of these dispatches, in one query."""
    found = prepared_rows("deliveries", "dispatch_texts", {"dispatch_ids": list(dispatch_ids)})
    return {dispatch_id: _text_of(list(contents)) for dispatch_id, contents in groupby(found, key=lambda row: row[0])}


def _text_of(rows: Sequence[tuple[Any, ...]]) -> DispatchText:
    dispatch_id, planned_on, kind, policy, default_language, *_ = rows[0]
    bodies: dict[tuple[int, str], CompiledBody] = {}
    facts: dict[str, Any] = {}
    for variant, language, body, known in (row[5:] for row in rows if row[5] is not None):
        bodies[variant, language] = compile_body(_decrypted(body))
        facts |= _decrypted(known)
    rules = Policy.from_json(json.loads(policy))
    day, _colon, number = rules.named_after.partition(":")
    return DispatchText(
        dispatch_id=dispatch_id,
        planned_on=planned_on,
        named_on=date.fromisoformat(day) if day else planned_on,
        named_id=int(number) if day else dispatch_id,
        kind=kind,
        policy=rules,
        default_language=rules.default_language or default_language,
        facts=facts,
        needs_facts=any(not body.is_static for body in bodies.values()),
        bodies=bodies,
    )


def _decrypted(stored: str) -> dict[str, Any]:
    """A stored JSON object; purged or never there: an empty one."""
    value: dict[str, Any] | None = json.loads(decrypt(stored)) if stored else None
    return value or {}


def _widening(language: str) -> list[str]:
    """ "pt-BR" -> "pt-br", "pt"."""
    parts = language.replace("_", "-").lower().split("-")
    return ["-".join(parts[:length]) for length in range(len(parts), 0, -1) if parts[0]]
