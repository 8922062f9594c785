"""The delivery log: find any message, and read what happened to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from apps.accounts.admin_pages import page_of
from apps.accounts.models import App
from apps.accounts.queries import apps_of
from apps.core.words import Word
from apps.customers.models import Customer
from apps.deliveries.admin_words import (
    GATEWAY_LABELS,
    KIND_LABELS,
    OUTCOME_LABELS,
    PLATFORM_LABELS,
    outcome_label,
    receipt_label,
)
from apps.deliveries.delivery_ids import read_delivery_id
from apps.deliveries.models import Dispatch
from apps.deliveries.queries import InvalidCursor, LogFilters, LogRow, Story, delivery_log, delivery_story
from apps.devices.models import Device

PAGE = 50
CAMPAIGNS_ON_OFFER = 100
BIGGEST_ID = 2**63 - 1
SEARCHES = [
    ("customer", gettext_lazy("Customer id")),
    ("token", gettext_lazy("Device token")),
    ("external", gettext_lazy("Your own message id")),
    ("push", gettext_lazy("Push id")),
    ("delivery", gettext_lazy("Delivery id")),
]


class LogForm(forms.Form):
    """What to look for. Times are on `zone`'s clock."""

    by = forms.ChoiceField(required=False, choices=SEARCHES, widget=forms.Select(attrs={"class": "hg-input"}))
    q = forms.CharField(
        required=False,
        max_length=4096,
        widget=forms.TextInput(attrs={"class": "hg-input", "type": "search", "autocomplete": "off"}),
    )
    campaign = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        label=gettext_lazy("Campaign"),
        widget=forms.Select(attrs={"class": "hg-input"}),
    )
    outcome = forms.ChoiceField(
        required=False, label=gettext_lazy("What became of it"), widget=forms.Select(attrs={"class": "hg-input"})
    )
    since = forms.DateTimeField(required=False, label=gettext_lazy("From"), widget=forms.DateTimeInput())
    until = forms.DateTimeField(required=False, label=gettext_lazy("To"), widget=forms.DateTimeInput())

    def __init__(self, asked: Mapping[str, Any], apps: Sequence[App]) -> None:
        super().__init__(asked, auto_id="log-%s")
        self.zone = apps[0].time_zone if apps else "UTC"
        for name in ("since", "until"):
            self.fields[name].widget = forms.DateTimeInput(
                attrs={"class": "hg-input", "type": "datetime-local"}, format="%Y-%m-%dT%H:%M"
            )
        campaigns = Dispatch.objects.filter(app__in=apps, kind="campaign").order_by("-pk")
        offered = list(campaigns.values_list("pk", "name")[:CAMPAIGNS_ON_OFFER])
        self.fields["campaign"].choices = [("", _("Any")), *offered]  # type: ignore[attr-defined]
        words = [(word, label.name) for word, label in OUTCOME_LABELS.items()]
        self.fields["outcome"].choices = [("", _("Anything")), *words]  # type: ignore[attr-defined]

    def full_clean(self) -> None:
        with timezone.override(ZoneInfo(self.zone)):
            super().full_clean()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("q") and cleaned.get("by") == "push" and not _as_id(cleaned["q"]):
            self.add_error("q", _("A push id is a number."))
        if cleaned.get("q") and cleaned.get("by") == "delivery" and read_delivery_id(cleaned["q"]) is None:
            self.add_error("q", _("That is no delivery id of ours."))
        return cleaned

    @property
    def is_narrowed(self) -> bool:
        return any(self.cleaned_data.get(name) for name in ("q", "campaign", "outcome", "since", "until"))

    def filters(self) -> LogFilters:
        asked = self.cleaned_data
        sought = {asked.get("by") or "customer": asked.get("q") or ""}
        return LogFilters(
            dispatch_id=_as_id(sought.get("push", "")) or asked.get("campaign"),
            external_id=sought.get("external", ""),
            customer_external_id=sought.get("customer", ""),
            address=sought.get("token", ""),
            outcomes=[asked["outcome"]] if asked.get("outcome") else (),
            since=asked.get("since"),
            until=asked.get("until"),
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the log as it is shown."""

    log: LogRow
    word: Word
    kind: Any
    platform: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a message's story. tone as in theme.css."""

    at: datetime | None
    icon: str
    tone: str
    title: Any
    detail: Any = ""


class _LogPage(View):
    """What both pages need: the site (given by unfold's SITE_VIEWS), the permission, the person's apps."""

    admin_site: AdminSite = None  # type: ignore[assignment]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.has_perm("deliveries.view_delivery"):  # type: ignore[union-attr]
            raise PermissionDenied
        self.apps = list(apps_of(request.user))
        return super().dispatch(request, *args, **kwargs)

    def page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        return TemplateResponse(request, template, {**self.admin_site.each_context(request), **context})


class LogView(_LogPage):
    """Search and pages of results."""

    def get(self, request: HttpRequest) -> HttpResponse:
        form = LogForm(request.GET, self.apps)
        context: dict[str, Any] = {"title": _("Delivery log"), "form": form, "zone": form.zone}
        if form.is_valid():
            if form.cleaned_data.get("by") == "delivery" and form.cleaned_data.get("q"):
                return redirect("admin:delivery_story", form.cleaned_data["q"])
            context.update(self._found(request, form))
        return self.page(request, "deliveries/log.html", context)

    def _found(self, request: HttpRequest, form: LogForm) -> dict[str, Any]:
        app_ids = [app.pk for app in self.apps]
        try:
            found = delivery_log(
                app_ids=app_ids, filters=form.filters(), cursor=request.GET.get("cursor") or None, limit=PAGE
            )
        except InvalidCursor:
            found = delivery_log(app_ids=app_ids, filters=form.filters(), cursor=None, limit=PAGE)
        older = request.GET.copy()
        older["cursor"] = found.next_cursor or ""
        return {
            "rows": [_row(one) for one in found.rows],
            "older": older.urlencode() if found.next_cursor else "",
            "is_later_page": bool(request.GET.get("cursor")),
        }


class StoryView(_LogPage):
    """One message from its plan to its last receipt."""

    def get(self, request: HttpRequest, delivery_id: str) -> HttpResponse:
        story = delivery_story(app_ids=[app.pk for app in self.apps], delivery_id=delivery_id)
        if story is None:
            raise Http404
        device = Device.objects.filter(pk=story.device_id).first()
        customer = Customer.objects.filter(pk=story.customer_id).first()
        context = {
            "title": _("One message"),
            "story": story,
            "moments": moments(story),
            "word": _status(story),
            "kind": KIND_LABELS[story.dispatch.kind],
            "device": device,
            "gateway": GATEWAY_LABELS[device.gateway] if device else "",
            "customer": customer,
            "zone": story.dispatch.app.time_zone,
            "customer_link": page_of(request, "customers.customer", "change", story.customer_id),
            "device_link": page_of(request, "devices.device", "change", story.device_id),
        }
        return self.page(request, "deliveries/story.html", context)


def moments(story: Story) -> list[Moment]:
    """The story in the order it happened."""
    told = [Moment(story.dispatch.created_at, "event_note", "accent", _("Planned"), story.dispatch.name)]
    if story.retry_at:
        words = {"tries": story.tries, "reason": story.code}
        detail = _("Not reached in %(tries)s tries (%(reason)s); tried again then.") % words
        told.append(Moment(story.retry_at, "refresh", "warn", _("Next try"), detail))
    if story.recorded_at:
        word = outcome_label(story.status)
        told.append(Moment(story.recorded_at, "outbox", word.tone, word.name, word.meaning))
    for receipt in story.receipts:
        word = receipt_label(receipt.type)
        detail = f"{word.meaning} {receipt.action}".strip()
        told.append(Moment(receipt.at, "smartphone", word.tone, word.name, detail))
    return told


def _status(story: Story) -> Word:
    waiting = Word(_("On its way"), _("It has no outcome yet."), "accent")
    return waiting if story.status == "queued" else outcome_label(story.status)


def _row(log: LogRow) -> Row:
    return Row(log, outcome_label(log.outcome), KIND_LABELS[log.kind], PLATFORM_LABELS[log.platform])


def _as_id(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
    return number if 0 < number <= BIGGEST_ID else None
