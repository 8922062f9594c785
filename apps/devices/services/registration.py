"""Registration: an app tells at every launch where it can be reached. A token belongs to its last registration."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, OperationalError, transaction

from apps.accounts.models import App
from apps.accounts.services.audit import write_audit
from apps.core.database import is_deadlock
from apps.core.problems import FieldProblem, InvalidInput
from apps.core.sql import statement
from apps.customers.models import Customer
from apps.customers.services.consent import Answer, log_answers
from apps.customers.services.merging import name_customer
from apps.customers.services.profile_fields import clean_consent, clean_external_id
from apps.customers.services.profiles import customer_for
from apps.devices.models import Device
from apps.devices.services.device_fields import CleanDevice, DeviceDraft, clean_device, clean_fields

__all__ = ["DeviceDraft", "Registration", "change_device", "hash_secret", "is_secret_of", "register"]

QUIET = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Registration:
    """secret: given once, when the device is new; later calls must show it. None for a known device."""

    device: Device
    is_new: bool
    secret: str | None


def register(
    *,
    app: App,
    draft: DeviceDraft,
    customer: str | None,
    now: datetime,
    keeps_opt_out: bool = False,
    made_by_test: bool = False,
) -> Registration:
    """Store or refresh a device; alive again if it was retired.

    customer: the app's own name for its person, created if unknown; None = whoever it belonged to so far, else a new
    anonymous person. A device whose person was anonymous logs in: all that was known of them is the named person's
    from now on (`customers.services.merging`). An address seen on another known person moves (audited); a rotated one
    keeps its device. keeps_opt_out: the caller cannot prove who speaks, so a "yes" does not undo a person's "no".
    made_by_test: a test key speaks (see `customers.services.profiles.upsert_customers`).
    A repeat within the hour with nothing changed writes nothing. Raises InvalidInput, Conflict("customer_erased").
    Touches devices_device, customers_customer, customers_consent, accounts_auditentry.
    Cost: one query for a repeat, two statements for a known device of the same person, up to nine else.
    """
    clean = clean_device(draft)
    answers = _answers(draft)
    known = _known(app, clean.address_hash)
    if known is not None and _is_same_person(known, clean, answers, customer):
        _launch_again(known.device, clean, now)
        return Registration(known.device, is_new=False, secret=None)
    said = _Said(app, clean, answers, customer, now, keeps_opt_out, made_by_test)
    try:
        with transaction.atomic():
            return _store(said, is_known=known is not None)
    except (IntegrityError, OperationalError) as error:
        # A twin request stored the same address a moment ago, so now it is known; or it waited for us, and we for it.
        if isinstance(error, OperationalError) and not is_deadlock(error):
            raise
        with transaction.atomic():
            return _store(said, is_known=True)


def change_device(*, device: Device, changes: Mapping[str, Any], now: datetime) -> Device:
    """Change what a device says about itself (locale, time_zone, versions, model, permission, tags).

    Raises InvalidInput, also for a field that is not one of these (unknown_field).
    """
    problems: list[FieldProblem] = []
    allowed = ("locale", "time_zone", "app_version", "os_version", "model", "permission", "tags")
    problems += [FieldProblem(f"/{name}", "unknown_field", "") for name in changes if name not in allowed]
    told = {name: value for name, value in changes.items() if name in allowed}
    fields = clean_fields(DeviceDraft(device.platform, device.gateway, **told), problems)
    if problems:
        raise InvalidInput(problems)
    _write(device, {**fields, "last_seen_at": now})
    return device


def hash_secret(secret: str) -> bytes:
    """What is stored of a device's secret."""
    return hashlib.sha256(secret.encode()).digest()


def is_secret_of(*, device: Device, secret: str) -> bool:
    """True if the secret is the one given to this device. Takes the same time either way."""
    return hmac.compare_digest(bytes(device.secret_hash), hash_secret(secret))


@dataclass(frozen=True, slots=True)
class _Said:
    """A registration, read: what `register` was given."""

    app: App
    clean: CleanDevice
    answers: Mapping[str, bool]
    customer: str | None
    now: datetime
    keeps_opt_out: bool
    made_by_test: bool


def _store(said: _Said, *, is_known: bool) -> Registration:
    app, clean, now = said.app, said.clean, said.now
    if is_known or clean.previous_hash:
        _log_in(said)
    known = _locked(app, clean.address_hash) if is_known else None
    before = _locked(app, clean.previous_hash) if clean.previous_hash else None
    if before is not None and before == known:
        before = None
    device = known or before
    owner = _owner(said, device)
    secret = None
    if device is None:
        secret = secrets.token_urlsafe(32)
        device = _create(app, clean, owner, secret, now)
    else:
        _refresh(app, device, clean, owner, now)
    if before is not None and before != device:
        _write(before, {"state": "dead", "retired_reason": "replaced", "retired_at": now})
    log_answers(
        answers=[Answer(owner.pk, channel, granted) for channel, granted in said.answers.items()],
        source="api",
        now=now,
        only_changes=True,
        keeps_opt_out=said.keeps_opt_out,
    )
    return Registration(device, is_new=secret is not None, secret=secret)


def _create(app: App, clean: CleanDevice, owner: Customer, secret: str, now: datetime) -> Device:
    return Device.objects.create(
        app=app,
        customer=owner,
        secret_hash=hash_secret(secret),
        created_at=now,
        registered_at=now,
        last_seen_at=now,
        **clean.identity,
        **clean.fields,
    )


def _refresh(app: App, device: Device, clean: CleanDevice, owner: Customer, now: datetime) -> None:
    was = device.customer
    alive = {"state": "active", "retired_reason": "", "retired_at": None}
    seen = {"registered_at": now, "last_seen_at": now}
    _write(device, {**clean.identity, **clean.fields, **alive, **seen, "customer": owner})
    if was != owner and was.external_id is not None:
        write_audit(
            app=app,
            actor="device",
            action="device.moved",
            subject=f"device:{device.pk}",
            details={"from_customer": was.pk, "to_customer": owner.pk},
            now=now,
        )


def _log_in(said: _Said) -> None:
    """Whoever was anonymous on this device until now is the person named.

    Before any device is locked, for merging locks people first and their devices then, and so must everybody.
    """
    if said.customer is None:
        return
    hashes = [one for one in (said.clean.address_hash, said.clean.previous_hash) if one is not None]
    nameless = Customer.objects.filter(
        devices__app=said.app, devices__address_hash__in=hashes, external_id=None, erased_at=None, merged_into=None
    )
    for anonymous in nameless.distinct():
        name_customer(customer=anonymous, external_id=_clean_name(said.customer), actor="device", now=said.now)


def _clean_name(customer: str) -> str:
    problems: list[FieldProblem] = []
    name = clean_external_id(customer, pointer="/customer", problems=problems)
    if name is None:
        raise InvalidInput(problems)
    return name


def _owner(said: _Said, device: Device | None) -> Customer:
    if said.customer is None and device is not None and device.customer.erased_at is None:
        return device.customer
    return customer_for(app=said.app, external_id=said.customer, now=said.now, made_by_test=said.made_by_test)


def _is_same_person(known: "_Known", clean: CleanDevice, answers: Mapping[str, bool], customer: str | None) -> bool:
    """The device stays whose it is, and the person says nothing new: only the device's own row may need a write."""
    return (
        not known.is_owner_erased
        and customer in (None, known.owner_name)
        and clean.previous_hash in (None, clean.address_hash)
        and all(known.answers[channel] == granted for channel, granted in answers.items())
    )


def _launch_again(device: Device, clean: CleanDevice, now: datetime) -> None:
    """Write what differs, and that it was seen; within the hour and with nothing different, nothing."""
    alive = {"state": "active", "retired_reason": "", "retired_at": None}
    said = {**clean.identity, **clean.fields, **alive}
    changes = {name: value for name, value in said.items() if getattr(device, name) != value}
    if changes or now - device.last_seen_at >= QUIET:
        changes |= {"registered_at": now, "last_seen_at": now}
        for name, value in changes.items():
            setattr(device, name, value)
        # Under its address: a twin request may have moved it to another in between.
        Device.objects.filter(pk=device.pk, address_hash=clean.address_hash).update(**changes)


def _answers(draft: DeviceDraft) -> dict[str, bool]:
    problems: list[FieldProblem] = []
    answers = clean_consent(draft.consent, problems=problems)
    if problems:
        raise InvalidInput(problems)
    return answers


@dataclass(frozen=True, slots=True)
class _Known:
    """A device with what registration compares of its person. answers: {channel: what the person said last}."""

    device: Device
    owner_name: str | None
    is_owner_erased: bool
    answers: Mapping[str, bool | None]


def _known(app: App, address_hash: bytes) -> _Known | None:
    parameters = {"app_id": app.pk, "address_hash": address_hash}
    found: Any = next(iter(Device.objects.raw(statement("devices", "known_device"), parameters)), None)
    if found is None:
        return None
    answers = {"push": found.owner_push_consent, "sms": found.owner_sms_consent}
    return _Known(found, found.owner_name, found.owner_erased_at is not None, answers)


def _locked(app: App, address_hash: bytes) -> Device | None:
    devices = Device.objects.select_related("customer").select_for_update(of=("self",))
    return devices.filter(app=app, address_hash=address_hash).first()


def _write(device: Device, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(device, name, value)
    device.save(update_fields=list(values))
