"""Rules as files: the JSON that one app's segment gives out and another's takes in."""

import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.core.problems import FieldProblem, InvalidInput
from apps.core.text import shown
from apps.segments.rules import validate_rule
from apps.segments.services.rule_references import incoming

MOST_CHARACTERS = 1_000_000


def read_rule_file(
    text: str, *, app: App, segment_id: int | None = None, chosen: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The rule in a text: alone, or under "rule" of an object (as in a trial). Checked for `app` and that segment.

    Raises InvalidInput with every problem; pointers lead into the text as it came. Raises NamesUnknown where it asks
    about segments or campaigns that are neither known by name nor `chosen`, see rule_references.
    """
    found = read_json(text)
    is_wrapped = isinstance(found, Mapping) and "rule" in found and "rules" not in found
    rule = incoming(found["rule"] if is_wrapped else found, app, chosen or {}, segment_id)
    try:
        validate_rule(rule, app, segment_id=segment_id)
    except InvalidInput as refusal:
        before = "/rule" if is_wrapped else ""
        found_there = [FieldProblem(before + one.pointer, one.code, one.message, one.came) for one in refusal.problems]
        raise InvalidInput(found_there) from refusal
    return dict(rule)


def read_json(text: str) -> Any:
    """Raises InvalidInput: required, too_long, json_syntax (with line and column), duplicate_key, encoding."""
    plain = text.strip().removeprefix("\ufeff")
    if not plain:
        raise _refusal("required", _("paste a rule or choose a file"))
    if len(plain) > MOST_CHARACTERS:
        raise _refusal("too_long", _("is longer than %(limit)d characters") % {"limit": MOST_CHARACTERS})
    try:
        found = json.loads(plain, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        message = _("is not JSON: line %(line)d, column %(column)d: %(why)s")
        message %= {"line": error.lineno, "column": error.colno, "why": error.msg}
        raise _refusal("json_syntax", message) from error
    except (RecursionError, ValueError) as error:  # nested without end; a number of thousands of digits
        raise _refusal("json_syntax", _("is no JSON that we can read")) from error
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:  # half a character, which an escape can say but nothing can store
        raise _refusal("encoding", _("must be well-formed Unicode")) from error
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Python would keep the last of two, and half a rule would be gone without a word."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _refusal("duplicate_key", _("the key “%s” stands twice in one object") % shown(name))
        found[name] = value
    return found


def _refusal(code: str, message: str) -> InvalidInput:
    return InvalidInput([FieldProblem("", code, message)])
