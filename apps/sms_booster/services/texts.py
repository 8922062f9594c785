"""Texts of SMS: made person by person, and planned in sets."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from apps.campaigns.services.automations.steps import Said
from apps.core.sql import execute
from apps.customers.preference_links import FACT, preferences_url
from apps.customers.queries import fact_reader
from apps.customers.sealed import BROKEN_CONTACT, CANNOT_OPEN
from apps.deliveries.rendering import CompiledBody, RenderFailed
from apps.deliveries.rendering.text import Facts
from apps.deliveries.rendering.visible import is_blank
from apps.gateways.sms_text import MOST_PARTS, measure
from apps.sms_booster.click_links import sample

# Body, parts, and why it cannot be sent ("" = it can).
type Made = tuple[str, int, str]
type Columns = Sequence[str | None]

_AT_ONCE = 1000
_NOTHING: Said = {}
_log = logging.getLogger(__name__)


def plan_texts(
    *,
    people: Iterable[tuple[Any, ...]],
    text: CompiledBody,
    app_id: int,
    now: datetime,
    rule_id: int | None = None,
    dispatch_id: int | None = None,
    step_id: int | None = None,
    counts_clicks: bool = False,
    said: Said = _NOTHING,
) -> None:
    """One planned SMS for each of `people` (rows of customer_id, phone, traits as JSON, FACT_COLUMNS).

    Of a campaign (rule_id and dispatch_id) or of an automation's step. A text that cannot be made ends as failed.
    counts_clicks: its parts are those of the text as it will be sent, see click_links. said: facts of one person
    beside their profile; they win.
    """
    common = {"rule_id": rule_id, "app_id": app_id, "dispatch_id": dispatch_id, "step_id": step_id, "now": now}
    make = text_maker(text, counts_clicks=counts_clicks)
    for part in batched(people, _AT_ONCE):
        made = [
            make(columns, traits, {**said.get(customer_id, {}), **_link(text, app_id, customer_id, now)})
            for customer_id, _phone, traits, *columns in part
        ]
        values = {
            "customer_ids": [person[0] for person in part],
            "phones": [person[1] for person in part],
            "bodies": [body for body, _parts, _code in made],
            "parts": [parts for _body, parts, _code in made],
            "codes": [code for _body, _parts, code in made],
        }
        execute("sms_booster", "plan_texts", {**common, **values})


def text_maker(text: CompiledBody, *, counts_clicks: bool = False) -> Callable[[Columns, str, Facts], Made]:
    """What makes the text of one person, of FACT_COLUMNS as rows keep them, of traits as JSON, and of facts that win.

    An address is opened only for a text that reads it; one that cannot be opened costs its person alone.
    """
    read_facts = fact_reader(text.names)

    def make(columns: Columns, traits: str, more: Facts) -> Made:
        try:
            known = read_facts(columns, traits)
        except CANNOT_OPEN as broken:
            _log.error("an SMS of nobody: %s", broken)
            return "", 0, BROKEN_CONTACT
        return make_text(text, {**known, **more}, counts_clicks=counts_clicks)

    return make


def make_text(text: CompiledBody, known: Mapping[str, Any], *, counts_clicks: bool = False) -> Made:
    """Body, parts, and why it cannot be sent ("" = it can). counts_clicks: see plan_texts."""
    try:
        body = text.render(known).body
    except RenderFailed as failed:
        return "", 0, failed.code
    parts = measure(sample(body) if counts_clicks else body).parts
    if is_blank(body):
        return "", 0, "empty_text"
    return (body, parts, "") if parts <= MOST_PARTS else (body, 0, "too_many_parts")


def _link(text: CompiledBody, app_id: int, customer_id: int, now: datetime) -> Facts:
    """The person's preference link, where the text has a place for it."""
    if FACT not in text.names:
        return {}
    return {FACT: preferences_url(app_id=app_id, customer_id=customer_id, now=now)}
