"""A whole content: its templated texts compiled together, rendered into the PushContent of one person."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, NoReturn

from liquid.exceptions import LiquidError

from apps.deliveries.rendering.links import Tags, encode_unsafe, read_tags, with_tags
from apps.deliveries.rendering.text import CompiledText, Facts, compile_text
from apps.deliveries.rendering.visible import is_blank
from apps.gateways.contract import Button, PushContent

TEXT_FIELDS = ("title", "subtitle", "body", "image_url", "link")
_PLAIN_FIELDS = (
    "badge",
    "sound",
    "silent",
    "urgency",
    "collapse_key",
    "android_channel",
    "interruption_level",
    "android_icon",
    "lock_screen",
)
_LINE_BREAKS = re.compile(r"\s*[\r\n\u2028\u2029]+\s*")


class RenderFailed(Exception):
    """The content cannot be made for this person.

    code: template_failed, empty_text; template_syntax, content_malformed for bodies that no door let in.
    """

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{code}: {detail}")


class CompiledBody:
    """A body whose texts are parsed. is_static: it reads no fact, so one rendered content serves everybody.

    bare_names: facts printed without a fallback. counts_clicks: browsers get a link that counts who follows it
    (deliveries.click_links); `link` is where that leads. Cost of render: 4 µs for words and two facts, nothing when
    static, from 25 µs where other tags or filters are used.
    """

    __slots__ = (
        "_common",
        "_link",
        "_makers",
        "_personal",
        "_plain",
        "_shared",
        "bare_names",
        "counts_clicks",
        "is_static",
        "link_names",
        "names",
    )

    def __init__(self, body: Mapping[str, Any]) -> None:
        texts = {name: compile_text(str(body.get(name) or "")) for name in TEXT_FIELDS}
        data = {str(key): compile_text(str(value)) for key, value in (body.get("data") or {}).items()}
        buttons = [
            _CompiledButton(
                str(button["id"]),
                compile_text(str(button["label"])),
                compile_text(str(button.get("link") or "")),
                str(button.get("icon") or ""),
            )
            for button in body.get("buttons") or []
        ]
        tags = read_tags(body.get("link_tags"))
        self.counts_clicks = body.get("counts_clicks") is True
        self.link_names = texts["link"].names
        self._link = partial(_link, texts["link"], tags)
        fields = [
            _Field("title", partial(_one_line, texts["title"]), [texts["title"]]),
            _Field("subtitle", partial(_one_line, texts["subtitle"]), [texts["subtitle"]]),
            _Field("body", texts["body"].render, [texts["body"]]),
            _Field("image_url", partial(_link, texts["image_url"], ()), [texts["image_url"]]),
            _Field("link", self._link, [texts["link"]]),
            _Field("data", partial(_data, data), [*data.values()]),
            _Field("buttons", partial(_buttons, buttons, tags), [text for one in buttons for text in one.texts]),
        ]
        used = [text for field in fields for text in field.texts]
        self.names = frozenset[str]().union(*(text.names for text in used))
        self.bare_names = frozenset[str]().union(*(text.bare_names for text in used))
        self.is_static = not self.names
        self._plain = {name: body[name] for name in _PLAIN_FIELDS if body.get(name) not in (None, "")}
        self._makers = [(field.place, field.make) for field in fields]
        self._personal = [(field.place, field.make) for field in fields if any(text.names for text in field.texts)]
        self._common: list[Any] = []
        self._shared = self._rendered({}) if self.is_static else None

    def render(self, facts: Facts) -> PushContent:
        """The content for one person's facts. Raises RenderFailed, and nothing else."""
        return self._shared or self._rendered(facts)

    def link(self, facts: Facts) -> str:
        """The link alone, as `render` makes it. Raises RenderFailed."""
        try:
            return self._link(facts)
        except Exception as error:
            raise RenderFailed("template_failed", str(error)[:200]) from error

    def _rendered(self, facts: Facts) -> PushContent:
        try:
            content = self._content(facts)
        except Exception as error:
            # Whatever a template can raise (arithmetic, recursion, limits) may cost its own recipient, never the slice.
            detail = error.message if isinstance(error, LiquidError) else error
            raise RenderFailed("template_failed", str(detail)[:200]) from error
        if not content.silent and is_blank(content.title):
            raise RenderFailed("empty_text", "the title is empty for this person")
        return content

    def _content(self, facts: Facts) -> PushContent:
        """What reads no fact is made for the first person alone."""
        if not self._common:
            common: list[Any] = list(PushContent("", "", **self._plain))
            for place, make in self._makers:
                common[place] = make(facts)
            self._common = common
        values = self._common.copy()
        for place, make in self._personal:
            values[place] = make(facts)
        return PushContent._make(values)


class _BrokenBody(CompiledBody):
    """A body that does not compile. Doors refuse it; should one be stored, each recipient fails and no worker does."""

    __slots__ = ("_code", "_detail")

    def __init__(self, code: str, detail: str) -> None:
        self.names = self.bare_names = frozenset()
        self.link_names = self.names
        self.is_static = self.counts_clicks = False
        self._code, self._detail = code, detail

    def render(self, facts: Facts) -> NoReturn:
        raise RenderFailed(self._code, self._detail)


def compile_body(body: Mapping[str, Any]) -> CompiledBody:
    """Compile a content's body (PushContent's fields, texts in Liquid); kept per process by content. Never raises."""
    return _compiled(json.dumps(body, sort_keys=True))


@lru_cache(maxsize=256)
def _compiled(canonical: str) -> CompiledBody:
    try:
        return CompiledBody(json.loads(canonical))
    except LiquidError as error:
        return _BrokenBody("template_syntax", str(error.message)[:200])
    except RenderFailed as error:
        return _BrokenBody(error.code, error.detail)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return _BrokenBody("content_malformed", repr(error)[:200])


class _Field(NamedTuple):
    """How one field of a content is made of facts, and of which texts."""

    name: str
    make: Callable[[Facts], Any]
    texts: list[CompiledText]

    @property
    def place(self) -> int:
        return PushContent._fields.index(self.name)


def _one_line(text: CompiledText, facts: Facts) -> str:
    title = text.render(facts)
    return title if title.isprintable() else _LINE_BREAKS.sub(" ", title)


def _data(texts: Mapping[str, CompiledText], facts: Facts) -> dict[str, str]:
    return {key: text.render(facts) for key, text in texts.items()}


class _CompiledButton(NamedTuple):
    """A button's parts; its icon is the same for everybody."""

    key: str
    label: CompiledText
    link: CompiledText
    icon: str

    @property
    def texts(self) -> tuple[CompiledText, CompiledText]:
        return self.label, self.link


def _buttons(buttons: Sequence[_CompiledButton], tags: Tags, facts: Facts) -> tuple[Button, ...]:
    return tuple(Button(one.key, one.label.render(facts), _link(one.link, tags, facts), one.icon) for one in buttons)


def _link(text: CompiledText, tags: Tags, facts: Facts) -> str:
    link = text.render(facts)
    return with_tags(encode_unsafe(link) if text.names else link, tags)
