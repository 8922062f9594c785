"""Campaigns, their times, their variants, and messages kept to begin others with."""

from datetime import time
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.campaigns.recurrence import Recurrence
from apps.campaigns.states import CAMPAIGN_STATES
from apps.deliveries.models import Dispatch
from apps.devices.models import PLATFORMS
from apps.segments.models import Segment


def all_platforms() -> list[str]:
    """The default of Campaign.platforms."""
    return [word for word, _label in PLATFORMS]


def only_monday() -> list[int]:
    """The default of Campaign.repeat_weekdays."""
    return [0]


class Campaign(models.Model):
    """A message to an audience, written by a marketer, launched once, again and again, or when the API asks.

    version rises with every save: two editors never overwrite each other. dispatch is set at launch.
    launching_until: the lease of the process that is launching it. launch_problem: why the last launch did not happen
    and made it a draft again, launch_problem_at: when. archived_at: put away, so that lists show it only when asked.
    With several variants: test_percent of the audience is in the test, the rest waits for the winner. fallback: the
    variant it gets where no difference was seen, AHEAD = whichever leads. decided_how: why it got what it got.
    holdout_percent: of the audience, get nothing, to compare with; goal_event: what both are compared by.
    clock: on whose clock the set time is read (services.local_time); scheduled_at is that time on the project's.
    timing repeat: repeat_* say when (see `recurrence`), scheduled_at is the next time, dispatch the latest, and each
    time leaves an Occurrence. timing api: every trigger is a dispatch of its own; api_facts: what a trigger brings for
    the texts. paused_at: neither times nor triggers start anything until it is resumed.
    """

    AHEAD: ClassVar = -1
    METRICS: ClassVar = [("opened", _("opens")), ("clicked", _("clicks"))]
    DECIDERS: ClassVar = [("auto", _("by itself")), ("hand", _("by hand"))]
    DECISIONS: ClassVar = [(word, word) for word in ("winner", "guarded", "no_difference", "too_few", "hand")]

    DEVICE_CHOICES: ClassVar = [("all", _("every device of a person")), ("latest", _("only the most recently used"))]
    TIMINGS: ClassVar = [
        ("now", _("as soon as I launch it")),
        ("at", _("at a set time")),
        ("repeat", _("again and again")),
        ("api", _("when the API asks")),
    ]
    EVERY: ClassVar = [("daily", _("every day")), ("weekly", _("every week")), ("monthly", _("every month"))]
    # These go out more than once: their live state is not one dispatch's.
    LASTING: ClassVar = ("repeat", "api")

    CLOCKS: ClassVar = [
        ("app", _("the project's clock")),
        ("each", _("each person's clock")),
        ("habit", _("each person's usual hour")),
    ]
    MISSED_HOURS: ClassVar = [("skip", _("is left out")), ("next_day", _("gets it the next day"))]

    app = models.ForeignKey(App, models.PROTECT, related_name="+")
    name = models.CharField(_("internal name"), max_length=150)
    state = models.CharField(_("state"), max_length=17, choices=CAMPAIGN_STATES.choices, default="draft")
    version = models.PositiveIntegerField(default=1)

    include_segments = models.ManyToManyField(
        Segment, verbose_name=_("send to"), related_name="+", blank=True, help_text=_("People in any of these.")
    )
    exclude_segments = models.ManyToManyField(Segment, verbose_name=_("but not to"), related_name="+", blank=True)
    topic = models.CharField(
        _("topic"),
        max_length=60,
        blank=True,
        default="",
        db_default="",
        help_text=_("Only people who chose it get it."),
    )
    platforms = ArrayField(models.CharField(max_length=8), verbose_name=_("platforms"), default=all_platforms)
    devices = models.CharField(_("devices"), max_length=6, choices=DEVICE_CHOICES, default="all")

    timing = models.CharField(_("when"), max_length=9, choices=TIMINGS, default="now")
    scheduled_at = models.DateTimeField(_("time"), null=True, blank=True)
    clock = models.CharField(_("on whose clock"), max_length=5, choices=CLOCKS, default="app", db_default="app")
    missed_hour = models.CharField(
        _("who has that time behind them"), max_length=8, choices=MISSED_HOURS, default="skip", db_default="skip"
    )
    repeat_every = models.CharField(_("repeats"), max_length=7, choices=EVERY, default="weekly", db_default="weekly")
    repeat_weekdays = ArrayField(
        models.PositiveSmallIntegerField(), verbose_name=_("on these days"), default=only_monday, db_default=[0]
    )
    repeat_day = models.PositiveSmallIntegerField(_("on day of the month"), default=1, db_default=1)
    repeat_time = models.TimeField(_("at"), default=time(9), db_default=time(9))
    repeat_from = models.DateField(_("not before"), null=True, blank=True)
    repeat_until = models.DateField(_("until"), null=True, blank=True)
    repeat_times = models.PositiveIntegerField(_("at most so often"), null=True, blank=True)
    api_facts = ArrayField(
        models.CharField(max_length=60), verbose_name=_("what the API sends along"), default=list, db_default=[]
    )
    throttle_per_second = models.FloatField(
        _("pace (pushes a second)"), null=True, blank=True, help_text=_("Empty = as fast as the gateways take it.")
    )
    expire_after_minutes = models.PositiveIntegerField(
        _("expires after (minutes)"), default=24 * 60, help_text=_("A push that could not be shown by then is dropped.")
    )
    respects_quiet_hours = models.BooleanField(_("hold during quiet hours"), default=True)
    respects_cap = models.BooleanField(_("respect the frequency cap"), default=True)

    test_percent = models.PositiveSmallIntegerField(
        _("part of the audience in the test (%)"), default=100, db_default=100
    )
    holdout_percent = models.PositiveSmallIntegerField(_("hold-out (%)"), default=0, db_default=0)
    goal_event = models.CharField(_("goal"), max_length=100, blank=True, default="", db_default="")
    winner_by = models.CharField(_("winner by"), max_length=7, choices=METRICS, default="opened", db_default="opened")
    decides = models.CharField(_("decided"), max_length=4, choices=DECIDERS, default="auto", db_default="auto")
    decide_after_hours = models.PositiveSmallIntegerField(_("decided after (hours)"), default=4, db_default=4)
    fallback = models.SmallIntegerField(_("where there is no difference"), default=0, db_default=0)
    decided_how = models.CharField(max_length=13, blank=True, choices=DECISIONS, default="", db_default="")

    dispatch = models.ForeignKey(Dispatch, models.PROTECT, null=True, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)
    launched_at = models.DateTimeField(_("launched at"), null=True)
    archived_at = models.DateTimeField(_("archived at"), null=True)
    launching_until = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    launch_problem = models.CharField(_("why it could not be launched"), max_length=300, blank=True)
    launch_problem_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        ordering: ClassVar = ["-updated_at"]
        constraints: ClassVar = [CAMPAIGN_STATES.constraint("campaign")]
        indexes: ClassVar = [
            models.Index(fields=["scheduled_at"], name="campaign_due", condition=models.Q(state="scheduled")),
        ]
        permissions: ClassVar = [
            ("launch_campaign", "Can launch, pause, resume and cancel campaigns"),
            ("approve_campaign", "Can approve campaigns"),
            ("try_campaign", "Can send a draft to test devices"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def origin(self) -> str:
        """Its name in the engine."""
        return f"campaign:{self.pk}"

    @property
    def is_lasting(self) -> bool:
        """Whether it goes out more than once."""
        return self.timing in self.LASTING

    @property
    def recurrence(self) -> Recurrence:
        """When it repeats, on the app's clock. Reads campaign.app."""
        return Recurrence(
            every=self.repeat_every,
            at=self.repeat_time,
            zone=ZoneInfo(self.app.time_zone),
            weekdays=frozenset(self.repeat_weekdays),
            day=self.repeat_day,
            first=self.repeat_from,
            until=self.repeat_until,
        )


class Occurrence(models.Model):
    """One time of a repeating campaign, once it has come: launched, or why not. on_day: its local day.

    outcome missed: nothing could launch it in time; skipped: there was nobody, or it was paused.
    """

    OUTCOMES: ClassVar = [("launched", _("launched")), ("missed", _("missed")), ("skipped", _("skipped"))]

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="occurrences")
    on_day = models.DateField()
    planned_at = models.DateTimeField()
    outcome = models.CharField(max_length=8, choices=OUTCOMES)
    reason = models.CharField(max_length=300, blank=True)
    dispatch = models.ForeignKey(Dispatch, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("occurrence")
        verbose_name_plural = _("occurrences")
        default_permissions = ("view",)
        ordering: ClassVar = ["-planned_at"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["campaign", "on_day"], name="occurrence_once")]

    def __str__(self) -> str:
        return f"{self.campaign}: {self.on_day}"


class Variant(models.Model):
    """One version of a campaign's message, with its share of the audience in percent.

    texts: {language: {"title", "body", "image_url", "link", "buttons", ...}}, fields of gateways.contract.PushContent
    as Liquid templates; "" is never a key: the app's default language must be there.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="variants")
    position = models.PositiveSmallIntegerField(default=0)
    share = models.PositiveSmallIntegerField(_("share (%)"), default=100)
    texts = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["campaign", "position"], name="variant_position_once")]


class MessageTemplate(models.Model):
    """A message kept to begin others with. texts: as of Variant; a copy, so neither changes with the other."""

    app = models.ForeignKey(App, models.CASCADE, related_name="+")
    name = models.CharField(_("name"), max_length=100)
    texts = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["app", "name"], name="message_template_once")]

    def __str__(self) -> str:
        return self.name
