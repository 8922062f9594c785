"""What `POST /v2.1/push` says, read and judged: to whom, what, and until when. Pure but for the app's trait names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import App
from apps.api.push_sms import FALLBACK_SMS, FollowingSms, read_sms
from apps.api.refusals import Refusal, refuse_fields
from apps.api.shapes import Anything, Flag, ListOf, Moment, Record, Text, Whole, came, whole_seconds
from apps.campaigns.queries import template_named
from apps.core.problems import FieldProblem
from apps.customers.models import TraitType
from apps.customers.preference_links import FACT
from apps.customers.queries import FACT_COLUMNS
from apps.customers.services.vocabulary import clean_values
from apps.deliveries.rendering import analyse, compile_body, display_warnings, is_literal
from apps.deliveries.rendering.field_rules import INTERRUPTION_LEVELS, LOCK_SCREENS
from apps.deliveries.rendering.links import LINK_FIELDS
from apps.deliveries.services.transactional import Insistence

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
    "subtitle",
    "interruption_level",
    "android_channel",
    "android_icon",
    "lock_screen",
)
# A marketer is stopped here; a developer may know better what an address without a known suffix brings.
_ONLY_WARNED = frozenset({"image_type"})
CAMPAIGN_HINT = gettext_lazy("; a message to more people is a campaign: make a segment of them and launch one")


def _recipients(name: Text, about: str) -> ListOf:
    return ListOf(name, MOST_RECIPIENTS, least=1, too_many="too_many_recipients", hint=CAMPAIGN_HINT, about=about)


_BUTTON = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("id", "label", "link", "icon")},
    "required": ["id", "label"],
    "additionalProperties": False,
}
# What no screen shows, as `rendering.visible.is_blank` knows it; a title has something else, and no line breaks.
_UNSEEN = (
    r"\u0000-\u0020\u007F-\u00A0\u00AD\u034F\u0600-\u0605\u061C\u06DD\u070F\u0890\u0891\u08E2\u115F\u1160\u1680\u180E"
    r"\u2000-\u200F\u2028-\u202F\u205F-\u206F\u2800\u3000\u3164\uE000-\uF8FF\uFE0E\uFE0F\uFEFF\uFFA0\uFFF9-\uFFFB"
)
SEEN = f"[^{_UNSEEN}]"
SEEN_LINE = rf"^[^\u0000\n\r]*{SEEN}[^\u0000\n\r]*$"
PUSH = Record(
    {
        "device_tokens": _recipients(Text(least=1, most=4096), "Gateway tokens, as the devices registered them."),
        "customers": _recipients(Text(least=1), "Your ids of customers; each gets it on all their devices."),
        "segment": Whole(1, about="Id of a segment with at most 1,000 members."),
        "title": Anything({"type": "string", "pattern": SEEN_LINE, "maxLength": 500}, "Liquid; one line."),
        "body": Anything({"type": "string", "pattern": SEEN, "maxLength": 4000}, "Liquid."),
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
        "subtitle": Anything({"type": "string", "maxLength": 500}, "Liquid; one line. iPhones alone show it."),
        "interruption_level": Anything({"type": "string", "enum": list(INTERRUPTION_LEVELS)}, "iPhones alone."),
        "android_channel": Anything({"type": "string", "maxLength": 64}, "A notification channel of the Android app."),
        "android_icon": Anything({"type": "string", "maxLength": 64}, "The name of a drawable of the Android app."),
        "lock_screen": Anything({"type": "string", "enum": list(LOCK_SCREENS)}, "How much a locked Android shows."),
        "ttl_seconds": whole_seconds(0, MOST_TTL, "How long it may wait for the device; 0 = now or never."),
        "send_at": Moment("Not before this time."),
        "traits": Anything({"type": "object"}, "Values for the texts; they win over the customer's own."),
        "external_id": Text(most=255, about="Your name for this push; you can search by it."),
        "idempotency_key": Anything({"type": "string", "minLength": 1, "maxLength": 255}),
        "template": Anything(
            {"type": ["integer", "string", "null"], "minimum": 1, "minLength": 1},
            "A message template's id or name; what stands here beside it wins over its fields, in every language.",
        ),
        "fallback_sms": FALLBACK_SMS,
        "critical": Record(
            {
                "resend_after_seconds": whole_seconds(
                    10, 3600, "How long to wait for a receipt each time; 60 unless told."
                ),
                "times": Whole(1, 10, "How often it is sent again at most; 3 unless told."),
            },
            about="An alert that must be seen: it is sent again, under the same ids, while no receipt has come.",
        ),
    },
    rules={
        "oneOf": [{"required": [audience]} for audience in AUDIENCES],
        "anyOf": [
            {"required": ["title", "body"]},
            {"required": ["template"]},
            {"required": ["silent"], "properties": {"silent": {"const": True}}},
        ],
    },
)


@dataclass(frozen=True, slots=True)
class PushRequest:
    """audience: one of AUDIENCES, or "to": MessageFlow's mixed list, whose `kinds` run beside the names.

    names: in input order (empty for a segment). content: the engine's body (PushContent's fields, texts in Liquid),
    in `language`; translations: the same in others. facts win over the customer's own. notes: codes of warnings that
    do not follow from the body alone.
    """

    audience: str
    names: Sequence[str]
    segment_id: int | None
    content: Mapping[str, Any]
    facts: Mapping[str, Any]
    external_id: str
    release_at: datetime
    expires_at: datetime
    kinds: Sequence[int] = ()
    language: str = ""
    translations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    insistence: Insistence | None = None
    sms: FollowingSms | None = None

    @property
    def sms_due_at(self) -> datetime:
        """After its wait, and not before an alert has been repeated for the last time."""
        insists = self.insistence
        until = insists.resend_after_seconds * (insists.times + 1) if insists else 0
        return self.release_at + timedelta(seconds=max(until, self.sms.after_seconds if self.sms else 0))


def read_push(body: Mapping[str, Any], *, app: App, now: datetime) -> PushRequest:
    """The request, fit to be sent. Raises Refusal with all that is wrong."""
    problems: list[FieldProblem] = []
    found: dict[str, Any] = PUSH.read(body, "", problems)
    language, contents = _contents(app, found, problems)
    audience = _audience(body, problems)
    for spoken, content in contents.items():
        said = analyse(content, None, link_schemes=app.link_schemes)
        problems += [_in_api_words(one, found, spoken) for one in said if one.code not in _ONLY_WARNED]
    facts = clean_values(found.get("traits", {}), pointer="/traits", problems=problems)
    release_at = release_time(found.get("send_at"), now, "/send_at", problems)
    sms = read_sms(found.get("fallback_sms"), app, problems) if "fallback_sms" in found else None
    if problems:
        raise refused(problems)
    _require_variables(app, [*contents.values(), *([sms.content] if sms else [])], facts)
    life = timedelta(seconds=found.get("ttl_seconds", DEFAULT_TTL))
    return PushRequest(
        audience=audience,
        names=found.get(audience, ()) if audience != "segment" else (),
        segment_id=found.get("segment"),
        content=contents.pop(language),
        language=language,
        translations=contents,
        facts=facts,
        external_id=found.get("external_id", ""),
        release_at=release_at,
        expires_at=release_at + max(life, LEAST_LIFE),
        insistence=_insistence(found.get("critical")),
        sms=sms,
    )


def _insistence(critical: Mapping[str, int] | None) -> Insistence | None:
    return None if critical is None else Insistence(critical.get("resend_after_seconds", 60), critical.get("times", 3))


def _contents(
    app: App, found: Mapping[str, Any], problems: list[FieldProblem]
) -> tuple[str, dict[str, Mapping[str, Any]]]:
    """The default language and the body in each: the template's, in which the request's own fields win."""
    own = _content(found)
    wanted = found.get("template")
    if wanted is None:
        return "", {"": own}
    is_name = isinstance(wanted, str) and bool(wanted)
    if not is_name and (type(wanted) is not int or not 0 < wanted < 2**63):
        problems.append(FieldProblem("/template", "type", _("must be a template's id or its name"), came(wanted)))
        return "", {}
    template = template_named(app, wanted)
    if template is None or not template.texts:
        problems.append(FieldProblem("/template", "not_found", _("there is no such template"), came(wanted)))
        return "", {}
    language = app.default_language if app.default_language in template.texts else min(template.texts)
    return language, {spoken: {**_without_counting(text), **own} for spoken, text in template.texts.items()}


def _without_counting(text: Mapping[str, Any]) -> dict[str, Any]:
    """A template's text as a transactional push says it: its links lead straight to where they say."""
    return {name: value for name, value in text.items() if name not in LINK_FIELDS}


def _audience(body: Mapping[str, Any], problems: list[FieldProblem]) -> str:
    given = [word for word in AUDIENCES if body.get(word) is not None]
    if len(given) != 1:
        message = _("give exactly one of device_tokens, customers, segment")
        problems.append(FieldProblem("", "exactly_one_audience", message, ", ".join(given) or _("none")))
        return ""
    return given[0]


def release_time(send_at: datetime | None, now: datetime, pointer: str, problems: list[FieldProblem]) -> datetime:
    """When it may leave: a time that has just passed is now."""
    if send_at is None:
        return now
    if send_at < now - CLOCK_LEEWAY:
        message = _("is in the past; the server's time is %s") % now.isoformat(timespec="seconds")
        problems.append(FieldProblem(pointer, "schedule_in_past", message, came(send_at.isoformat())))
    elif send_at > now + FURTHEST_AHEAD:
        message = _("may be at most %d days ahead") % FURTHEST_AHEAD.days
        problems.append(FieldProblem(pointer, "range", message, came(send_at.isoformat())))
    return max(send_at, now)


def _require_variables(app: App, contents: Iterable[Mapping[str, Any]], facts: Mapping[str, Any]) -> None:
    missing = missing_variables(app, contents, facts)
    if missing:
        message = _("is used in a text without a default, but neither given here nor a trait of any customer")
        problems = [FieldProblem(f"/traits/{name}", "missing_variables", message) for name in sorted(missing)]
        raise refuse_fields(problems, 422)


def missing_variables(app: App, contents: Iterable[Mapping[str, Any]], facts: Mapping[str, Any]) -> set[str]:
    """What texts print without a default although nothing can fill it. Cost: none for literal texts, else a query."""
    bare = (compile_body(content).bare_names for content in contents if not is_literal(content))
    missing = set[str]().union(*bare) - facts.keys() - {FACT, *FACT_COLUMNS}
    if missing:
        missing -= set(TraitType.objects.filter(app=app, name__in=missing).values_list("name", flat=True))
    return missing


def warnings_of(body: Mapping[str, Any]) -> list[FieldProblem]:
    """Where a sendable push passes what screens show, or comes near a limit. Follows from the body alone."""
    content = _content(body)
    doubtful = analyse({"silent": True, "image_url": content["image_url"]}, None) if "image_url" in content else []
    warned = [problem for problem in doubtful if problem.code in _ONLY_WARNED]
    return [_in_api_words(warning, content) for warning in [*display_warnings(content), *warned]]


def _content(found: Mapping[str, Any]) -> dict[str, Any]:
    """The engine's body."""
    return {_ENGINE_WORDS.get(word, word): found[word] for word in _CONTENT if found.get(word) is not None}


def _in_api_words(problem: FieldProblem, found: Mapping[str, Any], language: str = "") -> FieldProblem:
    """found: the request's own fields; what is wrong elsewhere is wrong in the template's text of that language."""
    if not problem.pointer:
        return problem
    name, slash, rest = problem.pointer.lstrip("/").partition("/")
    word = _API_WORDS.get(name, name)
    where = f"/template/{language}" if language and found.get(word) is None else ""
    return FieldProblem(f"{where}/{word}{slash}{rest}", problem.code, problem.message, problem.came)


def refused(problems: Sequence[FieldProblem]) -> Refusal:
    """One recipient too many is 413 and what is another app's 404, whatever else is wrong; no SMS provider is 409."""
    codes = {problem.code for problem in problems}
    status = 413 if "too_many_recipients" in codes else 404 if "not_found" in codes else 400
    status = 409 if codes == {"channel_missing"} else status
    return refuse_fields(problems, status)
