"""Trials: a rule before a handful of made-up people. See trial_files for the form.

The people are made by the same services as real ones, in an app of their own inside a transaction that is always taken
back: a trial may be run on any database.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from apps.accounts.models import App
from apps.core.problems import FieldProblem, InvalidInput
from apps.core.sql import Compiled
from apps.customers.models import Customer
from apps.customers.services.events import EventDraft, ingest_events
from apps.customers.services.profiles import CustomerDraft, upsert_customers
from apps.devices.services.device_fields import DeviceDraft
from apps.devices.services.registration import register
from apps.segments.models import Segment
from apps.segments.rules import compile_rule
from apps.segments.rules.clauses import Clause
from apps.segments.services.explanation import explain_member
from apps.segments.services.lists import add_to_list
from apps.segments.services.rule_references import with_references
from apps.segments.services.trial_files import Trial

_GATEWAYS = {"ios": "apns", "android": "fcm", "web": "fcm"}


@dataclass(frozen=True, slots=True)
class Surprise:
    """Somebody whom the rule judged otherwise than the trial says. clause: why."""

    name: str
    is_in: bool
    clause: Clause


def run_trial(trial: Trial, *, now: datetime) -> list[Surprise]:
    """Whoever the rule judges otherwise than the trial says; [] = it holds. Leaves nothing behind.

    Raises InvalidInput: what is wrong with the rule or the people, with pointers into the trial.
    """
    with transaction.atomic():
        app = App.objects.create(slug=f"trial-{secrets.token_hex(8)}", name="Trial")
        _make_people(app, trial, now)
        rule = _with_lists(trial.rule, _make_lists(app, trial, now))
        try:
            inside = _who_matches(compile_rule(rule, app, now))
        except InvalidInput as refusal:
            raise InvalidInput([_moved(one, "/rule") for one in refusal.problems]) from refusal
        surprises = [
            Surprise(
                str(one.external_id),
                one.pk in inside,
                explain_member(rule=rule, app=app, customer=one, now=now, reveals=True),
            )
            for one in Customer.objects.filter(app=app).order_by("id")
            if (one.pk in inside) != (one.external_id in trial.inside)
        ]
        transaction.set_rollback(True)
    return surprises


def _make_people(app: App, trial: Trial, now: datetime) -> None:
    problems: list[FieldProblem] = []
    for name, person in trial.people.items():
        here = f"/people/{name}"
        told = {key: value for key, value in person.items() if key not in ("first_seen_days_ago", "devices", "events")}
        draft = CustomerDraft(**{**told, "external_id": name})
        verdict = upsert_customers(app=app, drafts=[draft], now=_before(now, person.get("first_seen_days_ago", 0)))[0]
        problems += [_moved(one, here) for one in verdict.problems]
        events = [
            EventDraft(name, one.get("name", ""), _before(now, one.get("days_ago", 0)), one.get("properties"))
            for one in person.get("events", [])
        ]
        problems += [_moved(one, here) for one in ingest_events(app=app, drafts=events, now=now).problems]
        for index, one in enumerate(person.get("devices", [])):
            try:
                register(app=app, draft=_device(one), customer=name, now=_before(now, one.get("last_seen_days_ago", 0)))
            except InvalidInput as refusal:
                problems += [_moved(problem, f"{here}/devices/{index}") for problem in refusal.problems]
    if problems:
        raise InvalidInput(problems)


def _device(given: Mapping[str, Any]) -> DeviceDraft:
    """With an address that no vendor knows."""
    platform = str(given.get("platform", ""))
    gateway = _GATEWAYS.get(platform, "")
    told = {key: given[key] for key in ("app_version", "os_version", "permission") if key in given}
    environment = "sandbox" if gateway == "apns" else ""
    return DeviceDraft(platform, gateway, address=secrets.token_hex(32), environment=environment, **told)


def _make_lists(app: App, trial: Trial, now: datetime) -> dict[str, int]:
    ids = {}
    for title, names in trial.lists.items():
        segment = Segment.objects.create(app=app, name=title, kind="static", state="fresh", refreshed_at=now)
        add_to_list(segment=segment, external_ids=names, now=now)
        ids[title] = segment.pk
    return ids


def _with_lists(rule: Any, ids: Mapping[str, int]) -> Any:
    """The rule with the numbers of the lists for their names, alone or as an exported rule has them."""

    def told(kind: str, value: Any) -> Any:
        name = value.get("name") if isinstance(value, Mapping) else value
        return ids.get(str(name), value) if kind == "segment" else value

    return with_references(rule, told)


def _who_matches(query: Compiled) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(query.sql, dict(query.params))
        return {row[0] for row in cursor.fetchall()}


def _moved(problem: FieldProblem, before: str) -> FieldProblem:
    return FieldProblem(before + problem.pointer, problem.code, problem.message, problem.came)


def _before(now: datetime, days: float) -> datetime:
    return now - timedelta(days=days)
