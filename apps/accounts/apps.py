"""Django's registration of this app."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Whose it is: apps (tenants), roles, audit."""

    name = "apps.accounts"
    label = "accounts"
    verbose_name = _("Set-up")

    def ready(self) -> None:
        post_migrate.connect(_sync_roles, dispatch_uid="accounts.sync_roles")


def _sync_roles(app_config: AppConfig, **_: Any) -> None:
    """After an app's migrations, and after Django has made its permissions, hand them to the roles."""
    from apps.accounts.services.sync_roles import sync_roles

    if app_config.name.startswith("apps."):
        names = [str(model._meta.model_name) for model in app_config.get_models()]
        sync_roles(app_label=app_config.label, models=names)
