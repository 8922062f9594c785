"""Django's registration of this app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SmsBoosterConfig(AppConfig):
    """The second try, by SMS. Hangs its rule on the campaign."""

    name = "apps.sms_booster"
    label = "sms_booster"
    verbose_name = _("SMS booster")

    def ready(self) -> None:
        from apps.campaigns.parts import register_part
        from apps.campaigns.services.automations.steps import register_kind
        from apps.customers import belongings
        from apps.sms_booster.belongings import SmsBelongings
        from apps.sms_booster.services.automation_step import SmsStep
        from apps.sms_booster.services.rules import BoosterPart

        register_part(BoosterPart())
        register_kind(SmsStep())
        belongings.register(SmsBelongings())
