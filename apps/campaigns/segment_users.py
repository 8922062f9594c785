"""Which automations name a segment in a step, where no column of theirs does: it may not be deleted."""

from collections.abc import Iterator
from typing import Any

from apps.campaigns.models import AutomationStep
from apps.segments.models import Segment
from apps.segments.queries import User


def automations_asking(segment: Segment) -> Iterator[User]:
    """Automations that have not ended, by the conditions of their steps."""
    steps = AutomationStep.objects.filter(automation__app=segment.app_id).exclude(automation__state="ended")
    for step in steps.select_related("automation").order_by("automation", "position"):
        if names(step.settings, segment.pk):
            automation = step.automation
            yield User(automation._meta.verbose_name, automation.name, automation.pk, "campaigns_automation")


def names(settings: Any, segment_id: int) -> bool:
    """Whether any rule in these settings, however deep, asks about the segment."""
    if isinstance(settings, dict):
        is_asked = settings.get("field") == "segment" and settings.get("value") == segment_id
        return is_asked or any(names(inner, segment_id) for inner in settings.values())
    return isinstance(settings, list) and any(names(inner, segment_id) for inner in settings)
