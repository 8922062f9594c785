"""Apps (the tenants), the people who work in them, and the audit log."""

import re
from collections.abc import Iterator
from typing import ClassVar
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import EncryptedJSONField
from apps.core.guarded_http import RefusedUrl, check_url

# Schemes that run code or read files on the phone; RFC 3986 says how a scheme is written.
_FORBIDDEN_SCHEMES = frozenset({"javascript", "data", "file", "vbscript", "blob", "about", "http"})
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{1,49}")


def validate_time_zone(name: str) -> None:
    """Raises ValidationError unless `name` is in the IANA list."""
    if name not in available_timezones():
        raise ValidationError(_("“%s” is not an IANA time zone, such as Europe/Warsaw.") % name, code="time_zone")


def validate_link_schemes(schemes: object) -> None:
    """Raises ValidationError unless `schemes` is a list of URL schemes that an app may open."""
    if not isinstance(schemes, list):
        raise ValidationError(_("A list of schemes is needed, such as myshop."), code="link_schemes")
    for scheme in schemes:
        if not isinstance(scheme, str) or not _SCHEME.fullmatch(scheme) or scheme in _FORBIDDEN_SCHEMES:
            raise ValidationError(_("“%s” cannot be a deep-link scheme.") % scheme, code="link_schemes")


class User(AbstractUser):
    """A person who logs in. What they may do comes from their role (a group), where from their memberships.

    second_factor_at: since when a log-in needs a code, too; null = the password is enough.
    """

    second_factor_at = models.DateTimeField(_("two-step log-in since"), null=True, blank=True, editable=False)

    def get_session_auth_hash(self) -> str:
        """Sessions end with the password, and with the second factor: turned on, renewed or taken off."""
        return self._with_factor(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        return (self._with_factor(one) for one in super().get_session_auth_fallback_hash())

    def _with_factor(self, session_hash: str) -> str:
        return f"{session_hash}:{self.second_factor_at.timestamp()}" if self.second_factor_at else session_hash


class SecondFactor(models.Model):
    """A person's authenticator app; it counts once User.second_factor_at is set.

    secret: base32. last_step: of the last code that was used, for each works once. recovery_hashes: HMACs of the codes
    that are left, each of which also works once.
    """

    user = models.OneToOneField(User, models.CASCADE, related_name="second_factor")
    secret = EncryptedJSONField()
    last_step = models.BigIntegerField(default=0, db_default=0)
    recovery_hashes = ArrayField(models.CharField(max_length=64), default=list)
    created_at = models.DateTimeField()


class FailedLogIn(models.Model):
    """Tries that failed, counted for one subject: a name, an address, or a name at an address (as an HMAC)."""

    subject = models.CharField(max_length=80, unique=True)
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(db_index=True)
    locked_until = models.DateTimeField(null=True)


class App(models.Model):
    """A tenant: one product of the installation, with its own people, devices, channels and campaigns."""

    slug = models.SlugField(_("slug"), max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=100)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_time_zone])
    default_language = models.CharField(_("default language"), max_length=35, default="en")
    default_country = models.CharField(
        _("default country"),
        max_length=2,
        blank=True,
        validators=[RegexValidator("^[A-Z]{2}$", _("Two capital letters, such as PL."))],
        help_text=_("For phone numbers written without +."),
    )
    link_schemes = models.JSONField(
        _("link schemes"),
        default=list,
        blank=True,
        validators=[validate_link_schemes],
        help_text=_('Deep-link schemes of your app beside https, such as ["myshop"].'),
    )
    quiet_from = models.TimeField(_("quiet hours from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet hours until"), null=True, blank=True)
    cap_count = models.PositiveSmallIntegerField(
        _("most campaign pushes per person"), null=True, blank=True, help_text=_("Empty = no cap.")
    )
    cap_days = models.PositiveSmallIntegerField(_("in so many days"), default=7, validators=[MinValueValidator(1)])
    health_url = models.CharField(
        _("health address of your own server"),
        max_length=500,
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "Asked every few seconds while a campaign is on its way. When it answers slowly or with an error, the"
            " campaign slows down until it is well again. Empty = not asked."
        ),
    )
    confirm_above = models.PositiveIntegerField(_("type the count to launch above"), default=1000)
    approve_above = models.PositiveIntegerField(
        _("a second person approves above"),
        null=True,
        blank=True,
        help_text=_("A campaign to more people than this needs somebody else's yes. Empty = never, 0 = always."),
    )
    approve_drift_percent = models.PositiveSmallIntegerField(
        _("audience may change by (%)"),
        default=10,
        db_default=10,
        validators=[MaxValueValidator(100)],
        help_text=_("Where it changed more between the yes and the launch, nobody is sent to and it needs a new yes."),
    )
    approve_hours = models.PositiveSmallIntegerField(
        _("a request is open for (hours)"),
        default=72,
        db_default=72,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 30)],
    )
    fallback_sms_per_day = models.PositiveIntegerField(
        _("most SMS after pushes in 24 hours"),
        null=True,
        blank=True,
        default=1000,
        db_default=1000,
        help_text=_("What your servers ask for with fallback_sms. Above it no SMS goes out. Empty = no limit."),
    )
    devices_per_person = models.PositiveSmallIntegerField(
        _("most devices per person"),
        default=50,
        db_default=50,
        validators=[MinValueValidator(1)],
        help_text=_("Whoever registers one more is no longer reached on the one not seen for longest."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("app")
        verbose_name_plural = _("apps")
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Quiet hours are both given or neither, and do not last the whole day; the health address may be called."""
        if self.health_url:
            try:
                check_url(self.health_url, allows_loopback=settings.HEALTH_PROBE_ALLOWS_LOOPBACK)
            except RefusedUrl as refusal:
                raise ValidationError({"health_url": str(refusal)}, code=refusal.code) from refusal
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValidationError(_("Give both ends of the quiet hours, or neither."), code="quiet_hours")
        if self.quiet_from is not None and self.quiet_from == self.quiet_until:
            raise ValidationError(_("Quiet hours that begin as they end would hold every push."), code="quiet_hours")


class Membership(models.Model):
    """A user works in an app. Without one, a user sees nothing of it; superusers see all."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    app = models.ForeignKey(App, models.CASCADE, related_name="memberships")

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "app"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.app}"


class AuditEntry(models.Model):
    """Who did what, when. Append-only: a trigger refuses update and delete."""

    app = models.ForeignKey(App, models.PROTECT, null=True, related_name="+")
    actor = models.CharField(_("who"), max_length=150)
    action = models.CharField(_("did"), max_length=60)
    subject = models.CharField(_("to what"), max_length=120)
    details = models.JSONField(_("details"), default=dict)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["app", "-at"], name="audit_app_at"),
            models.Index(fields=["subject"], name="audit_device_moved", condition=models.Q(action="device.moved")),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"
