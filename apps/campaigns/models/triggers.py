"""What the API asks for and a worker does."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.campaigns.models.campaigns import Campaign
from apps.campaigns.states import TRIGGER_STATES
from apps.core.fields import EncryptedJSONField
from apps.deliveries.models import Dispatch


class SegmentTrigger(models.Model):
    """A trigger by a large segment, planned after it was accepted (services.large_triggers).

    segment_id: a raw id, for a segment may go although it was once sent to. facts: the caller's, until it is settled.
    occurrence: the trigger's name in the engine. tries, error, retry_at: planning it failed so often for a reason that
    nobody foresaw, and is not tried again before. code, reason: why it was refused.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="segment_triggers")
    segment_id = models.BigIntegerField()
    facts = EncryptedJSONField(null=True)
    occurrence = models.CharField(max_length=60, unique=True)
    is_test = models.BooleanField()
    state = models.CharField(max_length=7, choices=TRIGGER_STATES.choices, default="waiting")
    code = models.CharField(max_length=60, blank=True, default="")
    reason = models.CharField(max_length=300, blank=True, default="")
    dispatch = models.ForeignKey(Dispatch, models.PROTECT, null=True, related_name="+")
    requested_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    error = models.CharField(max_length=200, blank=True, default="", db_default="")
    retry_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("trigger by a segment")
        verbose_name_plural = _("triggers by a segment")
        default_permissions = ("view",)
        constraints: ClassVar = [TRIGGER_STATES.constraint("trigger")]
        indexes: ClassVar = [
            models.Index(fields=["id"], name="trigger_waiting", condition=models.Q(state="waiting")),
        ]
