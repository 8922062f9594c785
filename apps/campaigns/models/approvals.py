"""What a second person said to a campaign."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.campaigns.models.campaigns import Campaign
from apps.campaigns.states import APPROVAL_STATES


class Approval(models.Model):
    """A second person's yes or no, bound by `fingerprint` to everything a launch would hand over.

    frozen: what was asked for (services.frozen); people: who would have received it, waterfall: and who not, both
    counted by the real planner when it was asked for. *_name: who, also once the user is gone, or a key's word.
    expires_at: of the question; after a yes, of the yes. ended_reason: why it is expired or void.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="approvals")
    state = models.CharField(max_length=9, choices=APPROVAL_STATES.choices, default="waiting")
    fingerprint = models.CharField(max_length=64)
    frozen = models.JSONField()
    waterfall = models.JSONField()
    people = models.PositiveIntegerField()
    note = models.CharField(max_length=500, blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    requested_name = models.CharField(max_length=150)
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    decided_name = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True)
    comment = models.CharField(max_length=500, blank=True)
    ended_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        default_permissions = ("view",)
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            APPROVAL_STATES.constraint("approval"),
            models.UniqueConstraint(
                fields=["campaign"], name="approval_open_once", condition=models.Q(state__in=["waiting", "approved"])
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], name="approval_waiting", condition=models.Q(state="waiting"))
        ]

    def __str__(self) -> str:
        return f"{self.campaign}: {self.state}"

    @property
    def asker(self) -> str:
        """Their full name where there is one."""
        return (self.requested_by and self.requested_by.get_full_name()) or self.requested_name

    @property
    def decider(self) -> str:
        return (self.decided_by and self.decided_by.get_full_name()) or self.decided_name
