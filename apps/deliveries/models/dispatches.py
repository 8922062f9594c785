"""What is sent: a dispatch, its texts, what repeats it and what stops everything."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.core.fields import EncryptedJSONField
from apps.deliveries.states import ALERT_STATES, DISPATCH_STATES

KINDS: list[tuple[str, str | Promise]] = [
    ("campaign", _("campaign")),
    ("transactional", _("transactional")),
    ("automation", _("automation")),
    ("test", _("test")),
]
LANES: list[tuple[str, str | Promise]] = [("urgent", _("urgent")), ("bulk", _("bulk"))]
GUARDS = [(word, word) for word in ("canary", "watching", "stopped", "overruled")]


class Dispatch(models.Model):
    """This content, to this audience, at this pace, under this policy. Knows its maker only as `origin`.

    origin + occurrence name the maker's launch ("campaign:12", "1"), and are unique, so a launch happens once.
    policy: policy.Policy as JSON. planned_*: written once by plan. external_id: the API caller's own name.
    planning_attempt: how often planning began; only one planner works at a time (an advisory lock that dies with it).
    finished_at: when the last device got its outcome; null also while a cancelled dispatch drains.
    guard: "" = unguarded; canary: only its first batches go out, the rest waits for their answers; watching; stopped:
    it paused the dispatch; overruled: a person went on all the same (services.guard). slowed_*: what the health of the
    app's own server has brought its pace to, from where, when and why (services.health).
    decided_at, winner, decided_by: what became of the held rest of an A/B audience (services.winner), written once;
    winner null with a time = nobody of the rest gets anything.
    """

    app = models.ForeignKey(App, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=13, choices=KINDS)
    lane = models.CharField(max_length=6, choices=LANES)
    origin = models.CharField(max_length=100)
    occurrence = models.CharField(max_length=100)
    name = models.CharField(max_length=200, blank=True)
    external_id = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=9, choices=DISPATCH_STATES.choices, default="planning")
    reason = models.CharField(max_length=300, blank=True)
    policy = models.JSONField(default=dict)
    throttle_per_second = models.FloatField(null=True)
    slowed_to_per_second = models.FloatField(null=True)
    slowed_from_per_second = models.FloatField(null=True)
    slowed_at = models.DateTimeField(null=True)
    slowed_reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    guard = models.CharField(max_length=9, blank=True, default="", db_default="", choices=GUARDS)
    planned_on = models.DateField()
    planned_people = models.PositiveIntegerField(default=0)
    planned_devices = models.PositiveIntegerField(default=0)
    planning_attempt = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    winner = models.SmallIntegerField(null=True)
    decided_by = models.CharField(max_length=150, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("dispatch")
        verbose_name_plural = _("dispatches")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["app", "origin", "occurrence"], name="dispatch_origin_once"),
            DISPATCH_STATES.constraint("dispatch"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], name="dispatch_unfinished", condition=models.Q(finished_at=None)),
            models.Index(fields=["app", "-created_at"], name="dispatch_app_created"),
            models.Index(
                fields=["app", "external_id"], name="dispatch_external_id", condition=~models.Q(external_id="")
            ),
            # Beside millions of single pushes: what rules of segments ask for.
            models.Index(
                fields=["app", "origin"],
                name="dispatch_of_campaign",
                condition=models.Q(kind__in=["campaign", "automation"]),
            ),
        ]


class Content(models.Model):
    """The frozen text of one variant in one language. body: gateways.contract.PushContent's fields, unrendered.

    facts: values the API caller gave for this message's variables; they win over what the profile says.
    """

    dispatch = models.ForeignKey(Dispatch, models.CASCADE, related_name="contents")
    variant = models.SmallIntegerField(default=0)
    language = models.CharField(max_length=35, blank=True)
    body = EncryptedJSONField()
    facts = EncryptedJSONField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["dispatch", "variant", "language"], name="content_once")
        ]


class PersonalFacts(models.Model):
    """What the texts of a dispatch may say to one person alone, beside their profile: an event's properties, say.

    Given by the dispatch's maker in the transaction that planned it, forgotten with its texts.
    """

    dispatch = models.ForeignKey(Dispatch, models.CASCADE, related_name="+", db_index=False)
    customer_id = models.BigIntegerField(db_index=True)
    facts = models.JSONField()

    class Meta:
        verbose_name = _("facts for one person")
        verbose_name_plural = _("facts for one person")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["dispatch", "customer_id"], name="personal_facts_once")
        ]


class CriticalAlert(models.Model):
    """A push that is sent again while somebody has not answered (services.alerts). sent: how many copies went out."""

    dispatch = models.OneToOneField(Dispatch, models.CASCADE, related_name="alert", primary_key=True)
    resend_after_seconds = models.PositiveIntegerField()
    times = models.PositiveSmallIntegerField()
    sent = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=12, choices=ALERT_STATES.choices, default="waiting")
    next_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("critical alert")
        verbose_name_plural = _("critical alerts")
        default_permissions = ("view",)
        constraints: ClassVar = [ALERT_STATES.constraint("alert")]
        indexes: ClassVar = [
            models.Index(fields=["next_at"], name="alert_due", condition=models.Q(state="waiting")),
        ]


class SendingStop(models.Model):
    """The kill switch: while a row stands, nothing of its kinds leaves this installation. No row = all goes on.

    Dispatches keep their states, so taking the row away goes on exactly where everything was. kinds: of KINDS.
    """

    SCOPES: ClassVar = {"marketing": ["campaign", "automation"], "transactional": ["transactional", "test"]}

    scope = models.CharField(max_length=13, unique=True)
    kinds = ArrayField(models.CharField(max_length=13, choices=KINDS))
    reason = models.CharField(max_length=300)
    stopped_by = models.CharField(max_length=150)
    stopped_at = models.DateTimeField()

    class Meta:
        verbose_name = _("emergency stop")
        verbose_name_plural = _("emergency stops")
        default_permissions = ("view", "change")
        ordering: ClassVar = ["scope"]

    def __str__(self) -> str:
        return self.scope
