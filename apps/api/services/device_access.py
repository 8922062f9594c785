"""Which devices a caller may touch: a secret key all of its app, a publishable key only one whose secret it shows."""

from collections.abc import Mapping

from apps.api.refusals import Refusal
from apps.api.services.keys import Caller
from apps.devices.models import Device
from apps.devices.services.registration import is_secret_of

DEVICE_HEADER, SECRET_HEADER = "X-Device-Id", "X-Device-Secret"


def device_for(*, caller: Caller, device_id: int, secret: str) -> Device:
    """The device. Raises Refusal(not_found): unknown, of another app, removed, or the secret is not its own."""
    device = (
        Device.objects.select_related("customer")
        .filter(app=caller.app, pk=device_id)
        .exclude(retired_reason="removed")
        .first()
    )
    if device is None or (caller.is_publishable and not is_secret_of(device=device, secret=secret)):
        raise Refusal("not_found")
    return device


def device_shown(*, caller: Caller, headers: Mapping[str, str]) -> Device:
    """The device that the two headers name. Raises Refusal(not_found)."""
    device_id = headers.get(DEVICE_HEADER, "")
    if not (device_id.isascii() and device_id.isdigit() and len(device_id) < 19):
        raise Refusal("not_found", f"{DEVICE_HEADER} names no device")
    return device_for(caller=caller, device_id=int(device_id), secret=headers.get(SECRET_HEADER, ""))
