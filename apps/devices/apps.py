"""Django's registration of this app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DevicesConfig(AppConfig):
    """Where they can be reached: channels, registrations and their hygiene."""

    name = "apps.devices"
    label = "devices"
    verbose_name = _("Devices")

    def ready(self) -> None:
        from apps.customers import belongings
        from apps.devices.belongings import DeviceBelongings

        belongings.register(DeviceBelongings())
