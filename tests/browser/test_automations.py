"""Building an automation as a marketer does: by mouse, by keys, on a phone."""

import re

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import App
from apps.campaigns.models import Automation
from apps.campaigns.services.automations.lifecycle import StepDraft
from tests.browser.test_screens import log_in
from tests.factories import make_app, make_channel, make_customer, make_user
from tests.factories.automations import PUSH, make_automation, wait

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def app() -> App:
    app = make_app(name="Lantern")
    make_channel(app)
    return app


@pytest.fixture
def inside(page: Page, live_server: LiveServer, app: App) -> Page:
    """The marketer's window, logged in."""
    log_in(page, live_server, make_user(app, role="marketer"))
    return page


def test_from_the_starter_to_an_active_automation(inside: Page, live_server: LiveServer) -> None:
    inside.goto(f"{live_server.url}/admin/campaigns/automation/add/")
    inside.get_by_label("What is it called?").fill("Cart")
    inside.get_by_text("Abandoned cart").click()
    inside.get_by_role("button", name="Begin").click()
    expect(inside.get_by_text("Everything is there.")).to_be_visible()
    inside.get_by_label("Title", exact=True).first.fill("Your basket")
    expect(inside.locator("#screens-1").get_by_text("Your basket").first).to_be_visible()
    inside.get_by_role("button", name="Start the automation").click()
    expect(inside.get_by_text("from now on people enter")).to_be_visible()
    assert Automation.objects.get().state == "active"


def test_a_step_is_added_where_its_button_stands_and_nothing_typed_is_lost(
    inside: Page, live_server: LiveServer, app: App
) -> None:
    automation = make_automation(app, wait(60), PUSH)
    inside.goto(f"{live_server.url}/admin/campaigns/automation/{automation.pk}/change/")
    inside.get_by_label("Title", exact=True).fill("Just typed")
    inside.get_by_role("group", name="Add a step at place 1").get_by_role("button", name="Condition").press("Enter")
    expect(inside.get_by_label("Go on only")).to_be_visible()
    expect(inside.get_by_label("Title", exact=True)).to_have_value("Just typed")
    assert list(automation.steps.values_list("kind", flat=True)) == ["wait", "condition", "push"]


def test_only_the_fields_of_what_was_chosen_are_shown(inside: Page, live_server: LiveServer, app: App) -> None:
    automation = make_automation(app, wait(60), PUSH)
    inside.goto(f"{live_server.url}/admin/campaigns/automation/{automation.pk}/change/")
    expect(inside.get_by_label("Which segment?")).to_be_hidden()
    inside.get_by_text("Somebody joins a segment").click()
    expect(inside.get_by_label("Which segment?")).to_be_visible()
    expect(inside.get_by_label("What do they do?")).to_be_hidden()
    expect(inside.get_by_text("Choose the segment that people join").first).to_be_visible()


def test_a_condition_is_built_like_a_segment_and_saved_while_it_is_built(
    inside: Page, live_server: LiveServer, app: App
) -> None:
    for language in ("pl", "pl", "fr"):
        make_customer(app, language=language)
    automation = make_automation(app, StepDraft("condition", {"ask": "not_opened", "otherwise": "leave"}), PUSH)
    inside.goto(f"{live_server.url}/admin/campaigns/automation/{automation.pk}/change/")
    card = inside.locator("#card-0")
    expect(card.get_by_role("button", name="Rule", exact=True)).to_be_hidden()
    card.get_by_label("Go on only").select_option("rule")
    card.get_by_role("button", name="Rule", exact=True).press("Enter")
    expect(card.get_by_label("What the rule is about")).to_be_focused()
    card.get_by_label("What the rule is about").select_option("language")
    card.get_by_label("Value").fill("pl")
    expect(card.get_by_text("2 people of all fit now")).to_be_visible()
    inside.get_by_label("Title", exact=True).fill("Cześć")
    expect(inside.locator("#save-state")).to_contain_text("Saved")
    inside.get_by_role("group", name="Add a step at place 2").get_by_role("button", name="Wait").click()
    expect(inside.locator("#card-2")).to_be_visible()
    expect(card.get_by_label("Value")).to_have_value("pl")
    rule = {"field": "language", "op": "is", "value": "pl"}
    assert automation.steps.get(position=0).settings["rule"] == {"match": "all", "rules": [rule]}


def test_nothing_runs_out_of_a_phones_width(inside: Page, live_server: LiveServer, app: App) -> None:
    automation = make_automation(app, wait(60), PUSH)
    inside.set_viewport_size({"width": 390, "height": 800})
    inside.goto(f"{live_server.url}/admin/campaigns/automation/{automation.pk}/change/")
    assert inside.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_wait_that_cannot_be_is_neither_called_saved_nor_lost(
    inside: Page, live_server: LiveServer, app: App
) -> None:
    automation = make_automation(app, wait(10), PUSH)
    inside.goto(f"{live_server.url}/admin/campaigns/automation/{automation.pk}/change/")
    inside.get_by_label("Wait", exact=True).fill("-5")
    inside.get_by_label("Wait", exact=True).blur()
    expect(inside.locator("#problems-s0-amount")).to_contain_text("greater than or equal to 0")
    expect(inside.locator("#save-state")).to_contain_text("One field is not saved")
    inside.get_by_role("button", name="Start the automation").click()
    expect(inside.locator("#start")).to_be_focused()
    inside.get_by_role("group", name="Add a step at place 2").get_by_role("button", name="Push").click()
    expect(inside.get_by_text("The step was not added.")).to_be_in_viewport()
    expect(inside.get_by_label("Wait", exact=True)).to_have_value("-5")
    expect(inside).to_have_url(re.compile("/change/$"))
    assert (automation.steps.count(), Automation.objects.get().state) == (2, "draft")
    inside.get_by_label("Wait", exact=True).fill("5")
    expect(inside.locator("#save-state")).to_contain_text("Saved ")
    expect(inside.locator("#problems-s0-amount")).to_be_empty()


def test_no_fold_of_a_push_has_a_second_sign(inside: Page, live_server: LiveServer, app: App) -> None:
    automation = make_automation(app, PUSH)
    inside.goto(f"{live_server.url}/admin/campaigns/automation/{automation.pk}/change/")
    signs = inside.locator("#card-0 summary").evaluate_all(
        "all => all.map(one => getComputedStyle(one, '::after').content)"
    )
    assert set(signs) == {"none"}
