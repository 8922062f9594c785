"""Django's registration of this app."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """What we want to say, to whom, when."""

    name = "apps.campaigns"
    label = "campaigns"
