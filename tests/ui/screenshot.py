"""What does the page look like? Takes docs/page.png from a running server: python tests/ui/screenshot.py http://127.0.0.1:8000

The picture shows the example with two lines edited, its second span chosen; other folders and colours for a look of one's own:
python tests/ui/screenshot.py URL --to /tmp --all
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run".split()
LOOKS = {"page": (1280, "light"), "page-dark": (1280, "dark"), "page-phone": (360, "light")}


def take(browser: Any, url: str, target: Path, width: int, scheme: str) -> None:
    """One picture of a traced snippet."""
    context = browser.new_context(viewport={"width": width, "height": 1180}, color_scheme=scheme)
    page = context.new_page()
    page.goto(url)
    page.get_by_role("button", name="Two lines edited").click()
    page.wait_for_selector("a.wf-span")
    page.evaluate("document.querySelectorAll('a.wf-span')[1].click()")  # no scrolling to it, as a mouse would not
    page.wait_for_selector(".wf-about:visible")
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)  # the button's fading colours
    page.screenshot(path=target)
    context.close()


def main() -> None:
    """Takes the picture for the documentation, or all looks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--to", type=Path, default=Path(__file__).parents[2] / "docs")
    parser.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name, (width, scheme) in LOOKS.items():
            if arguments.all or name == "page":
                take(browser, arguments.url, arguments.to / f"{name}.png", width, scheme)
        browser.close()


if __name__ == "__main__":
    main()
