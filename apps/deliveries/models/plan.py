"""What is still to do. Plan = Batch, what failed for the moment = Retry; a bucket says how fast."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.deliveries.models.dispatches import LANES, Dispatch
from apps.deliveries.states import BATCH_STATES


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


class PaceBucket(models.Model):
    """A token bucket shared by all workers: tokens at refilled_at, in whole and broken devices.

    owner: "dispatch:<id>" for a throttle, "channel:<id>" for a pace, "project:<id>" for a vendor's quota. The rate
    stands with the owner, so that a change holds at once.
    """

    owner = models.CharField(max_length=120, unique=True)
    tokens = models.FloatField()
    refilled_at = models.DateTimeField()
