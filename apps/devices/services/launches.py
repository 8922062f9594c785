"""The launches that are simple, many at once: a device that stays whose it is, and one that nobody has seen.

Those are nearly all that apps tell all day. What else may happen (a move, a log-in, a rotation, an answer to consent)
is left to `registration`, one by one.
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from apps.accounts.models import App
from apps.core.problems import FieldProblem, InvalidInput
from apps.core.sql import prepared_rows
from apps.customers.services.consent import Answer, log_answers
from apps.customers.services.profile_fields import clean_consent, clean_external_id
from apps.customers.services.profiles import create_anonymous, customer_ids_for
from apps.devices.services.device_fields import CleanDevice, DeviceDraft, clean_device, hash_secret
from apps.devices.services.hygiene import retire_surplus

QUIET = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Registration:
    """secret: given once, when the device is new; later calls must show it. None for a known device."""

    device_id: int
    is_new: bool
    secret: str | None


@dataclass(frozen=True, slots=True)
class Launch:
    """What an app said at its launch, read. answers: {channel: granted}. See `registration.register`."""

    app: App
    clean: CleanDevice
    answers: Mapping[str, bool]
    customer: str | None
    now: datetime
    keeps_opt_out: bool = False
    made_by_test: bool = False

    @property
    def address(self) -> tuple[int, str]:
        """What a device is known by."""
        return self.app.pk, self.clean.address_hash.hex()

    @property
    def is_rotated(self) -> bool:
        return self.clean.previous_hash not in (None, self.clean.address_hash)

    def columns(self) -> dict[str, Any]:
        """As the statements read it."""
        app_id, address_hash = self.address
        return {**self.clean.identity, **self.clean.fields, "app_id": app_id, "address_hash": address_hash}


class _Met(Exception):
    """Somebody else stores one of these devices or people at the same moment."""


def read_launch(
    *, app: App, draft: DeviceDraft, customer: str | None, now: datetime, keeps_opt_out: bool, made_by_test: bool
) -> Launch:
    """The launch by all rules. Raises InvalidInput."""
    problems: list[FieldProblem] = []
    answers, name, clean = _judged(draft, customer, problems)
    if problems or clean is None:
        raise InvalidInput(problems)
    return Launch(app, clean, answers, name, now, keeps_opt_out, made_by_test)


def launch_problems(*, draft: DeviceDraft, customer: str | None) -> list[FieldProblem]:
    """What `read_launch` would refuse, whatever the app and the time."""
    problems: list[FieldProblem] = []
    _judged(draft, customer, problems)
    return problems


def _judged(
    draft: DeviceDraft, customer: str | None, problems: list[FieldProblem]
) -> tuple[dict[str, bool], str | None, CleanDevice | None]:
    """The person's answers and name, and the device; None where something is wrong with it."""
    clean = None
    try:
        clean = clean_device(draft)
    except InvalidInput as invalid:
        problems += invalid.problems
    if customer is not None:
        customer = clean_external_id(customer, pointer="/customer", problems=problems)
    return clean_consent(draft.consent, problems=problems), customer, clean


def store_simple(launches: Sequence[Launch]) -> list[Registration | None]:
    """One verdict a launch, in order; None = not simple, and nothing was written of it.

    Cost: one statement where all are known; those that are new share a transaction of three more, four where people are
    named, six with answers.
    """
    verdicts: list[Registration | None] = [None] * len(launches)
    asked = _first_of_each(launches)
    known = _launch_known(asked)
    for place, (device_id, is_simple) in known.items():
        verdicts[place] = Registration(device_id, is_new=False, secret=None) if is_simple else None
    unseen = {place: launch for place, launch in asked.items() if place not in known}
    if unseen:
        try:
            with transaction.atomic():
                created = _create(list(unseen.values()))
        except _Met:
            return verdicts
        for place, registration in zip(unseen, created, strict=True):
            verdicts[place] = registration
    return verdicts


def _first_of_each(launches: Sequence[Launch]) -> dict[int, Launch]:
    """By place: of those that say the same address only the first, and none that says a former one."""
    places: dict[tuple[int, str], int] = {}
    for place, launch in enumerate(launches):
        if not launch.is_rotated:
            places.setdefault(launch.address, place)
    return {place: launches[place] for place in places.values()}


def _launch_known(launches: Mapping[int, Launch]) -> dict[int, tuple[int, bool]]:
    """By place: the device's id, and whether the launch was simple and so is stored."""
    told = [
        {
            **launch.columns(),
            **launch.answers,
            "place": place,
            "customer": launch.customer,
            "at": launch.now.isoformat(),
        }
        for place, launch in launches.items()
    ]
    if not told:
        return {}
    found = prepared_rows("devices", "launch_devices", {"launches": json.dumps(told), "quiet": QUIET})
    return {place: (device_id, is_simple) for place, device_id, is_simple in found}


def _create(launches: Sequence[Launch]) -> list[Registration | None]:
    """New devices of new or known people; None where the person was erased. Raises _Met."""
    owners = _owners(launches)
    given = [secrets.token_urlsafe(32) for _launch in launches]
    told = [
        {
            **launch.columns(),
            "customer_id": owner_id,
            "secret_hash": hash_secret(secret).hex(),
            "at": launch.now.isoformat(),
        }
        for launch, owner_id, secret in zip(launches, owners, given, strict=True)
        if owner_id is not None
    ]
    stored = prepared_rows("devices", "insert_devices", {"devices": json.dumps(told)})
    if len(stored) < len(told):
        raise _Met
    ids = {(app_id, address_hash): device_id for app_id, address_hash, device_id in stored}
    _log(zip(launches, owners, strict=True))
    named = {owner_id for launch, owner_id in zip(launches, owners, strict=True) if launch.customer and owner_id}
    retire_surplus(customer_ids=sorted(named), now=launches[0].now)
    return [
        None if owner_id is None else Registration(ids[launch.address], is_new=True, secret=secret)
        for launch, owner_id, secret in zip(launches, owners, given, strict=True)
    ]


def _owners(launches: Sequence[Launch]) -> list[int | None]:
    """Whose the new devices are, in order: the people named, created if unknown, else somebody anonymous each."""
    owners: list[int | None] = [None] * len(launches)
    kinds = {(launch.app.pk, launch.made_by_test): launch.app for launch in launches}
    for (app_id, made_by_test), app in sorted(kinds.items(), key=lambda kind: kind[0]):
        places = [
            place
            for place, launch in enumerate(launches)
            if (launch.app.pk, launch.made_by_test) == (app_id, made_by_test)
        ]
        now = launches[places[0]].now
        names = [name for place in places if (name := launches[place].customer) is not None]
        named = customer_ids_for(app=app, external_ids=names, now=now, made_by_test=made_by_test) if names else {}
        count = len(places) - len(names)
        nameless = iter(create_anonymous(app=app, count=count, now=now, made_by_test=made_by_test))
        for place in places:
            name = launches[place].customer
            owners[place] = next(nameless) if name is None else named.get(name)
    return owners


def _log(launches: Iterable[tuple[Launch, int | None]]) -> None:
    """What the people of new devices answered, where it differs from what is known of them."""
    answers: dict[bool, list[Answer]] = {True: [], False: []}
    now: datetime | None = None
    for launch, owner_id in launches:
        if owner_id is not None:
            now = launch.now
            told = [Answer(owner_id, channel, granted) for channel, granted in launch.answers.items()]
            answers[launch.keeps_opt_out] += told
    for keeps_opt_out, said in answers.items():
        if now is not None:
            log_answers(answers=said, source="api", now=now, only_changes=True, keeps_opt_out=keeps_opt_out)
