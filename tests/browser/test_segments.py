"""The rule builder as it is used: by keys alone, without losing what is typed, counting all the while."""

import re

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import App
from apps.customers.models import Customer, EventType, TraitType
from apps.segments.models import Segment
from tests.browser.test_screens import log_in
from tests.factories import make_app, make_customer, make_device, make_event, make_user
from tests.house import wait_for
from tests.segments.test_counting import endless_counts, wait_for_counts

COUNTING = "select pid from pg_locks where relation = 'customers_customer'::regclass and not granted"

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def app() -> App:
    app = make_app(name="Lantern", slug="lantern")
    TraitType.objects.create(app=app, name="city", type="text")
    EventType.objects.create(app=app, name="purchase", properties={"category": "text", "amount": "number"})
    for city in ("Paris", "Paris", "London", "Oslo"):
        person = make_customer(app, first_name=f"In {city}", last_name="", traits={"city": city})
        make_device(person)
        make_event(person, "purchase", properties={"category": "shoes"})
    return app


@pytest.fixture
def builder(page: Page, live_server: LiveServer, app: App) -> Page:
    """A new segment's page, of a marketer."""
    log_in(page, live_server, make_user(app, role="marketer"))
    page.goto(f"{live_server.url}/admin/segments/segment/add/?kind=dynamic&app=lantern")
    expect(page.locator(".sg-count")).to_have_text("4")
    return page


def test_a_rule_is_built_by_keys_alone(builder: Page) -> None:
    builder.get_by_label("Name").fill("Parisians and Londoners")
    builder.locator(".sg-adds").get_by_role("button", name="Rule").press("Enter")
    expect(builder.get_by_label("What the rule is about")).to_be_focused()
    field = builder.get_by_label("What the rule is about")
    for _event_then_message_then_city in range(3):
        builder.keyboard.press("ArrowDown")
    expect(field).to_have_value("trait.city")
    expect(field).to_be_focused()
    builder.keyboard.press("Tab")
    operator = builder.get_by_label("How it is compared")
    for word in ("is", "is_not", "is_any_of"):
        expect(operator).to_have_value(word)
        expect(operator).to_be_focused()
        builder.keyboard.press("ArrowDown" if word != "is_any_of" else "Shift")
    builder.keyboard.press("Tab")
    expect(builder.get_by_label("Add a value")).to_be_focused()
    for city in ("Paris", "London"):
        builder.keyboard.type(city)
        builder.keyboard.press("Enter")
    expect(builder.locator(".sg-count")).to_have_text("3")
    expect(builder.get_by_text("City is any of “Paris” or “London”")).to_be_visible()
    builder.get_by_role("button", name="Save").press("Enter")
    expect(builder.get_by_text("Saved. Its people are being counted.")).to_be_visible()
    rule = {"field": "trait.city", "op": "is_any_of", "value": ["Paris", "London"]}
    assert Segment.objects.get().rule == {"match": "all", "rules": [rule]}


def test_what_is_typed_in_one_row_survives_another(builder: Page) -> None:
    adds = builder.locator(".sg-adds").get_by_role("button", name="Rule")
    adds.click()
    first = builder.locator(".sg-row").nth(0)
    first.get_by_label("What the rule is about").select_option("trait.city")
    value = first.get_by_label("Value")
    value.press_sequentially("Par", delay=20)
    adds.click()
    builder.locator(".sg-row").nth(1).get_by_label("What the rule is about").select_option("event")
    value.press("End")
    value.press_sequentially("is", delay=20)
    expect(value).to_be_focused()
    expect(value).to_have_value("Paris")
    builder.locator(".sg-row").nth(1).get_by_label("Event", exact=True).select_option("purchase")
    expect(builder.locator(".sg-count")).to_have_text("2")


def test_a_branch_is_counted_and_removed(builder: Page) -> None:
    builder.locator(".sg-adds").get_by_role("button", name="Group").click()
    group = builder.locator(".sg-group .sg-group")
    group.get_by_label("What the rule is about").select_option("trait.city")
    group.get_by_label("Value").fill("Oslo")
    group.get_by_role("button", name="How many?").click()
    expect(group.get_by_text("1 person")).to_be_visible()
    group.get_by_role("button", name="Remove this group").click()
    expect(builder.locator(".sg-count")).to_have_text("4")
    expect(builder.locator(".sg-adds").get_by_role("button", name="Rule")).to_be_focused()


def test_a_condition_on_an_event_is_added_and_removed(builder: Page) -> None:
    builder.locator(".sg-adds").get_by_role("button", name="Rule").click()
    row = builder.locator(".sg-row")
    row.get_by_label("What the rule is about").select_option("event")
    row.get_by_label("Event", exact=True).select_option("purchase")
    row.get_by_role("button", name="condition").click()
    prop = row.get_by_label("Property of the event")
    expect(prop).to_be_focused()
    prop.select_option("category")
    row.get_by_label("Value").fill("boots")
    expect(builder.locator(".sg-count")).to_have_text("0")
    row.get_by_role("button", name="Remove this condition").click()
    expect(builder.locator(".sg-count")).to_have_text("4")


def test_the_page_fits_a_phone(builder: Page) -> None:
    builder.set_viewport_size({"width": 390, "height": 844})
    for depth in (1, 2, 3):
        builder.locator(f"[data-depth='{depth}'] > .sg-adds").get_by_role("button", name="Group").click()
    row = builder.locator("[data-depth='4'] .sg-row")
    row.get_by_label("What the rule is about").select_option("event")
    expect(row.get_by_label("When")).to_be_visible()
    width = builder.evaluate("document.documentElement.scrollWidth")
    assert width <= 390


def test_what_is_typed_while_a_row_is_drawn_again_is_kept(builder: Page) -> None:
    builder.locator(".sg-adds").get_by_role("button", name="Rule").click()
    row = builder.locator(".sg-row")
    row.get_by_label("What the rule is about").select_option("event")
    row.get_by_label("Event", exact=True).select_option("purchase")
    row.get_by_role("button", name="condition").click()
    days = row.get_by_label("Days to look back; empty means ever")
    builder.route("**/part/", lambda route: (builder.wait_for_timeout(700), route.continue_()))
    row.get_by_label("Property of the event").select_option("category")
    days.press_sequentially("30", delay=20)
    expect(row.get_by_label("Value")).to_be_visible()
    expect(days).to_have_value("30")
    expect(days).to_be_focused()


def test_an_example_is_taken_and_why_follows_the_rule(builder: Page) -> None:
    builder.get_by_role("button", name="Bought twice, but not in the last week").click()
    expect(builder.get_by_label("Name")).to_have_value("Bought twice, but not in the last week")
    expect(builder.locator(".sg-row")).to_have_count(2)
    expect(builder.locator(".sg-count")).to_have_text("0")
    builder.get_by_label("Who?").fill(Customer.objects.get(first_name="In Oslo").external_id or "")
    builder.get_by_label("Who?").press("Enter")
    expect(builder.get_by_text("In Oslo does not match the rule")).to_be_visible()
    builder.get_by_label("Times").fill("1")
    expect(builder.get_by_text("In Oslo matches the rule")).to_be_visible()
    expect(builder.get_by_label("Times")).to_be_focused()
    for _row in range(2):
        builder.get_by_role("button", name="Remove this rule").first.click()
    expect(builder.get_by_role("button", name="Bought twice, but not in the last week")).to_be_visible()


def test_a_rule_is_imported_by_keys_and_its_faults_are_listed(builder: Page) -> None:
    builder.get_by_role("button", name="Import rule").press("Enter")
    text = builder.get_by_label("Rule as JSON")
    text.fill('{"match": "any", "rules": [{"field": "trait.town", "op": "is", "value": "Paris"}]}')
    builder.get_by_role("button", name="Import", exact=True).press("Enter")
    expect(builder.get_by_text("/rules/0/field")).to_be_visible()
    text.fill('{"match": "any", "rules": [{"field": "trait.city", "op": "is", "value": "Paris"}]}')
    builder.get_by_role("button", name="Import", exact=True).press("Enter")
    expect(text).not_to_be_visible()
    expect(builder.locator(".sg-row").get_by_label("Value")).to_have_value("Paris")
    expect(builder.locator(".sg-count")).to_have_text("2")


def test_only_the_newest_count_is_at_work_and_a_slow_one_is_no_error(builder: Page) -> None:
    builder.get_by_role("button", name="New in the last week").click()
    days = builder.get_by_label("Number of days")
    expect(days).to_have_value("7")
    expect(builder.locator(".sg-count")).to_have_text("0")
    with endless_counts() as other:
        days.fill("8")
        wait_for_counts(1, other)
        first = other.execute(COUNTING).fetchall()
        days.fill("9")
        expect(builder.locator("#count")).to_have_class(re.compile("htmx-request"))
        wait_for(lambda: len(now := other.execute(COUNTING).fetchall()) == 1 and now != first, 5)
        expect(builder.get_by_text("Too slow to count live").first).to_be_visible()
    days.fill("3650")
    expect(builder.locator(".sg-count")).to_have_text("4")
