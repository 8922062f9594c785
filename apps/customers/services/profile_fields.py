"""What a caller says about a person, and the rules each field must keep."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from django.core.validators import EmailValidator
from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem
from apps.core.text import clean_language, clean_text, clean_time_zone, shown
from apps.customers.phones import e164_of

CHANNELS = ("push", "sms")
# Before a topic's word among the answers of a CleanCustomer.
TOPIC = "topic:"
EXTERNAL_ID_LIMIT = 255
MOST_TOPICS = 50
TOPIC_LIMIT = 60
COLUMNS = ("email", "phone", "first_name", "last_name", "language", "time_zone", "country", "topics")

_is_email = EmailValidator()
_is_email_name = _is_email.user_regex.match


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
    """A draft after the rules. fields: column -> value, only those mentioned. Anything in problems = refused.

    consent: channel, or TOPIC and a topic -> granted. versions: the same words -> which Wording of the app that was.
    """

    external_id: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    traits: Mapping[str, Any] | None = None
    consent: dict[str, bool] = field(default_factory=dict)
    wording: str = ""
    versions: Mapping[str, int] = MappingProxyType({})
    problems: list[FieldProblem] = field(default_factory=list)
    warnings: list[FieldProblem] = field(default_factory=list)


def clean_customer(draft: CustomerDraft, *, default_country: str) -> CleanCustomer:
    """Apply every rule but those of traits (services.vocabulary). Pointers are relative to the draft."""
    clean = CleanCustomer(traits=draft.traits)
    problems = clean.problems
    clean.external_id = clean_external_id(draft.external_id, pointer="/external_id", problems=problems) or ""
    for column in COLUMNS:
        told = getattr(draft, column)
        if told is None:
            continue
        country = _own_country(draft.country) or default_country if column == "phone" else ""
        cleaned = clean_column(column, told, default_country=country, problems=problems)
        if cleaned is not None:
            clean.fields[column] = cleaned
    clean.consent = clean_consent(draft.consent, problems=problems)
    clean.wording = clean_wording(draft.consent_wording, problems=problems)
    return clean


def clean_column(column: str, value: Any, *, default_country: str, problems: list[FieldProblem]) -> Any:
    """A value of one column of the profile by its rule; None with something in `problems` = refused.

    default_country: what a phone without its country's code is read in.
    """
    if column == "phone":
        return clean_phone(value, pointer="/phone", default_country=default_country, problems=problems)
    pointer, rule = _RULES[column]
    return rule(value, pointer=pointer, problems=problems)


def clean_wording(value: Any, *, problems: list[FieldProblem]) -> str:
    """What people agreed to: the proof of their yes."""
    return clean_text(value, pointer="/consent_wording", limit=500, problems=problems) or ""


def clean_external_id(value: Any, *, pointer: str, problems: list[FieldProblem]) -> str | None:
    """The app's own name for a person: 1-255 characters, NFC, case kept."""
    return clean_text(value, pointer=pointer, limit=EXTERNAL_ID_LIMIT, problems=problems, is_required=True)


def clean_email(value: Any, *, pointer: str, problems: list[FieldProblem]) -> str | None:
    """An address in small letters, in which it is kept; "" stays "". Code: email_invalid."""
    text = clean_text(value, pointer=pointer, limit=254, problems=problems)
    if not text:
        return text
    name, _at, domain = text.rpartition("@")
    if not (name and _is_email_domain(domain) and _is_email_name(name)):
        message = _("must be one address such as anna@example.com, with a full domain")
        problems.append(FieldProblem(pointer, "email_invalid", message, shown(value)))
        return None
    return text.lower()


@lru_cache(maxsize=10_000)
def _is_email_domain(domain: str) -> bool:
    """People share few of them, and Django's pattern for them is slow."""
    return domain in _is_email.domain_allowlist or bool(_is_email.validate_domain_part(domain))


def clean_phone(value: Any, *, pointer: str, default_country: str, problems: list[FieldProblem]) -> str | None:
    """A mobile number in E.164; "" stays "". Codes: phone_invalid, phone_not_mobile, country_required."""
    text = clean_text(value, pointer=pointer, limit=40, problems=problems)
    if not text:
        return text
    number, code, message = e164_of(text, default_country)
    if code:
        problems.append(FieldProblem(pointer, code, message, shown(value)))
        return None
    return number


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


def _name(value: Any, *, pointer: str, problems: list[FieldProblem]) -> str | None:
    return clean_text(value, pointer=pointer, limit=100, problems=problems)


def _own_country(value: Any) -> str:
    """The country that a number without a code is read in."""
    return clean_country(value, pointer="", problems=[]) or "" if value else ""


@cache
def _countries() -> frozenset[str]:
    """Source: iso3166.tab of the time zone database."""
    lines = resources.files("tzdata").joinpath("zoneinfo/iso3166.tab").read_text().splitlines()
    return frozenset(line[:2] for line in lines if line and not line.startswith("#"))


_RULES: Mapping[str, tuple[str, Callable[..., Any]]] = {
    "email": ("/email", clean_email),
    "first_name": ("/first_name", _name),
    "last_name": ("/last_name", _name),
    "language": ("/language", clean_language),
    "time_zone": ("/time_zone", clean_time_zone),
    "country": ("/country", clean_country),
    "topics": ("/topics", clean_topics),
}
