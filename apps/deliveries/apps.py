"""Django's registration of this app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DeliveriesConfig(AppConfig):
    """The engine: dispatch, plan, slices, ledger, receipts."""

    name = "apps.deliveries"
    label = "deliveries"
    verbose_name = _("Engage")

    def ready(self) -> None:
        from apps.customers import belongings
        from apps.deliveries.belongings import DeliveryBelongings, OpeningHourBelongings, PersonalFactsBelongings

        belongings.register(DeliveryBelongings())
        belongings.register(OpeningHourBelongings())
        belongings.register(PersonalFactsBelongings())
