"""Django's registration of this app."""

from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    """Which of them: rules, lists, memberships."""

    name = "apps.segments"
    label = "segments"

    def ready(self) -> None:
        from apps.customers import belongings
        from apps.segments.belongings import SegmentBelongings

        belongings.register(SegmentBelongings())
