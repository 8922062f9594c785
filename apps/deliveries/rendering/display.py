"""What a content will look like on a screen: advice, never a refusal.

Source of the lengths: what iOS and Android show of a collapsed notification (product.md, "Facts").
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem
from apps.deliveries.rendering.body import RenderFailed, compile_body
from apps.deliveries.rendering.field_rules import image_suffix
from apps.deliveries.rendering.language import is_literal
from apps.deliveries.rendering.payload import payload_warnings
from apps.deliveries.rendering.visible import BIDI_CONTROLS, ZERO_WIDTH

IOS_TITLE, ANDROID_TITLE, SHOWN_BODY = 35, 46, 171


def display_warnings(body: Mapping[str, Any]) -> list[FieldProblem]:
    """Warnings for a body that `analyse` found sendable; texts are measured with their fallbacks filled in."""
    try:
        title, text = _shown(body)
    except RenderFailed:
        return []
    return [
        *_longer(title, "/title", "title_truncated_ios", IOS_TITLE, "an iPhone"),
        *_longer(title, "/title", "title_truncated_android", ANDROID_TITLE, "Android"),
        *_longer(text, "/body", "body_truncated", SHOWN_BODY, "a lock screen"),
        *_hidden(title, "/title"),
        *_hidden(text, "/body"),
        *_image(str(body.get("image_url") or "")),
        *payload_warnings(body),
    ]


def _shown(body: Mapping[str, Any]) -> tuple[str, str]:
    """Title and text for somebody of whom nothing is known."""
    if is_literal(body):
        return str(body.get("title") or ""), str(body.get("body") or "")
    content = compile_body(body).render({})
    return content.title, content.body


def _longer(text: str, pointer: str, code: str, most: int, where: str) -> Iterator[FieldProblem]:
    if len(text) > most:
        message = _("%(where)s shows about %(most)s characters of it") % {"where": where, "most": most}
        yield FieldProblem(pointer, code, message, f"{len(text)} characters")


def _hidden(text: str, pointer: str) -> Iterator[FieldProblem]:
    if BIDI_CONTROLS.search(text):
        yield FieldProblem(pointer, "bidi_control", _("contains characters that turn the reading direction"))
    if ZERO_WIDTH.search(text):
        yield FieldProblem(pointer, "zero_width", _("contains characters that nobody can see"))


def _image(source: str) -> Iterator[FieldProblem]:
    if source.lower().startswith("https://") and not image_suffix(source):
        message = _("has no suffix from which its type could be told; JPG, PNG and GIF are shown everywhere")
        yield FieldProblem("/image_url", "image_type_unknown", message)
    if image_suffix(source) == "webp":
        yield FieldProblem("/image_url", "image_type_webp", _("older iPhones do not show WebP"))
