"""Django's registration of this app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CampaignsConfig(AppConfig):
    """What we want to say, to whom, when."""

    name = "apps.campaigns"
    label = "campaigns"
    verbose_name = _("Engage")

    def ready(self) -> None:
        from apps.campaigns.belongings import AutomationBelongings
        from apps.campaigns.segment_users import automations_asking
        from apps.customers import belongings
        from apps.segments.queries import register_naming

        belongings.register(AutomationBelongings())
        register_naming(automations_asking)
