"""Pictures of the screens for the README, taken from a running `manage.py up --demo`.

    .venv/bin/python tests/browser/screenshots.py [--data-dir .heliograph] [--out docs/images] [--axe axe.min.js]

--axe: a file of axe-core; its WCAG 2.2 A and AA findings are printed for every picture, and the exit code is their
number. The demo campaign is copied, launched slowly for the picture of its live page, and cancelled.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
FIND = """async ([source, tags]) => {
    (0, eval)(source);
    const found = await axe.run(document, { runOnly: tags });
    return found.violations.map((one) => `${one.id}: ${one.help}: ` + one.nodes.map((node) => node.target).join("; "));
}"""


class Camera:
    """A browser logged in as the marketer, and where the pictures go."""

    def __init__(self, browser: Browser, logins: dict[str, Any], out: Path, axe: str) -> None:
        self.browser, self.logins, self.out, self.axe = browser, logins, out, axe
        self.url: str = logins["url"]
        self.findings: list[str] = []

    @contextmanager
    def window(self, *, scheme: Any = "light", width: int = 1440, height: int = 900) -> Iterator[Page]:
        context = self.browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
        page = context.new_page()
        page.goto(f"{self.url}/admin/")
        page.get_by_label("Username").fill("marketer")
        page.get_by_label("Password").fill(self.logins["users"]["marketer"])
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("People you can reach").wait_for()
        yield page
        context.close()

    def shoot(self, page: Page, name: str) -> None:
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(600)
        page.screenshot(path=self.out / f"{name}.png")
        found = page.evaluate(FIND, [self.axe, TAGS]) if self.axe else []
        self.findings += [f"{name}: {one}" for one in found]
        print(f"{name}.png", *found, sep="\n    ")

    def open_campaign(self, page: Page, name: str) -> None:
        page.goto(f"{self.url}/admin/campaigns/campaign/")
        page.get_by_role("link", name=name, exact=True).first.click()


def take(camera: Camera) -> None:
    with camera.window() as page:
        camera.shoot(page, "dashboard")
        page.goto(f"{camera.url}/admin/campaigns/campaign/")
        camera.shoot(page, "campaigns")
        camera.open_campaign(page, "Weekend offers")
        camera.shoot(page, "report")
        page.goto(f"{camera.url}/admin/deliveries/log/")
        camera.shoot(page, "delivery-log")
        page.get_by_role("link", name="Story").first.click()
        camera.shoot(page, "story")
    for scheme, suffix in (("light", ""), ("dark", "-dark")):
        with camera.window(scheme=scheme) as page:
            camera.open_campaign(page, "Autumn sale")
            page.locator("#audience").get_by_text("Will receive").wait_for()
            steps = {"Message": f"campaign{suffix}"} if suffix else STEPS
            for step, name in steps.items():
                page.get_by_role("tab", name=step).click()
                if step == "Review":
                    page.get_by_role("heading", name="Who will receive it").wait_for()
                camera.shoot(page, name)
    with camera.window(width=390, height=844) as page:
        camera.shoot(page, "dashboard-phone")
    with camera.window() as page:
        live(camera, page)


STEPS = {
    "Audience": "audience",
    "Message": "campaign",
    "Delivery": "delivery",
    "SMS Booster": "booster",
    "Review": "review",
}


def live(camera: Camera, page: Page) -> None:
    """A copy of the draft on its way at 300 a second."""
    page.goto(f"{camera.url}/admin/campaigns/campaign/")
    page.get_by_role("button", name="Duplicate Autumn sale").first.click()
    page.get_by_label("Internal name").fill("Autumn sale, slowly")
    page.get_by_role("tab", name="Delivery").click()
    page.get_by_text("At a steady pace").click()
    page.get_by_label("Pushes a second").fill("300")
    page.get_by_role("tab", name="Review").click()
    typed = page.locator("#typed")
    typed.fill(typed.get_attribute("data-expected") or "")
    page.locator("[data-launch]").click()
    page.locator("#live").wait_for()
    page.wait_for_timeout(25_000)
    camera.shoot(page, "live")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled.").wait_for()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data-dir", type=Path, default=Path(".heliograph"))
    options.add_argument("--out", type=Path, default=Path("docs/images"))
    options.add_argument("--axe", type=Path)
    chosen = options.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    logins = json.loads((chosen.data_dir / "demo-logins.json").read_text())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        camera = Camera(browser, logins, chosen.out, chosen.axe.read_text() if chosen.axe else "")
        take(camera)
        browser.close()
    return len(camera.findings)


if __name__ == "__main__":
    sys.exit(main())
