"""Importing people as it is done: choosing what columns mean loses nothing typed, and progress ends by itself."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.accounts.models import App
from apps.customers.models import Customer, ImportRun
from apps.customers.services.import_work import continue_imports
from apps.customers.services.wordings import built_in
from tests.browser.test_screens import log_in
from tests.factories import NOW, make_app, make_customer, make_segment, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PICTURES = os.environ.get("HELIOGRAPH_PICTURES", "")
TEXT = (
    "Customer ID;E-mail;Phone;First name;Favourite place;Points;Push opt in;Notes\n"
    "anna-17;anna@example.com;500 600 700;Anna;Gdynia;12,5;yes;likes boats\n"
    "bob-4;bob@example.com;;Bob;Łódź;3;no;\n"
    "celia-9;celia at example;12;Celia;Warszawa;many;yes;\n"
    'dan-1;dan@example.com;+447400123456;"Dan ""the man""";London;7;;\n'
)


@pytest.fixture
def app() -> App:
    app = make_app(name="Lantern", slug="lantern")
    make_customer(app, external_id="bob-4", first_name="Robert")
    make_segment(app, name="Newsletter readers")
    return app


def picture(page: Page, name: str) -> None:
    """Only where somebody wants to look: HELIOGRAPH_PICTURES names the folder."""
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def test_people_are_imported_in_three_steps(page: Page, live_server: LiveServer, app: App, tmp_path: Path) -> None:
    file = tmp_path / "people of spring.csv"
    file.write_bytes(TEXT.encode("cp1250"))
    log_in(page, live_server, make_user(app, role="marketer"))
    page.goto(f"{live_server.url}/admin/customers/customer/")
    page.get_by_role("link", name="Import a file").click()
    picture(page, "1-upload")
    page.get_by_label("CSV file", exact=True).set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#preview")).to_contain_text("Bob")
    page.get_by_label("“Favourite place” becomes", exact=True).select_option("trait")
    name = page.get_by_label("Name of what “Favourite place” becomes", exact=True)
    name.fill("city")
    page.get_by_label("“Points” becomes", exact=True).select_option("trait")
    page.get_by_label("Type of the trait of “Points”", exact=True).select_option("number")
    expect(page.locator("#preview")).to_contain_text("12.5")
    expect(page.locator("#preview")).to_contain_text("Łódź")
    expect(name).to_have_value("city")
    expect(page.locator("#preview")).to_contain_text("without the words people saw")
    picture(page, "2-unworded")
    page.get_by_label("Take words of this app", exact=True).select_option("push")
    words = page.get_by_label("The words they saw, and where", exact=True)
    expect(words).to_have_value(built_in("push").text)
    expect(page.locator("#preview")).not_to_contain_text("without the words people saw")
    words.fill("Yes, send me offers (shop.example, 2026)")
    page.get_by_label("Also put them on a list", exact=True).select_option(label="Newsletter readers")
    expect(page.locator("#preview")).to_contain_text("Refused")
    picture(page, "2-columns")
    page.evaluate("document.documentElement.classList.add('dark')")
    picture(page, "2-columns-dark")
    page.evaluate("document.documentElement.classList.remove('dark')")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    picture(page, "2-columns-phone")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Start the import").click()
    expect(page.get_by_text("Storing people")).to_be_visible()
    picture(page, "3-running")
    continue_imports(clock=lambda: NOW, slot_seconds=30)
    expect(page.get_by_text("Why lines were refused")).to_be_visible()
    expect(page.get_by_role("link", name="Refused lines as CSV")).to_be_visible()
    page.get_by_text("The first of them").click()
    picture(page, "4-result")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    picture(page, "4-result-phone")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("link", name="All imports").click()
    picture(page, "5-list")
    assert Customer.objects.get(external_id="bob-4").traits == {"city": "Łódź", "Points": 3}
    assert ImportRun.objects.get().refused_count == 1
