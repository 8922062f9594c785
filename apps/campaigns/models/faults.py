"""A launch that nobody foresaw would fail."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.campaigns.models.campaigns import Campaign


class LaunchFault(models.Model):
    """A scheduled campaign whose last launches failed for a reason that nobody foresaw; each was undone.

    tries: in a row; not again before retry_at. A launch that comes to an end, either way, ends the row.
    """

    campaign = models.OneToOneField(Campaign, models.CASCADE, related_name="launch_fault")
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200)
    first_at = models.DateTimeField()
    retry_at = models.DateTimeField()

    class Meta:
        verbose_name = _("fault of a launch")
        verbose_name_plural = _("faults of launches")
        default_permissions = ("view",)
