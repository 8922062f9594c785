"""Where people can be reached: an app's channels and the devices registered on them."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.core.fields import EncryptedJSONField
from apps.customers.models import Customer
from apps.devices.states import CHANNEL_STATES, DEVICE_STATES

GATEWAYS: list[tuple[str, str]] = [("fcm", "FCM"), ("apns", "APNs"), ("webpush", "Web Push"), ("sms", "SMS")]
CLOSERS: list[tuple[str, str]] = [
    ("person", "person"),
    ("credentials", "credentials"),
    ("breaker", "breaker"),
    ("vendor", "vendor"),
]
PLATFORMS: list[tuple[str, str]] = [("ios", "iOS"), ("android", "Android"), ("web", "Web")]


class Channel(models.Model):
    """An app's account at one gateway: credentials (encrypted), pace, and whether it is open.

    credentials: the fields of the gateway's credentials dataclass in gateways.contract, as a JSON object.
    pace_per_second: ours to the vendor, shared by every dispatch; null = unlimited.
    closed_by: who paused it: a person, bad credentials, the breaker, or the vendor (Retry-After); "" while it is open.
    probe_after: when the engine sends one device to see whether a channel works again; null = only a person opens it.
    probe_wait_seconds: how long the breaker waits between probes now. slowed_to_per_second: the pace to which the
    vendor's throttling has brought us (null = it does not throttle), slowed_from_per_second where that began.
    trouble: the last that went wrong, in the vendor's words. project: the vendor's account whose quota this is (an FCM
    project; channels of other apps may share it), "" = none; quota_per_minute: null = the vendor's usual, 0 = none.
    deaths_doubted_until: until then a dead address is quarantined instead (a mass death).
    """

    app = models.ForeignKey(App, models.CASCADE, related_name="channels")
    gateway = models.CharField(_("gateway"), max_length=8, choices=GATEWAYS)
    credentials = EncryptedJSONField(_("credentials"))
    state = models.CharField(_("state"), max_length=8, choices=CHANNEL_STATES.choices, default="active")
    paused_reason = models.CharField(_("why paused"), max_length=300, blank=True)
    probe_after = models.DateTimeField(null=True, blank=True)
    project = models.CharField(max_length=100, blank=True, default="", db_default="")
    deaths_doubted_until = models.DateTimeField(null=True)
    quota_per_minute = models.PositiveIntegerField(_("project quota per minute"), null=True, blank=True)
    pace_per_second = models.FloatField(_("pace per second"), null=True, blank=True)
    closed_by = models.CharField(max_length=11, blank=True, default="", db_default="", choices=CLOSERS)
    closed_at = models.DateTimeField(null=True)
    probe_wait_seconds = models.FloatField(default=0.0, db_default=0.0)
    slowed_to_per_second = models.FloatField(null=True)
    slowed_from_per_second = models.FloatField(null=True)
    slowed_at = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=300, blank=True, default="", db_default="")
    trouble_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(_("verified at"), null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["app", "gateway"], name="channel_once"),
            CHANNEL_STATES.constraint("channel"),
        ]

    def __str__(self) -> str:
        return f"{self.get_gateway_display()} · {self.app}"


class ChannelGauge(models.Model):
    """What a channel's gateway answered lately: this window and the one before. Written once a second by each worker.

    throttled, failures (no answer, 5xx), deaths: how many of `calls` were so. Apart from Channel, whose row is wide.
    """

    channel = models.OneToOneField(Channel, models.CASCADE, primary_key=True, related_name="gauge")
    began_at = models.DateTimeField()
    calls = models.IntegerField(default=0)
    throttled = models.IntegerField(default=0)
    failures = models.IntegerField(default=0)
    deaths = models.IntegerField(default=0)
    calls_before = models.IntegerField(default=0)
    throttled_before = models.IntegerField(default=0)
    failures_before = models.IntegerField(default=0)
    deaths_before = models.IntegerField(default=0)


class Device(models.Model):
    """One installation of the app that can show a push.

    address: FCM token or installation id, APNs hex token, Web Push endpoint; address_hash: SHA-256 of it, the unique
    key within an app (a token belongs to its last registration). registered_at: last time this address was
    confirmed by the device, compared with the time in a vendor's "gone since".
    """

    app = models.ForeignKey(App, models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="devices")
    platform = models.CharField(_("platform"), max_length=8, choices=PLATFORMS)
    gateway = models.CharField(_("gateway"), max_length=8, choices=GATEWAYS[:3])
    address = models.TextField(_("address"))
    address_hash = models.BinaryField(max_length=32)
    address_kind = models.CharField(max_length=5, choices=[("token", "token"), ("fid", "fid")], default="token")
    webpush_p256dh = models.CharField(max_length=90, blank=True)
    webpush_auth = models.CharField(max_length=24, blank=True)
    environment = models.CharField(max_length=10, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=DEVICE_STATES.choices, default="active")
    retired_reason = models.CharField(_("why retired"), max_length=60, blank=True)
    retired_at = models.DateTimeField(null=True)
    secret_hash = models.BinaryField(max_length=32)
    locale = models.CharField(_("locale"), max_length=35, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    app_version = models.CharField(_("app version"), max_length=64, blank=True)
    os_version = models.CharField(_("OS version"), max_length=64, blank=True)
    model = models.CharField(_("model"), max_length=100, blank=True)
    permission = models.CharField(_("permission"), max_length=12, blank=True)
    tags = ArrayField(models.CharField(max_length=60), default=list)
    created_at = models.DateTimeField(_("created at"))
    registered_at = models.DateTimeField(_("registered at"))
    last_seen_at = models.DateTimeField(_("last seen at"))

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["app", "address_hash"], name="device_address_once"),
            DEVICE_STATES.constraint("device"),
        ]

    def __str__(self) -> str:
        return f"{self.get_platform_display()} {self.model}".strip()


class PairedDevice(models.Model):
    """A device on which the team looks at its pushes before everybody gets them. Whose device it is does not matter."""

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    device = models.OneToOneField(Device, models.CASCADE, related_name="pairing")
    name = models.CharField(_("name"), max_length=60)
    paired_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    paired_at = models.DateTimeField(_("paired at"))

    class Meta:
        verbose_name = _("test device")
        verbose_name_plural = _("test devices")
        ordering: ClassVar = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class DeviceDay(models.Model):
    """How an app's devices of a platform stood at the end of a day (UTC); of today, at the last look.

    opted_in, opted_out, blocked share the live ones (active and stale) out: the person said no, or the phone does not
    allow it (blocked). deaths: {reason: devices retired that day}. is_reconstructed: no look was taken that day, so it
    was worked out later from what the rows still tell.
    """

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    day = models.DateField(_("day"))
    platform = models.CharField(_("platform"), max_length=8, choices=PLATFORMS)
    active = models.PositiveIntegerField()
    stale = models.PositiveIntegerField()
    dead = models.PositiveIntegerField()
    quarantined = models.PositiveIntegerField()
    opted_in = models.PositiveIntegerField()
    opted_out = models.PositiveIntegerField()
    blocked = models.PositiveIntegerField()
    deaths = models.JSONField(default=dict)
    counted_at = models.DateTimeField()
    is_reconstructed = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("device day")
        verbose_name_plural = _("device days")
        constraints: ClassVar = [models.UniqueConstraint(fields=["app", "day", "platform"], name="device_day_once")]
