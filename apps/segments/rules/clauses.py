"""A rule before one person, in words: what each clause asks, what was found, and what would have to change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.templatetags.house import number
from apps.core.words import spoken
from apps.customers.masking import masked_email, masked_phone
from apps.segments.rules.catalogue import COLUMNS, MATCHES, TRAIT, Catalogue
from apps.segments.rules.evidence import Finding, Person
from apps.segments.rules.explain import question_words, window_words
from apps.segments.rules.messages import ANSWERS
from apps.segments.rules.tree import EventLeaf, Group, Leaf, MessageLeaf, Node, Question, Window

MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Clause:
    """One line of the answer. verdict: "yes", "no", or "unknown" (which counts as no).

    fact: what was found about the person; change: what it takes for the whole rule, where this clause stands in its
    way; both "" where there is nothing to say. match: of a group, "" of a question.
    """

    text: str
    verdict: str
    fact: str = ""
    change: str = ""
    match: str = ""
    children: "tuple[Clause, ...]" = ()

    @property
    def holds(self) -> bool:
        return self.verdict == "yes"


@dataclass(frozen=True, slots=True)
class Case:
    """All that a clause is judged by. reveals: whether the reader may see e-mails and phones in full."""

    person: Person
    findings: Mapping[Question, Finding]
    catalogue: Catalogue
    zone: str
    reveals: bool = False

    def day(self, at: datetime | None) -> str:
        return date_format(at.astimezone(ZoneInfo(self.zone)), "j M Y") if at else ""


def clause_of(node: Node, case: Case) -> Clause:
    """The whole answer; groups of one read as the one, as in `explain_tree`."""
    return _clause(node, case, wanted=True)


def _clause(node: Node, case: Case, *, wanted: bool | None) -> Clause:
    """wanted: what this node would have to be for the whole rule to hold; None = it does not matter."""
    if not isinstance(node, Group):
        return _answer(node, case, wanted)
    if not node.nodes:
        return Clause(_("everybody"), "yes")
    if len(node.nodes) == 1 and node.match != "none":
        return _clause(node.nodes[0], case, wanted=wanted)
    if wanted is None or _holds(node, case) == wanted:
        below, change = None, ""
    else:
        below = wanted != (node.match == "none")
        one_is_enough = (node.match == "any") == wanted and len(node.nodes) > 1
        change = _("one of these is enough") if one_is_enough else ""
    children = tuple(_clause(child, case, wanted=below) for child in node.nodes)
    verdict = _verdict(node.match, [child.verdict for child in children])
    return Clause(str(MATCHES[node.match]), verdict, "", change, node.match, children)


def _holds(node: Node, case: Case) -> bool:
    if not isinstance(node, Group):
        return case.findings[node].holds
    answers = [_holds(child, case) for child in node.nodes]
    return all(answers) if node.match == "all" else any(answers) == (node.match == "any")


def _verdict(match: str, verdicts: list[str]) -> str:
    """As SQL reads it: unknown is not yes, and only "none" turns that round."""
    if match == "none":
        return "no" if "yes" in verdicts else "yes"
    decisive, otherwise = ("yes", "no") if match == "any" else ("no", "yes")
    if decisive in verdicts:
        return decisive
    return "unknown" if "unknown" in verdicts else otherwise


def _answer(question: Question, case: Case, wanted: bool | None) -> Clause:
    finding = case.findings[question]
    words = question_words(question, case.catalogue)
    verdict = "yes" if finding.holds else "no" if finding.is_known else "unknown"
    is_in_the_way = wanted is not None and finding.holds != wanted
    change = _change(question, finding, case, bool(wanted), words) if is_in_the_way else ""
    return Clause(words, verdict, _fact(question, finding, case), change)


def _fact(question: Question, finding: Finding, case: Case) -> str:
    if isinstance(question, EventLeaf):
        return _event_fact(question, finding, case)
    if isinstance(question, MessageLeaf):
        return _message_fact(question, finding, case)
    return _known_fact(question, case) if finding.is_known else _unknown_fact(question, case)


def _event_fact(leaf: EventLeaf, finding: Finding, case: Case) -> str:
    tally, when = finding.tally, window_words(leaf.window)
    if not tally.all_count:
        return (
            _("never did so, as far as is known")
            if leaf.where
            else _("never did “%(name)s”") % {"name": spoken(leaf.name)}
        )
    if leaf.which:
        first, last = case.day(tally.all_first_at), case.day(tally.all_last_at)
        return (_("the first time was on %(day)s") if leaf.which == "first" else _("the last time was on %(day)s")) % {
            "day": first if leaf.which == "first" else last
        }
    if not tally.count:
        ever = _times(tally.all_count)
        words = {"when": when, "times": ever, "day": case.day(tally.all_last_at)}
        return _("not %(when)s; %(times)s in all, last on %(day)s") % words
    said = _("%(times)s, last on %(day)s") if not when else _("%(times)s %(when)s, last on %(day)s")
    found = said % {"times": _times(tally.count), "when": when, "day": case.day(tally.last_at)}
    if leaf.total is None:
        return found
    return _("%(found)s, %(total)s in sum") % {"found": found, "total": _sum(tally.total or 0)}


def _message_fact(leaf: MessageLeaf, finding: Finding, case: Case) -> str:
    tally = finding.tally
    when = window_words(Window(days=leaf.days)) if leaf.days is not None else ""
    if not tally.all_count:
        sent = _("was never sent it") if leaf.campaign else _("was never sent any")
    elif not tally.count:
        sent = _("not sent %(when)s; last sent on %(day)s") % {"when": when, "day": case.day(tally.all_last_at)}
    else:
        count = ngettext("%(count)d message sent", "%(count)d messages sent", tally.count) % {"count": tally.count}
        sent = _("%(count)s, last on %(day)s") % {"count": count, "day": case.day(tally.all_last_at)}
    if leaf.operator.key not in ANSWERS:
        return sent
    words = {"displayed": (_("seen"), _("not seen")), "opened": (_("opened"), _("not opened"))}
    yes, no = words.get(ANSWERS[leaf.operator.key], (_("a button tapped"), _("no button tapped")))
    return "; ".join([sent, f"{yes}: {case.day(tally.answered_at)}" if tally.answered_count else no])


def _known_fact(leaf: Leaf, case: Case) -> str:
    key, customer, devices = leaf.field.key, case.person.customer, case.person.devices
    if leaf.field.type == "segment":
        return _membership(leaf, case)
    if key.startswith(TRAIT):
        return _("%(field)s is %(value)s") % _named(leaf, customer.traits.get(key.removeprefix(TRAIT)))
    if key in COLUMNS:
        mask = {} if case.reveals else {"email": masked_email, "phone": masked_phone}
        value = getattr(customer, key)
        return _("%(field)s is %(value)s") % _named(leaf, mask[key](value) if key in mask else value)
    if key == "topics":
        return _("%(field)s is %(value)s") % _named(leaf, customer.topics)
    if key.startswith("consent."):
        answer = customer.push_consent if key == "consent.push" else customer.sms_consent
        return str(dict(leaf.field.choices)[{None: "unknown", True: "yes", False: "no"}[answer]])
    if key == "created_at":
        return _("first seen on %(day)s") % {"day": case.day(customer.created_at)}
    if key == "device.last_seen":
        return _("last used on %(day)s") % {"day": case.day(devices[0].last_seen_at)}
    if key == "device.count":
        return ngettext("%(count)d device", "%(count)d devices", len(devices)) % {"count": len(devices)}
    column, labels = key.removeprefix("device."), dict(leaf.field.choices)
    told = dict.fromkeys(str(labels.get(word, word)) for one in devices if (word := getattr(one, column)))
    return ", ".join(told)


def _unknown_fact(leaf: Leaf, case: Case) -> str:
    if leaf.field.key.startswith("device.") and not case.person.devices:
        return _("has no device that can be reached")
    return _("%(field)s is not known") % {"field": leaf.field.label}


def _membership(leaf: Leaf, case: Case) -> str:
    membership = case.person.memberships.get(leaf.value if isinstance(leaf.value, int) else 0)
    if membership is None:
        return _("was never in it")
    if membership.left_at:
        return _("left it on %(day)s") % {"day": case.day(membership.left_at)}
    return _("in it since %(day)s") % {"day": case.day(membership.joined_at)}


def _change(question: Question, finding: Finding, case: Case, wanted: bool, words: str) -> str:
    """What it takes for this question to be answered as wanted."""
    if isinstance(question, EventLeaf):
        told = _event_change(question, finding, case, wanted)
        if told:
            return told
    return (_("it takes: %(words)s") if wanted else _("this must no longer hold: %(words)s")) % {"words": words}


def _event_change(leaf: EventLeaf, finding: Finding, case: Case, wanted: bool) -> str:
    """More of it, or time: what was done in the last N days leaves the window by itself."""
    tally, window = finding.tally, leaf.window
    if leaf.did == wanted and not leaf.which and (window.days or not window):
        comparison, count = leaf.times or ("at_least", 1)
        missing = count - tally.count
        if missing > 0 and comparison != "at_most":
            more = ngettext(
                "it takes “%(name)s” %(count)d more time", "it takes “%(name)s” %(count)d more times", missing
            )
            return " ".join([more % {"name": spoken(leaf.name), "count": missing}, window_words(window)]).rstrip()
        return ""
    is_over_alone = leaf.did != wanted and not (leaf.times or leaf.total or leaf.which)
    if is_over_alone and window.days and tally.last_at:
        day = case.day(tally.last_at + timedelta(days=window.days))
        return _("by itself after %(day)s, unless it is done again") % {"day": day}
    return ""


def _named(leaf: Leaf, value: object) -> dict[str, str]:
    return {"field": str(leaf.field.label), "value": _shown(value)}


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        more = [_("%(count)d more") % {"count": len(value) - MOST_SHOWN}] if len(value) > MOST_SHOWN else []
        return ", ".join([*(f"“{one}”" for one in value[:MOST_SHOWN]), *more])
    return f"{value:.15g}" if isinstance(value, int | float) else f"“{value}”"


def _sum(total: float) -> str:
    return number(int(total) if float(total).is_integer() else round(total, 2))


def _times(count: int) -> str:
    return ngettext("%(count)d time", "%(count)d times", count) % {"count": count}
