"""The pages as each kind of user reads them: words in every language, on a phone, with a screen reader, without scripts, and when something is wrong.

A small network with patients at telling steps is walked in this process; two nodes then serve it. Every page that a person can reach is read once over HTTP,
and each kind of page is opened once in Chromium.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from walking import Network, Person, browsing

from acceptance.support_processes import free_ports
from baybridge.demo import network
from baybridge.demo.cohort import Placed, stops_of
from baybridge.demo.inprocess import transport
from baybridge.demo.patients import Invented
from baybridge.demo.walk import Ticking, Walk
from baybridge.journey.command import Role
from baybridge.node import clock
from baybridge.node.config import read_config
from baybridge.node.node import Node
from page_words import Read, technical, untranslated

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("browser")]

#: Who is left where: in Hong Kong a patient under watch after infusion, one whose batch waits for release, one just imported; one referred from Macao.
PLACED = (
    Placed(Invented(911, "MO", "dlbcl"), "mo", "hk", "treat", worsens=True),
    Placed(Invented(912, "HK", "mm"), "hk", "hk", "manufacture"),
    Placed(Invented(913, "HK", "mm"), "hk", "hk", "records"),
    Placed(Invented(914, "MO", "dlbcl"), "mo", "hk", "refer"),
)
SERVED = ("hk", "sh")
KINDS_OF_USER = (
    *(f"{role}.hk" for role in ("coordinator", "physician", "nurse", "pharmacist", "laboratory", "quality", "payer", "alliance", "administrator")),
    "patient.hk", "caregiver.hk",
    *("manufacturer.sh", "quality.sh", "coordinator.sh"),
)
FULL, SAMPLED = ("en", "zh-Hant"), ("zh-Hans", "pt")
#: Pages that are there to show what a rule, a file or the log says to the letter, to those who write or check it: what is set as code on them may look like code.
TO_THE_LETTER = re.compile(r"/(?:policies/|documents|trials/|codes|lab|log|operation/neighbours|safety)")
FILES = (".json", ".yaml", ".ics", ".csv", ".xlsx", ".zip")  # what is no page
PHONE = {"width": 390, "height": 844}

#: A unit as only UCUM writes it; people read °C, mmHg, ×10⁹/L, µmol/L.
UCUM = re.compile(r"10[*^]\d|\bCel\b|\[(?:Hg|[iI]U|EU)\]|\bumol\b|(?<!\w)ug/|/uL\b|1\.73_m2|\{\w+\}/|\d (?:a|mo)(?![\w ])")
#: What a Portuguese reader writes with a comma: a decimal point before a unit that a ward reads.
POINT = re.compile(r"\d\.\d+\s?(?:°C|%|×10|[mµn]?g/|[mµ]mol/|U/L|mL/|/min|anos|dias|horas|meses)")
#: The pages of a case under watch that show values, and what each must show, so that a page without any value is no success.
MEASURED = {
    "facts": ("°C", "×10⁹/L", "µmol/L"),
    "bedside": ("°C",),
    "do/Assess": ("°C", "mmHg", "/min", "L/min"),
    "tests": ("×10⁹/L",),
    "cells": ("°C",),
    "eligibility": ("×10⁹/L",),
    "timeline": ("°C",),
}


def shape(address: str) -> str:
    """What kind of page an address is."""
    plain = re.sub(r"/cases/[^/?]+", "/cases/C", address.split("#")[0])
    plain = re.sub(r"/documents/[^/?]+/[^/?]+", "/documents/F/D", plain)
    return re.sub(r"/policies/[^/?]+", "/policies/P", plain).split("?")[0]


@dataclass
class Found:
    """What one kind of user met: addresses by kind of page, and everything that was wrong."""

    addresses: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def found_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Patients walked in this process, then two nodes that serve them."""
    folder = tmp_path_factory.mktemp("pages")
    found = Network.__new__(Network)
    found.folder, found.clock, found.processes = folder, folder / "ahead", {}
    found.ports = dict(zip(network.PROFILES, free_ports(len(network.PROFILES)), strict=True))
    network.found_network(folder, found.ports)
    found.clock.write_text("0")
    ticking = Ticking(clock.now() - timedelta(days=60))
    nodes: dict[str, Node] = {}
    through = transport(nodes)
    nodes |= {name: Node(read_config(folder / name), now=ticking, transport=through) for name in network.PROFILES}
    for node in nodes.values():
        network.add_staff(node)
    walks = [walked(placed, nodes, ticking) for placed in PLACED]
    network.add_patient(nodes["hk"], walks[0].patient.id)
    helper = network.add_caregiver(nodes["hk"], walks[0].patient.id)
    unable = {"given_by": "representative", "by_document": "power of attorney, paper file 3"}  # the patient has ICANS
    walks[0].do("hk", Role.COORDINATOR, "AllowCaregiver", person_id=helper, shows=("results", "money", "papers"), **unable)
    for node in nodes.values():
        node.storage.close()
    try:
        for name in SERVED:
            found.start(name)
        yield found
    finally:
        found.stop()
        shutil.rmtree(folder, ignore_errors=True)


def walked(placed: Placed, nodes: dict[str, Node], ticking: Ticking) -> Walk:
    """One patient, walked."""
    walk = Walk(nodes, ticking, placed.patient, placed.home, placed.centre)
    for stop in stops_of(placed):
        ticking.moment += stop.after
        stop.step(walk)
    return walk


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with browsing() as found:
        yield found


@contextmanager
def signed_in(found: Network, name: str) -> Iterator[httpx.Client]:
    """A client with the session of a person."""
    with httpx.Client(base_url=found.address(name.rsplit(".", 1)[1]), timeout=60, trust_env=False) as client:
        answer = client.post("/sign-in", data={"name": name, "password": network.PASSWORD})
        assert answer.status_code == 303, name
        yield client


@pytest.fixture(scope="module")
def reached(found_network: Network) -> dict[str, Found]:
    """For each kind of user, every kind of page that links lead to: in English, and in all four languages where no user before met it."""
    met: set[str] = set()
    return {name: read_all(found_network, name, met) for name in KINDS_OF_USER}


def read_all(found_network: Network, name: str, met: set[str]) -> Found:
    """Follow links from the start page, one address for each kind of page; kinds that nobody met before in the other languages too."""
    found = Found()
    with signed_in(found_network, name) as client:
        waiting, seen = ["/"], dict[str, int]()
        while waiting:
            address = waiting.pop(0)
            kind = shape(address)
            if seen.get(kind, 0) >= 1 or "language=" in address or not address.startswith("/") or kind.endswith(FILES) or kind.startswith("/fhir"):
                continue
            seen[kind] = 1
            answer = client.get(address, headers={"cookie": _cookie(client, FULL[0])})
            if answer.is_redirect:
                waiting.append(answer.headers["location"])
                continue
            found.addresses[kind] = address.split("#")[0]
            waiting += judge(found, name, FULL[0], address, answer).links
        sampled = list(found.addresses)[:: max(1, len(found.addresses) // 2)][:2]
        for kind, address in found.addresses.items():
            for language in (*((*FULL[1:], *SAMPLED) if kind not in met else ()), *(SAMPLED if kind in sampled and kind in met else ())):
                judge(found, name, language, address, client.get(address, headers={"cookie": _cookie(client, language)}))
    met |= found.addresses.keys()
    return found


def _cookie(client: httpx.Client, language: str) -> str:
    return f"baybridge={client.cookies['baybridge']}; language={language}"


def judge(found: Found, name: str, language: str, address: str, answer: httpx.Response) -> Read:
    """What is wrong with one page."""
    read, where = Read(answer.text), f"{name} {language} {shape(address)}"
    if answer.status_code != 200:
        found.wrong.append(f"{where}: status {answer.status_code}")
    if read.language != language:
        found.wrong.append(f"{where}: html lang {read.language!r}")
    if read.unlabelled:
        found.wrong.append(f"{where}: no label for {read.unlabelled[:5]}")
    if shape(address).startswith("/cases/C") and 'class="synthetic"' not in answer.text:
        found.wrong.append(f"{where}: nothing says that the patient is invented")
    found.wrong += [f"{where}: {one}" for one in untranslated(read.words, name)]
    found.wrong += [f"{where}: unit {one}" for one in UCUM.findall(" ".join(read.words))]
    found.wrong += [f"{where}: {one}" for one in technical(read, name, exact=TO_THE_LETTER.match(address) is not None)]
    return read


@pytest.mark.parametrize("name", KINDS_OF_USER)
def test_every_page_that_a_user_reaches_reads_well_and_shows_nothing_of_the_program(reached: dict[str, Found], name: str) -> None:
    assert sorted(set(reached[name].wrong)) == []
    assert len(reached[name].addresses) >= 3, reached[name].addresses


def test_users_reach_the_pages_that_their_work_needs(reached: dict[str, Found]) -> None:
    kinds = {name: set(found.addresses) for name, found in reached.items()}
    assert {"/cases/C/funding", "/cases/C/sharing", "/import", "/policies/P", "/log"} <= kinds["coordinator.hk"]
    assert {"/cases/C/bedside", "/cases/C/do/Assess", "/cases/C/flowsheet", "/ward"} <= kinds["nurse.hk"]
    assert "/cases/C/funding" in kinds["payer.hk"] and not {"/cases/C/facts", "/cases/C/flowsheet", "/ward"} & kinds["payer.hk"]
    assert "/cases/C/cells" in kinds["manufacturer.sh"] and "/cases/C/facts" not in kinds["manufacturer.sh"]
    assert "/cases/C/sharing" in kinds["patient.hk"]
    assert "/cases/C/tests" in kinds["caregiver.hk"] and "/cases/C/sharing" not in kinds["caregiver.hk"]
    assert "/indicators" in kinds["alliance.hk"] and not any(kind.startswith("/cases") for kind in kinds["alliance.hk"])


@pytest.mark.parametrize("language", [*FULL, *SAMPLED])
def test_units_and_decimals_are_those_of_the_reader_on_every_page_of_a_case(found_network: Network, language: str) -> None:
    case, wrong = case_in(found_network, "nurse.hk", "infused"), []
    wanted = {f"/cases/{case}/{page}": shown for page, shown in MEASURED.items()}
    wanted |= {"/policies/fitness-lymphodepletion": ("°C", "mL/min/1"), "/policies/fitness-lymphodepletion/what-if": ("°C",), "/codes": ()}
    with signed_in(found_network, "physician.hk") as client:
        for address, shown in wanted.items():
            answer = client.get(address, headers={"cookie": _cookie(client, language)})
            words = " ".join(Read(answer.text).words)
            wrong += [f"{address}: {one}" for one in UCUM.findall(words)]
            wrong += [f"{address}: no {unit}" for unit in shown if unit not in words]
            wrong += [f"{address}: {one}" for one in POINT.findall(words) if language == "pt" and not address.startswith("/policies")]
    assert wrong == []


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "body temperature is expected between 25 and 45\u00a0°C"),
        ("zh-Hant", "體溫應在25至45\u00a0°C之間"),
        ("zh-Hans", "体温应在25至45\u00a0°C之间"),
        ("pt", "temperatura corporal espera-se entre 25 e 45\u00a0°C"),
    ],
)
def test_a_temperature_that_nobody_has_is_refused_in_the_units_of_a_ward(found_network: Network, language: str, said: str) -> None:
    address = f"/cases/{case_in(found_network, 'nurse.hk', 'infused')}/do/Assess"
    with signed_in(found_network, "nurse.hk") as client:
        form = client.get(address).text
        given = dict(re.findall(r'name="(csrf|command_id)" value="([^"]*)"', form)) | {"findings.temperature": "386", "assessed_at": "2026-11-22T10:00"}
        answer = client.post(address, data=given, headers={"cookie": _cookie(client, language)})
    assert [one for one in Read(answer.text).words if said in one][1:], "once above the form, once beside the field"
    assert not UCUM.findall(" ".join(Read(answer.text).words))


def unlike_others(reached: dict[str, Found]) -> dict[str, list[str]]:
    """Addresses by who opens them: each kind of page once."""
    chosen: dict[str, list[str]] = {}
    met: set[str] = set()
    for name, found in reached.items():
        new = [kind for kind in found.addresses if kind not in met]
        met |= set(new)
        chosen[name] = [found.addresses[kind] for kind in new]
    return chosen


def open_pages(browser: Browser, found_network: Network, chosen: dict[str, list[str]], language: str, look: Callable[[Page, str], None]) -> None:
    """Open each address as its reader on a phone, and look."""
    for name, addresses in chosen.items():
        if not addresses:
            continue
        person = Person(browser, found_network, name, language)
        person.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        for address in addresses:
            person.page.goto(person.base + address)
            look(person.page, f"{name} {language} {shape(address)}")
        person.context.close()


def too_wide(page: Page) -> int:
    """By how many pixels a page can be pushed sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_no_kind_of_page_scrolls_sideways_on_a_phone_and_screen_readers_have_what_they_need(
    browser: Browser, found_network: Network, reached: dict[str, Found]
) -> None:
    wrong: list[str] = []

    def look(page: Page, where: str) -> None:
        if too_wide(page) > 0:
            wrong.append(f"{where}: {too_wide(page)} px too wide")
        barriers = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
        wrong.extend(f"{where}: {one['id']} at {one['nodes'][0]['html'][:160]}" for one in barriers)

    open_pages(browser, found_network, unlike_others(reached), "en", look)
    assert wrong == []


@pytest.mark.parametrize("language", ["zh-Hant", "pt"])
def test_other_languages_fit_a_phone_too(browser: Browser, found_network: Network, reached: dict[str, Found], language: str) -> None:
    tabs = {name: [one for one in found if "/do/" not in one] for name, found in unlike_others(reached).items()}
    wrong: list[str] = []

    def look(page: Page, where: str) -> None:
        if too_wide(page) > 0:
            wrong.append(f"{where}: {too_wide(page)} px too wide")

    open_pages(browser, found_network, tabs, language, look)
    assert wrong == []


def test_what_scrolls_sideways_is_reached_with_the_keyboard(browser: Browser, found_network: Network) -> None:
    case = case_in(found_network, "physician.hk", "opened")
    person = Person(browser, found_network, "physician.hk")
    person.page.set_viewport_size({"width": 660, "height": 844})
    person.page.goto(f"{person.base}/cases/{case}/facts")
    scrolling = person.page.evaluate("[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth).map(box => box.tabIndex)")
    assert scrolling and set(scrolling) == {0}
    person.context.close()


def test_the_list_of_policies_is_read_on_a_phone_without_repeated_headings(browser: Browser, found_network: Network) -> None:
    person = Person(browser, found_network, "physician.hk")
    person.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    person.page.goto(f"{person.base}/policies")
    names = person.page.locator("table th[scope=row]")
    assert names.first.evaluate("cell => getComputedStyle(cell, '::before').content") == "none"
    assert names.first.bounding_box()["width"] > 300  # type: ignore[index]
    assert person.page.get_by_role("row").count() > names.count()  # still read as a table
    person.page.goto(f"{person.base}/policies/tls-howard-2011")
    assert person.page.locator("table.rules th[scope=row]").first.bounding_box()["width"] > 250  # type: ignore[index]
    person.context.close()


# --- trying a change -------------------------------------------------------------------------------------------------


def test_a_physician_tries_another_threshold_and_nothing_changes(browser: Browser, found_network: Network) -> None:
    person = Person(browser, found_network, "physician.hk")
    page = person.page
    page.goto(f"{person.base}/policies?q=equecabtagene&jurisdiction=HK")
    page.get_by_role("link", name="equecabtagene autoleucel: multiple myeloma (Hong Kong label)").click()
    before = person.see("/policies/eque-cel-mm-hk")
    assert "lines of therapy of at least 3" in before
    page.get_by_role("link", name="What if a threshold were different?").click()
    field = page.get_by_label("lines of therapy of at least 3")
    field.fill("many")
    page.get_by_role("button", name="Show the effect").click()
    assert "Expected a number such as 75 or 1.5" in page.locator("ul.why").inner_text()
    assert page.get_by_label("lines of therapy of at least 3").input_value() == "many"
    page.get_by_label("lines of therapy of at least 3").fill("9")
    page.get_by_role("button", name="Show the effect").click()
    effect = page.locator("#effect").inner_text()
    assert re.search(r"\d+ of \d+ cases would get another answer", effect), effect
    assert "lines of therapy of at least 9" in effect and "worked cases no longer come out" in effect
    page.locator("#effect summary").first.click()
    assert "/cases/" in (page.locator("#effect details a").first.get_attribute("href") or "")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the changed document").click()
    text = Path(download.value.path()).read_text("utf-8")
    assert "lines_of_therapy >= 9" in text
    assert person.see("/policies/eque-cel-mm-hk") == before
    person.context.close()


# --- when something is wrong ----------------------------------------------------------------------------------------


def test_a_wrong_password_is_said_in_the_readers_language_and_opens_nothing(browser: Browser, found_network: Network) -> None:
    page = browser.new_context(viewport=PHONE).new_page()  # type: ignore[arg-type]
    page.goto(f"{found_network.address('hk')}/sign-in?language=zh-Hant")
    page.fill("[name=name]", "nurse.hk")
    page.fill("[name=password]", "not-the-password")
    page.click("main form button")
    assert "/sign-in" in page.url
    assert re.search("[\u4e00-\u9fff]{4}", page.get_by_role("alert").inner_text())
    assert page.locator("[name=password]").input_value() == ""
    page.goto(f"{found_network.address('hk')}/cases")
    assert "/sign-in" in page.url
    page.context.close()


def case_in(found_network: Network, name: str, stage: str) -> str:
    """The id of a case at a stage, as a reader's list has it."""
    with signed_in(found_network, name) as client:
        links = [link for link in Read(client.get(f"/cases?stage={stage}").text).links if re.match(r"/cases/\w", link)]
    return links[0].split("/")[2]


def test_each_wrong_field_says_what_is_wrong_beside_it(browser: Browser, found_network: Network) -> None:
    case = case_in(found_network, "nurse.hk", "opened")
    person = Person(browser, found_network, "coordinator.hk")
    person.see(f"/cases/{case}/do/NotifyAuthority")
    page = person.page
    page.evaluate("document.querySelectorAll('form.card [name]').forEach(e => { e.required = false; if (e.type !== 'hidden') e.type = 'text' })")
    for box in page.locator("form.card input[type=text]").all():
        box.fill("not a day" if "_on" in (box.get_attribute("name") or "") else "")
    page.locator("form.card button").last.click()
    refusals = page.locator("main .box.bad:not(.call) li").count()
    beside = page.locator("form.card ul.why li")
    assert refusals >= 2, page.inner_text("main")
    assert beside.count() == refusals
    for box in page.locator("form.card [aria-invalid=true]").all():
        described = box.get_attribute("aria-describedby") or ""
        assert page.locator(f"[id='{described}'] li").count() >= 1
    person.context.close()


def test_pages_and_forms_work_without_scripts(browser: Browser, found_network: Network) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    base = found_network.address("hk")
    page.goto(f"{base}/sign-in?language=en")
    page.fill("[name=name]", "nurse.hk")
    page.fill("[name=password]", network.PASSWORD)
    page.click("main form button")
    case = case_in(found_network, "nurse.hk", "opened")
    page.goto(f"{base}/cases/{case}/do/RecordConsent")
    page.select_option("[name=kind]", "care")
    page.select_option("[name=given_by]", "representative")  # the last grade of ICANS says that the patient cannot decide
    page.fill("[name=by_document]", "invented: letter of attorney, in the paper chart")
    page.fill("[name=notice_version]", "1")
    page.locator("form.card button").last.click()
    assert "done=RecordConsent" in page.url, page.inner_text("main")
    assert page.get_by_role("status").count() == 1
    context.close()


def test_what_does_not_exist_says_so_in_a_page(found_network: Network) -> None:
    with signed_in(found_network, "coordinator.hk") as client:
        answer = client.get("/cases/no-such-case")
    assert answer.status_code == 403 or answer.status_code == 404
    assert "<html" in answer.text
    assert untranslated(Read(answer.text).words, "coordinator.hk") == []


def test_the_network_was_walked_in_a_folder_of_its_own(found_network: Network) -> None:
    assert Path(found_network.folder, "trust.json").is_file()
