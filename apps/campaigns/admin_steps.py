"""Steps of the campaign builder that floors above add to it (the SMS booster's), so that calls still go down."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from django import forms

from apps.campaigns.models import Campaign
from apps.core.sql import Compiled


class ExtraStep(Protocol):
    """One more tab between Delivery and Review.

    slug: the tab's name in the address; pointer: where its problems begin ("/boost_rule"); template: the tab's fields,
    given `form`; live_template: what follows the typing, given `form`; report_template: its part of the report.
    """

    slug: str
    title: Any
    icon: str
    pointer: str
    template: str
    live_template: str
    report_template: str

    def form(self, campaign: Campaign, sent: Mapping[str, Any] | None = None) -> forms.Form:
        """Its form, filled from the rows or bound to what was sent. Field names begin with the slug and a dash."""
        ...

    def is_changed(self, form: Any) -> bool:
        """Whether something valid differs from the rows."""
        ...

    def save(self, form: Any, *, campaign: Campaign, version: int, now: datetime) -> int:
        """Store what is valid if the draft still has `version`; returns the version now in force, as save_draft."""
        ...

    def summary(self, campaign: Campaign) -> str:
        """The step in one sentence, for Review."""
        ...

    def text(self, campaign: Campaign) -> str:
        """What it sends, in Liquid; "" = nothing."""
        ...

    def report(self, campaign: Campaign) -> Mapping[str, Any] | None:
        """What report_template shows as `shown`; None where there is nothing to report."""
        ...

    def csv_columns(self, campaign: Campaign) -> Compiled | None:
        """Its columns of the deliveries CSV, by customer_id."""
        ...


_steps: list[ExtraStep] = []


def register_step(step: ExtraStep) -> None:
    """Called once a process, where the floor above declares its admin."""
    if step not in _steps:
        _steps.append(step)


def extras_said(campaign: Campaign) -> list[tuple[ExtraStep, str, str]]:
    """Every step in one sentence, with what it sends."""
    return [(step, step.summary(campaign), step.text(campaign)) for step in _steps]


def extra_steps() -> tuple[ExtraStep, ...]:
    return tuple(_steps)
