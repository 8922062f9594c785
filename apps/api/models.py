"""The machine door's own rows: keys and idempotency."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App


class ApiKey(models.Model):
    """A key of one app. The key itself is shown once; kept are its prefix and an HMAC under the server's secret."""

    KINDS: ClassVar = [("live", _("secret")), ("test", _("test")), ("pub", _("publishable"))]

    app = models.ForeignKey(App, models.CASCADE, related_name="api_keys")
    kind = models.CharField(_("kind"), max_length=4, choices=KINDS)
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("begins with"), max_length=20, db_index=True)
    key_hash = models.BinaryField(max_length=32)
    scopes = ArrayField(models.CharField(max_length=30), verbose_name=_("scopes"), default=list)
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
