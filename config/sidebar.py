"""The side bar of the admin: groups of pages in the order of a marketer's day, each shown to those who may view it."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Page:
    """One entry: the change list of a model, or the page `view` for those who may view the model.

    icon: a name among the Material Symbols. badge: where a function of the request says a number to show beside it.
    """

    model: str
    title: Any
    icon: str
    view: str = ""
    badge: str = ""


# A page whose model has no admin is left out.
GROUPS: list[tuple[Any, list[Page]]] = [
    (
        _("Engage"),
        [
            Page(
                "campaigns.campaign", _("Campaigns"), "campaign", badge="apps.campaigns.admin_dashboard.waiting_badge"
            ),
            Page("campaigns.campaign", _("Calendar"), "calendar_month", view="campaigns_campaign_calendar"),
            Page("campaigns.automation", _("Automations"), "account_tree"),
            Page("campaigns.messagetemplate", _("Message templates"), "bookmarks"),
            Page("segments.segment", _("Segments"), "groups"),
            Page("deliveries.delivery", _("Delivery log"), "receipt_long", view="delivery_log"),
            Page("sms_booster.smsmessage", _("SMS"), "sms"),
            Page("sms_booster.smsreply", _("SMS replies"), "reply"),
        ],
    ),
    (
        _("People"),
        [
            Page("customers.customer", _("Customers"), "person"),
            Page("customers.importrun", _("Imports"), "upload_file"),
            Page("devices.device", _("Devices"), "smartphone"),
            Page("devices.deviceday", _("Opt-in"), "trending_up", view="opt_in"),
            Page("devices.deviceday", _("Device hygiene"), "cleaning_services", view="device_hygiene"),
            Page("customers.topic", _("Topics"), "sell"),
            Page("customers.wording", _("Consent wording"), "gavel"),
        ],
    ),
    (
        _("Set-up"),
        [
            Page("devices.channel", _("Channels"), "cell_tower"),
            Page("accounts.app", _("Apps"), "apps"),
            Page("api.apikey", _("API keys"), "key"),
            Page("api.identitycheck", _("Signed identities"), "verified_user"),
            Page("api.webhookendpoint", _("Webhooks"), "webhook"),
            Page("accounts.user", _("Team"), "badge"),
            Page("deliveries.sendingstop", _("Emergency stop"), "front_hand", view="sending_stop"),
            Page("accounts.auditentry", _("Audit log"), "history"),
        ],
    ),
]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups as unfold wants them, without what the person may not view."""
    home = {"title": _("Dashboard"), "icon": "space_dashboard", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"title": "", "items": [home]}]
    for title, pages in GROUPS:
        items = [as_item(page) for page in pages if is_shown(request, page)]
        if items:
            groups.append({"title": title, "items": items})
    mark_active([item for group in groups for item in group["items"]], request.path)
    return groups


def mark_active(items: list[dict[str, Any]], path: str) -> None:
    """Only the closest page: the calendar stands below the campaigns' address, and is another page."""
    home, *pages = items
    closest = max((page["link"] for page in pages if path.startswith(page["link"])), key=len, default=home["link"])
    for item in items:
        item["active"] = item["link"] == closest and path.startswith(closest) and (item is not home or path == closest)


def is_shown(request: HttpRequest, page: Page) -> bool:
    if page.view:
        app, model_name = page.model.split(".")
        return request.user.has_perm(f"{app}.view_{model_name}")  # type: ignore[union-attr]
    for model, model_admin in admin.site._registry.items():
        if model._meta.label_lower == page.model:
            return model_admin.has_view_permission(request)
    return False


def as_item(page: Page) -> dict[str, Any]:
    name = page.view or f"{page.model.replace('.', '_')}_changelist"
    item = {"title": page.title, "icon": page.icon, "link": reverse(f"admin:{name}")}
    return {**item, "badge": page.badge} if page.badge else item
