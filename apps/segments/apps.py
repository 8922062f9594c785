"""Django's registration of this app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SegmentsConfig(AppConfig):
    """Which of them: rules, lists, memberships."""

    name = "apps.segments"
    label = "segments"
    verbose_name = _("Engage")

    def ready(self) -> None:
        from apps.customers import belongings, import_extras
        from apps.segments.belongings import SegmentBelongings
        from apps.segments.import_extra import StaticLists

        belongings.register(SegmentBelongings())
        import_extras.register(StaticLists())
