"""A rule in words, for people: the same tree that becomes SQL."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.words import spoken
from apps.segments.rules.catalogue import MATCHES, SUMS, TIMES, WHICH, Catalogue, Kind, Operator
from apps.segments.rules.tree import Condition, EventLeaf, Group, Leaf, MessageLeaf, Node, Question, Value, Window

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Words:
    """One line, and for a group the lines below it."""

    text: str
    children: "tuple[Words, ...]" = ()

    def __str__(self) -> str:
        inside = "; ".join(f"({child})" if child.children else str(child) for child in self.children)
        return f"{self.text}: {inside}" if self.children else self.text


def explain_tree(node: Node, catalogue: Catalogue) -> Words:
    """What the rule says. Groups of one read as the one."""
    if not isinstance(node, Group):
        return Words(question_words(node, catalogue))
    if not node.nodes:
        return Words(_("everybody"))
    if len(node.nodes) == 1 and node.match != "none":
        return explain_tree(node.nodes[0], catalogue)
    return Words(str(MATCHES[node.match]), tuple(explain_tree(child, catalogue) for child in node.nodes))


def question_words(leaf: Question, catalogue: Catalogue) -> str:
    """One question as half a sentence about a person."""
    if isinstance(leaf, EventLeaf):
        return _event(leaf)
    return _message(leaf, catalogue) if isinstance(leaf, MessageLeaf) else _leaf(leaf, catalogue)


def _leaf(leaf: Leaf, catalogue: Catalogue) -> str:
    if leaf.field.type == "segment":
        name = catalogue.segments.get(leaf.value if isinstance(leaf.value, int) else 0, "?")
        word = _("is in “%(name)s”") if leaf.operator.key == "in" else _("is not in “%(name)s”")
        return word % {"name": name}
    labels = {word: str(label) for word, label in leaf.field.choices}
    return _sentence(str(leaf.field.label), leaf.operator, _value(leaf.operator, leaf.value, labels))


def _sentence(subject: str, operator: Operator, value: str) -> str:
    return f"{subject} {operator.label} {value}".rstrip()


def _event(leaf: EventLeaf) -> str:
    said = _("did “%(name)s”") if leaf.did else _("did not do “%(name)s”")
    parts = [said % {"name": spoken(leaf.name)}]
    if leaf.times is not None:
        comparison, count = leaf.times
        times = ngettext("%(comparison)s %(count)d time", "%(comparison)s %(count)d times", count)
        parts.append(times % {"comparison": TIMES[comparison], "count": count})
    if leaf.window:
        when = window_words(leaf.window)
        parts.append(f"{WHICH[leaf.which]} {when}" if leaf.which else when)
    if leaf.where:
        parts.append(_("where %(conditions)s") % {"conditions": _(" and ").join(map(_condition, leaf.where))})
    if leaf.total is not None:
        comparison, amount = leaf.total
        parts.append(_("with a sum of %(comparison)s %(amount)g") % {"comparison": SUMS[comparison], "amount": amount})
    return ", ".join(parts)


def _message(leaf: MessageLeaf, catalogue: Catalogue) -> str:
    name = catalogue.campaigns.get(leaf.campaign, leaf.campaign)
    parts = [f"{leaf.operator.label} {_quoted(name) if leaf.campaign else _('any campaign')}"]
    if leaf.days is not None:
        parts.append(window_words(Window(days=leaf.days)))
    return ", ".join(parts)


def window_words(window: Window) -> str:
    """in the last 30 days, longer ago than 30 days, from .. to .., or "" for ever."""
    if window.days is not None:
        return _("in the last %(days)s") % {"days": _days(window.days)}
    if window.before_days is not None:
        return _("longer ago than %(days)s") % {"days": _days(window.before_days)}
    ends = {"first": window.first, "last": window.last}
    if window.first and window.last:
        return _("from %(first)s to %(last)s") % ends
    if window.first:
        return _("from %(first)s on") % ends
    return _("until %(last)s") % ends if window.last else ""


def _condition(condition: Condition) -> str:
    return _sentence(spoken(condition.name), condition.operator, _value(condition.operator, condition.value, {}))


def _value(operator: Operator, value: Value, labels: dict[str, str]) -> str:
    if operator.kind is Kind.NOTHING:
        return ""
    if operator.kind is Kind.DAYS and isinstance(value, int):
        return _days(value)
    if operator.kind in (Kind.NUMBERS, Kind.DATES) and isinstance(value, tuple):
        return _("%(low)s and %(high)s") % {"low": value[0], "high": value[1]}
    if isinstance(value, tuple):
        named = [labels.get(str(one)) or _quoted(one) for one in value[:MOST_NAMED]]
        more = len(value) - MOST_NAMED
        return _(" or ").join(named) + (_(" or %(count)d more") % {"count": more} if more > 0 else "")
    if isinstance(value, int | float):
        return f"{value:.15g}"
    return str(value) if operator.kind in _PLAIN else _quoted(value)


_PLAIN = {Kind.DATE, Kind.VERSION}


def _quoted(value: object) -> str:
    return f"“{value}”"


def _days(days: int) -> str:
    return ngettext("%(days)d day", "%(days)d days", days) % {"days": days}
