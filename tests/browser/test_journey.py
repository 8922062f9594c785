"""The main job as a marketer does it: log in, compose, launch, see it arrive, read the report."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures_house import House, house

__all__ = ["house"]
pytestmark = pytest.mark.browser


def log_in(page: Page, house: House, user: str) -> None:
    page.goto(f"{house.url}/admin/")
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(house.users[user])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("People you can reach")).to_be_visible()


def compose(page: Page) -> None:
    page.get_by_role("link", name="New campaign").first.click()
    page.get_by_label("What is it called?").fill("Lantern night")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("checkbox", name=re.compile("^Newsletter readers")).first.check()
    expect(page.locator("#audience")).to_contain_text("Will receive")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Title", exact=True).fill("Lanterns are lit")
    page.get_by_label("Message", exact=True).fill("Come at dusk, ")
    page.get_by_role("button", name="Personalise").nth(1).click()
    page.get_by_label("If we do not know it, write").fill("friend")
    page.get_by_role("button", name="Insert").click()
    expect(page.get_by_label("On an iPhone: Lanterns are lit. Come at dusk, friend")).to_be_visible()
    page.get_by_role("tab", name="Delivery").click()
    page.get_by_role("radio", name=re.compile("^At a steady pace")).check()
    page.get_by_label("Pushes a second").fill("50")


def launch(page: Page) -> None:
    page.get_by_role("tab", name="Review").click()
    expect(page.get_by_text("Ready to go.")).to_be_visible()
    button = page.get_by_role("button", name=re.compile("^Launch to"))
    confirmation = page.locator("#typed")
    if confirmation.count():
        confirmation.fill(confirmation.get_attribute("data-expected") or "")
    button.click()


def test_from_an_idea_to_the_report(page: Page, house: House) -> None:
    log_in(page, house, "marketer")
    compose(page)
    launch(page)
    expect(page.get_by_text("Held to the pace you asked for: 50 a second.")).to_be_visible()
    expect(page.locator("#state-badge")).to_have_text("Sent", timeout=300_000)
    expect(page.get_by_text("Held to the pace you asked for")).not_to_be_visible()
    expect(page.locator("#report")).to_contain_text("From plan to click")
    sent = page.locator("#report .hg-stat dd").first
    expect(sent).not_to_have_text("0")

    page.goto(f"{house.sandbox_url}/_phones?app=shop")
    expect(page.get_by_text("Lanterns are lit").first).to_be_visible()

    page.goto(f"{house.url}/admin/deliveries/log/")
    page.get_by_role("link", name="Story").first.click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
