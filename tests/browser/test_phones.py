"""The virtual phones as a person uses them."""

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures_sandbox import RunningSandbox
from tests.sandbox.fcm_client import FcmClient
from tests.sandbox.test_phones import MESSAGE, Product, demo, product

__all__ = ["demo", "product"]
pytestmark = pytest.mark.browser


def test_a_tap_opens_the_deep_link_and_sends_the_receipt(page: Page, demo: RunningSandbox, product: Product) -> None:
    page.goto(f"{demo.url}/_phones")
    expect(page.get_by_text("All quiet")).to_be_visible()
    FcmClient(demo).send(MESSAGE)
    page.get_by_text("There").click()
    expect(page.get_by_text("shop://1")).to_be_visible()
    (receipt,) = product.wait(1)
    assert (receipt["delivery_id"], receipt["type"]) == ("n1", "opened")
    page.get_by_text("shop://1").click()
    expect(page.get_by_text("Opened", exact=True)).to_be_visible()


def test_phones_are_found_by_token_and_fit_a_narrow_screen(page: Page, sandbox: RunningSandbox) -> None:
    client = FcmClient(sandbox)
    for token in ("ok-anna", "ok-bob"):
        client.send({**MESSAGE, "token": token})
    page.set_viewport_size({"width": 360, "height": 760})
    page.goto(f"{sandbox.url}/_phones")
    expect(page.get_by_role("article")).to_have_count(2)
    page.get_by_role("searchbox").fill("bob")
    expect(page.get_by_role("article")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_text_from_a_sender_never_becomes_markup(page: Page, sandbox: RunningSandbox) -> None:
    evil = '<img src=x onerror="document.title=1"><b>bold</b>'
    FcmClient(sandbox).send({"token": "t", "notification": {"title": evil, "body": evil}})
    page.goto(f"{sandbox.url}/_phones")
    expect(page.get_by_text(evil).first).to_be_visible()
    expect(page).to_have_title("Virtual phones · Heliograph")
