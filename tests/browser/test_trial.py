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

    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("No test device yet")).to_be_visible()
    page.get_by_role("button", name="Add a device").click()
    expect(page.get_by_role("img", name="QR code of the pairing link")).to_be_visible()
    pair_virtual_phone(page, "My Android")
    expect(page.get_by_role("checkbox", name=re.compile("My Android"))).to_be_checked()

    page.get_by_role("button", name="Send the test").click()
    answer = page.locator("#trial-answers li").filter(has_text="My Android")
    expect(answer).to_contain_text("Accepted", timeout=15_000)
    with urllib.request.urlopen(f"{house.sandbox_url}/_inbox?limit=50", timeout=10) as inbox:
        seen = [(one["title"], one["body"]) for one in json.load(inbox)["messages"]]
    assert ("Hello friend", "Seen on a test phone.") in seen
