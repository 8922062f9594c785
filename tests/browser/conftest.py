"""A real Chromium for tests marked `browser`: the system's own, found on PATH."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

# A busy machine may take long over a page; only what never comes takes all of it.
expect.set_options(timeout=60_000)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Where none is installed: a skip, or a failure with HELIOGRAPH_REQUIRE_BROWSER=1 (as CI sets it)."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        problem = f"NO BROWSER: none of {', '.join(NAMES)} is on PATH, so nobody looked at the screens"
        if os.environ.get("HELIOGRAPH_REQUIRE_BROWSER") == "1":
            pytest.fail(problem)
        pytest.skip(problem)
    # Playwright's event loop lives in this thread, and Django would take it for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        # Chromium's own sandbox refuses root; /dev/shm is small in containers.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


def _is_fault(message: ConsoleMessage) -> bool:
    """htmx logs a poll that leaving the page has cut as an error; it says so by the names of its events."""
    return message.type == "error" and message.text not in ("htmx:afterRequest", "htmx:sendAbort")


@pytest.fixture
def page(chromium: Browser, transactional_db: None) -> Iterator[Page]:
    """A fresh window of 1280 x 900. The test fails on any error in the page's console.

    It is closed before the tables are emptied: a page that still asks would lock what is being emptied.
    """
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(120_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if _is_fault(message) else None)
    yield page
    context.close()
    assert errors == []
