"""Django's registration of this app."""

from django.apps import AppConfig


class SmsBoosterConfig(AppConfig):
    """The second try, by SMS."""

    name = "apps.sms_booster"
    label = "sms_booster"
