"""Everything wrong with a content's body, at once. One list of rules for API, admin and campaigns alike."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem
from apps.core.suggestions import did_you_mean
from apps.deliveries.rendering import field_rules as rules
from apps.deliveries.rendering.body import RenderFailed, compile_body
from apps.deliveries.rendering.language import is_literal
from apps.deliveries.rendering.links import LINK_FIELDS
from apps.deliveries.rendering.payload import payload_problems
from apps.deliveries.rendering.template_problems import template_problems
from apps.deliveries.rendering.visible import is_blank

MOST_CHARACTERS = {"title": 500, "subtitle": 500, "body": 4000, "label": 40, "data": 2000}
MOST_BUTTONS = 3
MOST_DATA_KEYS = 50
FIELDS = (
    "title",
    "body",
    "image_url",
    "link",
    "data",
    "buttons",
    "badge",
    "sound",
    "silent",
    "urgency",
    "collapse_key",
    "android_channel",
    "interruption_level",
    "subtitle",
    "android_icon",
    "lock_screen",
    *LINK_FIELDS,
)
_RESERVED_DATA_KEYS = frozenset({"from", "message_type", "aps", "nid"})
_WORD_RULES: dict[str, Callable[[str, str], Iterator[FieldProblem]]] = {
    "sound": rules.sound_problems,
    "urgency": rules.urgency_problems,
    "collapse_key": rules.header_problems,
    "android_channel": rules.header_problems,
    "interruption_level": rules.interruption_problems,
    "android_icon": rules.drawable_problems,
    "lock_screen": rules.lock_screen_problems,
}


@dataclass(frozen=True, slots=True)
class _Judge:
    """What the rules need to know of the app."""

    known_names: Collection[str] | None
    link_schemes: Collection[str]

    def text(self, value: Any, pointer: str, most: int) -> Iterator[FieldProblem]:
        """The rules of every templated text."""
        if not isinstance(value, str):
            yield FieldProblem(pointer, "type", _("must be a text"), rules.came(value))
            return
        yield from rules.character_problems(value, pointer)
        if len(value) > most:
            yield FieldProblem(
                pointer,
                "too_long",
                _("must be at most %(most)s characters long") % {"most": most},
                f"{len(value)} characters",
            )
            return
        yield from template_problems(value, pointer, self.known_names)

    def subtitle(self, value: Any, pointer: str) -> Iterator[FieldProblem]:
        yield from self.text(value, pointer, MOST_CHARACTERS["subtitle"])
        yield from _line_problems(value, pointer)

    def link(self, value: Any, pointer: str) -> Iterator[FieldProblem]:
        yield from self.text(value, pointer, rules.MOST_LINK_CHARACTERS)
        if isinstance(value, str):
            yield from rules.link_problems(value, pointer, self.link_schemes)

    def icon(self, value: Any, pointer: str) -> Iterator[FieldProblem]:
        """As an image, but one for everybody."""
        if not isinstance(value, str):
            yield FieldProblem(pointer, "type", _("must be a text"), rules.came(value))
            return
        yield from rules.character_problems(value, pointer)
        yield from rules.image_problems(value, pointer)

    def image(self, value: Any, pointer: str) -> Iterator[FieldProblem]:
        yield from self.text(value, pointer, rules.MOST_LINK_CHARACTERS)
        if isinstance(value, str):
            yield from rules.image_problems(value, pointer)


def analyse(
    body: Any, known_names: Collection[str] | None, *, link_schemes: Collection[str] = ()
) -> list[FieldProblem]:
    """Every problem of a body (a mapping of PushContent's fields, texts in Liquid); empty = it may be sent.

    known_names: the facts a text may ask for; None = any. link_schemes: App.link_schemes. Pointers begin at the body
    ("/title", "/buttons/0/label"); positions inside a text stand in the message.
    """
    if not isinstance(body, Mapping):
        return [FieldProblem("", "type", _("must be an object with title and body"), rules.came(body))]
    judge = _Judge(known_names, link_schemes)
    found = [
        *_unknown_fields(body, FIELDS, ""),
        *_wording(body, judge),
        *_given(body, "subtitle", judge.subtitle),
        *_given(body, "image_url", judge.image),
        *_given(body, "link", judge.link),
        *_data(body.get("data"), judge),
        *_buttons(body.get("buttons"), judge),
        *_settings(body),
    ]
    return found or [*_always_failing(body), *payload_problems(body)]


def data_problems(data: Any, known_names: Collection[str] | None) -> list[FieldProblem]:
    """Every problem of a body's `data` alone, with pointers as `analyse` has them ("/data/<key>")."""
    return list(_data(data, _Judge(known_names, ())))


def _always_failing(body: Mapping[str, Any]) -> Iterator[FieldProblem]:
    """A text that reads no fact and cannot be made will fail for everybody. Literal ones can always be made."""
    if is_literal(body):
        return
    compiled = compile_body(body)
    try:
        compiled.render({})
    except RenderFailed as failed:
        if not compiled.names:
            yield FieldProblem("", failed.code, _("the texts cannot be made: %(detail)s") % {"detail": failed.detail})


def _unknown_fields(body: Mapping[str, Any], known: Collection[str], pointer: str) -> Iterator[FieldProblem]:
    for name in body:
        if name not in known:
            message = _("is not a field.%(hint)s") % {"hint": did_you_mean(str(name), known)}
            yield FieldProblem(f"{pointer}/{_escaped(str(name))}", "unknown_field", message)


def _wording(body: Mapping[str, Any], judge: _Judge) -> Iterator[FieldProblem]:
    for field in ("title", "body"):
        value = body.get(field)
        if value is None or (isinstance(value, str) and is_blank(value)):
            if body.get("silent") is not True:
                yield FieldProblem(f"/{field}", "required", _("must hold at least one visible character"))
            continue
        yield from judge.text(value, f"/{field}", MOST_CHARACTERS[field])
    yield from _line_problems(body.get("title"), "/title")


def _line_problems(value: Any, pointer: str) -> Iterator[FieldProblem]:
    if isinstance(value, str) and ("\n" in value or "\r" in value):
        yield FieldProblem(pointer, "newline_not_allowed", _("must be one line"), rules.came(value))


def _given(
    body: Mapping[str, Any], field: str, rule: Callable[[Any, str], Iterator[FieldProblem]]
) -> Iterator[FieldProblem]:
    if body.get(field) not in (None, ""):
        yield from rule(body[field], f"/{field}")


def _data(value: Any, judge: _Judge) -> Iterator[FieldProblem]:
    if value is None:
        return
    if not isinstance(value, Mapping):
        yield FieldProblem("/data", "type", _("must be an object of texts"), rules.came(value))
        return
    if len(value) > MOST_DATA_KEYS:
        yield FieldProblem(
            "/data",
            "too_many",
            _("must have at most %(most)s keys") % {"most": MOST_DATA_KEYS},
            f"{len(value)} keys",
        )
        return
    for key, content in value.items():
        pointer = f"/data/{_escaped(str(key))}"
        yield from _data_key(str(key), pointer)
        yield from judge.text(content, pointer, MOST_CHARACTERS["data"])


def _data_key(key: str, pointer: str) -> Iterator[FieldProblem]:
    yield from rules.character_problems(key, pointer)
    if key in _RESERVED_DATA_KEYS or key.startswith(("google", "gcm")):
        message = _("is reserved by the gateways: from, message_type, google*, gcm*, aps, nid")
        yield FieldProblem(pointer, "reserved_key", message, rules.came(key))
    if not 1 <= len(key) <= 100:
        yield FieldProblem(pointer, "key_length", _("a key has 1 to 100 characters"), f"{len(key)} characters")


def _buttons(value: Any, judge: _Judge) -> Iterator[FieldProblem]:
    if value is None:
        return
    if not isinstance(value, list):
        yield FieldProblem("/buttons", "type", _("must be a list of buttons"), rules.came(value))
        return
    if len(value) > MOST_BUTTONS:
        message = _("must be at most %(most)s (Web Push shows 2)") % {"most": MOST_BUTTONS}
        yield FieldProblem("/buttons", "too_many", message, f"{len(value)} buttons")
        return
    seen: set[str] = set()
    for place, button in enumerate(value):
        yield from _button(button, f"/buttons/{place}", seen, judge)


def _button(button: Any, pointer: str, seen: set[str], judge: _Judge) -> Iterator[FieldProblem]:
    if not isinstance(button, Mapping):
        yield FieldProblem(pointer, "type", _("must be an object with id and label"), rules.came(button))
        return
    yield from _unknown_fields(button, ("id", "label", "link", "icon"), pointer)
    key, label = button.get("id"), button.get("label")
    if key in (None, ""):
        yield FieldProblem(f"{pointer}/id", "required", _("must be given: your app is told which button was tapped"))
    elif not isinstance(key, str):
        yield FieldProblem(f"{pointer}/id", "type", _("must be a text"), rules.came(key))
    elif key in seen:
        yield FieldProblem(f"{pointer}/id", "duplicate", _("each button needs an id of its own"), rules.came(key))
    else:
        seen.add(key)
        yield from rules.header_problems(key, f"{pointer}/id")
    if label is None or (isinstance(label, str) and is_blank(label)):
        yield FieldProblem(f"{pointer}/label", "required", _("must hold at least one visible character"))
    else:
        yield from judge.text(label, f"{pointer}/label", MOST_CHARACTERS["label"])
    for field, rule in (("link", judge.link), ("icon", judge.icon)):
        if button.get(field) not in (None, ""):
            yield from rule(button[field], f"{pointer}/{field}")


def _settings(body: Mapping[str, Any]) -> Iterator[FieldProblem]:
    if body.get("badge") not in (None, ""):
        yield from rules.badge_problems(body["badge"], "/badge")
    for field in ("silent", "counts_clicks"):
        if not isinstance(body.get(field) or False, bool):
            yield FieldProblem(f"/{field}", "type", _("must be true or false"), rules.came(body[field]))
    if body.get("link_tags") is not None:
        yield from rules.tag_problems(body["link_tags"], "/link_tags")
    for field, rule in _WORD_RULES.items():
        value = body.get(field)
        if value in (None, ""):
            continue
        if not isinstance(value, str):
            yield FieldProblem(f"/{field}", "type", _("must be a text"), rules.came(value))
        else:
            yield from rule(value, f"/{field}")


def _escaped(name: str) -> str:
    """A name as one step of a JSON pointer (RFC 6901)."""
    return name[:100].replace("~", "~0").replace("/", "~1")
