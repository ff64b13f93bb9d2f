"""The board of a ward in Chromium: it changes by itself when something happens at a bed, and says that it is not current where it cannot know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from acceptance.support_processes import Server, free_ports
from baybridge.journey.command import Role
from baybridge.node import clock
from watch_world import Ward

PASSWORD = "a long enough password"
SOMETHING_HAPPENED = "document.dispatchEvent(new Event('baybridge:live'))"
PATIENCE = 60_000  # ms


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    made = Ward(tmp_path / "hk")
    made.account("nurse", Role.NURSE)
    made.now = clock.now()  # as the process that serves
    return made


@pytest.fixture
def server(ward: Ward) -> Iterator[Server]:
    made = Server(ward.folder, free_ports(1)[0])
    made.start()
    yield made
    made.kill()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield opened
        opened.close()


def board(browser: Browser, server: Server, *, scripts: bool = True) -> Page:
    page = browser.new_context(base_url=f"http://localhost:{server.port}", java_script_enabled=scripts).new_page()
    page.goto("/sign-in")
    page.fill("#name", "nurse")
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.goto("/ward?language=en")
    return page


def test_it_changes_by_itself_and_says_when_it_is_not_current(ward: Ward, server: Server, browser: Browser) -> None:
    page = board(browser, server)
    expect(page.locator("table.board")).to_contain_text("not assessed")
    page.locator("table.board a").first.focus()
    ward.assess(temperature=38.6)
    expect(page.locator("table.board")).to_contain_text("grade 1", timeout=PATIENCE)
    expect(page.locator("table.board a").first).to_be_focused()
    expect(page.locator("#stale")).to_be_hidden()

    page.context.clear_cookies()  # signed out, or the session is over
    page.evaluate(SOMETHING_HAPPENED)
    expect(page.locator("#stale")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("table.board")).to_contain_text("grade 1")


def test_it_says_that_it_is_not_current_when_the_node_is_gone(ward: Ward, server: Server, browser: Browser) -> None:
    page = board(browser, server)
    expect(page.locator("#stale")).to_be_hidden()
    server.kill()
    page.evaluate(SOMETHING_HAPPENED)
    expect(page.locator("#stale")).to_be_visible(timeout=PATIENCE)


def test_without_scripts_it_loads_itself_again(server: Server, browser: Browser) -> None:
    page = board(browser, server, scripts=False)
    assert '<meta http-equiv="refresh" content="30">' in page.content()
    expect(page.locator("table.board")).to_contain_text("Chan")
