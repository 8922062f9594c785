"""A person's devices, on their page."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.customers.admin_panels import Panel
from apps.customers.models import Customer
from apps.devices.admin_words import state_of
from apps.devices.models import Device

ICONS = {"ios": "phone_iphone", "android": "phone_android", "web": "language"}


def devices_of_person(customer: Customer) -> dict[str, Any]:
    """Live ones first, then by last use. Cost: one query."""
    devices = list(Device.objects.filter(customer=customer).order_by("-last_seen_at"))
    devices.sort(key=lambda one: one.state not in ("active", "stale"))
    return {"devices": [{"row": one, "icon": ICONS[one.platform], "word": state_of(one)} for one in devices]}


PANEL = Panel(
    key="devices",
    title=_("Devices"),
    template="devices/panel.html",
    context=devices_of_person,
    permission="devices.view_device",
    order=10,
)
