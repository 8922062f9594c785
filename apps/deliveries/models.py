"""The engine's rows. Plan = Batch, ledger = Delivery, what failed for the moment = Retry; nothing else is truth.

The four partitioned or append-only tables (Delivery, Receipt) are made by migration 0002: their keys begin
with planned_on, the day the dispatch was planned, so that old days are dropped whole.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.core.fields import EncryptedJSONField
from apps.deliveries.states import ALERT_STATES, BATCH_STATES, DISPATCH_STATES

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


class Batch(models.Model):
    """Up to 1,000 planned devices of one gateway and one local time.

    The three arrays run in parallel. opened, recorded: how many of the devices, from the front, have been opened
    for sending and written down; opened > recorded = a slice is in flight, or was when its worker died (suspect).
    in_flight: the holder of the lease has a slice open. crashes: workers lost so at this position.
    attempt: the fence; every claim raises it and every write names it.
    variant -1 = undecided (held rest of an A/B test). not_after: when the quiet hours of time_zone begin.
    tries, may_have_arrived: of every device in it, carried over from Retry.
    is_canary: goes out before the rest is released.
    """

    dispatch = models.ForeignKey(Dispatch, models.CASCADE, related_name="batches")
    app_id = models.BigIntegerField()
    gateway = models.SmallIntegerField()
    lane = models.CharField(max_length=6, choices=LANES)
    state = models.CharField(max_length=9, choices=BATCH_STATES.choices, default="waiting")
    device_ids = ArrayField(models.BigIntegerField())
    customer_ids = ArrayField(models.BigIntegerField())
    variants = ArrayField(models.SmallIntegerField())
    opened = models.PositiveSmallIntegerField(default=0)
    recorded = models.PositiveSmallIntegerField(default=0)
    release_at = models.DateTimeField()
    not_after = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    time_zone = models.CharField(max_length=64, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    may_have_arrived = models.BooleanField(default=False)
    in_flight = models.BooleanField(default=False)
    is_canary = models.BooleanField(default=False, db_default=False)
    attempt = models.PositiveIntegerField(default=0)
    crashes = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [BATCH_STATES.constraint("batch")]
        indexes: ClassVar = [
            models.Index(
                fields=["lane", "app_id", "gateway", "release_at", "id"],
                name="batch_due",
                condition=models.Q(state="waiting"),
            ),
            models.Index(
                fields=["not_after"],
                name="batch_quiet",
                condition=models.Q(state="waiting", not_after__isnull=False),
            ),
            models.Index(fields=["id"], name="batch_leased", condition=models.Q(state="leased")),
            models.Index(
                fields=["dispatch"], name="batch_open", condition=models.Q(state__in=["waiting", "held", "leased"])
            ),
        ]


class Retry(models.Model):
    """A device whose try failed for the moment. Re-batched when due; gone once it is in a batch again.

    batch: the one it failed in; it waits until that is closed. tries: how many count towards giving up.
    may_have_arrived: a call went through without an answer, so this device can end only accepted or unknown_outcome.
    """

    dispatch = models.ForeignKey(Dispatch, models.CASCADE, related_name="+")
    device_id = models.BigIntegerField()
    customer_id = models.BigIntegerField()
    app_id = models.BigIntegerField()
    gateway = models.SmallIntegerField()
    variant = models.SmallIntegerField()
    tries = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=60)
    may_have_arrived = models.BooleanField(default=False)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    batch = models.ForeignKey(Batch, models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["dispatch", "device_id"], name="retry_once")]
        indexes: ClassVar = [models.Index(fields=["due_at"], name="retry_due")]


class Delivery(models.Model):
    """The ledger: one terminal row per planned device, appended and never changed. device_id 0 = no live device."""

    pk = models.CompositePrimaryKey("planned_on", "dispatch_id", "customer_id", "device_id")
    planned_on = models.DateField()
    dispatch_id = models.BigIntegerField()
    customer_id = models.BigIntegerField()
    device_id = models.BigIntegerField()
    app_id = models.BigIntegerField()
    outcome = models.SmallIntegerField()
    gateway = models.SmallIntegerField()
    platform = models.SmallIntegerField()
    variant = models.SmallIntegerField()
    attempt = models.SmallIntegerField()
    language = models.CharField(max_length=35)
    code = models.CharField(max_length=60)
    vendor_message_id = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "deliveries_delivery"


class Receipt(models.Model):
    """The app's own word about a delivery, once per type. Engagement, never a status.

    variant: as its delivery id named it; null in rows of versions that did not keep it.
    """

    pk = models.CompositePrimaryKey("planned_on", "dispatch_id", "device_id", "type")
    planned_on = models.DateField()
    dispatch_id = models.BigIntegerField()
    device_id = models.BigIntegerField()
    type = models.SmallIntegerField()
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    action = models.CharField(max_length=60)
    variant = models.SmallIntegerField(null=True)

    class Meta:
        managed = False
        db_table = "deliveries_receipt"


class LedgerPage(models.Model):
    """One recorded slice or batch of receipts: the ledger's feed.

    xid: the writing transaction (xid8), so a reader behind pg_snapshot_xmin misses nothing.
    counts: [[measure, variant, platform, count], ...]; measure is an outcome number, or 100 + a receipt type.
    """

    dispatch_id = models.BigIntegerField()
    planned_on = models.DateField()
    counts = models.JSONField()
    written_at = models.DateTimeField()
    folded = models.BooleanField(default=False)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["id"], name="ledger_page_unfolded", condition=models.Q(folded=False)),
            models.Index(fields=["dispatch_id", "written_at"], name="ledger_page_dispatch"),
        ]


class DispatchCount(models.Model):
    """What LedgerPages add up to, per hour. Folded by beat; always equal to a recount of the ledger."""

    dispatch = models.ForeignKey(Dispatch, models.CASCADE, related_name="counts")
    measure = models.SmallIntegerField()
    variant = models.SmallIntegerField()
    platform = models.SmallIntegerField()
    hour = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["dispatch", "measure", "variant", "platform", "hour"], name="dispatch_count_once"
            )
        ]


class HourCount(models.Model):
    """Deliveries of an app per hour and kind: the dashboard's numbers, and all that small dispatches leave.

    A dispatch of fewer than 100 devices makes no DispatchCount rows; its own report counts its ledger rows.
    """

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=13, choices=KINDS)
    measure = models.SmallIntegerField()
    platform = models.SmallIntegerField()
    hour = models.DateTimeField()
    count = models.PositiveBigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["app", "hour", "kind", "measure", "platform"], name="hour_count_once")
        ]


class PaceBucket(models.Model):
    """A token bucket shared by all workers: tokens at refilled_at, in whole and broken devices.

    owner: "dispatch:<id>" for a throttle, "channel:<id>" for a pace, "project:<id>" for a vendor's quota. The rate
    stands with the owner, so that a change holds at once.
    """

    owner = models.CharField(max_length=120, unique=True)
    tokens = models.FloatField()
    refilled_at = models.DateTimeField()


class OpeningHour(models.Model):
    """At which hour of their own day somebody usually opens a push (services.habits). Who has no row has no habit yet.

    opens: how many pushes of the last 90 days it rests on. A raw id, as in the ledger: rows change by the million.
    """

    customer_id = models.BigIntegerField(primary_key=True)
    app_id = models.BigIntegerField()
    hour = models.SmallIntegerField()
    opens = models.PositiveIntegerField()
    computed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(hour__gte=0, hour__lte=23), name="opening_hour_of_day")
        ]


class HabitsRun(models.Model):
    """How far the habits are learnt (services.habits): one row. whole_at: when last everybody's were."""

    learnt_at = models.DateTimeField()
    whole_at = models.DateTimeField()

    class Meta:
        default_permissions = ()


class Meter(models.Model):
    """What only workers can count, for /metrics; each adds what it has once a second.

    name: gateway_seconds (bucket: its upper bound in seconds; slices), accept_to_gateway_seconds (the same; devices),
    each with a _sum, and maybe_duplicate.
    """

    name = models.CharField(max_length=30)
    label = models.CharField(max_length=20, blank=True)
    bucket = models.FloatField(default=0.0)
    value = models.FloatField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["name", "label", "bucket"], name="meter_once")]


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
