"""Pairing: which devices a team tests on, marked by hand or by whoever holds the device and scans a code."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core import signing
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import App, User
from apps.accounts.services.audit import write_audit
from apps.core.problems import Conflict
from apps.devices.models import Device, PairedDevice

MOST = 20
CODE_LASTS = timedelta(minutes=15)
_SALT = "heliograph pairing code"


@dataclass(frozen=True, slots=True)
class PairingCode:
    """Who asked for it, and for which app."""

    app_id: int
    user_id: int


def make_code(*, app: App, user: User, now: datetime) -> str:
    """What the QR code carries: whoever has it may add a device to the app's test devices, for CODE_LASTS."""
    until = int((now + CODE_LASTS).timestamp())
    return signing.dumps([app.pk, user.pk, until], salt=_SALT)


def read_code(code: str, *, now: datetime) -> PairingCode | None:
    """None where it is none of ours, was changed, or is too old."""
    try:
        app_id, user_id, until = signing.loads(code, salt=_SALT)
    except (signing.BadSignature, TypeError, ValueError):
        return None
    return PairingCode(app_id, user_id) if now.timestamp() < until else None


def pair_device(*, device: Device, name: str, user: User | None, now: datetime) -> PairedDevice:
    """Make it a test device of its app under `name`, or give it that name. Audited.

    Raises Conflict: `device_gone` where nothing can reach it, `too_many_test_devices` above MOST.
    """
    if device.state not in ("active", "stale"):
        raise Conflict("device_gone", _("the app is gone from this device: open it there once, then try again"))
    name = " ".join(name.split())[:60] or str(device)
    with transaction.atomic():
        return _store(device, name, user, now)


def unpair_device(*, paired: PairedDevice, user: User, now: datetime) -> None:
    """It is a device like any other again. Audited."""
    with transaction.atomic():
        _note(paired, "unpaired", user, now)
        paired.delete()


def _store(device: Device, name: str, user: User | None, now: datetime) -> PairedDevice:
    App.objects.select_for_update().get(pk=device.app_id)  # twins wait here, so none passes the limit
    known = PairedDevice.objects.filter(device=device).first()
    if known is None and PairedDevice.objects.filter(app=device.app_id).count() >= MOST:
        message = _("there are %(most)s test devices already: remove one first") % {"most": MOST}
        raise Conflict("too_many_test_devices", message)
    paired, _is_new = PairedDevice.objects.update_or_create(
        device=device,
        defaults={"name": name},
        create_defaults={"app_id": device.app_id, "name": name, "paired_by": user, "paired_at": now},
    )
    if known is None:
        _note(paired, "paired", user, now)
    return paired


def _note(paired: PairedDevice, verb: str, user: User | None, now: datetime) -> None:
    write_audit(
        app=paired.app,
        actor=user or "device",
        action=f"device.{verb}",
        subject=f"device:{paired.device_id}",
        details={"name": paired.name},
        now=now,
    )
