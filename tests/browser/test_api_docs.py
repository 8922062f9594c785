"""The page for trying the API: it draws itself from our own files, under our own policy."""

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.api.urls import urlpatterns

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_every_call_is_drawn_and_nothing_is_fetched_from_elsewhere(page: Page, live_server: LiveServer) -> None:
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(f"{live_server.url}/v2.1/docs")
    calls = sum(len(getattr(getattr(one.callback, "view_class", None), "calls", {})) for one in urlpatterns)
    expect(page.locator(".opblock")).to_have_count(calls)
    assert [url for url in fetched if not url.startswith((live_server.url, "data:"))] == []


def test_a_sample_is_copied_with_one_click(page: Page, live_server: LiveServer) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{live_server.url}/v2.1/docs/samples?language=python#push-to-token")
    page.locator("#push-to-token button").click()
    expect(page.locator("#push-to-token button")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#source-push-to-token").text_content()
