"""The Liquid of this house: an allow-list of tags and filters, strict, bounded, without clock or loader."""

from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

from liquid import BoundTemplate, Environment, RenderContext
from liquid.ast import Node
from liquid.builtin import content, illegal, output
from liquid.builtin.expressions import FilteredExpression
from liquid.builtin.expressions.path import Path
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags import (
    assign_tag,
    capture_tag,
    case_tag,
    comment_tag,
    for_tag,
    if_tag,
    inline_comment_tag,
    unless_tag,
)
from liquid.expression import Expression
from liquid.output import LimitedStringIO
from liquid.utils import ReadOnlyChainMap

from apps.deliveries.rendering.filters import MOST_CHARACTERS, add_filters

_TAGS = (
    content.Literal,
    output.Output,
    illegal.Illegal,
    assign_tag.AssignTag,
    capture_tag.CaptureTag,
    case_tag.CaseTag,
    comment_tag.CommentTag,
    for_tag.ForTag,
    for_tag.BreakTag,
    for_tag.ContinueTag,
    if_tag.IfTag,
    inline_comment_tag.InlineCommentTag,
    unless_tag.UnlessTag,
)
TAG_NAMES = ("assign", "break", "capture", "case", "comment", "continue", "for", "if", "unless")


class _Context(RenderContext):
    """Without Liquid's own `now` and `today`: what a text says follows from its facts alone."""

    def __init__(self, template: BoundTemplate, **kwargs: Any) -> None:
        super().__init__(template, **kwargs)
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)


class _Template(BoundTemplate):
    context_class = _Context

    def _get_buffer(self) -> StringIO:
        """Line breaks stay as they were written; StringIO would turn \\r into \\n."""
        return LimitedStringIO(MOST_CHARACTERS, newline="")


class _Environment(Environment):
    block_nesting_limit = 20
    context_depth_limit = 30
    loop_iteration_limit = 1000
    local_namespace_limit = 4 * MOST_CHARACTERS
    output_stream_limit = MOST_CHARACTERS
    template_class = _Template

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        for tag in _TAGS:
            self.add_tag(tag)
        add_filters(self)


LIQUID = _Environment()


def is_literal(value: Any) -> bool:
    """No text in a body, or in a part of it, has anything of Liquid: what is written is what is sent."""
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value
    if isinstance(value, Mapping):
        return all(map(is_literal, value.values()))
    return not isinstance(value, list) or all(map(is_literal, value))


def parse(source: str) -> BoundTemplate:
    """The syntax tree of a text. Raises LiquidError (a RecursionError of the parser included)."""
    return LIQUID.from_string(source)


def render(template: BoundTemplate, facts: Mapping[str, Any]) -> str:
    """The text for one person. Raises whatever Liquid or a filter raises."""
    return template.render(facts)


def expressions(template: BoundTemplate) -> Iterator[Expression]:
    """Every expression of the tree, the inner ones too."""
    context = RenderContext(template)
    waiting: list[Node] = list(template.nodes)
    while waiting:
        node = waiting.pop()
        waiting.extend(node.children(context, include_partials=False))
        for expression in node.expressions():
            yield from _with_children(expression)


def forbidden(expression: Expression) -> str:
    """Why an expression may not stand in a text, or "".

    Ranges are out because `reversed` builds them before the loop limit is asked: one line could take all memory.
    """
    if isinstance(expression, RangeLiteral):
        return "ranges like (1..9) are not available"
    if isinstance(expression, Path) and any(isinstance(part, str) and part.startswith("_") for part in expression.path):
        return "names that begin with _ are not available"
    return ""


def filters_of(expression: Expression) -> list[Any]:
    """The filters hung on one expression, left to right."""
    return list(expression.filters or []) if isinstance(expression, FilteredExpression) else []


def _with_children(expression: Expression) -> Iterator[Expression]:
    waiting = [expression]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(one.children())
