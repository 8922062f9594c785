"""The second try: who did not open gets an SMS, at most once."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.campaigns.models import AutomationStep, Campaign
from apps.core.fields import EncryptedJSONField
from apps.customers.fields import SealedField, is_open
from apps.customers.models import Customer
from apps.customers.sealed import PHONE
from apps.deliveries.models import Dispatch
from apps.sms_booster.states import FALLBACK_STATES, SMS_STATES


class BoostRule(models.Model):
    """A campaign's SMS follow-up. is_enabled: off by default. chosen_at: the audience was picked (compare-and-set).

    counts_clicks: the first link of the text is sent as a short one that counts who follows it (click_links).
    left_out: then, how many people it did not choose, by reason (settle_choice.sql); null = not chosen yet, or by an
    older version.
    """

    campaign = models.OneToOneField(Campaign, models.CASCADE, related_name="boost_rule")
    is_enabled = models.BooleanField(_("send an SMS to those who did not open"), default=False)
    wait_minutes = models.PositiveIntegerField(_("wait (minutes)"), default=120)
    text = models.TextField(_("SMS text"), blank=True)
    max_messages = models.PositiveIntegerField(_("at most so many SMS"), default=1000)
    price_per_part = models.DecimalField(_("price per part"), max_digits=8, decimal_places=4, default=0)
    counts_clicks = models.BooleanField(_("count clicks"), default=False, db_default=False)
    chosen_at = models.DateTimeField(null=True)
    left_out = models.JSONField(null=True)

    class Meta:
        verbose_name = _("SMS booster")
        verbose_name_plural = _("SMS boosters")


class Fallback(models.Model):
    """The SMS after a transactional push, for those who have not answered it by due_at (services.fall_back).

    customer_ids: whom the push was for. text: {"body": Liquid, "facts": the caller's}; nothing once it is forgotten.
    """

    dispatch = models.OneToOneField(Dispatch, models.CASCADE, related_name="fallback", primary_key=True)
    customer_ids = ArrayField(models.BigIntegerField())
    text = EncryptedJSONField(null=True)
    state = models.CharField(max_length=9, choices=FALLBACK_STATES.choices, default="waiting")
    due_at = models.DateTimeField()
    forgotten_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("fallback SMS")
        verbose_name_plural = _("fallback SMS")
        default_permissions = ("view",)
        constraints: ClassVar = [FALLBACK_STATES.constraint("fallback")]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="fallback_due", condition=models.Q(state="waiting")),
        ]


class SmsMessage(models.Model):
    """One SMS to one person: of a campaign (rule), after a transactional push (fallback), or of an automation's step.

    sealed: the text of a fallback, encrypted, for it may hold a code; its body stays "". body:
    written when chosen, "" until then and where it will not be sent; a counted link stands in it as the one it leads
    to. parts: of what is sent, as GSM-7 or UCS-2 counts them. clicked_at: when that link was first followed.
    due_at: not before this time; quiet hours and a throttling provider move it on. code: why it ended as it did.
    """

    rule = models.ForeignKey(BoostRule, models.CASCADE, null=True, related_name="messages")
    fallback = models.ForeignKey(Fallback, models.CASCADE, null=True, related_name="messages")
    sealed = EncryptedJSONField(null=True)
    step = models.ForeignKey(AutomationStep, models.PROTECT, null=True, related_name="+")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="+")
    app_id = models.BigIntegerField()
    dispatch_id = models.BigIntegerField(null=True)
    phone = SealedField(kind=PHONE)
    body = models.TextField(blank=True)
    parts = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=12, choices=SMS_STATES.choices, default="planned")
    code = models.CharField(max_length=60, blank=True)
    provider_id = models.CharField(max_length=64, blank=True)
    planned_at = models.DateTimeField()
    due_at = models.DateTimeField()
    sending_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("SMS")
        verbose_name_plural = _("SMS")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["dispatch_id", "customer"], name="sms_once"),
            SMS_STATES.constraint("sms"),
            models.CheckConstraint(
                condition=models.Q(rule__isnull=False, fallback=None, step=None, dispatch_id__isnull=False)
                | models.Q(rule=None, fallback__isnull=False, step=None, dispatch_id__isnull=False)
                | models.Q(rule=None, fallback=None, step__isnull=False, dispatch_id=None),
                name="sms_of_one",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], name="sms_open_contacts", condition=is_open("phone")),
            models.Index(fields=["due_at", "id"], name="sms_planned", condition=models.Q(state="planned")),
            models.Index(fields=["sending_at"], name="sms_sending", condition=models.Q(state="sending")),
            models.Index(fields=["provider_id"], name="sms_provider_id", condition=~models.Q(provider_id="")),
            models.Index(
                fields=["app_id", "planned_at"], name="sms_after_pushes", condition=models.Q(fallback__isnull=False)
            ),
        ]

    @property
    def source_name(self) -> str:
        """Of the campaign or automation that it belongs to."""
        if self.rule is not None:
            return self.rule.campaign.name
        return self.step.automation.name if self.step is not None else str(_("after a push"))


class TrialNumber(models.Model):
    """A phone on which the team reads its SMS before everybody gets them. Whose it is does not matter."""

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=60)
    phone = EncryptedJSONField(_("phone number"))
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    added_at = models.DateTimeField(_("added at"))

    class Meta:
        verbose_name = _("test number")
        verbose_name_plural = _("test numbers")
        ordering: ClassVar = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class SmsTrial(models.Model):
    """An SMS of a draft to a test number; nothing counts it, and it is gone after a week.

    subject: whose text it is, as in the audit log. name: the number's, also once it is none any more. sealed: phone and
    text. detail: what the provider said where it did not take it. provider_id: its own number of the SMS.
    """

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    subject = models.CharField(max_length=60)
    name = models.CharField(max_length=60)
    sealed = EncryptedJSONField()
    parts = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=12, choices=SMS_STATES.choices, default="planned")
    code = models.CharField(max_length=60, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    provider_id = models.CharField(max_length=64, blank=True, db_default="")
    planned_at = models.DateTimeField()
    sending_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("test SMS")
        verbose_name_plural = _("test SMS")
        default_permissions = ("view",)
        constraints: ClassVar = [SMS_STATES.constraint("sms_trial")]
        indexes: ClassVar = [
            models.Index(fields=["id"], name="sms_trial_open", condition=models.Q(state__in=["planned", "sending"])),
            models.Index(fields=["app", "planned_at"], name="sms_trial_lately"),
        ]


class SmsReply(models.Model):
    """What somebody answered to an SMS. meaning: stop, start, help, or "" = a person should read it."""

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    provider_id = models.CharField(max_length=64)
    phone = SealedField(_("from"), kind=PHONE)
    body = models.TextField(_("text"))
    meaning = models.CharField(_("understood as"), max_length=5, blank=True)
    received_at = models.DateTimeField(_("received at"))

    class Meta:
        verbose_name = _("SMS reply")
        verbose_name_plural = _("SMS replies")
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["app", "provider_id"], name="sms_reply_once")]
        indexes: ClassVar = [models.Index(fields=["id"], name="reply_open_contacts", condition=is_open("phone"))]
