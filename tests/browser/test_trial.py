"""A test send as a marketer does it: pair a phone by its code, send the draft, see it accepted and on the phone."""

import json
import re
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures_house import House, house

__all__ = ["house"]
pytestmark = [pytest.mark.browser, pytest.mark.long]


def log_in(page: Page, house: House, user: str) -> None:
    page.goto(f"{house.url}/admin/")
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(house.users[user])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("People you can reach")).to_be_visible()


def pair_virtual_phone(page: Page, name: str) -> None:
    """What happens on the other device once the code is scanned."""
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open the pairing link").click()
    phone = opened.value
    phone.get_by_role("textbox", name="What to call it").fill(name)
    phone.get_by_role("button", name="Pair it").click()
    expect(phone.get_by_text("Paired.")).to_be_visible()
    phone.close()


def test_from_the_code_to_the_phone(page: Page, house: House) -> None:
    log_in(page, house, "marketer")
    page.get_by_role("link", name="New campaign").first.click()
    page.get_by_label("What is it called?").fill("Trial")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("tab", name="Message").click()
    page.get_by_label("Title", exact=True).fill('Hello {{ first_name | default: "friend" }}')
    page.get_by_label("Message", exact=True).fill("Seen on a test phone.")
    expect(page.get_by_label("On an iPhone: Hello friend. Seen on a test phone.")).to_be_visible()

    page.get_by_role("button", name="Send a test", exact=True).click()
    expect(page.get_by_text("No test device yet")).to_be_visible()
    page.get_by_role("button", name="Add a device").click()
    expect(page.get_by_role("img", name="QR code of the pairing link")).to_be_visible()
    pair_virtual_phone(page, "My Android")
    expect(page.get_by_role("checkbox", name=re.compile("My Android"))).to_be_checked()

    page.get_by_role("button", name="Send the test").click()
    answer = page.locator("#trial-answers li").filter(has_text="My Android")
    expect(answer).to_contain_text("Accepted")
    assert ("Hello friend", "Seen on a test phone.") in arrived(house)


def arrived(house: House) -> list[tuple[str, str]]:
    with urllib.request.urlopen(f"{house.sandbox_url}/_inbox?limit=50", timeout=10) as inbox:
        return [(one["title"], one["body"]) for one in json.load(inbox)["messages"]]


def test_an_sms_goes_to_the_teams_number(page: Page, house: House) -> None:
    log_in(page, house, "marketer")
    page.get_by_role("link", name="New campaign").first.click()
    page.get_by_label("What is it called?").fill("Trial by SMS")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("tab", name="SMS Booster").click()
    page.get_by_label("Follow up by SMS").check()
    page.get_by_label("SMS text").fill('Hello {{ first_name | default: "friend" }}. STOP to end')
    expect(page.locator("#save-state")).to_contain_text(re.compile(r"Saved \d"))
    page.get_by_role("button", name="Send a test SMS").click()
    expect(page.get_by_text("No test number yet")).to_be_visible()
    page.get_by_role("textbox", name="Phone number").fill("+48 500 600 701")
    page.get_by_label("Whose is it?").fill("Mary")
    page.keyboard.press("Enter")
    expect(page.get_by_role("checkbox", name=re.compile("Mary"))).to_be_checked()
    page.get_by_role("button", name="Send the test").click()
    expect(page.locator("#trial-answers li")).to_contain_text("Accepted")
    assert "Hello friend. STOP to end" in [body for _title, body in arrived(house)]
