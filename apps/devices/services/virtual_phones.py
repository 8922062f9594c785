"""Virtual phones of the sandbox, registered like any device, so that everything can be tried without a phone.

Their addresses carry their fate (`ok-…`, `0c000000…`), as the sandbox's README says.
"""

import secrets
from datetime import datetime

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.core.problems import Conflict
from apps.devices.models import GATEWAYS, Channel, Device
from apps.devices.services.device_fields import DeviceDraft
from apps.devices.services.registration import register

MODELS = {"android": "Virtual Android phone", "ios": "Virtual iPhone"}


def add_virtual_phone(*, app: App, platform: str, now: datetime) -> Device:
    """A new device of nobody known that takes every push. Raises Conflict (`channel_missing`)."""
    gateway = "apns" if platform == "ios" else "fcm"
    if not Channel.objects.filter(app=app, gateway=gateway).exists():
        message = _("the app has no credentials for %(gateway)s yet") % {"gateway": dict(GATEWAYS)[gateway]}
        raise Conflict("channel_missing", message)
    address = f"0c000000{secrets.token_hex(28)}" if platform == "ios" else f"ok-{secrets.token_hex(16)}"
    draft = DeviceDraft(
        platform=platform,
        provider=gateway,
        address=address,
        environment="production" if platform == "ios" else "",
        model=MODELS[platform],
        permission="granted",
        consent={"push": True},
    )
    return Device.objects.get(pk=register(app=app, draft=draft, customer=None, now=now).device_id)
