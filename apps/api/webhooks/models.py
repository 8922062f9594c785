"""Rows of the webhooks. No event is copied: a message names ledger rows and receipts by their keys."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.api.states import WEBHOOK_ENDPOINT_STATES, WEBHOOK_MESSAGE_STATES, WEBHOOK_REPLAY_STATES
from apps.core.fields import EncryptedJSONField

STATES = [("active", _("active")), ("failing", _("failing")), ("disabled", _("disabled"))]
DISABLED_REASONS = [
    ("by_hand", _("switched off by hand")),
    ("failing", _("failed for five days")),
    ("gone", _("answered 410: gone")),
]


class WebhookEndpoint(models.Model):
    """An address of an app's own servers that is told what became of its pushes.

    secrets: [{"secret", "until"}], the newest first; `until` (ISO time, null = stays) ends the overlap of a rotation.
    feed_*: deliveries.feed.Position, all behind which has been made into messages; read_at: when it was last moved.
    sequence: of the last event. flight: requests that may be under way at once; grows with success.
    failures: tries in a row that failed, since failing_since; while `failing`, one try at probe_at.
    """

    app = models.ForeignKey(App, models.CASCADE, related_name="webhook_endpoints")
    url = models.CharField(_("address"), max_length=2000)
    description = models.CharField(_("description"), max_length=200, blank=True)
    types = ArrayField(models.CharField(max_length=40), verbose_name=_("is told"))
    secrets = EncryptedJSONField()
    state = models.CharField(_("state"), max_length=8, choices=STATES, default="active")
    disabled_reason = models.CharField(_("why disabled"), max_length=8, blank=True, choices=DISABLED_REASONS)
    disabled_at = models.DateTimeField(null=True)
    feed_xid = models.BigIntegerField()
    feed_page = models.BigIntegerField(default=0)
    feed_customer = models.BigIntegerField(default=0)
    feed_device = models.BigIntegerField(default=0)
    read_at = models.DateTimeField()
    sequence = models.BigIntegerField(default=0)
    flight = models.PositiveSmallIntegerField(default=1)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(_("failing since"), null=True)
    probe_at = models.DateTimeField(null=True)
    last_ok_at = models.DateTimeField(_("last success"), null=True)
    last_error = models.CharField(_("last failure"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [WEBHOOK_ENDPOINT_STATES.constraint("webhook_endpoint")]

    def __str__(self) -> str:
        return self.description or self.url


class WebhookReplay(models.Model):
    """What was recorded from `since` to before `until`, sent once more. next_*: what has been read of the feed."""

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="replays")
    since = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("until"))
    next_page = models.BigIntegerField()
    last_page = models.BigIntegerField()
    next_customer = models.BigIntegerField(default=0)
    next_device = models.BigIntegerField(default=0)
    state = models.CharField(max_length=9, choices=WEBHOOK_REPLAY_STATES.choices, default="running")
    events = models.PositiveBigIntegerField(default=0)
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [WEBHOOK_REPLAY_STATES.constraint("webhook_replay")]
        indexes: ClassVar = [
            models.Index(fields=["endpoint"], name="webhook_replay_running", condition=models.Q(state="running"))
        ]


class WebhookMessage(models.Model):
    """One request to an endpoint: up to 20 kB of events of one type. Its row goes once the endpoint has taken it.

    message_id: the header webhook-id, the same in every try. The four arrays run in parallel, an entry an event: keys
    of the ledger, of receipts with customer 0. first_sequence: of the first event. fence: a number a lease; whoever
    writes down what came of a try names it. tries: those that were made.
    """

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="messages")
    message_id = models.CharField(max_length=40, unique=True)
    type = models.CharField(max_length=40)
    days = ArrayField(models.DateField())
    dispatch_ids = ArrayField(models.BigIntegerField())
    customer_ids = ArrayField(models.BigIntegerField())
    device_ids = ArrayField(models.BigIntegerField())
    first_sequence = models.BigIntegerField()
    is_replay = models.BooleanField(default=False)
    state = models.CharField(max_length=7, choices=WEBHOOK_MESSAGE_STATES.choices, default="waiting")
    created_at = models.DateTimeField(_("created at"))
    first_tried_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(_("tries"), default=0)
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    last_error = models.CharField(_("last failure"), max_length=200, blank=True)

    event_count: int  # of a claimed one, whose keys are not loaded

    class Meta:
        verbose_name = _("undelivered webhook")
        verbose_name_plural = _("undelivered webhooks")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [WEBHOOK_MESSAGE_STATES.constraint("webhook_message")]
        indexes: ClassVar = [
            models.Index(
                fields=["endpoint", "due_at", "id"], name="webhook_message_due", condition=models.Q(state="waiting")
            ),
            models.Index(
                fields=["endpoint"], name="webhook_message_leased", condition=models.Q(leased_until__isnull=False)
            ),
            models.Index(fields=["created_at"], name="webhook_message_dead", condition=models.Q(state="dead")),
        ]

    def __str__(self) -> str:
        return self.message_id


class WebhookAttempt(models.Model):
    """One request that was made. status: of HTTP, 0 = none came. number: which try of its message; 0 = a test."""

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="attempts")
    message_id = models.CharField(max_length=40)
    type = models.CharField(max_length=40)
    events = models.PositiveIntegerField()
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    seconds = models.FloatField()
    status = models.PositiveSmallIntegerField()
    result = models.CharField(max_length=12)
    detail = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["endpoint", "at"], name="webhook_attempt_time"),
            models.Index(fields=["at"], name="webhook_attempt_age"),
        ]
