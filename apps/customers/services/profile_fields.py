"""What a caller says about a person, and the rules each field must keep."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem
from apps.core.text import clean_language, clean_text, clean_time_zone, shown

CHANNELS = ("push", "sms")
EXTERNAL_ID_LIMIT = 255
MOST_TOPICS = 50
TOPIC_LIMIT = 60

_PHONE_CHARACTERS = re.compile(r"\+?[0-9 ().\-/]+")
_MOBILE = {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}
_is_email = EmailValidator()


@dataclass(frozen=True, slots=True)
class CustomerDraft:
    """What a caller says about one person. None = not mentioned, so kept; "" = emptied.

    traits are merged into those known; a trait that is None is taken away. topics replace those known.
    consent: {channel: granted}; consent_wording: what the person agreed to, the proof.
    Values are checked, not trusted: a door may pass on what came.
    """

    external_id: str
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    language: str | None = None
    time_zone: str | None = None
    country: str | None = None
    traits: Mapping[str, Any] | None = None
    topics: Sequence[str] | None = None
    consent: Mapping[str, bool] | None = None
    consent_wording: str = ""


@dataclass(slots=True)
class CleanCustomer:
    """A draft after the rules. fields: column -> value, only those mentioned. Anything in problems = refused."""

    external_id: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] | None = None
    consent: dict[str, bool] = field(default_factory=dict)
    wording: str = ""
    problems: list[FieldProblem] = field(default_factory=list)
    warnings: list[FieldProblem] = field(default_factory=list)


def clean_customer(draft: CustomerDraft, *, default_country: str) -> CleanCustomer:
    """Apply every rule but those of traits (services.vocabulary). Pointers are relative to the draft."""
    clean = CleanCustomer(traits=draft.traits)
    problems = clean.problems
    clean.external_id = clean_external_id(draft.external_id, pointer="/external_id", problems=problems) or ""
    country = _mentioned(draft.country, lambda value: clean_country(value, pointer="/country", problems=problems))
    values = {
        "email": _mentioned(draft.email, lambda value: clean_email(value, pointer="/email", problems=problems)),
        "phone": _mentioned(
            draft.phone,
            lambda value: clean_phone(
                value, pointer="/phone", default_country=country or default_country, problems=problems
            ),
        ),
        "first_name": _mentioned(draft.first_name, lambda value: _name(value, "/first_name", problems)),
        "last_name": _mentioned(draft.last_name, lambda value: _name(value, "/last_name", problems)),
        "language": _mentioned(
            draft.language, lambda value: clean_language(value, pointer="/language", problems=problems)
        ),
        "time_zone": _mentioned(
            draft.time_zone, lambda value: clean_time_zone(value, pointer="/time_zone", problems=problems)
        ),
        "country": country,
        "topics": _mentioned(draft.topics, lambda value: clean_topics(value, pointer="/topics", problems=problems)),
    }
    clean.fields = {column: value for column, value in values.items() if value is not None}
    clean.consent = clean_consent(draft.consent, problems=problems)
    clean.wording = clean_text(draft.consent_wording, pointer="/consent_wording", limit=500, problems=problems) or ""
    return clean


def clean_external_id(value: Any, *, pointer: str, problems: list[FieldProblem]) -> str | None:
    """The app's own name for a person: 1-255 characters, NFC, case kept."""
    return clean_text(value, pointer=pointer, limit=EXTERNAL_ID_LIMIT, problems=problems, is_required=True)


def clean_email(value: Any, *, pointer: str, problems: list[FieldProblem]) -> str | None:
    """An address with its domain in lower case; "" stays "". Code: email_invalid."""
    text = clean_text(value, pointer=pointer, limit=254, problems=problems)
    if not text:
        return text
    name, _at, domain = text.rpartition("@")
    try:
        _is_email(text)
    except ValidationError:
        message = _("must be one address such as anna@example.com, with a full domain")
        problems.append(FieldProblem(pointer, "email_invalid", message, shown(value)))
        return None
    return f"{name}@{domain.lower()}"


def clean_phone(value: Any, *, pointer: str, default_country: str, problems: list[FieldProblem]) -> str | None:
    """A mobile number in E.164; "" stays "". Codes: phone_invalid, phone_not_mobile, country_required.

    Cost: 25 microseconds.
    """
    text = clean_text(value, pointer=pointer, limit=40, problems=problems)
    if not text:
        return text
    code, message = _phone_fault(text, default_country)
    if code:
        problems.append(FieldProblem(pointer, code, message, shown(value)))
        return None
    parsed = phonenumbers.parse(text, default_country or None)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _phone_fault(text: str, default_country: str) -> tuple[str, str]:
    if not text.startswith("+") and not default_country:
        return "country_required", _("must begin with + and the country's code: the app has no default country")
    invalid = "phone_invalid", _("must be a full phone number such as +48500600700")
    if not text.startswith("+"):
        message = _(
            "must be a full phone number: it is none of %(country)s, which was assumed; begin with + and the code"
        )
        invalid = "phone_invalid", message % {"country": default_country}
    if not _PHONE_CHARACTERS.fullmatch(text):
        return invalid
    try:
        parsed = phonenumbers.parse(text, default_country or None)
    except phonenumbers.NumberParseException:
        return invalid
    if not phonenumbers.is_valid_number(parsed):
        return invalid
    if phonenumbers.number_type(parsed) not in _MOBILE:
        return "phone_not_mobile", _("must be a mobile number: this one cannot receive an SMS")
    return "", ""


def clean_country(value: Any, *, pointer: str, problems: list[FieldProblem]) -> str | None:
    """Two letters of ISO 3166-1, upper case; "" stays "". Code: country_unknown."""
    text = clean_text(value, pointer=pointer, limit=255, problems=problems)
    if text and text.upper() not in _countries():
        problems.append(
            FieldProblem(pointer, "country_unknown", _("must be a country's two letters, such as PL"), shown(value))
        )
        return None
    return text.upper() if text else text


def clean_topic(value: Any, *, pointer: str, problems: list[FieldProblem]) -> str | None:
    """One topic's word: 1-60 characters."""
    return clean_text(value, pointer=pointer, limit=TOPIC_LIMIT, problems=problems, is_required=True)


def clean_topics(value: Any, *, pointer: str, problems: list[FieldProblem]) -> list[str] | None:
    """At most 50 topics, each once, in the order given. Codes: type, too_many and those of a text."""
    if not isinstance(value, list | tuple):
        problems.append(FieldProblem(pointer, "type", _("must be a list"), shown(value)))
        return None
    if len(value) > MOST_TOPICS:
        message = _("has %(count)d entries; at most %(limit)d are allowed")
        message %= {"count": len(value), "limit": MOST_TOPICS}
        problems.append(FieldProblem(pointer, "too_many", message))
        return None
    topics = [clean_topic(one, pointer=f"{pointer}/{index}", problems=problems) for index, one in enumerate(value)]
    return list(dict.fromkeys(topic for topic in topics if topic))


def clean_consent(value: Any, *, problems: list[FieldProblem]) -> dict[str, bool]:
    """{channel: granted}; nothing said = {}. Codes: type, channel_unknown."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        problems.append(FieldProblem("/consent", "type", _("must be an object such as {push: true}"), shown(value)))
        return {}
    for channel, granted in value.items():
        if channel not in CHANNELS:
            message = _("is not a channel; known are: %(channels)s") % {"channels": ", ".join(CHANNELS)}
            problems.append(FieldProblem(f"/consent/{shown(channel)}", "channel_unknown", message))
        elif not isinstance(granted, bool):
            problems.append(FieldProblem(f"/consent/{channel}", "type", _("must be true or false"), shown(granted)))
    return {channel: granted for channel, granted in value.items() if isinstance(granted, bool)}


def _name(value: Any, pointer: str, problems: list[FieldProblem]) -> str | None:
    return clean_text(value, pointer=pointer, limit=100, problems=problems)


def _mentioned[T](value: Any, clean: Callable[[Any], T]) -> T | None:
    return None if value is None else clean(value)


@cache
def _countries() -> frozenset[str]:
    """Source: iso3166.tab of the time zone database."""
    lines = resources.files("tzdata").joinpath("zoneinfo/iso3166.tab").read_text().splitlines()
    return frozenset(line[:2] for line in lines if line and not line.startswith("#"))
