"""Django's registration of this app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApiConfig(AppConfig):
    """The machine door (DRF, /v2.1)."""

    name = "apps.api"
    label = "api"
    verbose_name = _("Set-up")
