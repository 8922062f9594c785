"""Every role, every page of the admin, every button on it: what a role may not do answers 403 and is not shown.

The pages come from the URLconf and the registry, so a new page without a word here fails.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver

from apps.accounts.models import App, AuditEntry, User
from apps.accounts.roles import ROLES
from apps.accounts.services.audit import write_audit
from apps.api.models import ApiKey, IdentityCheck
from apps.campaigns.models import Campaign
from apps.customers.models import Customer, ImportRun, Topic, Wording
from apps.devices.models import Channel, Device
from apps.segments.models import Segment
from tests.factories import (
    NOW,
    make_app,
    make_campaign,
    make_counted_dispatch,
    make_ready_campaign,
    make_user,
)
from tests.factories.api import make_key
from tests.factories.automations import make_automation
from tests.factories.webhooks import make_endpoint

pytestmark = pytest.mark.django_db

# The permission behind every page that is not one of Django's own five.
SPECIAL: Mapping[str, str] = {
    "dashboard_reach": "",
    "second_factor": "",
    "opt_in": "devices.view_deviceday",
    "device_hygiene": "devices.view_deviceday",
    "sending_stop": "deliveries.view_sendingstop",
    "delivery_log": "deliveries.view_delivery",
    "delivery_story": "deliveries.view_delivery",
    "auth_user_password_change": "accounts.change_user",
    "api_apikey_rotate": "api.change_apikey",
    "api_webhookendpoint_test": "api.change_webhookendpoint",
    "api_webhookendpoint_rotate": "api.change_webhookendpoint",
    "api_webhookendpoint_disable": "api.change_webhookendpoint",
    "api_webhookendpoint_enable": "api.change_webhookendpoint",
    "api_webhookendpoint_revive": "api.change_webhookendpoint",
    "api_webhookendpoint_replay": "api.change_webhookendpoint",
    "api_webhookendpoint_stop-replay": "api.change_webhookendpoint",
    "api_webhookendpoint_remove": "api.delete_webhookendpoint",
    "accounts_auditentry_export": "accounts.view_auditentry",
    "customers_importrun_live": "customers.view_importrun",
    "customers_importrun_columns": "customers.add_importrun",
    "customers_importrun_reread": "customers.add_importrun",
    "customers_importrun_start": "customers.add_importrun",
    "customers_importrun_cancel": "customers.add_importrun",
    "customers_importrun_refused": "customers.add_importrun",
    "customers_importrun_words": "customers.add_importrun",
    "customers_importrun_warned": "customers.add_importrun",
    "customers_topic_preview": "customers.view_topic",
    "customers_customer_events": "customers.view_customer",
    "customers_customer_answers": "customers.view_customer",
    "customers_customer_panel": "customers.view_customer",
    "customers_customer_reveal": "customers.reveal_customer",
    "customers_customer_tell": "customers.reveal_customer",
    "customers_customer_edit": "customers.change_customer",
    "customers_customer_consent": "customers.change_customer",
    "customers_customer_link": "customers.change_customer",
    "customers_customer_merge": "customers.delete_customer",
    "customers_customer_erase": "customers.delete_customer",
    "devices_channel_pause": "devices.change_channel",
    "devices_channel_resume": "devices.change_channel",
    "devices_channel_restore": "devices.change_channel",
    "devices_channel_believe": "devices.change_channel",
    "segments_segment_members": "segments.view_segment",
    "segments_segment_state": "segments.view_segment",
    "segments_segment_sizes": "segments.view_segment",
    "segments_segment_export": "segments.view_segment",
    "segments_segment_why": "segments.view_segment",
    "segments_segment_people": "segments.change_segment",
    "segments_segment_remove": "segments.change_segment",
    "segments_segment_refresh": "segments.change_segment",
    "segments_segment_part": "segments.change_segment",
    "segments_segment_count": "segments.change_segment",
    "segments_segment_import": "segments.change_segment",
    "campaigns_campaign_save": "campaigns.change_campaign",
    "campaigns_campaign_languages": "campaigns.change_campaign",
    "campaigns_campaign_audience": "campaigns.view_campaign",
    "campaigns_campaign_review": "campaigns.view_campaign",
    "campaigns_campaign_live": "campaigns.view_campaign",
    "campaigns_campaign_sent": "campaigns.view_campaign",
    "campaigns_campaign_calendar": "campaigns.view_campaign",
    "campaigns_campaign_calendar_day": "campaigns.view_campaign",
    "campaigns_campaign_report": "campaigns.view_campaign",
    "campaigns_campaign_export": "campaigns.view_campaign",
    "campaigns_campaign_launch": "campaigns.launch_campaign",
    "campaigns_campaign_ask": "campaigns.launch_campaign",
    "campaigns_campaign_withdraw": "campaigns.launch_campaign",
    "campaigns_campaign_approve": "campaigns.approve_campaign",
    "campaigns_campaign_refuse": "campaigns.approve_campaign",
    "campaigns_campaign_pause": "campaigns.launch_campaign",
    "campaigns_campaign_resume": "campaigns.launch_campaign",
    "campaigns_campaign_cancel": "campaigns.launch_campaign",
    "campaigns_campaign_unschedule": "campaigns.launch_campaign",
    "campaigns_campaign_launch-ahead": "campaigns.launch_campaign",
    "campaigns_campaign_duplicate": "campaigns.add_campaign",
    "campaigns_campaign_readers": "campaigns.view_campaign",
    "campaigns_campaign_image": "campaigns.view_campaign",
    "campaigns_campaign_trial": "campaigns.view_campaign",
    "campaigns_campaign_trial-devices": "campaigns.view_campaign",
    "campaigns_campaign_trial-add": "campaigns.view_campaign",
    "campaigns_campaign_trial-found": "campaigns.view_campaign",
    "campaigns_campaign_trial-result": "campaigns.view_campaign",
    "campaigns_campaign_trial-send": "campaigns.try_campaign",
    "campaigns_campaign_keep": "campaigns.change_campaign",
    "campaigns_campaign_archive": "campaigns.change_campaign",
    "campaigns_campaign_restore": "campaigns.change_campaign",
    "campaigns_campaign_variants": "campaigns.change_campaign",
    "campaigns_campaign_choose": "campaigns.launch_campaign",
    "campaigns_campaign_test-export": "campaigns.view_campaign",
    "campaigns_campaign_automate": "campaigns.add_automation",
    "campaigns_automation_save": "campaigns.change_automation",
    "campaigns_automation_activate": "campaigns.launch_automation",
    "campaigns_automation_pause": "campaigns.launch_automation",
    "campaigns_automation_resume": "campaigns.launch_automation",
    "campaigns_automation_end": "campaigns.launch_automation",
    "campaigns_automation_duplicate": "campaigns.add_automation",
    "campaigns_automation_count": "campaigns.change_automation",
    "campaigns_automation_readers": "campaigns.view_automation",
    "campaigns_automation_trial": "campaigns.view_automation",
    "campaigns_automation_trial-devices": "campaigns.view_automation",
    "campaigns_automation_trial-add": "campaigns.view_automation",
    "campaigns_automation_trial-found": "campaigns.view_automation",
    "campaigns_automation_trial-result": "campaigns.view_automation",
    "campaigns_automation_trial-send": "campaigns.try_campaign",
    "campaigns_automation_trial-pair": "devices.add_paireddevice",
    "campaigns_automation_trial-unpair": "devices.add_paireddevice",
    "campaigns_campaign_sms-trial": "campaigns.view_campaign",
    "campaigns_campaign_sms-trial-result": "campaigns.view_campaign",
    "campaigns_campaign_sms-trial-send": "campaigns.try_campaign",
    "campaigns_campaign_sms-trial-add": "devices.add_paireddevice",
    "campaigns_campaign_sms-trial-remove": "devices.add_paireddevice",
    "campaigns_automation_sms-trial": "campaigns.view_automation",
    "campaigns_automation_sms-trial-result": "campaigns.view_automation",
    "campaigns_automation_sms-trial-send": "campaigns.try_campaign",
    "campaigns_automation_sms-trial-add": "devices.add_paireddevice",
    "campaigns_automation_sms-trial-remove": "devices.add_paireddevice",
    "campaigns_campaign_trial-pair": "devices.add_paireddevice",
    "campaigns_campaign_trial-unpair": "devices.add_paireddevice",
}
# Dialogs, opened by a button that is shown to who may use them.
BEHIND = {
    "campaigns_campaign_trial",
    "campaigns_automation_trial",
    "campaigns_campaign_sms-trial",
    "campaigns_automation_sms-trial",
}
# For everybody who is logged in, or for nobody; pages of the frame that decide nothing.
FRAME = {
    "index",
    "login",
    "log_in_code",
    "logout",
    "password_change",
    "password_change_done",
    "autocomplete",
    "jsi18n",
    "view_on_site",
    "search",
    "app_list",
}
VERBS = {"changelist": "view", "history": "view", "change": "view", "add": "add", "delete": "delete"}
# What a page may answer to somebody who may open it; an action without its fields is refused, never a fault.
OPEN = {200, 204, 302, 400, 404, 405, 409, 422}


@dataclass(frozen=True, slots=True)
class Page:
    """One address of the admin. permission "" = everybody's."""

    name: str
    address: str
    permission: str


@pytest.fixture
def app() -> App:
    return make_app(slug="shop")


@pytest.fixture
def world(app: App) -> dict[str, int]:
    """One row of everything that has a page, by its model's label."""
    campaign = make_ready_campaign(app)
    make_campaign(app, state="launched", dispatch=make_counted_dispatch(app, state="sending"), launched_at=NOW)
    make_key(app, "push:send")
    write_audit(app=app, actor="x", action="app.changed", subject="app:1", details={}, now=NOW)
    rows = {
        "campaigns.campaign": campaign,
        "campaigns.automation": make_automation(app),
        "segments.segment": Segment.objects.get(),
        "customers.customer": Customer.objects.first(),
        "devices.device": Device.objects.first(),
        "devices.channel": Channel.objects.first(),
        "accounts.app": app,
        "accounts.user": make_user(app, role="analyst"),
        "accounts.auditentry": AuditEntry.objects.first(),
        "api.apikey": ApiKey.objects.first(),
        "api.webhookendpoint": make_endpoint(app, "http://127.0.0.1:9/"),
        "api.identitycheck": IdentityCheck.objects.create(app=app),
        "customers.topic": Topic.objects.create(app=app, key="news", name="News"),
        "customers.wording": Wording.objects.create(app=app, subject="push", version=1, text="Yes?", created_at=NOW),
        "customers.importrun": ImportRun.objects.create(app=app, file_name="people.csv"),
    }
    return {label: row.pk for label, row in rows.items() if row is not None}


def patterns() -> Iterator[tuple[str, str]]:
    """(name, route) of every page below /admin/."""

    def walk(entries: list[Any], prefix: str) -> Iterator[tuple[str, str]]:
        for entry in entries:
            route = prefix + str(entry.pattern)
            if isinstance(entry, URLPattern):
                yield entry.name or "", route
            else:
                yield from walk(entry.url_patterns, route)

    return ((name, route) for name, route in walk(get_resolver().url_patterns, "") if route.startswith("admin/"))


def pages(world: Mapping[str, int]) -> list[Page]:
    """Every page of ours, with the address of a row that exists where there is one."""
    found = []
    ours = [model for model in admin.site._registry if model.__module__.startswith("apps.")]
    for name, route in patterns():
        if name in FRAME or not name or "django_celery_beat" in route:
            continue
        label = next((m._meta.label_lower for m in ours if f"/{m._meta.app_label}/{m._meta.model_name}/" in route), "")
        verb = VERBS.get(name.rpartition("_")[2]) if name not in SPECIAL else None
        assert verb or name in SPECIAL, f"{name}: say in SPECIAL who may open it"
        permission = f"{label.split('.')[0]}.{verb}_{label.split('.')[1]}" if verb else SPECIAL[name]
        found.append(Page(name, "/" + _filled(route, world.get(label, 999_999), "shop"), permission))
    return found


def _filled(route: str, pk: int, slug: str) -> str:
    return re.sub(r"<(\w+:)?\w+>", lambda kind: slug if kind[1] == "slug:" else str(pk), route)


def logged_in(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def answer(client: Client, method: str, address: str) -> int:
    """The status; whatever it did is undone."""
    with transaction.atomic():
        status = getattr(client, method)(address, headers={"HX-Request": "true"}).status_code
        transaction.set_rollback(True)
    return int(status)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_page_answers_as_the_table_of_roles_says(role: str, app: App, world: dict[str, int]) -> None:
    user = make_user(app, role=role)
    client, almighty = logged_in(user), logged_in(make_user(app, is_superuser=True))
    wrong, visited = [], 0
    for page in pages(world):
        for method in ("get", "post"):
            status, visited = answer(client, method, page.address), visited + 1
            may = not page.permission or user.has_perm(page.permission)
            if not may and status not in (403, 404):
                wrong.append((page.name, method, status, "should be shut"))
            elif may and status not in OPEN and not _is_explained(status, user, almighty, page, method):
                wrong.append((page.name, method, status, "should open"))
    assert visited > 150
    assert wrong == []


def _is_explained(status: int, user: User, almighty: Client, page: Page, method: str) -> bool:
    """Some rows are changed by nobody (keys, the audit log, what was sent); some pages ask for more than to look."""
    if status != 403:
        return False
    return _needs_more(user, page, method) or answer(almighty, method, page.address) == 403


def _needs_more(user: User, page: Page, method: str) -> bool:
    """To change, a page that shows to viewers asks for more than to look."""
    if method != "post":
        return False
    if page.name == "sending_stop":
        return not user.has_perm("deliveries.change_sendingstop")
    label, _dot, codename = page.permission.partition(".")
    return codename.startswith("view_") and not user.has_perm(f"{label}.{codename.replace('view_', 'change_', 1)}")


class Doors(HTMLParser):
    """Every address that a page leads to: ("get" or "post", address), but what a shut fieldset holds."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()
        self._fieldsets: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "fieldset":
            self._fieldsets.append("disabled" in said)
        if any(self._fieldsets):
            return
        if tag == "a":
            self._add("get", said.get("href", ""))
        elif tag == "form" and said.get("action"):
            self._add(said.get("method", "get").lower(), said["action"])
        for method in ("get", "post"):
            self._add(method, said.get(f"hx-{method}", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "fieldset":
            self._fieldsets.pop()

    def _add(self, method: str, address: str) -> None:
        if address.startswith("/admin/") and not address.startswith(("/admin/logout", "/admin/password_change")):
            self.found.add((method, address.partition("#")[0]))


@pytest.mark.long
@pytest.mark.parametrize("role", sorted(ROLES))
def test_no_page_shows_a_button_that_would_answer_403(role: str, app: App, world: dict[str, int]) -> None:
    client = logged_in(make_user(app, role=role))
    running = Campaign.objects.exclude(pk=world["campaigns.campaign"]).get()
    shown_on: dict[tuple[str, str], str] = {}
    for address in [
        "/admin/",
        f"/admin/campaigns/campaign/{running.pk}/change/",
        *(page.address for page in pages(world) if page.name not in BEHIND),
    ]:
        response = client.get(address)
        if response.status_code != 200 or "text/html" not in response.headers["Content-Type"]:
            continue
        doors = Doors()
        doors.feed(response.content.decode())
        shown_on.update(dict.fromkeys(doors.found, address))
    assert len(shown_on) > 20
    shut = {(method, door, page) for (method, door), page in shown_on.items() if answer(client, method, door) == 403}
    assert shut == set()
