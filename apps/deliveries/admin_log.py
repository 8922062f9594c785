"""The delivery log: find any message, and read what happened to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from apps.accounts.models import App
from apps.accounts.queries import apps_of
from apps.core.words import Word
from apps.deliveries.admin_words import (
    KIND_LABELS,
    OUTCOME_LABELS,
    PLATFORM_LABELS,
    outcome_label,
)
from apps.deliveries.delivery_ids import read_delivery_id
from apps.deliveries.log_queries import LogRow, delivery_log, kind_of_name
from apps.deliveries.log_search import InvalidCursor, LogFilters
from apps.deliveries.models import Dispatch

PAGE = 50
CAMPAIGNS_ON_OFFER = 100
BIGGEST_ID = 2**63 - 1
SEARCHES = [
    ("", gettext_lazy("Any id")),
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
        self.app_ids = [app.pk for app in apps]
        self.understood = ""
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
        name, by = cleaned.get("q", ""), cleaned.get("by", "")
        self.understood = by or (kind_of_name(app_ids=self.app_ids, name=name) if name else "")
        if name and by == "push" and not as_id(name):
            self.add_error("q", _("A push id is a number."))
        if name and by == "delivery" and read_delivery_id(name) is None:
            self.add_error("q", _("That is no delivery id of ours."))
        return cleaned

    @property
    def is_narrowed(self) -> bool:
        return any(self.cleaned_data.get(name) for name in ("q", "campaign", "outcome", "since", "until"))

    @property
    def understood_as(self) -> Any:
        """What an id turned out to be, where nobody said; "" where it is no id of ours, or none was asked for."""
        guessed = self.understood and not self.cleaned_data.get("by")
        return dict(SEARCHES)[self.understood] if guessed else ""

    def filters(self) -> LogFilters:
        asked = self.cleaned_data
        sought = {self.understood or "customer": asked.get("q") or ""}
        return LogFilters(
            dispatch_id=as_id(sought.get("push", "")) or asked.get("campaign"),
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


class LogPageView(View):
    """What both pages need: the site (given by unfold's SITE_VIEWS), the permission, the person's apps."""

    admin_site: AdminSite = None  # type: ignore[assignment]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.has_perm("deliveries.view_delivery"):  # type: ignore[union-attr]
            raise PermissionDenied
        self.apps = list(apps_of(request.user))
        return super().dispatch(request, *args, **kwargs)

    def page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        return TemplateResponse(request, template, {**self.admin_site.each_context(request), **context})


class LogView(LogPageView):
    """Search and pages of results."""

    def get(self, request: HttpRequest) -> HttpResponse:
        form = LogForm(request.GET, self.apps)
        context: dict[str, Any] = {"title": _("Delivery log"), "form": form, "zone": form.zone}
        if form.is_valid():
            if form.understood == "delivery" and form.cleaned_data.get("q"):
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


def _row(log: LogRow) -> Row:
    return Row(log, outcome_label(log.outcome), KIND_LABELS[log.kind], PLATFORM_LABELS[log.platform])


def as_id(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
    return number if 0 < number <= BIGGEST_ID else None
