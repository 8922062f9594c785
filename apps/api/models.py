"""The machine door's own rows: keys and idempotency; those of the webhooks stand in webhooks/models.py."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.api.webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage, WebhookReplay
from apps.core.fields import EncryptedJSONField

__all__ = [
    "ApiKey",
    "IdempotencyRecord",
    "IdentityCheck",
    "IdentityKey",
    "WebhookAttempt",
    "WebhookEndpoint",
    "WebhookMessage",
    "WebhookReplay",
]


class ApiKey(models.Model):
    """A key of one app. The key itself is shown once; kept are its prefix and an HMAC under the server's secret."""

    KINDS: ClassVar = [("live", _("secret")), ("test", _("test")), ("pub", _("publishable"))]

    app = models.ForeignKey(App, models.CASCADE, related_name="api_keys")
    kind = models.CharField(_("kind"), max_length=4, choices=KINDS)
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("begins with"), max_length=20, db_index=True)
    key_hash = models.BinaryField(max_length=32)
    scopes = ArrayField(models.CharField(max_length=30), verbose_name=_("scopes"), default=list)
    # Networks that a secret key may be used from, origins of pages that a publishable one may be; empty = any.
    allowed_networks = ArrayField(
        models.CharField(max_length=43),
        verbose_name=_("only from these addresses"),
        default=list,
        db_default=[],
        blank=True,
    )
    allowed_origins = ArrayField(
        models.CharField(max_length=200), verbose_name=_("only on these sites"), default=list, db_default=[], blank=True
    )
    replaced_by = models.OneToOneField(
        "self", models.SET_NULL, null=True, related_name="replaces", verbose_name=_("replaced by")
    )
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class IdentityCheck(models.Model):
    """Whether a publishable key's registrations must prove whose they are (services/identity.py)."""

    MODES: ClassVar = [("off", _("Off")), ("monitor", _("Monitor")), ("enforce", _("Enforce"))]

    app = models.OneToOneField(App, models.CASCADE, related_name="identity_check")
    mode = models.CharField(
        _("ask for a proof"),
        max_length=8,
        choices=MODES,
        default="off",
        help_text=_(
            "Off: whoever has the publishable key may name anybody. Monitor: everybody is let through, and the answer"
            " warns where the proof is missing or wrong. Enforce: a person is named only with a proof."
        ),
    )

    class Meta:
        verbose_name = _("signed identities")
        verbose_name_plural = _("signed identities")

    def __str__(self) -> str:
        return f"{self.app} · {self.mode}"


class IdentityKey(models.Model):
    """What may sign identities: a public key (ES256) or a shared secret (HS256)."""

    ALGORITHMS: ClassVar = [("ES256", "ES256"), ("HS256", "HS256")]

    check_of = models.ForeignKey(IdentityCheck, models.CASCADE, related_name="keys")
    name = models.CharField(_("name"), max_length=100)
    algorithm = models.CharField(_("algorithm"), max_length=5, choices=ALGORITHMS, default="ES256")
    key = EncryptedJSONField()
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("identity key")
        verbose_name_plural = _("identity keys")
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.algorithm})"


class IdentityDay(models.Model):
    """How many registrations that named somebody came with a proof, without one, and with a wrong one (UTC days)."""

    app_id = models.BigIntegerField()
    day = models.DateField()
    proved = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    wrong = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["app_id", "day"], name="identity_day_once")]


class IdempotencyRecord(models.Model):
    """What one idempotency key led to: enough to rebuild the same answer, no texts.

    key: the caller's string; body_hash: SHA-256 of the request's canonical body; answer: ids, verdicts, codes.
    """

    app_id = models.BigIntegerField()
    is_test = models.BooleanField(default=False)
    key = models.CharField(max_length=255)
    body_hash = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    answer = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["app_id", "is_test", "key"], name="idempotency_once")]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="idempotency_created")]
