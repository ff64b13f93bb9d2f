"""How many clicks and keystrokes the commonest jobs take, in headless Chromium at the widths of a phone and of a desk, beside the goal of each.

Run: `python -m benchmarks.jobs`. It founds a network in a temporary folder, leaves invented patients where the jobs begin, serves Hong Kong and the plant as processes
and does each job as the person who does it, with the mouse and the keyboard alone.

How it is counted: from the first page after signing in to the page on which the work stands. A tap is a click on a link, a button, a tick, a fold or into a field; a
choice in a list is one, and so is picking the file in the window of the system. Each character and each key is a keystroke. Of a round, the taps into the fields of what
was measured stand apart, because the goal speaks of those beyond them. Scrolling and reading are not counted, and nothing goes to an address to which no link leads.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

from baybridge.demo import network, patients
from baybridge.demo.cohort import Placed, make_histories
from baybridge.demo.history import batch, release_results
from baybridge.demo.inprocess import transport
from baybridge.demo.patients import HOSPITAL, Invented
from baybridge.demo.running import answers
from baybridge.demo.walk import Ticking, Walk
from baybridge.journey.command import Role
from baybridge.node import clock
from baybridge.node.config import read_config
from baybridge.node.node import Node

CHROMIUM = "/usr/bin/chromium"
WIDTHS: Mapping[str, ViewportSize] = {"phone": {"width": 360, "height": 780}, "desktop": {"width": 1280, "height": 900}}
_SERVED = ("hk", "sh")
_LONGEST_ROAD = timedelta(days=200)
_PATIENCE_MS = 120_000


@dataclass(frozen=True, slots=True)
class Ground:
    """What the jobs of one width work on: cases by what they are for, and who is new."""

    number: int
    cases: Mapping[str, str]
    patients: Mapping[str, Invented]
    folder: Path


class Hand:
    """Somebody signed in, whose every tap and key is counted."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.taps = self.keys = self.measured = 0

    def one(self, selector: str) -> Locator:
        """What is there once, or the first of several that somebody sees."""
        return self.page.locator(selector).locator("visible=true").first

    def tap(self, selector: str) -> None:
        """Click on something."""
        self.one(selector).click()
        self.taps += 1

    def choose(self, selector: str, value: str) -> None:
        """Choose in a list."""
        self.one(selector).select_option(value)
        self.taps += 1

    def write(self, selector: str, text: str) -> None:
        """Click into a field and type, over what stands there."""
        self.tap(selector)
        self._type(selector, text)

    def write_moment(self, selector: str, at: datetime) -> None:
        """Click into a field of a moment and type its twelve digits."""
        self.tap(selector)
        self.one(selector).fill(at.strftime("%Y-%m-%dT%H:%M"))
        self.keys += 12

    def measure(self, selector: str, text: str) -> None:
        """Click into a field of a measured value and type it."""
        self.one(selector).click()
        self.measured += 1
        self._type(selector, text)

    def tick_measured(self, selector: str) -> None:
        """Tick what was measured."""
        self.one(selector).check()
        self.measured += 1

    def choose_file(self, selector: str, file: Path) -> None:
        """Open the system's window and pick a file in it: two taps."""
        with self.page.expect_file_chooser() as chooser:
            self.one(selector).click()
        chooser.value.set_files(file)
        self.taps += 2

    def press(self, key: str) -> None:
        """Press one key."""
        self.page.keyboard.press(key)
        self.keys += 1

    def sees(self, selector: str) -> None:
        """Wait for what shows that the work is done."""
        expect(self.one(selector)).to_be_visible(timeout=_PATIENCE_MS)

    def _type(self, selector: str, text: str) -> None:
        if self.one(selector).input_value():
            self.one(selector).fill("")
            self.keys += 2  # all of it, and away
        self.page.keyboard.type(text)
        self.keys += len(text)


def bedside_round(hand: Hand, ground: Ground) -> None:
    """A usual round: what was measured, and the rest as before; the grades are known afterwards."""
    case = ground.cases["round"]
    hand.tap(f"main a[href='/cases/{case}/do/Assess']")
    for fact, value in (("temperature", "37.1"), ("heart_rate", "82"), ("systolic_pressure", "124"), ("respiratory_rate", "16"), ("oxygen_saturation", "97")):
        hand.measure(f"[name='findings.{fact}']", value)
    hand.tick_measured("[name='findings.ice_all']")
    hand.tap("[name=as_before] >> nth=-1")
    hand.tap("form[action*='/do/Assess'] .actions button")
    hand.sees("[role=status].good")
    hand.sees("p.grades .tag.good")


def open_from_file(hand: Hand, ground: Ground) -> None:
    """A file of a hospital becomes a case, whose page is open."""
    hand.tap("nav.menu a[href='/import']")
    hand.choose_file("[name=file]", _file(ground))
    hand.tap("form[enctype] button")
    hand.sees("nav.tabbed")


def quote(hand: Hand, ground: Ground) -> None:
    """A quote of the drug, the collection and the stay, with a plan that the patient holds; no list price of the drug is published for Hong Kong."""
    case = ground.cases["quote"]
    hand.tap(f"main a[href^='/cases/{case}/funding/ask']")
    for name, amount in (("CAR_T_DRUG", "1250000"), ("COLLECTION", "20000"), ("INPATIENT", "160000")):
        hand.write(f"[name='gross.{name}']", amount)
    hand.tap("[name=plan]")
    hand.tap("form[method=post] .actions button")
    hand.sees("[role=status].good")


def release(hand: Hand, ground: Ground) -> None:
    """A batch that was tested is released by two: the second proves who it is at this device."""
    case, number = ground.cases["release"], ground.patients["release"].number
    hand.tap(f"main a[href='/cases/{case}/do/Release']")
    hand.write("[name=bags]", f"CAR-{number:03d}-1")
    hand.write_moment("[name=expires_at]", clock.now() + timedelta(days=180))
    hand.write("[name=storage_max_c]", "-150")  # no label of this product establishes it
    hand.write("[name=certificate]", f"COA-{number}")
    hand.tap("form[action*='/do/Release'] .actions button")
    hand.write("[name=account]", "manufacturer.sh")
    hand.write("[name=password]", network.PASSWORD)
    hand.tap("[name=agrees][value=yes]")
    hand.tap("form[action*='/confirmations/'] button")
    hand.sees("[role=status].good")


def preauthorise(hand: Hand, ground: Ground) -> None:
    """A payer answers what it was asked, with what it was asked for."""
    case = ground.cases["preauthorisation"]
    hand.tap(f"main a[href*='/cases/{case}/do/AnswerPreauthorisation']")
    hand.choose("[name=answer]", "approved")
    hand.tap("form[action*='/do/AnswerPreauthorisation'] .actions button")
    hand.sees("[role=status].good")


def add_user(hand: Hand, ground: Ground) -> None:
    """A nurse has an account: the invitation stands on the page."""
    hand.tap("nav.menu a[href='/accounts']")
    hand.tap("summary:has(+ form[action='/accounts/add'])")
    hand.write("#account", f"nurse{ground.number}.hk")
    hand.write("#person", f"Test Nurse {ground.number}")
    hand.tap("form[action='/accounts/add'] [name=role][value=nurse]")
    hand.tap("form[action='/accounts/add'] button")
    hand.sees("[role=status].good .id")


def find_person(hand: Hand, ground: Ground) -> None:
    """A person is found by name, and the case is open."""
    hand.write("#find", ground.patients["quote"].name[0])
    hand.press("Enter")
    hand.tap(f"main table a[href^='/cases/{ground.cases['quote']}']")
    hand.sees("nav.tabbed")


@dataclass(frozen=True, slots=True)
class Job:
    """One job: whose, what it takes at most, and how it is done."""

    name: str
    account: str
    goal: int
    walk: Callable[[Hand, Ground], None]


JOBS = (
    Job("a bedside round", "nurse.hk", 3, bedside_round),
    Job("open a case from a file", "coordinator.hk", 4, open_from_file),
    Job("a quote", "coordinator.hk", 8, quote),
    Job("release of a product", "quality.sh", 10, release),
    Job("answer a pre-authorisation", "payer.hk", 3, preauthorise),
    Job("add a user", "administrator.hk", 6, add_user),
    Job("find a person", "coordinator.hk", 2, find_person),
)

#: Where the patient of each job stands when it begins; one of each for each width.
_STOPS = {"round": "recover", "quote": "repeat", "release": "manufacture", "preauthorisation": "quote"}


def main() -> None:
    """Found, serve, do each job at each width, print."""
    with tempfile.TemporaryDirectory() as folder, founded(Path(folder), len(WIDTHS)) as (addresses, grounds), browsing() as browser:
        print(f"{'job':28} {'role':14} {'width':8} {'taps':>5} {'goal':>5} {'measured':>9} {'keys':>5}")
        for (width, size), ground in zip(WIDTHS.items(), grounds, strict=True):
            for job in JOBS:
                hand = done(browser, addresses, job, ground, size)
                missed = " missed" if hand.taps > job.goal else ""
                print(f"{job.name:28} {job.account.split('.')[0]:14} {width:8} {hand.taps:5} {job.goal:5} {hand.measured:9} {hand.keys:5}{missed}", flush=True)


@contextmanager
def browsing() -> Iterator[Browser]:
    """Headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        yield browser
        browser.close()


def done(browser: Browser, addresses: Mapping[str, str], job: Job, ground: Ground, size: ViewportSize, language: str = "en") -> Hand:
    """Somebody signs in, and does a job; what it took after that."""
    context = browser.new_context(viewport=size)
    context.set_default_timeout(_PATIENCE_MS)
    page, base = context.new_page(), addresses[job.account.rsplit(".", 1)[1]]
    page.goto(f"{base}/sign-in?language={language}")
    page.fill("[name=name]", job.account)
    page.fill("[name=password]", network.PASSWORD)
    page.locator("main form button").first.click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    hand = Hand(page)
    job.walk(hand, ground)
    context.close()
    return hand


@contextmanager
def founded(folder: Path, count: int) -> Iterator[tuple[Mapping[str, str], list[Ground]]]:
    """A network with so many grounds, served: the addresses of its nodes, and the grounds."""
    ports = {name: network.free_port(0) for name in network.PROFILES}
    network.found_network(folder, ports)
    grounds = _grounds(folder, count)
    addresses = {name: network.address(ports[name]) for name in _SERVED}
    with ExitStack() as stack:
        for name in _SERVED:
            stack.enter_context(_serving(folder / name, ports[name]))
        yield addresses, grounds


def _grounds(folder: Path, count: int) -> list[Ground]:
    present, nodes = clock.now(), dict[str, Node]()
    ticking, through = Ticking(present - _LONGEST_ROAD), transport(nodes)
    nodes |= {name: Node(read_config(folder / name), now=ticking, transport=through) for name in network.PROFILES}
    for node in nodes.values():
        network.add_staff(node)
    wanted = [(number, name, stop) for number in range(count) for name, stop in _STOPS.items()]
    placed = [
        Placed(Invented(701 + place, "HK", "mm"), "hk", "hk", stop, money="waiting" if name == "preauthorisation" else "")
        for place, (_, name, stop) in enumerate(wanted)
    ]
    walks = make_histories(nodes, ticking, present, placed, lambda _done, _of: None)
    for walk, (_, name, _) in zip(walks, wanted, strict=True):
        if name == "release":
            _test(walk)
    for node in nodes.values():
        node.storage.close()
    made = [(number, name, walk) for walk, (number, name, _) in zip(walks, wanted, strict=True)]
    return [
        Ground(number, {name: walk.case_id for n, name, walk in made if n == number}, {name: walk.patient for n, name, walk in made if n == number}, folder)
        for number in range(count)
    ]


def _test(walk: Walk) -> None:
    """The laboratory of the plant has tested the batch."""
    walk.do(walk.plant, Role.LABORATORY, "TestProduct", batch=batch(walk), results=release_results(walk))


def _file(ground: Ground) -> Path:
    """The record of somebody who has no case, as a hospital exports it."""
    written = patients.bundle(Invented(980 + ground.number, "HK", "mm"), clock.now(), "hk")
    entries = [{**entry, "fullUrl": f"{HOSPITAL}{entry['request']['url']}"} for entry in written["entry"]]
    file = ground.folder / f"record-{ground.number}.json"
    file.write_text(json.dumps({**written, "entry": entries}))
    return file


@contextmanager
def _serving(node: Path, port: int) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", "baybridge", "serve", str(node), "--port", str(port)], stderr=subprocess.DEVNULL)
    try:
        while not answers(network.address(port)):
            if process.poll() is not None:
                raise SystemExit("the node did not start")
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
