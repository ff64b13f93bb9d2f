"""Passkeys in Chromium, with its own virtual authenticator: made on the account page, asked after the password, and the page without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from acceptance.support_processes import Server, free_ports
from baybridge.node.upkeep.founding import found

PASSWORD = "three plain words"
DEVICE = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    port = free_ports(1)[0]
    nurse = {"name": "nurse", "role": "nurse", "password": PASSWORD}
    profile = {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"], "accounts": [nurse], "url": f"http://localhost:{port}"}
    found(tmp_path / "node", profile)
    made = Server(tmp_path / "node", port)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def page(server: Server) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(base_url=f"http://localhost:{server.port}")
        opened = context.new_page()
        yield opened
        browser.close()


def enter(page: Page) -> None:
    page.goto("/sign-in")
    page.fill("#name", "nurse")
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_made_on_the_account_page_and_asked_after_the_password(page: Page) -> None:
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    authenticator = device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})["authenticatorId"]
    enter(page)
    page.goto("/account")
    page.fill("#passkey-name", "own phone")
    page.get_by_role("button", name="Make a passkey on this device").click()
    page.get_by_role("button", name="Make a passkey on this device").click()
    expect(page.locator("li.id.large")).to_have_count(8)
    page.goto("/account")
    expect(page.get_by_role("rowheader", name="own phone")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    enter(page)
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_visible()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("link", name="nurse")).to_be_visible()

    device.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": authenticator})
    device.send("WebAuthn.addVirtualAuthenticator", {"options": {**DEVICE, "isUserVerified": False}})
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    enter(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("The device gave no passkey")).to_be_visible()
