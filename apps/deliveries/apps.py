"""Django's registration of this app."""

from django.apps import AppConfig


class DeliveriesConfig(AppConfig):
    """The engine: dispatch, plan, slices, ledger, receipts."""

    name = "apps.deliveries"
    label = "deliveries"
