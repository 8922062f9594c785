"""Django's registration of this app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Whose it is: apps (tenants), roles, audit."""

    name = "apps.accounts"
    label = "accounts"
