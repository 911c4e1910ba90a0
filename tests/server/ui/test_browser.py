"""The page in a real Chromium: every panel, accessibility, the policy of content, both themes.

It takes the pictures of docs/page.md; UPDATE_DOCS=1 keeps them.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from policy_router.server.ui.panels import PANELS
from tests.server.ui.traffic import POLICY, Wall, make_requests, run, wall

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, FloatRect, Page

IMAGES: Final = Path(__file__).parents[3] / "docs" / "images"
CHROMIUM: Final = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
NARROW: Final = {"width": 360, "height": 740}
WIDE: Final = {"width": 1440, "height": 900}
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="there is no chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wall]:
    """A server with a month behind it."""
    with wall(tmp_path_factory.mktemp("wall")) as shown:
        yield shown


class Watched:
    """A page of a browser, and everything that it complains of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", self._failed)
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error(e.violatedDirective))"
        )

    def _failed(self, request: Any) -> None:
        # What is under way when a page is left is given up, such as the stream of decisions.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url}: {request.failure}")

    def goto(self, address: str) -> Page:
        """Open an address; every panel on it is there afterwards."""
        self.page.goto(address)
        until(self.page, "!document.querySelector('[data-part] > p > a[href]')")
        return self.page


def until(page: Page, expression: str, arg: object = None) -> None:
    """Wait until an expression holds on a page. Playwright's own way needs `eval`, which the
    policy of content forbids."""
    for _ in range(600):
        if page.evaluate(expression, arg):
            return
        page.wait_for_timeout(50)
    raise AssertionError(expression)


@contextmanager
def opened(browser: Browser, **options: Any) -> Iterator[Watched]:
    """A page that must complain of nothing."""
    context: BrowserContext = browser.new_context(**options)
    watched = Watched(context.new_page())
    try:
        yield watched
    finally:
        context.close()
    assert not watched.complaints


def violations(page: Page) -> list[str]:
    """What axe-core finds on a page."""
    found = axe.Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['html'][:120]}" for each in found for node in each["nodes"]]


def keep(page: Page, name: str, *, height: int) -> None:
    """Take a picture of a page for the docs; it is kept where UPDATE_DOCS is set."""
    assert page.viewport_size is not None
    width = page.viewport_size["width"]
    clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": height}
    picture = page.screenshot(clip=clip, full_page=True, scale="css", animations="disabled")
    assert len(picture) < 400_000
    if os.environ.get("UPDATE_DOCS") == "1":
        IMAGES.mkdir(exist_ok=True)
        (IMAGES / f"{name}.png").write_bytes(picture)


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_all_panels_are_there_and_accessible(
    browser: Browser, shown: Wall, scheme: str, size: dict[str, int]
) -> None:
    with opened(browser, viewport=size, color_scheme=scheme) as watched:
        page = watched.goto(shown.ui)
        assert page.locator("section.panel").count() == len(PANELS)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert violations(page) == []
        background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (background == "rgb(12, 17, 22)") == (scheme == "dark")
        if size is WIDE and scheme == "dark":
            keep(page, "wall-dark", height=1500)


def test_each_panel_by_a_click(browser: Browser, shown: Wall) -> None:
    with opened(browser, viewport=WIDE, color_scheme="light") as watched:
        page = watched.goto(shown.ui)
        for kind in PANELS:
            page.click(f"nav a[href='/ui/{kind.id}']")
            page.wait_for_url(f"**/ui/{kind.id}")
            assert page.locator("nav a[aria-current]").inner_text() == kind.short
            assert page.locator("h2").first.inner_text() == kind.title
            assert violations(page) == []
            if kind.id == "rules":
                keep(page, "rules-light", height=560)
                page.click("text=old pilot")
                assert "old pilot" in page.locator("pre .hit").inner_text()
                page.go_back()


def test_a_decision_is_explained_at_a_click(browser: Browser, shown: Wall) -> None:
    with opened(browser, viewport=WIDE, color_scheme="dark") as watched:
        page = watched.goto(f"{shown.ui}/live?ending=trouble")
        page.locator("#live-rows a").first.click()
        page.wait_for_selector("dialog[open] table.facts")
        assert page.locator("dialog td", has_text="Complexity").count() == 1
        assert violations(page) == []
        keep(page, "decision-dark", height=900)
        page.keyboard.press("Escape")
        assert page.locator("dialog[open]").count() == 0


def test_decisions_appear_as_they_are_made(browser: Browser, shown: Wall) -> None:
    with opened(browser, viewport=WIDE) as watched:
        page = watched.goto(f"{shown.ui}/live")
        until(page, "document.querySelector('#live-state').textContent == 'following'")
        before = page.locator("#live-rows tr").first.get_attribute("data-number")
        run(make_requests(shown.router, 1, seed=8))
        until(page, "(n) => document.querySelector('#live-rows tr').dataset.number > n", arg=before)
        page.keyboard.press("p")
        run(make_requests(shown.router, 1, seed=8))
        until(page, "document.querySelector('#live-state').textContent == 'paused, 1 updates wait'")
        page.keyboard.press("p")
        assert page.locator("#live-state").inner_text() == "following"
        rows = page.locator("#live-rows tr").count()
        page.select_option("#filter [name=task]", "review")
        page.wait_for_url("**/ui/live?task=review")
        until(page, "(n) => document.querySelectorAll('#live-rows tr').length < n", arg=rows)
        assert "review" in page.locator("#live-rows tr").first.inner_text()
        nothing = page.locator("text=No request that is shown here has ended.")
        assert not nothing.is_visible()
        page.fill("#filter [name=who]", "nobody")
        page.keyboard.press("Enter")
        until(page, "!document.querySelector('#live-rows tr')")
        assert nothing.is_visible()


def test_the_keyboard_does_everything(browser: Browser, shown: Wall) -> None:
    with opened(browser, viewport=WIDE, color_scheme="light") as watched:
        page = watched.goto(f"{shown.ui}/live")
        page.keyboard.press("?")
        assert page.locator("dialog kbd").count() >= 8
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog[open] .printed")
        page.keyboard.press("Escape")
        page.keyboard.press("t")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.name") == "task"
        page.locator("main").focus()
        page.keyboard.press("2")
        page.wait_for_url("**/ui/rules")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_request_is_tried(browser: Browser, shown: Wall) -> None:
    before = len(shown.provider.requests)
    with opened(browser, viewport=NARROW) as watched:
        page = watched.goto(f"{shown.ui}/try")
        page.fill("textarea", "Say hello")
        page.fill("[name=tags]", "private")
        page.click("text=decide")
        page.wait_for_selector("dialog[open] .printed")
        assert "private stays local" in page.locator("dialog").inner_text()
        assert violations(page) == []
    assert len(shown.provider.requests) == before


def test_the_page_needs_no_script(browser: Browser, shown: Wall) -> None:
    with opened(browser, viewport=WIDE, java_script_enabled=False) as watched:
        watched.page.goto(f"{shown.ui}/live")
        watched.page.select_option("#filter [name=task]", "code")
        watched.page.click("text=filter")
        assert "task=code" in watched.page.url
        watched.page.locator("#live-rows a").first.click()
        assert "served by" in watched.page.content()


def test_a_policy_of_320_rules(browser: Browser, tmp_path: Path) -> None:
    line = "  - {{{{ name: rule {0} of many, when: {{{{ tags: t{0} }}}}, avoid: [opus] }}}}\n"
    rules = "".join(line.format(number) for number in range(310))
    policy = POLICY.replace("\nbudgets:", f"{rules}\nbudgets:", 1)
    with (
        wall(tmp_path, policy=policy, past=200, live=3) as shown,
        opened(browser, viewport=NARROW) as watched,
    ):
        page = watched.goto(f"{shown.ui}/rules")
        assert page.locator(".heat tbody tr").count() == 320
        assert page.locator(".heat tr.never").count() >= 310
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        page = watched.goto(shown.ui)
        assert page.locator(".heat tbody tr").count() == 24
        assert violations(page) == []
