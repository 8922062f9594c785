"""Automations, their steps, and the ways of people through them."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.campaigns.states import AUTOMATION_STATES, RUN_STATES
from apps.customers.models import Customer
from apps.deliveries.models import Dispatch
from apps.segments.models import Segment


class Automation(models.Model):
    """Whoever does something goes through some steps: waits, conditions, messages. Frozen from activation on.

    version rises with every save of the draft. trigger: an event that comes in, or joining a segment; takes_present:
    those who are in the segment already, too. reentry: once and never again, not within reentry_days of the last
    entry, or each time (never while inside). exit_events: any of them takes a person out at once. goal_event: who does
    it within goal_days of entering counts as a success. checked_at: when members of the segment were last looked for.
    paused_reason: why it paused by itself, or who paused it; stopped_at: when it did so by itself, until it is resumed.
    says_event: a text says something of the event that brought people in; known from the activation on.
    """

    TRIGGERS: ClassVar = [("event", _("they do something")), ("segment", _("they join a segment"))]
    REENTRIES: ClassVar = [
        ("never", _("only once, ever")),
        ("after", _("again, but not before")),
        ("always", _("each time, once they are through")),
    ]

    app = models.ForeignKey(App, models.PROTECT, related_name="+")
    name = models.CharField(_("internal name"), max_length=150)
    state = models.CharField(_("state"), max_length=6, choices=AUTOMATION_STATES.choices, default="draft")
    version = models.PositiveIntegerField(default=1)
    trigger = models.CharField(_("who enters"), max_length=7, choices=TRIGGERS, default="event")
    trigger_event = models.CharField(_("event"), max_length=100, blank=True, default="")
    trigger_segment = models.ForeignKey(Segment, models.PROTECT, null=True, blank=True, related_name="+")
    takes_present = models.BooleanField(_("also those who are in it now"), default=False)
    reentry = models.CharField(_("how often"), max_length=6, choices=REENTRIES, default="never")
    reentry_days = models.PositiveSmallIntegerField(_("days"), default=30)
    exit_events = ArrayField(models.CharField(max_length=100), verbose_name=_("leave when they do"), default=list)
    goal_event = models.CharField(_("goal"), max_length=100, blank=True, default="")
    goal_days = models.PositiveSmallIntegerField(_("within (days)"), default=7)
    topic = models.CharField(_("topic"), max_length=60, blank=True, default="")
    holdout_percent = models.PositiveSmallIntegerField(_("hold-out (%)"), default=0)
    expire_after_minutes = models.PositiveIntegerField(_("pushes expire after (minutes)"), default=24 * 60)
    respects_quiet_hours = models.BooleanField(_("hold during quiet hours"), default=True)
    respects_cap = models.BooleanField(_("respect the frequency cap"), default=True)
    checked_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))
    activated_at = models.DateTimeField(_("active since"), null=True)
    paused_reason = models.CharField(max_length=300, blank=True, default="")
    stopped_at = models.DateTimeField(_("stopped by itself at"), null=True)
    says_event = models.BooleanField(default=False, db_default=False)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        verbose_name = _("automation")
        verbose_name_plural = _("automations")
        ordering: ClassVar = ["-updated_at"]
        constraints: ClassVar = [AUTOMATION_STATES.constraint("automation")]
        permissions: ClassVar = [("launch_automation", "Can activate, pause, resume and end automations")]

    def __str__(self) -> str:
        return self.name


class AutomationStep(models.Model):
    """One step, in order of `position` from 0. kind and the form of `settings`: services.automations.steps."""

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=12)
    settings = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("step of an automation")
        verbose_name_plural = _("steps of automations")
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["automation", "position"], name="automation_step_once")
        ]


class AutomationRun(models.Model):
    """One way of one person through an automation. position only grows: nobody is in a step twice.

    position: the step they stand at, to be done at due_at; -1 = just entered. source_id: the event, or the membership,
    that brought them in, once; below zero: the API did, after that many events. facts: what the event said, while
    somebody is inside and a text may say it. reason: why they left ("event:" and its name, condition, ended, merged,
    erased).
    Without foreign key constraints on customers, as SegmentMember.
    """

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="runs", db_index=False)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="+", db_constraint=False)
    source_id = models.BigIntegerField()
    state = models.CharField(max_length=6, choices=RUN_STATES.choices, default="inside")
    position = models.SmallIntegerField(default=-1)
    due_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=110, blank=True, default="", db_default="")
    goal_at = models.DateTimeField(null=True)
    facts = models.JSONField(null=True)

    class Meta:
        verbose_name = _("run through an automation")
        verbose_name_plural = _("runs through automations")
        default_permissions = ("view",)
        constraints: ClassVar = [
            RUN_STATES.constraint("automation_run"),
            models.UniqueConstraint(fields=["automation", "source_id"], name="automation_run_source_once"),
            models.UniqueConstraint(
                fields=["automation", "customer"], name="automation_run_inside_once", condition=models.Q(state="inside")
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["automation", "position", "due_at"],
                name="automation_run_due",
                condition=models.Q(state="inside"),
            ),
        ]


class AutomationSend(models.Model):
    """One hand-over to the engine: the people whom one tick brought to one message step."""

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="sends")
    position = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField()
    dispatch = models.OneToOneField(Dispatch, models.PROTECT, related_name="+")
    people_count = models.PositiveIntegerField()
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("message of an automation")
        verbose_name_plural = _("messages of automations")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["automation", "number"], name="automation_send_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["automation", "position", "-at"], name="automation_send_step")]
