"""MessageFlow's developer form of a push, taken unchanged: its fields, its numbers for words, its two kinds of time.

Problems and warnings name its own fields. What differs from ours: texts are {language: text}; `ttl` is the unix time at
which the push expires; `scheduleTime` may come without an offset and is then the app's local time; recipients are
tokens, e-mails and phones in one list; buttons are numbers with words of their own (`messageflow_buttons`).
Source: dev.messageflow.com/pushes, and the constants of public clients of the same API.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.api.messageflow_advanced import for_android, subtitle_in, unused_of
from apps.api.messageflow_buttons import BUTTONS, label_of
from apps.api.push_request import (
    CAMPAIGN_HINT,
    DEFAULT_TTL,
    LEAST_LIFE,
    MOST_RECIPIENTS,
    MOST_TTL,
    PushRequest,
    missing_variables,
    refused,
    release_time,
)
from apps.api.refusals import refuse_fields
from apps.api.shapes import Anything, Flag, ListOf, Record, Text, Whole, came, moment
from apps.core.problems import MOST_SHOWN, FieldProblem
from apps.core.text import clean_language
from apps.deliveries.rendering import analyse, compile_body, display_warnings
from apps.deliveries.rendering.field_rules import image_problems

DEVICE, EMAIL, PHONE = 1, 2, 3
NO_ACTION, BROWSER, WEBVIEW = 1, 2, 3
MOST_LANGUAGES = 50
_LARGEST_SECONDS = 10**11
_LOCAL_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})\s*(\d{2}:\d{2}(?::\d{2})?)?")
_LANGUAGES = {"type": "object", "additionalProperties": {"type": "string"}}
# PHP writes an empty object as an empty list.
_OBJECT = {"type": ["object", "array", "null"], "maxItems": 0}

_ACTION = Record(
    {
        "type": Whole(1, 4, "1 nothing, 2 browser, 3 web view, 4 deep link."),
        "url": Text(most=2048, about="Where it leads; not with type 1."),
    }
)
_RECEIVER = Record(
    {
        "receiver": Text(least=1, most=4096),
        "externalId": Text(most=255, about="Your name of this message; it stands in the answer."),
        "type": Whole(1, 3, "What the receiver is: 1 device token (so it is unless told), 2 e-mail, 3 phone."),
    },
    required=("receiver",),
)
_BUTTON = Record(
    {
        "button": Whole(
            1,
            len(BUTTONS),
            "Yes, no, accept, decline, buy now, later, add to cart, no thanks, open, close, log in, share, see more.",
        ),
        "icon": Text(most=250, about="An https address, which browsers show; another is not passed on."),
        "action": Anything({"anyOf": [_ACTION.schema(), {"type": ["array", "null"], "maxItems": 0}]}),
    },
    required=("button",),
)
MESSAGEFLOW = Record(
    {
        "applications": ListOf(Text(least=1, most=100), 20, least=1, about="The key's own app: slug or id."),
        "to": ListOf(_RECEIVER, MOST_RECIPIENTS, least=1, too_many="too_many_recipients", hint=CAMPAIGN_HINT),
        "title": Anything(_LANGUAGES, "A text a language."),
        "body": Anything(_LANGUAGES, "A text a language."),
        "defaultLanguage": Text(least=1, most=35, about="For whom no text is in their language."),
        "image": Text(most=250, about="https; with http the push goes out without it."),
        "silent": Flag(),
        "sound": Text(most=250, about="A file of the app, or DEFAULT."),
        "ttl": Anything({"type": "number"}, "The unix time, in seconds, at which it expires."),
        "scheduleTime": Text(most=40, about="2027-01-01 12:12:12 in the app's time zone, or a time with its offset."),
        "action": Anything({"anyOf": [_ACTION.schema(), {"type": ["array", "null"], "maxItems": 0}]}),
        "actionButtons": ListOf(_BUTTON, 3),
        "externalData": Anything(_OBJECT, "Handed to your app; what is no text becomes its JSON."),
        "advanced": Anything(
            _OBJECT,
            "Passed on: subtitle (iPhones; a text, or one a language), lockscreenVisibility (1 public, 0 private,"
            " -1 secret), icon.small (a drawable of the Android app). Of anything else the answer warns.",
        ),
        "idempotency_key": Anything({"type": "string", "minLength": 1, "maxLength": 255}),
    },
    required=("applications", "to", "defaultLanguage"),
    about="MessageFlow's developer form.",
)


def is_messageflow(body: Mapping[str, Any]) -> bool:
    return "to" in body or "applications" in body


def read_messageflow(body: Mapping[str, Any], *, app: App, now: datetime) -> PushRequest:
    """The request, fit to be sent. Raises Refusal with all that is wrong."""
    problems: list[FieldProblem] = []
    found: dict[str, Any] = MESSAGEFLOW.read(body, "", problems)
    _own_app(found.get("applications") or [], app, problems)
    language, contents = _contents(found, problems)
    for spoken, content in contents.items():
        said = analyse(content, None, link_schemes=app.link_schemes)
        problems += [_in_its_words(one, spoken, found) for one in said if one.code != "image_type"]
    send_at = _schedule(found.get("scheduleTime"), app, now, problems)
    release_at = release_time(send_at, now, "/scheduleTime", problems)
    expires_at, notes = _expiry(found.get("ttl"), release_at, problems)
    if problems:
        raise refused(list(dict.fromkeys(problems)))
    _require_variables(app, contents)
    return PushRequest(
        audience="to",
        names=[one["receiver"] for one in found["to"]],
        kinds=[one.get("type", DEVICE) for one in found["to"]],
        segment_id=None,
        content=contents.pop(language),
        language=language,
        translations=contents,
        facts={},
        external_id=_common_name(found["to"]),
        release_at=release_at,
        expires_at=expires_at,
        notes=notes,
    )


def messageflow_warnings(body: Mapping[str, Any]) -> list[FieldProblem]:
    """As `push_request.warnings_of`, for a body in this form that was accepted."""
    found: dict[str, Any] = MESSAGEFLOW.read(body, "", [])
    _language, contents = _contents(found, [])
    said = [
        _in_its_words(one, spoken, found) for spoken, content in contents.items() for one in display_warnings(content)
    ]
    return [*dict.fromkeys(said), *_left_out(found)]


def _left_out(found: Mapping[str, Any]) -> Iterator[FieldProblem]:
    if _is_plain_http(found.get("image")):
        message = _("is not https, which phones do not load; the push goes out without it")
        yield FieldProblem("/image", "image_left_out", message)
    unused = list(islice(unused_of(_object(found.get("advanced"), "/advanced", [])), MOST_SHOWN))
    buttons = enumerate(found.get("actionButtons") or [])
    unused += [f"/actionButtons/{place}/icon" for place, one in buttons if one.get("icon") and not _icon(one["icon"])]
    for pointer in unused:
        yield FieldProblem(pointer, "not_passed_on", _("is taken, but not passed on to the devices"))


def _own_app(names: list[Any], app: App, problems: list[FieldProblem]) -> None:
    for place, name in enumerate(names):
        if isinstance(name, str) and name not in ("", app.slug, str(app.pk)):
            message = _("is not the app of the key, which is %s") % app.slug
            problems.append(FieldProblem(f"/applications/{place}", "not_found", message, came(name)))


def _contents(found: Mapping[str, Any], problems: list[FieldProblem]) -> tuple[str, dict[str, dict[str, Any]]]:
    """The default language, and the engine's body in each; a language with one text of two borrows the other."""
    language = clean_language(found.get("defaultLanguage"), pointer="/defaultLanguage", problems=[]) or ""
    if "defaultLanguage" in found and not language:
        message = _("must be a language tag such as pl or pt-BR")
        problems.append(FieldProblem("/defaultLanguage", "language_tag", message, came(found["defaultLanguage"])))
    titles = _texts(found.get("title"), "/title", problems)
    bodies = _texts(found.get("body"), "/body", problems)
    common = _common(found, problems)
    return language, {
        spoken: {
            "title": titles.get(spoken, titles.get(language)),
            "body": bodies.get(spoken, bodies.get(language)),
            **common,
            **subtitle_in(found.get("advanced"), spoken, language),
            **_buttons(found.get("actionButtons"), spoken, problems),
        }
        for spoken in dict.fromkeys([language, *titles, *bodies])
        if spoken or not (titles or bodies)  # without a good default, what is told is judged by itself
    }


def _texts(value: Any, pointer: str, problems: list[FieldProblem]) -> dict[str, Any]:
    """{language in its customary case: text}."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        message = _('must be an object with a text for each language, such as {"pl": "..."}')
        problems.append(FieldProblem(pointer, "type", message, came(value)))
        return {}
    if len(value) > MOST_LANGUAGES:
        message = _("may have at most %(most)d languages, not %(came)d") % {"most": MOST_LANGUAGES, "came": len(value)}
        problems.append(FieldProblem(pointer, "too_many", message))
        return {}
    texts: dict[str, Any] = {}
    for name, text in value.items():
        tag = clean_language(name, pointer=f"{pointer}/{name[:40]}", problems=problems)
        if tag:
            texts[tag] = text
    return texts


def _common(found: Mapping[str, Any], problems: list[FieldProblem]) -> dict[str, Any]:
    """What is the same in every language."""
    link, shows = _link(found.get("action"), "/action", problems)
    data = _data(found.get("externalData"), problems)
    advanced = _object(found.get("advanced"), "/advanced", problems)
    if shows == WEBVIEW:
        data.setdefault("open_in", "webview")
    image, sound = found.get("image"), found.get("sound")
    # Their documentation writes the word both ways.
    is_default_sound = isinstance(sound, str) and sound.upper() in ("DEFAULT", "DEAFULT")
    said = {
        "image_url": "" if _is_plain_http(image) else image,
        "link": link,
        "data": data,
        "sound": "default" if is_default_sound else sound,
        "silent": found.get("silent"),
        **for_android(advanced),
    }
    return {name: value for name, value in said.items() if value}


def _is_plain_http(image: Any) -> bool:
    return isinstance(image, str) and image.lower().startswith("http://")


def _link(action: Any, pointer: str, problems: list[FieldProblem]) -> tuple[str, int]:
    """Where a tap leads ("" = into the app), and the kind of action. An empty list is PHP's empty object."""
    if action in (None, []):
        return "", NO_ACTION
    said: dict[str, Any] = _ACTION.read(action, pointer, problems) or {}
    url = said.get("url") or ""
    kind = said.get("type") or (BROWSER if url else NO_ACTION)
    if kind == NO_ACTION:
        return "", kind
    if not url:
        problems.append(FieldProblem(f"{pointer}/url", "required", _("must be given with this type of action")))
    return url, kind


def _buttons(buttons: Any, language: str, problems: list[FieldProblem]) -> dict[str, Any]:
    made = []
    for place, button in enumerate(buttons or []):
        number = button.get("button") if isinstance(button, dict) else None
        if isinstance(number, int) and 1 <= number <= len(BUTTONS):
            link, _kind = _link(button.get("action"), f"/actionButtons/{place}/action", problems)
            icon = {"icon": button["icon"]} if _icon(button.get("icon")) else {}
            made.append({"id": BUTTONS[number - 1], "label": label_of(number, language), "link": link, **icon})
    return {"buttons": made} if made else {}


def _icon(icon: Any) -> bool:
    """Whether browsers can show it: where it is the name of a file, only the app itself would know it."""
    return isinstance(icon, str) and icon.lower().startswith("https://") and not list(image_problems(icon, ""))


def _data(value: Any, problems: list[FieldProblem]) -> dict[str, str]:
    return {
        key: one if isinstance(one, str) else json.dumps(one, ensure_ascii=False, separators=(",", ":"))
        for key, one in _object(value, "/externalData", problems).items()
        if one is not None
    }


def _object(value: Any, pointer: str, problems: list[FieldProblem]) -> Mapping[str, Any]:
    """An object; PHP writes an empty one as an empty list."""
    if isinstance(value, dict):
        return value
    if value not in (None, []):
        problems.append(FieldProblem(pointer, "type", _("must be an object"), came(value)))
    return {}


def _schedule(value: Any, app: App, now: datetime, problems: list[FieldProblem]) -> datetime | None:
    """The moment; without an offset in the app's zone. A bare date is its first moment, today's is now."""
    if not isinstance(value, str):
        return None
    zone = ZoneInfo(app.time_zone)
    local = _LOCAL_TIME.fullmatch(value.strip())
    try:
        if not local:
            return moment(value.strip())
        day, clock = local.groups()
        if clock is None and day == now.astimezone(zone).date().isoformat():
            return now
        return datetime.fromisoformat(f"{day}T{clock or '00:00'}").replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        message = _("must be a time such as 2027-01-01 12:12:12, which is read in the zone %s") % app.time_zone
        problems.append(FieldProblem("/scheduleTime", "date_format", message, came(value)))
        return None


def _expiry(ttl: Any, release_at: datetime, problems: list[FieldProblem]) -> tuple[datetime, list[str]]:
    """When it expires; gateways keep nothing for longer than MOST_TTL, so a later time is shortened and said so."""
    if ttl is None:
        return release_at + timedelta(seconds=DEFAULT_TTL), []
    latest = release_at + timedelta(seconds=MOST_TTL)
    if isinstance(ttl, bool) or not isinstance(ttl, int | float):
        problems.append(FieldProblem("/ttl", "type", _("must be a unix time in seconds"), came(ttl)))
    elif ttl > _LARGEST_SECONDS:
        problems.append(FieldProblem("/ttl", "range", _("is in milliseconds; send seconds"), came(ttl)))
    elif ttl <= release_at.timestamp():
        message = _("must be a unix time after the push is sent; it is sent at %d") % release_at.timestamp()
        problems.append(FieldProblem("/ttl", "range", message, came(ttl)))
    elif ttl > latest.timestamp():
        return latest, ["ttl_shortened"]
    else:
        return max(datetime.fromtimestamp(ttl, UTC), release_at + LEAST_LIFE), []
    return latest, []


def _require_variables(app: App, contents: Mapping[str, Mapping[str, Any]]) -> None:
    missing = missing_variables(app, contents.values(), {})
    if missing:
        message = _("uses %s without a default, and no customer has such a trait")
        problems = [
            FieldProblem(f"/{field}/{language}", "missing_variables", message % name)
            for language, content in contents.items()
            for field in ("title", "body")
            for name in sorted(missing & compile_body({"title": content[field], "silent": True}).bare_names)
        ]
        raise refuse_fields(problems or [FieldProblem("", "missing_variables", message % ", ".join(missing))], 422)


def _common_name(to: list[dict[str, Any]]) -> str:
    """A push has one name to search by: that of its recipients, where they do not differ."""
    names = {one.get("externalId") or "" for one in to} - {""}
    return names.pop() if len(names) == 1 else ""


def _in_its_words(problem: FieldProblem, language: str, found: Mapping[str, Any]) -> FieldProblem:
    name, _slash, rest = problem.pointer.lstrip("/").partition("/")
    if name in ("title", "body"):
        spoken = language if language in _texts(found.get(name), "", []) else str(found.get("defaultLanguage", ""))[:40]
        pointer = f"/{name}/{spoken}" if isinstance(found.get(name), dict) else f"/{name}"
    elif name == "buttons" and rest:
        place, _slash, part = rest.partition("/")
        pointer = f"/actionButtons/{place}/{'action/url' if part == 'link' else 'button'}"
    else:
        own = {"link": "/action/url", "image_url": "/image", "data": "/externalData", "buttons": "/actionButtons"}
        pointer = own.get(name, f"/{name}" if name else "") + (f"/{rest}" if rest else "")
    return FieldProblem(pointer, problem.code, problem.message, problem.came)
