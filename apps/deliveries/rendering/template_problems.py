"""What is wrong with one templated text, with the place in it, in words for its writer."""

import re
from collections.abc import Collection, Iterator

from django.utils.translation import gettext as _
from liquid import BoundTemplate
from liquid.exceptions import LiquidError
from liquid.static_analysis import Variable

from apps.core.problems import FieldProblem
from apps.core.suggestions import did_you_mean
from apps.deliveries.rendering.filters import FILTER_NAMES
from apps.deliveries.rendering.language import TAG_NAMES, expressions, filters_of, forbidden, is_literal, parse
from apps.deliveries.rendering.syntax_words import syntax_words

# Tags of this and other template languages that reach outside the text.
_REACHING_OUT = frozenset(
    ("block", "debug", "echo", "extends", "from", "import", "include", "layout", "liquid", "load", "macro", "render")
)
_UNKNOWN_TAG = re.compile(r"unexpected tag '(.*)'", re.DOTALL)
_DUNDER = re.compile(r"[.\[]\s*['\"]?_")


def template_problems(source: str, pointer: str, known_names: Collection[str] | None) -> list[FieldProblem]:
    """Every problem Liquid or the allow-list has with `source`; known_names None = any variable will do."""
    if is_literal(source):
        return []
    try:
        template = parse(source)
    except LiquidError as error:
        return [_syntax_problem(error, source, pointer)]
    found = [*_expression_problems(template, source, pointer)]
    if known_names is not None:
        found += _variable_problems(template, source, pointer, known_names)
    return found


def _syntax_problem(error: LiquidError, source: str, pointer: str) -> FieldProblem:
    start = error.token.start_index if error.token else -1
    unknown = _UNKNOWN_TAG.fullmatch(str(error.message))
    if unknown:
        return _tag_problem(unknown[1], source, start, pointer)
    if _DUNDER.search(source):
        message = _("only plain names of traits may stand in {{ }}")
        return _problem(pointer, "expression_not_allowed", message, source, start)
    words = syntax_words(str(error.message), source, start)
    return _problem(pointer, "template_syntax", words, source, start)


def _tag_problem(tag: str, source: str, start: int, pointer: str) -> FieldProblem:
    if tag.startswith("end") and tag.removeprefix("end") in TAG_NAMES:
        message = _("{%% %(tag)s %%} ends nothing: no {%% %(begin)s %%} stands before it") % {
            "tag": tag,
            "begin": tag.removeprefix("end"),
        }
        return _problem(pointer, "unknown_tag", message, source, start)
    if tag in _REACHING_OUT:
        message = _("the tag %(tag)s is not available: a text uses nothing but itself and the person's traits") % {
            "tag": repr(tag)
        }
        return _problem(pointer, "expression_not_allowed", message, source, start)
    message = _("unknown tag %(tag)s; known are %(known)s.%(hint)s") % {
        "tag": repr(tag),
        "known": ", ".join(TAG_NAMES),
        "hint": did_you_mean(tag, TAG_NAMES),
    }
    return _problem(pointer, "unknown_tag", message, source, start)


def _expression_problems(template: BoundTemplate, source: str, pointer: str) -> Iterator[FieldProblem]:
    for expression in expressions(template):
        reason = forbidden(expression)
        if reason:
            yield _problem(pointer, "expression_not_allowed", reason, source, expression.token.start_index)
        for used in filters_of(expression):
            if used.name not in FILTER_NAMES:
                message = _("unknown filter %(filter)s; known are %(known)s.") % {
                    "filter": repr(used.name),
                    "known": ", ".join(FILTER_NAMES),
                }
                message += did_you_mean(used.name, FILTER_NAMES)
                yield _problem(pointer, "unknown_filter", message, source, used.token.start_index)


def _variable_problems(
    template: BoundTemplate, source: str, pointer: str, known_names: Collection[str]
) -> Iterator[FieldProblem]:
    for name, places in template.analyze(include_partials=False).globals.items():
        if name in known_names or name.startswith("_"):
            continue
        yield _variable_problem(name, places[0], source, pointer, known_names)


def _variable_problem(
    name: str, place: Variable, source: str, pointer: str, known_names: Collection[str]
) -> FieldProblem:
    if len(place.segments) > 1:
        message = _("%(place)s is not available: %(name)s is no trait of your customers.%(hint)s") % {
            "place": place,
            "name": repr(name),
            "hint": _meant(place, known_names),
        }
        return _problem(pointer, "expression_not_allowed", message, source, place.span.index)
    message = _("no customer has a trait %(name)s.%(hint)s") % {
        "name": repr(name),
        "hint": did_you_mean(name, known_names),
    }
    return _problem(pointer, "unknown_variable", message, source, place.span.index)


def _meant(place: Variable, known_names: Collection[str]) -> str:
    """For `customer.first_name`, as other tools name it: what of it is known here."""
    last = place.segments[-1]
    return _(" Did you mean {{ %s }}?") % last if isinstance(last, str) and last in known_names else ""


def _problem(pointer: str, code: str, message: str, source: str, start: int) -> FieldProblem:
    if start < 0:
        start = len(source)
    line = source.count("\n", 0, start) + 1
    column = start - source.rfind("\n", 0, start)
    return FieldProblem(
        pointer,
        code,
        _("line %(line)s, column %(column)s: %(message)s") % {"line": line, "column": column, "message": message},
        source[start : start + 40],
    )
