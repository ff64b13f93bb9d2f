"""Four nodes as processes and people in a browser, for the acceptance tests.

Main job: `Network` founds and starts the demo network, with the patients that a test places on the road, on a clock that the test moves; `Person` signs in at a
node and fills in forms by the names of their fields, as anybody could. Everything is waited for until it is there, for as long as `PATIENCE` says: no test is about
speed, and none fails because a machine is slow.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Locator, Page, ViewportSize, sync_playwright

from acceptance.support_processes import free_ports
from baybridge.demo import network
from baybridge.demo.cohort import Placed, make_histories
from baybridge.demo.inprocess import transport
from baybridge.demo.running import answers
from baybridge.demo.walk import Ticking
from baybridge.node import clock
from baybridge.node.config import read_config
from baybridge.node.node import Node

ZONE = ZoneInfo("Asia/Shanghai")
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


#: Seconds after which a test gives up; every wait ends as soon as its state is there.
PATIENCE = 300.0
_LONGEST_ROAD = timedelta(days=200)
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

#: Opens what a field is folded into, as a person would with a click.
_UNFOLD = "element => { for (let fold = element.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true }"


class Network:
    """The four nodes as processes in a folder, with a clock that the test moves; `cases` are those of the patients placed on the road, in their order."""

    def __init__(self, folder: Path, placed: Sequence[Placed] = ()) -> None:
        self.folder = folder
        self.clock = folder / "ahead"
        self.ports = dict(zip(network.PROFILES, free_ports(len(network.PROFILES)), strict=True))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        network.found_network(folder, self.ports)
        self.clock.write_text("0")
        present, nodes = clock.now(), dict[str, Node]()
        ticking, through = Ticking(present - _LONGEST_ROAD), transport(nodes)
        nodes |= {name: Node(read_config(folder / name), now=ticking, transport=through) for name in network.PROFILES}
        for node in nodes.values():
            network.add_staff(node)
        self.cases = [walk.case_id for walk in make_histories(nodes, ticking, present, placed, lambda _done, _of: None)]
        for node in nodes.values():
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
        deadline = time.monotonic() + PATIENCE
        while not answers(self.address(name)):
            assert self.processes[name].poll() is None, (self.folder / f"{name}.log").read_text()[-2000:]
            assert time.monotonic() < deadline, f"node {name} did not answer"
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop every node."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(timeout=PATIENCE)


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
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, timeout=PATIENCE * 1000)
        yield browser
        browser.close()


class Person:
    """Somebody signed in at a node, in an own browser window of a size."""

    def __init__(self, browser: Browser, found: Network, name: str, language: str = "en", size: Mapping[str, int] = DESKTOP) -> None:
        self.found, self.name = found, name
        self.base = found.address(name.rsplit(".", 1)[1])
        self.context = browser.new_context(viewport=ViewportSize(width=size["width"], height=size["height"]))
        self.context.set_default_timeout(PATIENCE * 1000)
        self.page: Page = self.context.new_page()
        self.language = language
        self.sign_in()

    def sign_in(self) -> None:
        """Sign in with name and password, in the wanted language."""
        self.page.goto(f"{self.base}/sign-in?language={self.language}")
        self.page.fill("[name=name]", self.name)
        self.page.fill("[name=password]", network.PASSWORD)
        text = self._send(self.page.locator("main form button").first)
        assert "/sign-in" not in self.page.url, text

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
        return self._send(self.page.locator(f"form[action*='/do/{command}#'] button").last)

    def do(self, case: str, command: str, /, second: str = "", second_code: str = "", **values: Any) -> None:
        """Carry out a command, which a second person confirms at this device where one is named; the test fails with what the page says where it is refused."""
        text = self.form(case, command, values)
        if second:
            assert "/confirmations/" in self.page.url, f"{command} by {self.name} asks nobody:\n{text[:3000]}"
            text = self.confirm(second, second_code)
        assert f"done={command}" in self.page.url, f"{command} by {self.name}:\n{text[:3000]}"

    def confirm(self, second: str, code: str = "") -> str:
        """Somebody proves who it is at this device, by password or by one-time code, and agrees to what the page shows."""
        self.page.fill("[name=account]", second)
        self.page.fill("[name=code]" if code else "[name=password]", code or network.PASSWORD)
        self.page.check("[name=agrees][value=yes]")
        return self._send(self.page.locator("form[action*='/confirmations/'] button").last)

    def refused(self, case: str, command: str, **values: Any) -> str:
        """Try a command that must be refused; what the page says."""
        text = self.form(case, command, values)
        assert f"done={command}" not in self.page.url, f"{command} by {self.name} was done"
        return text

    def _send(self, button: Locator) -> str:
        """Press the button of a form; the text of the page that answers, or of this one where the browser itself says what lacks and sends nothing."""
        if button.evaluate("button => button.form.checkValidity()"):
            with self.page.expect_navigation():
                button.click()
        else:
            button.click()
        return self.page.inner_text("main")

    def until(self, path: str, holds: Callable[[str], bool]) -> str:
        """Look at a page until it says what is expected; its text."""
        deadline = time.monotonic() + PATIENCE
        while not holds(text := self.see(path)):
            assert time.monotonic() < deadline, f"{self.name} does not see it at {path}:\n{text[:3000]}"
            self.page.wait_for_timeout(500)
        return text

    def reasons(self) -> set[str]:
        """The codes of the reasons that the page gives."""
        return set(self.page.locator("main [role=alert] li[data-reason]").evaluate_all("lines => lines.map(line => line.dataset.reason)"))

    def upload(self, file: Path) -> str:
        """Import a file through the page; the case that it belongs to."""
        self.see("/import")
        self.page.set_input_files("[name=file]", file)
        self._send(self.page.locator("main form button").last)
        link = self.page.locator("main a[href^='/cases/']")
        assert link.count(), self.page.inner_text("main")
        return (link.first.get_attribute("href") or "").split("/")[2]

    # --- putting right what was entered ---

    def entry(self, case: str, called: str) -> str:
        """The newest standing entry that the timeline calls so, by its id."""
        self.see(f"/cases/{case}/timeline")
        rows = self.page.locator("li[id^='e-']", has=self.page.locator(f"div > strong:text-is({called!r})"))
        assert rows.count(), f"no standing entry {called!r} on the timeline of {self.name}"
        return (rows.first.get_attribute("id") or "").removeprefix("e-")

    def strike(self, case: str, called: str, reason: str, second: str = "", code: str = "") -> str:
        """Strike the newest entry of a name through, from its line of the timeline; its id."""
        return self._put_right(case, called, "void", reason, {}, second, code)

    def replace(self, case: str, called: str, reason: str, /, second: str = "", code: str = "", **values: Any) -> str:
        """Say what is right instead of the newest entry of a name: its form as it stands, but for the values given here; its id."""
        return self._put_right(case, called, "replace", reason, values, second, code)

    def _put_right(self, case: str, called: str, action: str, reason: str, values: Mapping[str, Any], second: str, code: str) -> str:
        event_id = self.entry(case, called)
        self.see(f"/cases/{case}/entries/{event_id}")
        form = self.page.locator("form", has=self.page.locator(f"[name=correction_action][value={action}]"))
        for field, value in values.items():
            self._fill(field, value)
        form.locator("[name=correction_reason]").select_option(reason)
        text = self._send(form.locator("button").last)
        if second:
            assert "/confirmations/" in self.page.url, f"{self.name} puts {called!r} right alone:\n{text[:3000]}"
            text = self.confirm(second, code)
        assert "done=CorrectEntry" in self.page.url, f"{self.name} puts {called!r} right:\n{text[:3000]}"
        return event_id

    def struck(self, case: str, event_id: str) -> str:
        """What the timeline says of an entry, which must be struck through."""
        self.see(f"/cases/{case}/timeline")
        row = self.page.locator(f"#e-{event_id}")
        assert row.locator("del").count() == 1, f"{self.name} does not see it struck through:\n{row.inner_text()}"
        return row.inner_text()

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
