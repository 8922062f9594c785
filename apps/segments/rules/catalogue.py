"""The one list of what a rule may ask: fields, their types, and the operators of each type.

It serves the builder, the API, validation, SQL and explanations. A rule is JSON:

    group  {"match": "all" | "any" | "none", "rules": [group or leaf, ...]}
    leaf   {"field": "language", "op": "is", "value": "pl"}
    event  {"field": "event", "op": "did" | "did_not", "value": {"name": "purchase", "days": 30, "where":
            [{"property": "category", "op": "is", "value": "shoes"}], "times": {"op": "at_least", "count": 2},
            "sum": {"op": "at_least", "amount": 100}}}       (of these only the name must be there)
           when: "days": 30 (in the last), or "before_days": 30 (longer ago), or "from" and "to" (dates, one or both);
           "which": "first" | "last" asks when that one was, and so wants a "when", but neither times nor sum
    message {"field": "message", "op": "opened", "value": {"campaign": "campaign:12", "days": 30}}
           campaign: as catalogue.Catalogue.campaigns names it, "" = any; days: when it happened, without = ever

Unknown never matches: a leaf about something we do not know of a person is false, whatever its operator
("city is not Paris" is false where there is no city). Only a group "none" turns false into true.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.core.words import spoken
from apps.customers.models import EventType, TraitType
from apps.deliveries.models import Dispatch
from apps.devices.models import PLATFORMS
from apps.segments.models import Segment

MOST_RULES = 50
MOST_DEPTH = 4
MOST_VALUES = 10_000
MOST_CONDITIONS = 5
LONGEST_TEXT = 1_000
MOST_DAYS = 3_650
MOST_TIMES = 1_000_000

# What rules about messages look at: not what was asked for by an API call, nor tests.
CAMPAIGN_KINDS = ("campaign", "automation")

Label = str | Promise


class Kind(StrEnum):
    """What an operator wants as its value."""

    NOTHING = "nothing"
    TEXT = "text"
    TEXTS = "texts"
    NUMBER = "number"
    NUMBERS = "numbers"  # two: from, to
    DATE = "date"
    DATES = "dates"  # two: from, to
    DAYS = "days"
    VERSION = "version"
    CHOICES = "choices"
    SEGMENT = "segment"
    EVENT = "event"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Operator:
    """One thing that can be asked of a type. The label completes the sentence "<field> <label> <value>"."""

    key: str
    label: Label
    kind: Kind


_KNOWN = (Operator("is_known", _("is known"), Kind.NOTHING), Operator("is_unknown", _("is not known"), Kind.NOTHING))

OPERATORS: Mapping[str, tuple[Operator, ...]] = {
    "text": (
        Operator("is", _("is"), Kind.TEXT),
        Operator("is_not", _("is not"), Kind.TEXT),
        Operator("is_any_of", _("is any of"), Kind.TEXTS),
        Operator("is_none_of", _("is none of"), Kind.TEXTS),
        Operator("contains", _("contains"), Kind.TEXT),
        Operator("does_not_contain", _("does not contain"), Kind.TEXT),
        Operator("starts_with", _("begins with"), Kind.TEXT),
        *_KNOWN,
    ),
    # Kept sealed (customers.sealed), so that only the whole can be asked for.
    "contact": (
        Operator("is_known", _("is known"), Kind.NOTHING),
        Operator("is_unknown", _("is not known"), Kind.NOTHING),
        Operator("is", _("is"), Kind.TEXT),
        Operator("is_not", _("is not"), Kind.TEXT),
        Operator("is_any_of", _("is any of"), Kind.TEXTS),
        Operator("is_none_of", _("is none of"), Kind.TEXTS),
    ),
    "number": (
        Operator("at_least", _("is at least"), Kind.NUMBER),
        Operator("at_most", _("is at most"), Kind.NUMBER),
        Operator("more_than", _("is more than"), Kind.NUMBER),
        Operator("less_than", _("is less than"), Kind.NUMBER),
        Operator("is", _("is exactly"), Kind.NUMBER),
        Operator("is_not", _("is not"), Kind.NUMBER),
        Operator("between", _("is between"), Kind.NUMBERS),
        *_KNOWN,
    ),
    "date": (
        Operator("in_last_days", _("was in the last"), Kind.DAYS),
        Operator("more_than_days_ago", _("was longer ago than"), Kind.DAYS),
        Operator("in_next_days", _("is in the next"), Kind.DAYS),
        Operator("on", _("is on"), Kind.DATE),
        Operator("before", _("is before"), Kind.DATE),
        Operator("after", _("is after"), Kind.DATE),
        Operator("between", _("is between"), Kind.DATES),
        *_KNOWN,
    ),
    "boolean": (
        Operator("is_true", _("is yes"), Kind.NOTHING),
        Operator("is_false", _("is no"), Kind.NOTHING),
        *_KNOWN,
    ),
    "list": (
        Operator("contains", _("contains"), Kind.TEXT),
        Operator("contains_any_of", _("contains any of"), Kind.TEXTS),
        Operator("does_not_contain", _("does not contain"), Kind.TEXT),
        *_KNOWN,
    ),
    "choice": (
        Operator("is_any_of", _("is"), Kind.CHOICES),
        Operator("is_none_of", _("is not"), Kind.CHOICES),
    ),
    "version": (
        Operator("at_least", _("is at least"), Kind.VERSION),
        Operator("less_than", _("is older than"), Kind.VERSION),
        Operator("is", _("is exactly"), Kind.VERSION),
    ),
    # A past moment of which there is always one, or none at all: no "next", no "is not known".
    "moment": (
        Operator("in_last_days", _("was in the last"), Kind.DAYS),
        Operator("more_than_days_ago", _("was longer ago than"), Kind.DAYS),
        Operator("on", _("was on"), Kind.DATE),
        Operator("before", _("was before"), Kind.DATE),
        Operator("after", _("was after"), Kind.DATE),
        Operator("between", _("was between"), Kind.DATES),
    ),
    "count": (
        Operator("at_least", _("is at least"), Kind.NUMBER),
        Operator("at_most", _("is at most"), Kind.NUMBER),
        Operator("is", _("is exactly"), Kind.NUMBER),
    ),
    "segment": (
        Operator("in", _("includes this person:"), Kind.SEGMENT),
        Operator("not_in", _("does not include this person:"), Kind.SEGMENT),
    ),
    "event": (
        Operator("did", _("did"), Kind.EVENT),
        Operator("did_not", _("did not"), Kind.EVENT),
    ),
    # Of campaigns and automations. The three "did not" want that it was sent; who was never sent it is not meant.
    "message": (
        Operator("was_sent", _("was sent"), Kind.MESSAGE),
        Operator("was_not_sent", _("was not sent"), Kind.MESSAGE),
        Operator("displayed", _("saw"), Kind.MESSAGE),
        Operator("opened", _("opened"), Kind.MESSAGE),
        Operator("clicked", _("tapped a button in"), Kind.MESSAGE),
        Operator("did_not_display", _("was sent but did not see"), Kind.MESSAGE),
        Operator("did_not_open", _("was sent but did not open"), Kind.MESSAGE),
        Operator("did_not_click", _("was sent but tapped no button in"), Kind.MESSAGE),
    ),
}
WHICH = {"first": _("the first time"), "last": _("the last time")}
TIMES = {"at_least": _("at least"), "exactly": _("exactly"), "at_most": _("at most")}
SUMS = {"at_least": _("at least"), "at_most": _("at most")}
MATCHES = {"all": _("all of these"), "any": _("any of these"), "none": _("none of these")}


@dataclass(frozen=True, slots=True)
class Field:
    """Something known about people. key: what rules store; group: where the builder lists it."""

    key: str
    label: Label
    group: Label
    type: str
    choices: tuple[tuple[str, Label], ...] = ()

    @property
    def operators(self) -> tuple[Operator, ...]:
        return OPERATORS[self.type]

    def operator(self, key: str) -> Operator | None:
        return next((operator for operator in self.operators if operator.key == key), None)


_PROFILE = _("Profile")
_DEVICES = _("Devices")
_CONSENT = _("Consent")
_PERMISSIONS: tuple[tuple[str, Label], ...] = (
    ("granted", _("granted")),
    ("provisional", _("granted quietly")),
    ("ephemeral", _("granted for an app clip")),
    ("denied", _("denied")),
    ("default", _("not asked yet")),
)
_ANSWERS: tuple[tuple[str, Label], ...] = (("yes", _("given")), ("no", _("refused")), ("unknown", _("never asked")))

BUILT_IN: tuple[Field, ...] = (
    Field("event", _("Event"), _("Behaviour"), "event"),
    Field("message", _("Message"), _("Behaviour"), "message"),
    Field("language", _("language"), _PROFILE, "text"),
    Field("country", _("country"), _PROFILE, "text"),
    Field("time_zone", _("time zone"), _PROFILE, "text"),
    Field("first_name", _("first name"), _PROFILE, "text"),
    Field("last_name", _("last name"), _PROFILE, "text"),
    Field("email", _("e-mail"), _PROFILE, "contact"),
    Field("phone", _("phone"), _PROFILE, "contact"),
    Field("external_id", _("customer id"), _PROFILE, "text"),
    Field("created_at", _("first seen"), _PROFILE, "moment"),
    Field("device.platform", _("platform"), _DEVICES, "choice", tuple(PLATFORMS)),
    Field("device.app_version", _("app version"), _DEVICES, "version"),
    Field("device.last_seen", _("last use of the app"), _DEVICES, "moment"),
    Field("device.permission", _("permission to notify"), _DEVICES, "choice", _PERMISSIONS),
    Field("device.count", _("number of devices"), _DEVICES, "count"),
    Field("consent.push", _("push consent"), _CONSENT, "choice", _ANSWERS),
    Field("consent.sms", _("SMS consent"), _CONSENT, "choice", _ANSWERS),
    Field("topics", _("topics"), _CONSENT, "list"),
    Field("segment", _("segment or list"), _("Segments"), "segment"),
)
TRAIT = "trait."
COLUMNS = ("language", "country", "time_zone", "first_name", "last_name", "email", "phone", "external_id")


@dataclass(frozen=True)
class Catalogue:
    """What rules of one app may ask today.

    events: name -> {property: type}; segments: id -> name; campaigns: origin of their dispatches -> name, latest first.
    """

    traits: Mapping[str, str]
    events: Mapping[str, Mapping[str, str]]
    segments: Mapping[int, str]
    campaigns: Mapping[str, str] = MappingProxyType({})

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        traits = [_trait(name, kind) for name, kind in sorted(self.traits.items())]
        event, message, *rest = BUILT_IN
        return {field.key: field for field in (event, message, *traits, *rest)}


def _trait(name: str, kind: str) -> Field:
    return Field(f"{TRAIT}{name}", spoken(name), _("Traits"), kind)


def load_catalogue(app: App) -> Catalogue:
    """Read the app's traits, events, segments and campaigns. Cost: four small queries."""
    return Catalogue(
        traits=dict(TraitType.objects.filter(app=app).values_list("name", "type")),
        events=dict(EventType.objects.filter(app=app).values_list("name", "properties")),
        segments=dict(Segment.objects.filter(app=app).values_list("id", "name")),
        campaigns=_campaigns(app),
    )


def _campaigns(app: App) -> dict[str, str]:
    """Only what was launched can have been sent. Index: dispatch_of_campaign."""
    launches = Dispatch.objects.filter(app=app, kind__in=CAMPAIGN_KINDS).order_by("origin", "-id").distinct("origin")
    latest = sorted(launches.values_list("id", "origin", "name"), reverse=True)
    return {origin: name or origin for _id, origin, name in latest}
