"""Which of them: rules, static lists, memberships with their history."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.customers.models import Customer
from apps.segments.states import SEGMENT_STATES


class Segment(models.Model):
    """A named set of customers: `dynamic` follows its rule, `static` is a list that people fill.

    rule: the tree described in rules/catalogue.py; empty for a static list.
    """

    KINDS: ClassVar = [("dynamic", _("dynamic")), ("static", _("static list"))]

    app = models.ForeignKey(App, models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=120)
    description = models.CharField(_("description"), max_length=300, blank=True)
    kind = models.CharField(_("kind"), max_length=7, choices=KINDS, default="dynamic")
    rule = models.JSONField(_("rule"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=SEGMENT_STATES.choices, default="due")
    broken_reason = models.CharField(_("why broken"), max_length=300, blank=True)
    member_count = models.PositiveIntegerField(_("members"), default=0)
    refreshed_at = models.DateTimeField(_("refreshed at"), null=True)
    refresh_every_minutes = models.PositiveIntegerField(_("refresh every (minutes)"), default=15)
    leased_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["app", "name"], name="segment_name_once"),
            SEGMENT_STATES.constraint("segment"),
        ]

    def __str__(self) -> str:
        return self.name


class SegmentMember(models.Model):
    """A customer was in a segment from joined_at until left_at (null = still is).

    Without foreign key constraints: checking two for each of a million joins takes longer than finding and writing
    them (measured: 0.7 s of 1.1 s for 50,000), and neither customers nor segments go without Django's cascade.
    """

    segment = models.ForeignKey(
        Segment, models.CASCADE, related_name="memberships", db_constraint=False, db_index=False
    )
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="+", db_constraint=False)
    joined_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["segment", "customer"], name="segment_member_once", condition=models.Q(left_at=None)
            )
        ]


class SegmentRefresh(models.Model):
    """One recomputation: the size history."""

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="refreshes")
    at = models.DateTimeField()
    seconds = models.FloatField()
    member_count = models.PositiveIntegerField()
    joined_count = models.PositiveIntegerField()
    left_count = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [models.Index(fields=["segment", "-at"], name="segment_refresh_at")]
