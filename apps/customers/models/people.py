"""Who we know: profile, consent ledger, behavioural events."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.core.fields import EncryptedJSONField
from apps.customers.fields import SealedField, is_open
from apps.customers.sealed import EMAIL, PHONE


class Customer(models.Model):
    """A person of one app. `external_id` null = an anonymous device's owner, until a log-in names them.

    push_consent: null = never said (the operating system's permission decides), False = opted out.
    sms_consent: only True allows an SMS. Both mirror the newest Consent row of their channel without a topic.
    erased_at: a tombstone; every other column is emptied, the row stays so that totals and re-imports stay right.
    erased_key: what a tombstone keeps of its name, see services.tombstones; null while somebody lives.
    merged_into: this row became part of that person (services.merging); it points there at once, never at a row that
    points on. What the ledger wrote under the old id is read through it. made_by_test: only test keys have written it.
    """

    app = models.ForeignKey(App, models.PROTECT, related_name="+")
    external_id = models.CharField(_("customer id"), max_length=255, null=True)
    email = SealedField(_("e-mail"), kind=EMAIL, blank=True)
    phone = SealedField(_("phone"), kind=PHONE, blank=True, help_text=_("E.164"))
    first_name = models.CharField(_("first name"), max_length=100, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    language = models.CharField(_("language"), max_length=35, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    traits = models.JSONField(_("traits"), default=dict)
    topics = ArrayField(models.CharField(max_length=60), verbose_name=_("topics"), default=list)
    push_consent = models.BooleanField(_("push consent"), null=True)
    sms_consent = models.BooleanField(_("SMS consent"), null=True)
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))
    erased_at = models.DateTimeField(_("erased at"), null=True)
    erased_key = models.BinaryField(max_length=32, null=True)
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="halves", db_constraint=False, db_index=False
    )
    merged_at = models.DateTimeField(null=True)
    made_by_test = models.BooleanField(default=False, db_default=False)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        permissions: ClassVar = [("reveal_customer", "Can see phones and e-mails in full")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["app", "external_id"], name="customer_external_id_once"),
            models.CheckConstraint(condition=~models.Q(external_id=""), name="customer_external_id_not_empty"),
            models.UniqueConstraint(
                fields=["app", "erased_key"], name="customer_erased_once", condition=~models.Q(erased_key=None)
            ),
        ]
        indexes: ClassVar = [
            GinIndex(fields=["traits"], name="customer_traits", opclasses=["jsonb_path_ops"]),
            models.Index(fields=["app", "phone"], name="customer_phone", condition=~models.Q(phone="")),
            models.Index(fields=["app", "email"], name="customer_email", condition=~models.Q(email="")),
            models.Index(Lower("email"), "app", name="customer_open_emails", condition=is_open("email")),
            models.Index(fields=["id"], name="customer_open_contacts", condition=is_open("email", "phone")),
            models.Index(fields=["merged_into"], name="customer_halves", condition=~models.Q(merged_into=None)),
            models.Index(fields=["merged_at"], name="customer_merged_at", condition=~models.Q(merged_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.external_id or str(_("anonymous"))


class TombstoneKey(models.Model):
    """What an app's tombstones are named with: made at its first erasure, kept for good, encrypted like any secret.

    Apart from FIELD_ENCRYPTION_KEYS, so that rotating those changes no name: a rotation encrypts this row anew.
    """

    app = models.OneToOneField(App, models.CASCADE, related_name="+")
    key = EncryptedJSONField()

    class Meta:
        verbose_name = _("tombstone key")
        verbose_name_plural = _("tombstone keys")


class ContactKey(models.Model):
    """What an app's phones and e-mails are sealed with (`sealed`): made when the first is, kept for good, encrypted.

    Sealed values name it by its id. Losing this row, or what it is encrypted under, is losing the app's contacts.
    app_id refers to nothing: processes remember keys, so a key outlives its app, and a demo world made anew keeps it.
    """

    app_id = models.BigIntegerField(unique=True)
    key = EncryptedJSONField()

    class Meta:
        verbose_name = _("contact key")
        verbose_name_plural = _("contact keys")


class SealingStart(models.Model):
    """The one row that says whether contacts are sealed yet (services.sealing_start); until then they are kept plain.

    clear_since: no process that could not open them has been seen since; looked_at: the latest look, null with it.
    """

    clear_since = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    begun_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("start of sealing")
        verbose_name_plural = _("start of sealing")


class Consent(models.Model):
    """One answer a person gave, append-only: the proof. `topic` empty = the whole channel.

    wording: what they were shown, word for word; wording_version: which Wording that was, null = none of ours.
    """

    CHANNELS: ClassVar = [("push", _("push")), ("sms", _("SMS"))]

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="consents")
    channel = models.CharField(max_length=8, choices=CHANNELS)
    topic = models.CharField(max_length=60, blank=True)
    granted = models.BooleanField()
    source = models.CharField(max_length=60, help_text=_("api, import, sms_reply, preference_page, admin"))
    wording = models.CharField(max_length=500, blank=True)
    wording_version = models.PositiveIntegerField(null=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        ordering: ClassVar = ["-at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(channel__in=["push", "sms"]), name="consent_channel_known")
        ]
        indexes: ClassVar = [models.Index(fields=["customer", "-at"], name="consent_customer_at")]


class Topic(models.Model):
    """A subject that people may choose. Customer.topics holds its key, which therefore never changes.

    is_default: people new to the app are in it until they say no. is_shown: stands on the preference page.
    cap_count, cap_days: how many campaigns about it a person gets in so many days; None = as many as the app allows.
    """

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    key = models.CharField(
        _("key"), max_length=60, help_text=_("What your app, the API and segments call it. It never changes.")
    )
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(
        _("description"), max_length=300, blank=True, help_text=_("What people get, and how often.")
    )
    is_default = models.BooleanField(
        _("on for new people"),
        default=False,
        db_default=False,
        help_text=_("Until they say no. Where the law wants a clear yes first, leave it off."),
    )
    is_shown = models.BooleanField(_("on the preference page"), default=True, db_default=True)
    position = models.PositiveSmallIntegerField(
        _("place"), default=0, db_default=0, help_text=_("Small numbers come first.")
    )

    cap_count = models.PositiveSmallIntegerField(
        _("most campaign pushes about it per person"),
        null=True,
        blank=True,
        help_text=_("Beside the cap of the whole app. Empty = no cap of its own."),
    )
    cap_days = models.PositiveSmallIntegerField(
        _("in so many days"), default=7, db_default=7, validators=[MinValueValidator(1)]
    )

    class Meta:
        verbose_name = _("topic")
        verbose_name_plural = _("topics")
        ordering: ClassVar = ["position", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["app", "key"], name="topic_once")]

    def __str__(self) -> str:
        return self.name


class Wording(models.Model):
    """A text that people of an app answer to, in a version. Append-only: an old answer must keep its question.

    subject: "push", "sms", or "topic:" and a topic's key.
    """

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    subject = models.CharField(_("about"), max_length=70)
    version = models.PositiveIntegerField(_("version"))
    text = models.CharField(_("wording"), max_length=450)
    created_at = models.DateTimeField(_("since"))
    created_by = models.CharField(_("written by"), max_length=150)

    class Meta:
        verbose_name = _("consent wording")
        verbose_name_plural = _("consent wordings")
        ordering: ClassVar = ["subject", "-version"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["app", "subject", "version"], name="wording_once")]

    def __str__(self) -> str:
        return f"{self.subject} {self.version}"


class ConsentDay(models.Model):
    """What an app's people said to a channel, at the end of a day (UTC); of today, at the last look.

    is_reconstructed: no look was taken that day, so it was worked out later from the consent ledger.
    """

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    day = models.DateField(_("day"))
    channel = models.CharField(_("channel"), max_length=8, choices=Consent.CHANNELS)
    granted = models.PositiveIntegerField()
    refused = models.PositiveIntegerField()
    unsaid = models.PositiveIntegerField()
    counted_at = models.DateTimeField()
    is_reconstructed = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("consent day")
        verbose_name_plural = _("consent days")
        constraints: ClassVar = [models.UniqueConstraint(fields=["app", "day", "channel"], name="consent_day_once")]


class Event(models.Model):
    """Something a person did. Partitioned by week of occurred_at (migration 0002), so its key holds the time.

    amount: the one hot number of the event (properties["amount"]), typed so that sums stay fast.
    """

    pk = models.CompositePrimaryKey("occurred_at", "id")
    id = models.BigIntegerField()
    app_id = models.BigIntegerField()
    customer_id = models.BigIntegerField()
    name = models.CharField(max_length=100)
    occurred_at = models.DateTimeField()
    amount = models.FloatField(null=True)
    properties = models.JSONField(default=dict)

    class Meta:
        managed = False
        db_table = "customers_event"


class EventWatch(models.Model):
    """A name of events that somebody above waits for: each one that comes in leaves an EventArrival."""

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["app", "name"], name="event_watch_once")]


class EventArrival(models.Model):
    """A watched event that came in and that nobody has taken yet: a queue, in the order of arrival (event_id).

    Written by the statement that stores the event, deleted by the transaction that acts on it: so none is missed and
    none taken twice, however late it was told (occurred_at may lie far back) and whoever dies in between.
    event_id and occurred_at are the event's key.
    """

    event_id = models.BigIntegerField(primary_key=True)
    app_id = models.BigIntegerField()
    customer_id = models.BigIntegerField()
    name = models.CharField(max_length=100)
    occurred_at = models.DateTimeField(null=True)


VALUE_TYPES: list[tuple[str, str | Promise]] = [
    ("text", _("text")),
    ("number", _("number")),
    ("date", _("date")),
    ("boolean", _("yes or no")),
    ("list", _("list")),
]


class TraitType(models.Model):
    """A trait that customers of an app have, with the type its first value had. Values of another type are refused."""

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=60)
    type = models.CharField(_("type"), max_length=8, choices=VALUE_TYPES)

    class Meta:
        verbose_name = _("trait")
        verbose_name_plural = _("traits")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["app", "name"], name="trait_type_once"),
            models.CheckConstraint(
                condition=models.Q(type__in=[word for word, _label in VALUE_TYPES]), name="trait_type_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class EventType(models.Model):
    """A name of events seen in an app. properties: {property: type}, each with the type it had first."""

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=100)
    properties = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("event name")
        verbose_name_plural = _("event names")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["app", "name"], name="event_type_once")]

    def __str__(self) -> str:
        return self.name
