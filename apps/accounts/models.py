"""Apps (the tenants), the people who work in them, and the audit log."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A person who logs in. What they may do comes from their role (a group), where from their memberships."""


class App(models.Model):
    """A tenant: one product of the installation, with its own people, devices, channels and campaigns."""

    slug = models.SlugField(_("slug"), max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=100)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    default_language = models.CharField(_("default language"), max_length=35, default="en")
    default_country = models.CharField(
        _("default country"), max_length=2, blank=True, help_text=_("For phone numbers written without +.")
    )
    link_schemes = models.JSONField(
        _("link schemes"), default=list, blank=True, help_text=_("Deep-link schemes of your app beside https.")
    )
    quiet_from = models.TimeField(_("quiet hours from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet hours until"), null=True, blank=True)
    cap_count = models.PositiveSmallIntegerField(
        _("most campaign pushes per person"), null=True, blank=True, help_text=_("Empty = no cap.")
    )
    cap_days = models.PositiveSmallIntegerField(_("in so many days"), default=7)
    confirm_above = models.PositiveIntegerField(_("type the count to launch above"), default=1000)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("app")
        verbose_name_plural = _("apps")
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


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
        indexes: ClassVar = [models.Index(fields=["app", "-at"], name="audit_app_at")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"
