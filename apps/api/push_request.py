"""What `POST /v2.1/push` says, read and judged: to whom, what, and until when. Pure but for the app's trait names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import App
from apps.api.refusals import Refusal, refuse_fields
from apps.api.shapes import VISIBLE, Anything, Flag, ListOf, Moment, NotYet, Record, Text, Whole, came
from apps.core.problems import FieldProblem
from apps.customers.models import TraitType
from apps.customers.preference_links import FACT
from apps.customers.queries import FACT_COLUMNS
from apps.customers.services.vocabulary import clean_values
from apps.deliveries.rendering import analyse, compile_body, display_warnings, is_literal

MOST_RECIPIENTS = 1_000
MOST_TTL = 28 * 86_400
DEFAULT_TTL = 86_400
# With a TTL of 0 a push is shown at once or never; this is how long "at once" may take on our side.
LEAST_LIFE = timedelta(seconds=30)
FURTHEST_AHEAD = timedelta(days=365)
CLOCK_LEEWAY = timedelta(seconds=60)

AUDIENCES = ("device_tokens", "customers", "segment")
# The API's word -> the engine's, where they differ.
_ENGINE_WORDS = {"image": "image_url", "deep_link": "link"}
_API_WORDS = {engine: api for api, engine in _ENGINE_WORDS.items()}
_CONTENT = (
    "title",
    "body",
    "image",
    "deep_link",
    "data",
    "buttons",
    "badge",
    "sound",
    "silent",
    "urgency",
    "collapse_key",
)
# A marketer is stopped here; a developer may know better what an address without a known suffix brings.
_ONLY_WARNED = frozenset({"image_type"})
CAMPAIGN_HINT = gettext_lazy("; a message to more people is a campaign: make a segment of them and launch one")


def _recipients(name: Text, about: str) -> ListOf:
    return ListOf(name, MOST_RECIPIENTS, least=1, too_many="too_many_recipients", hint=CAMPAIGN_HINT, about=about)


_BUTTON = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "label": {"type": "string"}, "link": {"type": "string"}},
    "required": ["id", "label"],
    "additionalProperties": False,
}
PUSH = Record(
    {
        "device_tokens": _recipients(Text(least=1, most=4096), "Gateway tokens, as the devices registered them."),
        "customers": _recipients(Text(least=1), "Your ids of customers; each gets it on all their devices."),
        "segment": Whole(1, about="Id of a segment with at most 1,000 members."),
        "title": Anything({"type": "string", "pattern": VISIBLE, "maxLength": 500}, "Liquid; one line."),
        "body": Anything({"type": "string", "pattern": r"[!-~]", "maxLength": 4000}, "Liquid."),
        "image": Anything({"type": "string", "pattern": "^(https://.+)?$"}, "https only; nothing is fetched."),
        "deep_link": Anything(
            {"type": "string", "pattern": "^([a-z][a-z0-9+.-]*:.+)?$"}, "https, or a scheme of the app."
        ),
        "data": Anything({"type": "object", "additionalProperties": {"type": "string"}}, "Handed to your app."),
        "buttons": Anything({"type": "array", "items": _BUTTON, "maxItems": 3}),
        "badge": Anything({"type": "integer", "minimum": 0}),
        "sound": Anything({"type": "string"}),
        "silent": Flag("Wakes the app without showing anything; then title and body may be left out."),
        "urgency": Anything({"type": "string", "enum": ["high", "normal"]}),
        "collapse_key": Anything({"type": "string", "maxLength": 64}, "A newer push of the same key replaces it."),
        "ttl_seconds": Whole(0, MOST_TTL, "How long it may wait for the device; 0 = now or never."),
        "send_at": Moment("Not before this time."),
        "traits": Anything({"type": "object"}, "Values for the texts; they win over the customer's own."),
        "external_id": Text(most=255, about="Your name for this push; you can search by it."),
        "idempotency_key": Anything({"type": "string", "minLength": 1, "maxLength": 255}),
        "template": NotYet(gettext_lazy("templates are not available in this version")),
        "fallback_sms": NotYet(gettext_lazy("an SMS after a transactional push is not available in this version")),
        "critical": NotYet(gettext_lazy("resending until a receipt comes is not available in this version")),
    },
    rules={
        "oneOf": [{"required": [audience]} for audience in AUDIENCES],
        "anyOf": [
            {"required": ["title", "body"]},
            {"required": ["silent"], "properties": {"silent": {"const": True}}},
        ],
    },
)


@dataclass(frozen=True, slots=True)
class PushRequest:
    """audience: one of AUDIENCES; names: tokens or customer ids in input order (empty for a segment).

    content: the engine's body (PushContent's fields, texts in Liquid). facts win over the customer's own.
    """

    audience: str
    names: Sequence[str]
    segment_id: int | None
    content: Mapping[str, Any]
    facts: Mapping[str, Any]
    external_id: str
    release_at: datetime
    expires_at: datetime


def read_push(body: Mapping[str, Any], *, app: App, now: datetime) -> PushRequest:
    """The request, fit to be sent. Raises Refusal with all that is wrong."""
    problems: list[FieldProblem] = []
    found: dict[str, Any] = PUSH.read(body, "", problems)
    content = _content(found)
    audience = _audience(body, problems)
    said = analyse(content, None, link_schemes=app.link_schemes)
    problems += [_in_api_words(problem) for problem in said if problem.code not in _ONLY_WARNED]
    facts = clean_values(found.get("traits", {}), pointer="/traits", problems=problems)
    release_at = _release_at(found.get("send_at"), now, problems)
    if problems:
        raise _refused(problems)
    _require_variables(app, content, facts)
    life = timedelta(seconds=found.get("ttl_seconds", DEFAULT_TTL))
    return PushRequest(
        audience=audience,
        names=found.get(audience, ()) if audience != "segment" else (),
        segment_id=found.get("segment"),
        content=content,
        facts=facts,
        external_id=found.get("external_id", ""),
        release_at=release_at,
        expires_at=release_at + max(life, LEAST_LIFE),
    )


def _audience(body: Mapping[str, Any], problems: list[FieldProblem]) -> str:
    given = [word for word in AUDIENCES if body.get(word) is not None]
    if len(given) != 1:
        message = _("give exactly one of device_tokens, customers, segment")
        problems.append(FieldProblem("", "exactly_one_audience", message, ", ".join(given) or _("none")))
        return ""
    return given[0]


def _release_at(send_at: datetime | None, now: datetime, problems: list[FieldProblem]) -> datetime:
    if send_at is None:
        return now
    if send_at < now - CLOCK_LEEWAY:
        message = _("is in the past; the server's time is %s") % now.isoformat(timespec="seconds")
        problems.append(FieldProblem("/send_at", "schedule_in_past", message, came(send_at.isoformat())))
    elif send_at > now + FURTHEST_AHEAD:
        message = _("may be at most %d days ahead") % FURTHEST_AHEAD.days
        problems.append(FieldProblem("/send_at", "range", message, came(send_at.isoformat())))
    return max(send_at, now)


def _require_variables(app: App, content: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    if is_literal(content):
        return
    missing = set(compile_body(content).bare_names) - facts.keys() - {FACT, *FACT_COLUMNS}
    if missing:
        missing -= set(TraitType.objects.filter(app=app, name__in=missing).values_list("name", flat=True))
    if missing:
        message = _("is used in a text without a default, but neither given here nor a trait of any customer")
        problems = [FieldProblem(f"/traits/{name}", "missing_variables", message) for name in sorted(missing)]
        raise refuse_fields(problems, 422)


def warnings_of(body: Mapping[str, Any]) -> list[FieldProblem]:
    """Where a sendable push passes what screens show, or comes near a limit. Follows from the body alone."""
    content = _content(body)
    doubtful = analyse({"silent": True, "image_url": content["image_url"]}, None) if "image_url" in content else []
    warned = [problem for problem in doubtful if problem.code in _ONLY_WARNED]
    return [_in_api_words(warning) for warning in [*display_warnings(content), *warned]]


def _content(found: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's body."""
    return {_ENGINE_WORDS.get(word, word): found[word] for word in _CONTENT if found.get(word) is not None}


def _in_api_words(problem: FieldProblem) -> FieldProblem:
    if not problem.pointer:
        return problem
    name, slash, rest = problem.pointer.lstrip("/").partition("/")
    pointer = f"/{_API_WORDS.get(name, name)}{slash}{rest}"
    return FieldProblem(pointer, problem.code, problem.message, problem.came)


def _refused(problems: list[FieldProblem]) -> Refusal:
    """One recipient too many is 413, whatever else is wrong."""
    too_many = any(problem.code == "too_many_recipients" for problem in problems)
    return refuse_fields(problems, 413 if too_many else 400)
