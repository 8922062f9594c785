"""The screens as they are used: typing is never disturbed, keys work, nothing runs out of a phone's width."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import App, User
from apps.campaigns.models import Campaign
from tests.factories import (
    make_app,
    make_campaign,
    make_channel,
    make_counted_dispatch,
    make_people,
    make_segment,
    make_user,
)
from tests.house import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def app() -> App:
    app = make_app(name="Lantern")
    make_channel(app)
    return app


@pytest.fixture
def marketer(app: App) -> User:
    return make_user(app, role="marketer")


@pytest.fixture
def campaign(app: App) -> Campaign:
    campaign = make_campaign(app, name="Spring")
    campaign.include_segments.add(make_segment(app, [device.customer for device in make_people(app, 5)]))
    return campaign


@pytest.fixture
def inside(page: Page, live_server: LiveServer, marketer: User) -> Page:
    """The marketer's window, logged in."""
    log_in(page, live_server, marketer)
    return page


@pytest.fixture
def second_window(chromium: Browser, live_server: LiveServer, marketer: User) -> Iterator[Page]:
    """Another window of the same person, whose console may hold the refused save."""
    context = chromium.new_context()
    page = context.new_page()
    log_in(page, live_server, marketer)
    yield page
    context.close()


def log_in(page: Page, live_server: LiveServer, user: User) -> None:
    page.goto(f"{live_server.url}/admin/login/")
    page.get_by_label("Username").fill(user.username)
    page.get_by_label("Password").fill("secret-for-tests")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("People you can reach")).to_be_visible()


def address(live_server: LiveServer, campaign: Campaign, step: str) -> str:
    return f"{live_server.url}/admin/campaigns/campaign/{campaign.pk}/change/#{step}"


def test_typing_goes_on_while_the_draft_is_saved(inside: Page, live_server: LiveServer, campaign: Campaign) -> None:
    inside.goto(address(live_server, campaign, "message"))
    title = inside.get_by_label("Title", exact=True)
    title.fill("")
    title.press_sequentially("A long title that is typed through several saves", delay=45)
    expect(title).to_be_focused()
    expect(title).to_have_value("A long title that is typed through several saves")
    expect(inside.get_by_text("iPhone shows about 35")).to_be_visible()
    expect(inside.get_by_label("On an iPhone: A long title that is typed through several saves")).to_be_visible()
    stored = "A long title that is typed through several saves"
    wait_for(lambda: Campaign.objects.get().variants.get().texts["en"]["title"] == stored, 10)


def test_what_is_typed_while_a_variant_is_added_is_kept(
    inside: Page, live_server: LiveServer, campaign: Campaign
) -> None:
    inside.goto(address(live_server, campaign, "message"))
    title = inside.locator('[name="text-en-title"]')
    title.fill("Spring")
    expect(inside.get_by_role("status").filter(has_text="Saved ")).to_be_visible()
    held: list[Route] = []
    inside.route("**/variants/", lambda route: held.append(route))
    with inside.expect_request("**/variants/"):
        inside.get_by_role("button", name="Test another variant").click()
    title.press("End")
    title.press_sequentially(" is here")
    with inside.expect_response("**/save/"):
        held[0].continue_()
    expect(title).to_have_value("Spring is here")
    first, second = campaign.variants.order_by("position")
    assert (first.texts["en"]["title"], second.position) == ("Spring is here", 1)


def test_the_slower_window_keeps_its_text_and_is_told(
    inside: Page, second_window: Page, live_server: LiveServer, campaign: Campaign
) -> None:
    for window in (inside, second_window):
        window.goto(address(live_server, campaign, "message"))
    inside.get_by_label("Title", exact=True).fill("First")
    expect(inside.get_by_role("status").filter(has_text="Saved ")).to_be_visible()
    second_window.get_by_label("Title", exact=True).fill("Second")
    expect(second_window.get_by_text("Somebody else is editing this campaign.")).to_be_visible()
    expect(second_window.get_by_label("Title", exact=True)).to_have_value("Second")
    assert Campaign.objects.get().variants.get().texts["en"]["title"] == "First"


def test_steps_are_reached_by_keys(inside: Page, live_server: LiveServer, campaign: Campaign) -> None:
    inside.goto(address(live_server, campaign, "audience"))
    inside.get_by_role("tab", name="Audience").focus()
    inside.keyboard.press("ArrowRight")
    expect(inside.get_by_role("tab", name="Message")).to_be_focused()
    expect(inside.get_by_label("Title", exact=True)).to_be_visible()
    inside.keyboard.press("ArrowLeft")
    inside.keyboard.press("ArrowLeft")
    expect(inside.get_by_text("Ready to go.")).to_be_visible()


def test_a_problem_leads_to_its_field_and_nothing_goes_out_around_it(
    inside: Page, live_server: LiveServer, campaign: Campaign
) -> None:
    campaign.variants.update(texts={"en": {"title": "Hi", "body": "There", "link": "htp:/x"}})
    make_channel(campaign.app, "sms")
    inside.goto(address(live_server, campaign, "review"))
    inside.get_by_role("button", name="Fix").click()
    link = inside.get_by_label("On tap, open")
    expect(link).to_be_focused()
    expect(link).to_have_attribute("aria-invalid", "true")
    link.fill("https://lantern.example/")
    inside.get_by_role("tab", name="SMS Booster").click()
    inside.get_by_text("Follow up by SMS").click()
    inside.get_by_label("SMS text").fill("We have news")
    wait = inside.get_by_label("Wait", exact=True)
    wait.fill("-5")
    inside.get_by_role("tab", name="Review").click()
    expect(inside.get_by_role("heading", name="1 thing before it can go out")).to_be_visible()
    expect(inside.locator("#review")).to_contain_text("SMS Booster · Wait")
    expect(inside.locator("[data-launch]")).to_have_count(0)
    inside.get_by_role("button", name="Fix").click()
    expect(wait).to_be_focused()
    wait.fill("5")
    inside.get_by_role("tab", name="Review").click()
    expect(inside.get_by_role("button", name="Launch to 5 people")).to_be_enabled()


def test_every_field_has_a_name_for_who_cannot_see_it(
    inside: Page, live_server: LiveServer, campaign: Campaign
) -> None:
    inside.goto(address(live_server, campaign, "audience"))
    nameless = inside.evaluate(
        """() => [...document.querySelectorAll('.hg :is(input:not([type=hidden]), textarea, select)')]
            .filter((field) => !field.labels.length && !field.ariaLabel).map((field) => field.name)"""
    )
    assert nameless == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screens_fit_a_phone(inside: Page, live_server: LiveServer, campaign: Campaign, scheme: Any) -> None:
    inside.emulate_media(color_scheme=scheme)
    inside.set_viewport_size({"width": 390, "height": 844})
    for path in ("", "campaigns/campaign/", "campaigns/campaign/add/", "deliveries/log/"):
        inside.goto(f"{live_server.url}/admin/{path}")
        assert inside.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_each_step_fits_a_phone(inside: Page, live_server: LiveServer, campaign: Campaign) -> None:
    inside.set_viewport_size({"width": 390, "height": 844})
    inside.goto(address(live_server, campaign, "audience"))
    expect(inside.locator("#audience")).to_contain_text("Will receive")
    for step in ("Message", "Delivery", "SMS Booster", "Review"):
        inside.get_by_role("tab", name=step).click()
        assert inside.evaluate("document.documentElement.scrollWidth") <= 390, step


def test_the_live_page_stops_asking_when_it_is_over(inside: Page, live_server: LiveServer, app: App) -> None:
    dispatch = make_counted_dispatch(app, state="sending", planned_devices=200, counts={"accepted": 150})
    campaign = make_campaign(app, state="launched", dispatch=dispatch)
    inside.goto(address(live_server, campaign, ""))
    expect(inside.get_by_text("150 of 200")).to_be_visible()
    type(dispatch).objects.update(state="done")
    expect(inside.locator("#state-badge")).to_have_text("Sent")
    asked: list[str] = []
    inside.on("request", lambda request: asked.append(request.url))
    inside.wait_for_timeout(5000)
    assert asked == []
