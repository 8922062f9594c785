"""An automation's draft in the builder: a card for who enters, one for each step, one for the end; what is stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import User
from apps.campaigns.admin_draft import language_name
from apps.campaigns.admin_flow_forms import CardForm, ConditionForm, FlowForm, WaitForm
from apps.campaigns.admin_forms import TextForm, text_prefix
from apps.campaigns.admin_preview import Facts, Screen, screen_of
from apps.campaigns.models import Automation, AutomationStep
from apps.campaigns.services.automations.event_words import sample_facts
from apps.campaigns.services.automations.lifecycle import StepDraft, save_automation
from apps.campaigns.services.automations.readiness import automation_problems, carrier, step_warnings
from apps.campaigns.services.automations.steps import CONDITION, MOST_STEPS, PUSH, WAIT
from apps.core.problems import FieldProblem
from apps.customers.models import Customer
from apps.customers.queries import person_named
from apps.segments.admin_rule_json import place_of


@dataclass(frozen=True, slots=True)
class CardKind:
    """How a kind of step looks in the builder. form None: a push, whose fields are texts. template: its fields.

    look: its message as somebody reads it, who has these facts; None = nothing known. look_template draws it, anew
    with each save.
    """

    kind: str
    title: Any
    icon: str
    template: str
    fresh: Mapping[str, Any]
    form: type[CardForm] | None = None
    look: Callable[[AutomationStep, Customer | None, Facts], Any] | None = None
    look_template: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One step on the page. languages: (code, name); screen: what the phone beside a push shows; look: see CardKind."""

    step: AutomationStep
    kind: CardKind
    form: CardForm | None
    texts: list[TextForm] = field(default_factory=list)
    languages: list[tuple[str, str]] = field(default_factory=list)
    offer: list[tuple[str, str]] = field(default_factory=list)
    screen: Screen | None = None
    look: Any = None

    @property
    def slot(self) -> str:
        """Where problems of no single field stand."""
        return f"s{self.step.position}"

    def draft(self) -> StepDraft:
        """What to store of it."""
        if self.form is not None:
            return StepDraft(self.step.kind, self.form.settings())
        texts = {form.language: form.text() for form in self.texts}
        return StepDraft(self.step.kind, {**self.step.settings, "texts": texts})


@dataclass(frozen=True, slots=True)
class Flow:
    """The whole page: bound to what was sent, or showing the rows."""

    automation: Automation
    form: FlowForm
    cards: list[Card]

    @property
    def may_add(self) -> bool:
        return len(self.cards) < MOST_STEPS


@dataclass(frozen=True, slots=True)
class Shown:
    """One problem. slot: the id of its field or card; label: the card it belongs to."""

    slot: str
    card: str
    label: str
    message: str
    is_advice: bool = False


_kinds: dict[str, CardKind] = {}


def register_card(kind: CardKind) -> None:
    """Called once a process, by a floor above for a kind of step of its own."""
    _kinds[kind.kind] = kind


def card_kinds() -> list[CardKind]:
    """In the order in which they are offered."""
    return list(_kinds.values())


register_card(
    CardKind(
        WAIT, gettext_lazy("Wait"), "hourglass_top", "campaigns/flow/wait.html", {"minutes": 60, "until": ""}, WaitForm
    )
)
register_card(
    CardKind(
        CONDITION,
        gettext_lazy("Condition"),
        "call_split",
        "campaigns/flow/condition.html",
        {"ask": "not_opened", "otherwise": "leave"},
        ConditionForm,
    )
)
register_card(CardKind(PUSH, gettext_lazy("Push"), "notifications", "campaigns/flow/push.html", {"texts": {}}))


def open_flow(
    automation: Automation, sent: Mapping[str, Any] | None = None, *, language: str = "", reader: str = ""
) -> Flow:
    """language: the one that the phones show, "" = the app's default; reader: as whom, "" = nobody known."""
    app = automation.app
    customer = person_named(app=app, external_id=reader) if reader else None
    look = _Look(language or app.default_language, reader, customer, cache(partial(_sample, automation)))
    cards = [_card(automation, step, sent, look) for step in automation.steps.all()]
    return Flow(automation, FlowForm(automation, sent), [card for card in cards if card is not None])


@dataclass(frozen=True, slots=True)
class _Look:
    """What the phones show: the language, the reader's id and who that is, and the event that brought them in."""

    language: str
    reader: str
    customer: Customer | None
    facts_for: Callable[[Customer | None], Facts]


def _sample(automation: Automation, customer: Customer | None) -> Mapping[str, Any]:
    return sample_facts(automation, customer, timezone.now())


def _card(automation: Automation, step: AutomationStep, sent: Mapping[str, Any] | None, look: _Look) -> Card | None:
    kind = _kinds.get(step.kind)
    if kind is None:
        return None
    if kind.form is not None:
        shown = kind.look(step, look.customer, look.facts_for(look.customer)) if kind.look else None
        return Card(step, kind, kind.form(automation, step.position, step.settings, sent), look=shown)
    default, stored = automation.app.default_language, step.settings.get("texts", {})
    codes = [default, *sorted(code for code in stored if code != default)]
    return Card(
        step,
        kind,
        None,
        texts=[TextForm(code, stored.get(code, {}), sent, step.position) for code in codes],
        languages=[(code, language_name(code)) for code in codes],
        offer=[(code, language_name(code)) for code in _OFFERED if code not in codes],
        screen=screen_of(
            carrier(automation, step), language=look.language, external_id=look.reader, facts_for=look.facts_for
        ),
    )


_OFFERED = ("en", "de", "fr", "es", "it", "pl", "pt", "nl", "cs", "uk", "ru", "tr", "ar", "he", "ja", "zh")


def store(flow: Flow, *, version: int, edit: str, author: User, now: datetime) -> int:
    """Store what is valid, then apply `edit` ("add:2:wait", "remove:1", "up:1", "down:1", "speak:1:fr", "mute:1:fr").

    Raises as save_automation does.
    """
    steps = [card.draft() for card in flow.cards]
    return save_automation(
        automation=flow.automation,
        version=version,
        fields=flow.form.changes(),
        steps=_edited(steps, edit, flow.automation.app.default_language),
        author=author,
        now=now,
    )


def _edited(steps: list[StepDraft], edit: str, default: str) -> list[StepDraft]:
    verb, _colon, rest = edit.partition(":")
    place, _colon, word = rest.partition(":")
    at, steps = _position(place), list(steps)
    if not 0 <= at <= len(steps):
        return steps
    if verb == "add" and word in _kinds and len(steps) < MOST_STEPS:
        steps.insert(at, StepDraft(word, _kinds[word].fresh))
    elif at < len(steps):
        _change(steps, verb, at, word, default)
    return steps


def _position(place: str) -> int:
    """-1 = no place of a step; a page is sent as anybody likes."""
    return int(place) if place.isascii() and place.isdigit() and len(place) < 4 else -1


def _change(steps: list[StepDraft], verb: str, at: int, word: str, default: str) -> None:
    other = {"up": at - 1, "down": at + 1}.get(verb, -1)
    if verb == "remove":
        del steps[at]
    elif 0 <= other < len(steps):
        steps[at], steps[other] = steps[other], steps[at]
    elif verb in ("speak", "mute") and steps[at].kind == PUSH:
        texts = dict(steps[at].settings.get("texts", {}))
        if verb == "speak" and word in _OFFERED:
            texts.setdefault(word, {})
        elif verb == "mute" and word != default:
            texts.pop(word, None)
        steps[at] = StepDraft(PUSH, {**steps[at].settings, "texts": texts})


def lost_by(flow: Flow, edit: str) -> list[Shown]:
    """What was typed, cannot be stored, and would be gone once the page is drawn anew after `edit`.

    What the edit itself takes away (a step, a language) is not lost by it.
    """
    verb, _colon, rest = edit.partition(":")
    place, _colon, language = rest.partition(":")
    typed = _form_problems(flow)
    if verb == "remove":
        return [problem for problem in typed if problem.card != f"s{place}"]
    if verb == "mute":
        fields = text_prefix(_position(place), language) + "-"
        return [problem for problem in typed if not problem.slot.startswith(fields)]
    return list(typed)


def standing(flow: Flow, sent: Flow | None = None) -> dict[str, Any]:
    """All problems and advice for a template: beside fields, and as a list.

    sent: what was typed, where `flow` is what is stored since. Beside a field that could not be stored as it was typed
    stands why, and nothing about what was stored there before.
    """
    typed = list(_form_problems(sent or flow))
    places = {problem.slot for problem in typed}
    stored = [_place(found) for found in automation_problems(flow.automation)]
    stopping = [problem for problem in stored if problem.slot not in places]
    advice = [_place(found, is_advice=True) for found in step_warnings(flow.automation)]
    beside: dict[str, list[Shown]] = {}
    for problem in [*typed, *stopping, *advice]:
        beside.setdefault(problem.slot, []).append(problem)
    return {
        "beside": beside,
        "slots": [(slot, beside.get(slot, [])) for slot in slots(flow)],
        "stopping": [*typed, *stopping],
        "typed_wrong": places,
    }


def slots(flow: Flow) -> list[str]:
    """Every place for problems in the page."""
    names = [*flow.form.fields, "steps"]
    for card in flow.cards:
        names.append(f"s{card.step.position}")
        if card.form:
            names += [card.form[name].auto_id for name in card.form.fields]
            names += [card.form.add_prefix(name) for name in card.form.beside]
        for text in card.texts:
            names += [text[name].auto_id for name, entry in text.fields.items() if not entry.widget.is_hidden]
    return [name for name in names if name not in _NO_SLOT and not name.endswith("-unit")]


_NO_SLOT = ("trigger", "takes_present", "reentry", "exit_other", "expire_unit", "respects_quiet_hours", "respects_cap")


def _form_problems(flow: Flow) -> Sequence[Shown]:
    forms: list[tuple[str, Any]] = [("", flow.form)]
    forms += [(f"s{card.step.position}", form) for card in flow.cards for form in [card.form, *card.texts] if form]
    return [
        Shown(form[name].auto_id, card, str(form[name].label), str(error))
        for card, form in forms
        for name, errors in form.errors.items()
        if name in form.fields
        for error in errors
    ]


def _place(problem: FieldProblem, *, is_advice: bool = False) -> Shown:
    parts = problem.pointer.strip("/").split("/")
    message = capfirst(problem.message)
    if parts[0] != "steps" or len(parts) < 2:
        slot = {"expire_after_minutes": "expire_value"}.get(parts[0], parts[0])
        return Shown(slot, "", str(_labels().get(parts[0], "")), message, is_advice)
    position = int(parts[1])
    card, label = f"s{position}", _("Step %(number)d") % {"number": position + 1}
    if problem.code == "required" and parts[2:3] == ["texts"]:
        message = _("Nothing is written here yet.")
    if place := place_of(problem.pointer):
        message = f"{place}: {problem.message}"
    return Shown(_slot(position, parts[2:]), card, label, message, is_advice)


def _slot(position: int, parts: Sequence[str]) -> str:
    """The id of the field that a pointer inside a step means; the card itself where it means no single one."""
    if parts[:1] == ["texts"] and len(parts) > 2:
        prefix = text_prefix(position, parts[1])
        if parts[2] == "buttons" and len(parts) > 4 and parts[3].isdigit():
            return f"{prefix}-button{parts[3]}_{parts[4].replace('id', 'label')}"
        return f"{prefix}-{parts[2]}"
    own = {"minutes": "amount", "until": "until", "ask": "ask", "rule": "rule", "text": "text"}
    return f"s{position}-{own[parts[0]]}" if parts and parts[0] in own else f"s{position}"


def _labels() -> dict[str, Any]:
    return {
        "trigger_event": _("Who enters"),
        "trigger_segment": _("Who enters"),
        "reentry_days": _("Who enters"),
        "exit_events": _("Who leaves early"),
        "goal_event": _("Success"),
        "goal_days": _("Success"),
        "topic": _("What it is about"),
        "holdout_percent": _("Hold-out"),
        "expire_after_minutes": _("A push expires after"),
        "steps": _("Steps"),
        "platforms": _("Platforms"),
    }
