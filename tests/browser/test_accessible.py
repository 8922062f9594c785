"""Every page of the admin before axe, the accessibility checker: it finds nothing, and none is wider than a phone."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.campaigns.services import approvals
from apps.customers.models import Customer, ImportLine, ImportRun, Topic, TraitType
from apps.customers.preference_links import preferences_url
from apps.customers.services.consent import record_consent
from apps.customers.services.consent_days import count_consent_days
from apps.devices.services.device_days import count_device_days
from tests.factories import (
    NOW,
    make_campaign,
    make_counted_dispatch,
    make_event,
    make_ready_campaign,
    make_segment,
    make_user,
)
from tests.journeys import test_roles as roles

# One row of everything that has a page.
app, world = roles.app, roles.world
pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]

AXE = Path(__file__).parent / "axe" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
FIND = """async (rules) => (await axe.run(document, { runOnly: rules })).violations.flatMap(
    (one) => one.nodes.map((node) => `${one.id}: ${node.target.join(" ")}`)
)"""
# What makes a page wider than its window: the innermost elements that stick out.
WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".hg-scroll, .overflow-x-auto"))
    .filter((one) => ![...one.children].some((child) => child.getBoundingClientRect().right > innerWidth + 1))
    .map((one) => `too wide: ${one.tagName} ${one.className}`).slice(0, 5)"""
AT_REST = "() => document.getAnimations().every((one) => one.playState === 'finished')"
LOOKS = pytest.mark.parametrize("window", [(1280, "light"), (390, "dark")], indirect=True, ids=["desktop", "phone"])
STEPS = ("audience", "message", "delivery", "booster", "review")
RULE: dict[str, Any] = {
    "match": "all",
    "rules": [
        {"field": "trait.city", "op": "is", "value": "Oslo"},
        {"match": "any", "rules": [{"field": "language", "op": "is_any_of", "value": ["pl"]}]},
    ],
}


@pytest.fixture
def looked_at(app: App, world: dict[str, int]) -> list[str]:
    """Addresses of pages that a row of another kind shows: at work, done, broken, erased."""
    TraitType.objects.create(app=app, name="city", type="text")
    counts = {"accepted": 150, "token_dead": 3}
    done = make_counted_dispatch(app, state="done", planned_devices=153, counts=counts, finished_at=NOW)
    asked = make_ready_campaign(app, name="Asked")
    approvals.request_approval(campaign=asked, version=1, actor="mary", note="", now=timezone.now())
    erased = Customer.objects.create(app=app, erased_at=NOW, created_at=NOW, updated_at=NOW)
    person = Customer.objects.get(pk=world["customers.customer"])
    record_consent(customer_ids=[person.pk], channel="sms", granted=True, source="api", wording="Yes", now=NOW)
    make_event(person, "purchase", properties={"category": "shoes"})
    Topic.objects.create(app=app, key="offers", name="Offers", cap_count=1)
    count_device_days(now=timezone.now())
    count_consent_days(now=timezone.now())
    times = {"started_at": NOW, "uploaded_at": NOW, "header": ["id", "email"], "size_bytes": 900, "total_count": 10}
    push = [{"to": "push", "name": "", "kind": ""}]
    over = ImportRun.objects.create(
        app=app, file_name="a.csv", state="done", finished_at=NOW, refused_count=1, columns=push, **times
    )
    problem = {"column": "email", "code": "email_invalid", "message": "must be an address", "came": "x"}
    ImportLine.objects.create(run=over, line=2, cells=["a", "x"], problems=[problem])
    running = ImportRun.objects.create(app=app, file_name="b.csv", state="running", position=300, **times)
    running.leased_until = timezone.now() + timedelta(hours=1)
    running.save()
    rows: list[tuple[str, int]] = [
        ("campaigns/campaign", make_campaign(app, name="Done", state="finished", dispatch=done, launched_at=NOW).pk),
        ("campaigns/campaign", Campaign.objects.get(state="launched", dispatch__state="sending").pk),
        ("campaigns/campaign", asked.pk),
        ("customers/customer", erased.pk),
        ("customers/importrun", over.pk),
        ("customers/importrun", running.pk),
        ("segments/segment", make_segment(app, kind="dynamic", name="Rule", rule=RULE).pk),
        ("segments/segment", make_segment(app, kind="dynamic", state="broken", broken_reason="too slow", rule=RULE).pk),
        ("segments/segment", make_segment(app, [person], name="A list").pk),
    ]
    draft = f"/admin/campaigns/campaign/{world['campaigns.campaign']}/change/"
    return [
        *(f"/admin/{label}/{pk}/change/" for label, pk in rows),
        *(f"{draft}#{step}" for step in STEPS),
        "/admin/customers/customer/?q=nobody-is-called-so",
        "/v2.1/docs/samples?language=java",
        "/v2.1/docs/errors",
        preferences_url(app_id=app.pk, customer_id=person.pk, now=timezone.now()).removeprefix(settings.PUBLIC_URL),
    ]


@pytest.fixture
def window(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    width, scheme = request.param
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.add_init_script(path=AXE)
    yield context.new_page()
    context.close()


@LOOKS
def test_no_page_violates_a_rule_of_accessibility(
    window: Page,
    live_server: LiveServer,
    app: App,
    world: dict[str, int],
    looked_at: list[str],
) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(make_user(app, role="owner"))
    cookie = client.cookies["sessionid"].value
    window.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    own = [one.address for one in roles.pages(world) if is_page(client, one.address)]
    found = []
    for address in [*own, *looked_at]:
        window.goto(f"{live_server.url}{address}")
        window.wait_for_timeout(350)
        window.wait_for_function("() => !document.querySelector('.htmx-request')")
        found += [f"{address} {one}" for one in window.evaluate(FIND, RULES) + window.evaluate(WIDE)]
    assert len(own) > 40
    assert not found, "\n".join(found)


@LOOKS
def test_nor_does_the_page_to_try_calls_on(window: Page, live_server: LiveServer) -> None:
    def faults() -> list[str]:
        window.wait_for_function(AT_REST)
        return [*window.evaluate(FIND, RULES), *window.evaluate(WIDE)]

    window.goto(f"{live_server.url}/v2.1/docs")
    call = window.locator("#operations-push-sendPush")
    call.locator(".opblock-summary-control").click()
    call.locator(".execute").click()
    expect(call.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("401")
    found = faults()
    window.locator(".scheme-container .authorize").click()
    expect(window.locator(".dialog-ux .modal-ux")).to_be_visible()
    assert found + faults() == []
    is_dark = window.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    shade = window.evaluate("getComputedStyle(document.querySelector('.swagger-ui')).color")
    assert (shade == "rgb(228, 230, 230)") == is_dark


def is_page(client: Client, address: str) -> bool:
    """Whole pages: no part that htmx swaps in, no file, no button's address."""
    answer = client.get(address)
    return answer.status_code == 200 and not answer.streaming and b"<!doctype html>" in answer.content[:400].lower()
