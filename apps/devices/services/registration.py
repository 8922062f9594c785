"""Registration: an app tells at every launch where it can be reached. A token belongs to its last registration.

Launches that come at the same time share a statement, or a transaction (`core.group_commit`), each with a verdict of
its own. What is not simple (`launches`) is done by the request's own thread, so that nobody waits for it.
"""

import hmac
import logging
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, OperationalError, transaction

from apps.accounts.models import App
from apps.accounts.services.audit import write_audit
from apps.core.database import AWAY, is_deadlock
from apps.core.group_commit import GroupCommit
from apps.core.problems import FieldProblem, InvalidInput
from apps.customers.models import Customer
from apps.customers.services.consent import Answer, log_answers
from apps.customers.services.merging import name_customer
from apps.customers.services.profiles import customer_for
from apps.devices.models import Device
from apps.devices.services.device_fields import CleanDevice, DeviceDraft, clean_fields, hash_secret
from apps.devices.services.hygiene import retire_surplus
from apps.devices.services.launches import Launch, Registration, read_launch, store_simple

__all__ = ["DeviceDraft", "Registration", "change_device", "is_secret_of", "register", "register_together"]

MOST_IN_A_GROUP = 50
LINGER_SECONDS = 0.002
# Of one launch alone, where others of the same person or device come at the same moment.
MOST_TRIES = 5

_log = logging.getLogger(__name__)


def register(
    *,
    app: App,
    draft: DeviceDraft,
    customer: str | None,
    now: datetime,
    keeps_opt_out: bool = False,
    made_by_test: bool = False,
) -> Registration:
    """Store or refresh a device; alive again if it was retired. In the caller's transaction, where there is one.

    customer: the app's own name for its person, created if unknown; None = whoever it belonged to so far, else a new
    anonymous person. A device whose person was anonymous logs in: all that was known of them is the named person's
    from now on (`customers.services.merging`). An address seen on another known person moves (audited); a rotated one
    keeps its device. keeps_opt_out: the caller cannot prove who speaks, so a "yes" does not undo a person's "no".
    made_by_test: a test key speaks (see `customers.services.profiles.upsert_customers`).
    A repeat within the hour with nothing changed writes nothing. Raises InvalidInput, Conflict("customer_erased").
    Touches devices_device, customers_customer, customers_consent, accounts_auditentry.
    Cost: one statement for a known device of the same person, five for a new one, up to eleven else.
    """
    return _alone(
        read_launch(
            app=app,
            draft=draft,
            customer=customer,
            now=now,
            keeps_opt_out=keeps_opt_out,
            made_by_test=made_by_test,
        )
    )


def register_together(
    *, app: App, draft: DeviceDraft, customer: str | None, now: datetime, keeps_opt_out: bool, made_by_test: bool
) -> Registration:
    """As `register`, sharing the work with launches of other threads; committed when this returns.

    Never in a transaction: somebody else's may carry it out. Cost: a share of one statement, of four where it is new.
    """
    launch = read_launch(
        app=app, draft=draft, customer=customer, now=now, keeps_opt_out=keeps_opt_out, made_by_test=made_by_test
    )
    return _together.submit(launch) or _alone(launch)


def _commit(launches: Sequence[Launch]) -> list[Registration | None]:
    """Where one spoils it for all, each is tried alone by its own thread, and so are told what is wrong with it."""
    try:
        return store_simple(launches)
    except Exception as error:
        if isinstance(error, AWAY) and not is_deadlock(error):
            raise
        _log.warning("%s launches are tried one by one: %s", len(launches), type(error).__name__)
        return [None] * len(launches)


_together = GroupCommit[Launch, Registration | None](_commit, most=MOST_IN_A_GROUP, linger_seconds=LINGER_SECONDS)


def _alone(launch: Launch) -> Registration:
    stored = store_simple([launch])[0]
    if stored is not None:
        return stored
    for _try in range(MOST_TRIES - 1):
        try:
            with transaction.atomic():
                return _store(launch)
        except (IntegrityError, OperationalError) as error:
            # A twin request stored the same address a moment ago, so now it is known; or each waited for the other.
            if isinstance(error, OperationalError) and not is_deadlock(error):
                raise
    with transaction.atomic():
        return _store(launch)


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


def is_secret_of(*, device: Device, secret: str) -> bool:
    """True if the secret is the one given to this device. Takes the same time either way."""
    return hmac.compare_digest(bytes(device.secret_hash), hash_secret(secret))


def _store(launch: Launch) -> Registration:
    app, clean, now = launch.app, launch.clean, launch.now
    _log_in(launch)
    known = _locked(app, clean.address_hash)
    before = _locked(app, clean.previous_hash) if clean.previous_hash else None
    if before is not None and before == known:
        before = None
    device = known or before
    owner = _owner(launch, device)
    secret = None
    if device is None:
        secret = secrets.token_urlsafe(32)
        device = _create(app, clean, owner, secret, now)
    else:
        _refresh(app, device, clean, owner, now)
    if before is not None and before != device:
        _write(before, {"state": "dead", "retired_reason": "replaced", "retired_at": now})
    log_answers(
        answers=[Answer(owner.pk, channel, granted) for channel, granted in launch.answers.items()],
        source="api",
        now=now,
        only_changes=True,
        keeps_opt_out=launch.keeps_opt_out,
    )
    if launch.customer is not None:
        retire_surplus(customer_ids=[owner.pk], now=now)
    return Registration(device.pk, is_new=secret is not None, secret=secret)


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


def _log_in(launch: Launch) -> None:
    """Whoever was anonymous on this device until now is the person named.

    Before any device is locked, for merging locks people first and their devices then, and so must everybody.
    """
    if launch.customer is None:
        return
    hashes = [one for one in (launch.clean.address_hash, launch.clean.previous_hash) if one is not None]
    nameless = Customer.objects.filter(
        devices__app=launch.app, devices__address_hash__in=hashes, external_id=None, erased_at=None, merged_into=None
    )
    for anonymous in nameless.distinct():
        name_customer(customer=anonymous, external_id=launch.customer, actor="device", now=launch.now)


def _owner(launch: Launch, device: Device | None) -> Customer:
    if launch.customer is None and device is not None and device.customer.erased_at is None:
        return device.customer
    return customer_for(app=launch.app, external_id=launch.customer, now=launch.now, made_by_test=launch.made_by_test)


def _locked(app: App, address_hash: bytes) -> Device | None:
    """The device, locked. Its person is read later: joined, a row that moved on while we waited would be missed."""
    return Device.objects.select_for_update().filter(app=app, address_hash=address_hash).first()


def _write(device: Device, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(device, name, value)
    device.save(update_fields=list(values))
