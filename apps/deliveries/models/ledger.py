"""What became of it. Ledger = Delivery, the app's own word = Receipt; pages and counts are made from them.

The two partitioned, append-only tables (Delivery, Receipt) are made by migration 0002: their keys begin with
planned_on, the day the dispatch was planned, so that old days are dropped whole.
"""

from typing import ClassVar

from django.db import models

from apps.accounts.models import App
from apps.deliveries.models.dispatches import KINDS, Dispatch


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
