"""Four nodes as processes and people in a browser, for the acceptance tests.

Main job: `Network` founds and starts the demo network without its cohort, on a clock that a test moves; `Person` signs in at a node and fills in forms by the
names of their fields, as anybody could.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from baybridge.demo import network
from baybridge.demo.running import answers
from baybridge.node.config import read_config
from baybridge.node.node import Node

ZONE = ZoneInfo("Asia/Shanghai")
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


#: Opens what a field is folded into, as a person would with a click.
_UNFOLD = "element => { for (let fold = element.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true }"


class Network:
    """The four nodes as processes in a folder, with a clock that the test moves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = folder / "ahead"
        self.ports = network.choose_ports()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        network.found_network(folder, self.ports)
        self.clock.write_text("0")
        for name in network.PROFILES:
            node = Node(read_config(folder / name))
            network.add_accounts(node)
            node.storage.close()

    @property
    def now(self) -> datetime:
        """The network's present moment."""
        return datetime.now(ZONE) + timedelta(seconds=float(self.clock.read_text()))

    def advance(self, **span: float) -> None:
        """Let time pass on every node."""
        self.clock.write_text(str(float(self.clock.read_text()) + timedelta(**span).total_seconds()))

    def address(self, name: str) -> str:
        """Where a node answers."""
        return network.address(self.ports[name])

    def start(self, name: str, **settings: str) -> None:
        """Start one node and wait until it answers."""
        environment = {**os.environ, "BAYBRIDGE_CLOCK_AHEAD": str(self.clock), "BAYBRIDGE_DELIVERY_SECONDS": "0.2", "BAYBRIDGE_WITNESS_SECONDS": "2", **settings}
        log = (self.folder / f"{name}.log").open("ab")
        command = [sys.executable, "-m", "baybridge", "serve", str(self.folder / name), "--port", str(self.ports[name])]
        self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + 60
        while not answers(self.address(name)):
            assert self.processes[name].poll() is None, (self.folder / f"{name}.log").read_text()[-2000:]
            assert time.monotonic() < deadline, f"node {name} did not answer"
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop every node."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(timeout=20)


@contextmanager
def running(folder: Path) -> Iterator[Network]:
    """The network, started and stopped."""
    found = Network(folder)
    try:
        for name in network.PROFILES:
            found.start(name)
        yield found
    finally:
        found.stop()


@contextmanager
def browsing() -> Iterator[Browser]:
    """Headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Person:
    """Somebody signed in at a node, in an own browser window."""

    def __init__(self, browser: Browser, found: Network, name: str, language: str = "en") -> None:
        self.found, self.name = found, name
        self.base = found.address(name.rsplit(".", 1)[1])
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.page: Page = self.context.new_page()
        self.language = language
        self.sign_in()

    def sign_in(self) -> None:
        """Sign in with name and password, in the wanted language."""
        self.page.goto(f"{self.base}/sign-in?language={self.language}")
        self.page.fill("[name=name]", self.name)
        self.page.fill("[name=password]", network.PASSWORD)
        self.page.click("main form button")
        assert "/sign-in" not in self.page.url, self.page.inner_text("main")

    def see(self, path: str) -> str:
        """The text of a page."""
        self.page.goto(self.base + path)
        if "/sign-in" in self.page.url:
            self.sign_in()
            self.page.goto(self.base + path)
        return self.page.inner_text("body")

    def form(self, case: str, command: str, values: Mapping[str, Any]) -> str:
        """Fill in the form of a command and send it; the text of the page that answers."""
        self.see(f"/cases/{case}/do/{command}")
        for field, value in values.items():
            self._fill(field, value)
        self.page.locator(f"form[action$='/do/{command}'] button[type=submit], form[action$='/do/{command}'] button:not([type])").last.click()
        self.page.wait_for_load_state()
        return self.page.inner_text("main")

    def do(self, case: str, command: str, /, second: str = "", **values: Any) -> None:
        """Carry out a command, which a second person confirms at this device where one is named; the test fails with what the page says where it is refused."""
        text = self.form(case, command, values)
        if second:
            assert "/confirmations/" in self.page.url, f"{command} by {self.name} asks nobody:\n{text[:3000]}"
            text = self.confirm(second)
        assert f"done={command}" in self.page.url, f"{command} by {self.name}:\n{text[:3000]}"

    def confirm(self, second: str) -> str:
        """Somebody else proves who it is at this device, and agrees to what the page shows."""
        self.page.fill("[name=account]", second)
        self.page.fill("[name=password]", network.PASSWORD)
        self.page.check("[name=agrees][value=yes]")
        self.page.locator("form[action*='/confirmations/'] button").last.click()
        self.page.wait_for_load_state()
        return self.page.inner_text("main")

    def refused(self, case: str, command: str, **values: Any) -> str:
        """Try a command that must be refused; what the page says."""
        text = self.form(case, command, values)
        assert f"done={command}" not in self.page.url, f"{command} by {self.name} was done"
        return text

    def _fill(self, field: str, value: Any) -> None:
        found = self.page.locator(f"[name='{field}']")
        assert found.count(), f"no field {field} on {self.page.url}"
        kind = found.first.get_attribute("type") or ""
        found.first.evaluate(_UNFOLD)
        if kind in ("radio", "checkbox"):
            self._choose(found, value)
        elif found.first.evaluate("element => element.tagName") == "SELECT":
            found.first.select_option(as_text(value))
        elif kind == "datetime-local":
            found.first.fill(value.astimezone(ZONE).strftime("%Y-%m-%dT%H:%M"))
        else:
            found.first.fill(as_text(value))

    def _choose(self, found: Locator, value: Any) -> None:
        wanted = [as_text(one) for one in value] if isinstance(value, list | tuple) else [as_text(value)]
        for index in range(found.count()):
            one = found.nth(index)
            if one.get_attribute("type") == "checkbox":
                one.set_checked(one.get_attribute("value") in wanted or wanted == ["true"])
            elif one.get_attribute("value") in wanted:
                one.check()


def as_text(value: Any) -> str:
    """A value as a form takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(ZONE).isoformat()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n".join(" ".join(part) if isinstance(part, list | tuple) else str(part) for part in value)
    return str(value)
