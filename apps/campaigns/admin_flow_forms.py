"""The fields of an automation's cards. A form stores what is valid and says what is not; it never judges readiness."""

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.forms.forms import DeclarativeFieldsMetaclass
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import App
from apps.campaigns.admin_forms import MINUTES_OF, text_input
from apps.campaigns.models import Automation
from apps.campaigns.services.automations.starters import starters
from apps.core.words import spoken
from apps.customers.models import EventType, Topic
from apps.segments.admin_parts import drawer_for
from apps.segments.admin_rule_form import EVERYBODY, read_form
from apps.segments.admin_rule_page import GroupView
from apps.segments.models import Segment
from apps.segments.rules import load_catalogue

_UNITS = [("minutes", _("minutes")), ("hours", _("hours")), ("days", _("days"))]
MOST_KNOWN_EVENTS = 200


def _select(**attrs: Any) -> forms.Select:
    return forms.Select(attrs={"class": "hg-input", **attrs})


def _number(**attrs: Any) -> forms.NumberInput:
    return forms.NumberInput(attrs={"class": "hg-input hg-input-number", "inputmode": "numeric", **attrs})


def known_events(app: App) -> list[str]:
    return list(EventType.objects.filter(app=app).values_list("name", flat=True)[:MOST_KNOWN_EVENTS])


class NewAutomationForm(forms.Form):
    """What a new automation needs before its draft exists."""

    name = forms.CharField(
        label=_("What is it called?"),
        max_length=150,
        help_text=_("Only your team sees this name."),
        widget=text_input(autofocus=True, placeholder=_("Abandoned cart, spring")),
    )
    app: Any = forms.ModelChoiceField(None, label=_("App"), empty_label=None, widget=_select())
    starter = forms.ChoiceField(label=_("Begin with"), required=False)

    def __init__(self, apps: Any, sent: Mapping[str, Any] | None = None) -> None:
        super().__init__(sent, auto_id="%s", use_required_attribute=False, initial={"starter": "empty"})
        self.fields["app"].queryset = apps  # type: ignore[attr-defined]
        self.offered = starters()
        self.fields["starter"].choices = [(one.slug, one.title) for one in self.offered]  # type: ignore[attr-defined]
        if len(apps) == 1:
            self.fields["app"].widget = forms.HiddenInput()
            self.initial["app"] = apps[0].pk


class FlowForm(forms.Form):
    """Everything of an automation but its steps: who enters and how often, who leaves, when rather not."""

    name = forms.CharField(label=_("Internal name"), max_length=150, widget=text_input())
    trigger = forms.ChoiceField(choices=Automation.TRIGGERS)
    trigger_event = forms.CharField(
        label=_("What do they do?"), required=False, max_length=100, widget=text_input(list="known-events")
    )
    trigger_segment: Any = forms.ModelChoiceField(
        None, label=_("Which segment?"), required=False, empty_label=_("Choose a segment"), widget=_select()
    )
    takes_present = forms.BooleanField(label=_("Also those who are in it already"), required=False)
    reentry = forms.ChoiceField(
        label=_("How often may one person enter?"), choices=Automation.REENTRIES, widget=_select()
    )
    reentry_days = forms.IntegerField(label=_("Days in between"), min_value=1, max_value=3650, widget=_number(min="1"))
    exit_events = forms.MultipleChoiceField(required=False)
    exit_other = forms.CharField(label=_("or another event"), required=False, max_length=100, widget=text_input())
    goal_event = forms.CharField(
        label=_("Success is when they do"), required=False, max_length=100, widget=text_input(list="known-events")
    )
    goal_days = forms.IntegerField(
        label=_("within so many days of entering"), min_value=1, max_value=3650, widget=_number(min="1")
    )
    topic = forms.ChoiceField(label=_("What it is about"), required=False, widget=_select())
    holdout_percent = forms.IntegerField(
        label=_("Hold-out (%)"),
        min_value=0,
        max_value=90,
        widget=_number(min="0", max="90"),
        help_text=_("So many of a hundred get nothing, to compare with."),
    )
    expire_value = forms.IntegerField(label=_("A push expires after"), min_value=1, max_value=100_000, widget=_number())
    expire_unit = forms.ChoiceField(choices=_UNITS, widget=_select())
    respects_quiet_hours = forms.BooleanField(required=False)
    respects_cap = forms.BooleanField(required=False)

    _PLAIN = (
        "name", "trigger", "trigger_event", "trigger_segment", "takes_present", "reentry", "reentry_days", "goal_event",
        "goal_days", "topic", "holdout_percent", "respects_quiet_hours", "respects_cap",
    )  # fmt: skip

    def __init__(self, automation: Automation, sent: Mapping[str, Any] | None = None) -> None:
        self.automation = automation
        super().__init__(sent, initial=self._stored(), auto_id="%s", use_required_attribute=False)
        app = automation.app_id
        self.events = known_events(automation.app)
        offered = list(dict.fromkeys([*automation.exit_events, *self.events]))
        self.fields["trigger_segment"].queryset = Segment.objects.filter(app=app)  # type: ignore[attr-defined]
        self.fields["exit_events"].choices = [(name, spoken(name)) for name in offered]  # type: ignore[attr-defined]
        topics = [(topic.key, topic.name) for topic in Topic.objects.filter(app=app)]
        chosen = automation.topic
        gone = [(chosen, chosen)] if chosen and chosen not in dict(topics) else []
        everybody = ("", _("No topic: everybody who takes push"))
        self.fields["topic"].choices = [everybody, *topics, *gone]  # type: ignore[attr-defined]

    def _stored(self) -> dict[str, Any]:
        value, unit = in_units(self.automation.expire_after_minutes)
        plain = {name: getattr(self.automation, name) for name in self._PLAIN}
        return {**plain, "exit_events": self.automation.exit_events, "expire_value": value, "expire_unit": unit}

    def changes(self) -> dict[str, Any]:
        """Valid values that differ from the stored ones, by field of Automation."""
        self.errors  # noqa: B018  (cleans)
        cleaned = self.cleaned_data
        values = {name: cleaned[name] for name in self._PLAIN if name in cleaned}
        if "exit_events" in cleaned and "exit_other" in cleaned:
            other = " ".join(cleaned["exit_other"].split())
            values["exit_events"] = sorted({*cleaned["exit_events"], *([other] if other else [])})
        if {"expire_value", "expire_unit"} <= cleaned.keys():
            values["expire_after_minutes"] = cleaned["expire_value"] * MINUTES_OF[cleaned["expire_unit"]]
        before = {**{name: getattr(self.automation, name) for name in values}}
        if "exit_events" in before:
            before["exit_events"] = sorted(before["exit_events"])
        return {name: value for name, value in values.items() if before[name] != value}


class _AbstractForm(DeclarativeFieldsMetaclass, ABCMeta):
    """A form whose abstract methods have to be there before one can be made."""


class CardForm(forms.Form, metaclass=_AbstractForm):
    """One step's own fields, named `s<position>-...`. beside: further places where its problems stand."""

    beside: ClassVar[tuple[str, ...]] = ()

    def __init__(self, automation: Automation, position: int, settings: Mapping[str, Any], sent: Any = None) -> None:
        self.automation, self.stored = automation, settings
        prefix = f"s{position}"
        super().__init__(sent, prefix=prefix, initial=self.shown(), auto_id="%s", use_required_attribute=False)

    @abstractmethod
    def shown(self) -> dict[str, Any]:
        """The stored settings by field name."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The settings to store; what is not valid stays as it was."""


class WaitForm(CardForm):
    """How long, and until when."""

    amount = forms.IntegerField(label=_("Wait"), min_value=0, max_value=100_000, widget=_number(min="0"))
    unit = forms.ChoiceField(label=_("Unit"), choices=_UNITS, widget=_select())
    until = forms.TimeField(
        label=_("then until"),
        required=False,
        help_text=_("On each person's own clock. Empty: go on at once."),
        widget=forms.TimeInput(attrs={"class": "hg-input hg-input-number", "type": "time"}, format="%H:%M"),
    )

    def shown(self) -> dict[str, Any]:
        amount, unit = in_units(int(self.stored.get("minutes") or 0))
        return {"amount": amount, "unit": unit, "until": self.stored.get("until", "")}

    def settings(self) -> dict[str, Any]:
        self.errors  # noqa: B018  (cleans)
        cleaned, kept = self.cleaned_data, dict(self.stored)
        if {"amount", "unit"} <= cleaned.keys():
            kept["minutes"] = cleaned["amount"] * MINUTES_OF[cleaned["unit"]]
        if "until" in cleaned:
            kept["until"] = f"{cleaned['until']:%H:%M}" if cleaned["until"] else ""
        return kept


class ConditionForm(CardForm):
    """Who goes on: asked of the message before, or whoever fits a rule such as a segment's.

    The rule is no field: its rows are the page's own, under the id of its root (`segments.admin_rule_form`).
    """

    ASKS = (
        ("opened", _("who opened the push before")),
        ("not_opened", _("who did not open the push before")),
        ("rule", _("who fits a rule")),
    )
    beside: ClassVar = ("rule",)

    ask = forms.ChoiceField(label=_("Go on only"), choices=ASKS, widget=_select())
    otherwise = forms.ChoiceField(
        label=_("The others"),
        choices=[("leave", _("leave the automation")), ("skip", _("skip the next step"))],
        widget=_select(),
    )

    def shown(self) -> dict[str, Any]:
        return {"ask": self.stored.get("ask", "opened"), "otherwise": self.stored.get("otherwise", "leave")}

    def tree(self) -> GroupView:
        """The stored rule as the builder of segments draws it."""
        return drawer_for(self.automation.app, None).tree(self.stored.get("rule") or EVERYBODY)

    def settings(self) -> dict[str, Any]:
        """A rule that was typed stays when something else is asked: whoever changes back finds it again."""
        self.errors  # noqa: B018  (cleans)
        sent: list[str] = [name for name in ("ask", "otherwise") if name in self.cleaned_data]
        kept = {**self.shown(), **{name: self.cleaned_data[name] for name in sent}}
        rule = self._typed_rule() or self.stored.get("rule")
        return {**kept, "rule": rule} if rule and (rule.get("rules") or kept["ask"] == "rule") else kept

    def _typed_rule(self) -> dict[str, Any] | None:
        """As it stands on the page, half-finished rows too; None where the page had none."""
        sent: Any = self.data
        root = sent.get(self.add_prefix("root"), "")
        return read_form(sent, load_catalogue(self.automation.app), root=root).rule if root else None


def in_units(minutes: int) -> tuple[int, str]:
    """90 -> (90, minutes), 120 -> (2, hours), 1440 -> (1, days)."""
    for unit in ("days", "hours"):
        if minutes and minutes % MINUTES_OF[unit] == 0:
            return minutes // MINUTES_OF[unit], unit
    return minutes, "minutes"
