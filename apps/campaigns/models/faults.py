"""Work that nobody foresaw would fail: what is tried again, why and when."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.campaigns.models.automations import Automation
from apps.campaigns.models.campaigns import Campaign


class Fault(models.Model):
    """Something whose last tries failed; each was undone. tries: in a row; not again before retry_at."""

    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200)
    first_at = models.DateTimeField()
    retry_at = models.DateTimeField()

    class Meta:
        abstract = True


class LaunchFault(Fault):
    """Of a scheduled campaign. A launch that comes to an end, either way, ends the row."""

    campaign = models.OneToOneField(Campaign, models.CASCADE, related_name="launch_fault")

    class Meta:
        verbose_name = _("fault of a launch")
        verbose_name_plural = _("faults of launches")
        default_permissions = ("view",)


class AutomationFault(Fault):
    """Of a step. position: as of AutomationRun. A move past the step ends the row."""

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="faults")
    position = models.SmallIntegerField()

    class Meta:
        verbose_name = _("fault of an automation")
        verbose_name_plural = _("faults of automations")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["automation", "position"], name="automation_fault_once")
        ]
