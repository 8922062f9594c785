"""Accept an entry: people enter an automation and the idempotency record is written, in one transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.api.entry_request import EntryRequest, read_entry
from apps.api.services.idempotency import Key
from apps.api.services.once import Accepted, answer_once
from apps.api.services.triggers import people_named, verdicts_by_name
from apps.campaigns.models import Automation
from apps.campaigns.services.automations.naming import enter_people

ACCEPTED = 202


def accept_entry(
    *, automation: Automation, is_test: bool, body: Mapping[str, Any], key: Key | None, now: datetime
) -> Accepted:
    """Let in whom `body` names; committed when this returns. Raises Refusal, and what enter_people raises."""

    def act() -> Mapping[str, Any]:
        return {"to": _enter(automation, is_test, read_entry(body), now)}

    return answer_once(key=key, status=ACCEPTED, act=act, now=now)


def _enter(automation: Automation, is_test: bool, asked: EntryRequest, now: datetime) -> list[str]:
    """A verdict a name, in input order."""
    known = people_named(automation.app_id, asked.names)
    people = sorted(set(known.values()))
    told = enter_people(
        automation=automation, customer_ids=people, properties=asked.properties, is_test=is_test, now=now
    )
    return list(verdicts_by_name(asked.names, known, told))
