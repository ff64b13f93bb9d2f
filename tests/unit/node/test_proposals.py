"""Values that a machine reads in documents: proposed beside the page, known to nothing before a person confirms them."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from acceptance.support import Clock, record
from baybridge.app import application
from baybridge.journey.attachments import attached
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import DocumentAttached, ProposalConfirmed
from baybridge.node.attachments import proposals, receiving
from baybridge.node.clock import new_id
from baybridge.node.config import read_config
from baybridge.node.consequences import queue
from baybridge.node.consequences.row import Lane
from baybridge.node.handle import handle
from baybridge.node.intake.importing import import_upload
from baybridge.node.neighbours.evidence import evidence_pack
from baybridge.node.node import Node
from baybridge.node.people import accounts, copying
from baybridge.node.upkeep import projections
from baybridge.node.upkeep.founding import found

HERE = "Hospital"
REPORT = "姓名：驗甲\nFerritin 901.5 H ng/mL\nHaemoglobin < 70 g/L\n".encode()
NEEDS_EXTRA = pytest.mark.skipif(not proposals.installed("application/pdf"), reason="needs the extra ocr (rapidocr, pypdfium2), which is not installed here")


@dataclass
class House:
    node: Node
    client: TestClient
    case_id: str
    tokens: dict[str, str]

    def ask(self, who: str, method: str, path: str, **more: Any) -> Any:
        headers = {"authorization": f"Bearer {self.tokens[who]}", **more.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **more)

    def attach(self, content: bytes, kind: str = "report") -> str:
        done = receiving.receive(self.node, Actor("first", Role.COORDINATOR, HERE), self.case_id, kind, content)
        assert isinstance(done, receiving.Answered), done
        queue.drain(self.node)
        return done.attachment.id

    def attach_alone(self, content: bytes) -> str:
        """Bring a document; what follows waits for its lane."""
        done = receiving.receive(self.node, Actor("first", Role.COORDINATOR, HERE), self.case_id, "report", content)
        assert isinstance(done, receiving.Answered), done
        return done.attachment.id

    def proposed(self, attachment: str) -> list[dict[str, Any]]:
        return list(self.ask("physician", "GET", f"/cases/{self.case_id}/attachments/{attachment}/proposals").json())

    def page(self, attachment: str) -> str:
        return str(self.ask("physician", "GET", f"/cases/{self.case_id}/attachments/{attachment}/proposals", headers={"accept": "text/html"}).text)

    def confirm(self, who: str = "physician", **given: object) -> Any:
        said = {"value": 901.5, "unit": "ng/mL", "collected_at": "2026-03-01T08:00:00+08:00", **given}
        return self.ask(who, "POST", "/do/ConfirmProposal", json={"case": self.case_id, "given": said})

    def ferritin(self) -> object:
        case = self.node.case(self.case_id)
        return self.node.facts(case).values.get("ferritin")  # type: ignore[arg-type]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "node"
    found(folder, {"node": "hk", "organisation": HERE, "jurisdiction": "HK", "kinds": ["centre", "laboratory"]})
    node = Node(read_config(folder), now=Clock())
    case_id = import_upload(node, Actor("first", Role.COORDINATOR, HERE), "r.json", json.dumps(record("own", node.now())).encode()).cases["own"]  # type: ignore[union-attr]
    tokens = {}
    with node.storage.writing() as connection:
        for name in ("physician", "nurse", "laboratory"):
            accounts.add_account(connection, account=name, name=name, role=Role(name), organisation=HERE, password="-")
            tokens[name] = accounts.open_session(connection, name, node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield House(node, client, case_id, tokens)


def test_a_proposal_says_what_stands_where_and_nothing_knows_it_before_it_is_confirmed(house: House, tmp_path: Path) -> None:
    before = house.ferritin()
    name = house.attach(REPORT)
    (one,) = house.proposed(name)
    assert (one["fact"], one["value"], one["unit"], one["page"], one["state"]) == ("ferritin", "901.5", "ng/mL", 1, "open")
    assert len(one["box"]) == 4
    assert house.ferritin() == before
    copying.copy(house.node, "own", tmp_path / "copy", "en", Actor("q", Role.QUALITY, HERE))
    told = evidence_pack(house.node, house.case_id) + b"".join(path.read_bytes() for path in (tmp_path / "copy").glob("*.json"))
    assert b"901.5" not in told
    assert b"901.5" not in house.ask("physician", "GET", "/fhir/Observation?patient=own").content


def test_a_confirmed_value_is_a_fact_as_of_the_sample_and_can_be_put_right(house: House) -> None:
    (one,) = house.proposed(house.attach(REPORT))
    done = house.confirm(proposal=one["proposal"])
    assert done.status_code == 200, done.text
    assert house.ferritin() == 901.5
    assert house.proposed(attachment_of(done))[0]["state"] == "confirmed"
    again = house.confirm(proposal=one["proposal"])
    assert again.json()["reasons"][0]["code"] == "attachment.proposal_confirmed"
    event_id = done.json()["events"][0]["event_id"]
    given = {"event_id": event_id, "action": "void", "reason": "wrong-value", "note": "misread"}
    assert house.ask("physician", "POST", "/do/CorrectEntry", json={"case": house.case_id, "given": given}).status_code == 200
    assert house.ferritin() != 901.5


def test_a_document_whose_value_was_confirmed_is_struck_through_after_the_value(house: House) -> None:
    (one,) = house.proposed(house.attach(REPORT))
    done = house.confirm(proposal=one["proposal"])
    entry = next(item for item in house.node.case(house.case_id).of(DocumentAttached))  # type: ignore[union-attr]

    def strike(who: str, event_id: str) -> Any:
        given = {"event_id": event_id, "action": "void", "reason": "wrong-patient", "note": ""}
        return house.ask(who, "POST", "/do/CorrectEntry", json={"case": house.case_id, "given": given})

    with house.node.storage.writing() as connection:
        accounts.add_account(connection, account="desk", name="desk", role=Role.COORDINATOR, organisation=HERE, password="-")
        house.tokens["desk"] = accounts.open_session(connection, "desk", house.node.now()).token
    refused = strike("desk", entry.origin.event_id)
    (reason,) = refused.json()["reasons"]
    value = done.json()["events"][0]["event_id"]
    assert (reason["code"], list(reason["values"]["event_ids"])) == ("correction.depends", [value])
    assert strike("physician", value).status_code == 200
    assert strike("desk", entry.origin.event_id).status_code == 200
    assert house.ferritin() != 901.5


def attachment_of(answer: Any) -> str:
    return str(answer.json()["events"][0]["event"]["attachment"])


def test_a_person_types_what_stands_there_whatever_the_machine_read(house: House) -> None:
    (one,) = house.proposed(house.attach(REPORT))
    assert house.confirm("laboratory", proposal=one["proposal"], value="1.9", unit="ug/mL").status_code == 200
    assert house.ferritin() == 1900


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"unit": "mmol/L"}, "facts.given.unit_mismatch"), ({"unit": " "}, "attachment.proposal_no_unit"), ({"value": "much"}, "attachment.proposal_no_number"),
        ({"value": "901,5"}, "attachment.proposal_no_number"), ({"value": 1e9}, "facts.given.implausible"), ({"value": -1}, "facts.given.negative"),
        ({"collected_at": "2036-03-01T08:00:00+08:00"}, "journey.time.future"), ({"proposal": "of-nobody"}, "attachment.proposal_unknown"),
    ],
)  # fmt: skip
def test_what_cannot_stand_is_refused_with_its_reason(house: House, given: dict[str, object], code: str) -> None:
    (one,) = house.proposed(house.attach(REPORT))
    answer = house.confirm(**{"proposal": one["proposal"], **given})
    assert code in [reason["code"] for reason in answer.json()["reasons"]]
    assert house.ferritin() != 901.5


def test_only_those_whose_word_stands_for_it_confirm(house: House) -> None:
    (one,) = house.proposed(house.attach(REPORT))
    assert house.confirm("nurse", proposal=one["proposal"]).status_code == 403


def test_the_page_shows_the_document_beside_the_values_and_takes_the_form(house: House) -> None:
    name = house.attach(REPORT)
    page = house.page(name)
    assert "Haemoglobin &lt; 70 g/L" in page
    assert 'value="901.5"' in page
    form = {"proposal": re.search(r'name="proposal" value="([^"]+)"', page)[1], "value": "901.5", "unit": "ng/mL", "collected_at": "2026-03-01T08:00"}  # type: ignore[index]
    assert house.ask("physician", "POST", f"/cases/{house.case_id}/do/ConfirmProposal", data=form).status_code == 303
    assert house.ferritin() == 901.5


@pytest.mark.parametrize("value", ["x-1", "NaN", "Infinity", "", "1e999999"])
def test_a_value_that_is_no_number_in_an_entry_is_no_fact_and_breaks_nothing(house: House, value: str) -> None:
    before = house.ferritin()
    event = ProposalConfirmed(attachment="a", proposal="p", fact="ferritin", value=value, unit="ng/mL", collected_at=house.node.now())
    with house.node.unit() as unit:
        unit.append(house.case_id, [event], house.node.system(), known=len(unit.events(house.case_id)))
        projections.project(unit, house.case_id)
    assert house.ferritin() == before
    assert house.ask("physician", "GET", f"/cases/{house.case_id}/facts").status_code == 200


def test_what_another_node_says_of_a_document_is_no_fact_here(house: House) -> None:
    event = ProposalConfirmed(attachment="a", proposal="p", fact="ferritin", value="901.5", unit="ng/mL", collected_at=house.node.now())
    case = house.node.case(house.case_id)
    entry = case.entries[0]  # type: ignore[union-attr]
    told = replace(entry, event=event, origin=replace(entry.origin, package_id="p"))
    hostile = replace(case, entries=(*case.entries, told))  # type: ignore[union-attr, type-var]
    assert house.node.facts(hostile).values.get("ferritin") != 901.5  # type: ignore[arg-type]


def test_forms_that_people_sign_are_not_read(house: House) -> None:
    name = house.attach(REPORT, kind="consent")
    assert house.proposed(name) == []


def test_a_proposal_goes_with_its_document(house: House) -> None:
    name = house.attach(REPORT)
    (one,) = house.proposed(name)
    entry = next(item for item in house.node.events(house.case_id) if isinstance(item.event, DocumentAttached))
    given = {"event_id": entry.event_id, "action": "void", "reason": "wrong-patient", "note": "of somebody else"}
    handle(house.node, Command("CorrectEntry", house.case_id, given, Actor("first", Role.COORDINATOR, HERE), new_id()))
    assert house.ask("physician", "GET", f"/cases/{house.case_id}/attachments/{name}/proposals").status_code == 404
    assert house.confirm(proposal=one["proposal"]).json()["reasons"][0]["code"] == "attachment.proposal_unknown"


def test_without_the_extra_the_page_says_so_and_nothing_is_proposed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "find_spec", lambda _module: None)
    name = house.attach(b"%PDF-1.7\n%%EOF")
    assert house.proposed(name) == []
    assert "baybridge[ocr]" in house.page(name)


def test_a_document_that_no_reader_can_read_is_told_and_not_tried_for_ever(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "find_spec", lambda _module: object())
    monkeypatch.setattr(proposals, "run_reader", lambda *_: None)
    name = house.attach(b"%PDF-1.7\n%%EOF")
    assert "could not be read" in house.page(name)
    with house.node.storage.reading() as connection:
        assert queue.failing(connection) == []


# --- real pictures, where the extra is installed --------------------------------------------------------------------------


def scanned(form: str) -> bytes:
    """A report as a scanner would send it."""
    from PIL import Image, ImageDraw, ImageFont  # type: ignore[import-not-found, unused-ignore]

    fonts = sorted(Path("/usr/share/fonts").rglob("NotoSansCJK-Regular.ttc"))
    if not fonts:
        pytest.skip("needs the fonts Noto Sans CJK, which are not installed here")
    page = Image.new("RGB", (1000, 500), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.truetype(str(fonts[0]), 28)
    for number, row in enumerate((("姓名：驗甲",), ("Ferritin", "901.5", "H", "ng/mL"), ("白细胞 WBC", "4.1", "", "10^9/L"))):
        for across, word in zip((40, 400, 560, 700), row, strict=False):
            draw.text((across, 60 + number * 120), word, fill="black", font=font)
    written = io.BytesIO()
    page.save(written, form)
    return written.getvalue()


@NEEDS_EXTRA
@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "PDF"])
def test_values_of_a_scanned_report_are_proposed_in_their_place(house: House, form: str) -> None:
    name = house.attach(scanned(form))
    found = {one["fact"]: one for one in house.proposed(name)}
    assert {fact: (one["value"], one["unit"]) for fact, one in found.items()} == {"ferritin": ("901.5", "ng/mL"), "white_cells": ("4.1", "10^9/L")}
    left, top, right, bottom = found["ferritin"]["box"]
    assert left < 100 < 600 < right
    assert 300 < (top + bottom) / 2 < 450
    if form in ("PDF", "TIFF"):
        drawn = house.ask("physician", "GET", f"/cases/{house.case_id}/attachments/{name}/pages/1")
        assert (drawn.headers["content-type"], drawn.content[:4]) == ("image/png", b"\x89PNG")
        assert house.ask("physician", "GET", f"/cases/{house.case_id}/attachments/{name}/pages/99").status_code == 404


@NEEDS_EXTRA
@pytest.mark.parametrize("content", [b"%PDF-1.7\n" + b"<<" * 100_000 + b"%%EOF", b"%PDF-1.7 nothing %%EOF"])
def test_a_hostile_document_ends_its_reader_and_nothing_else(house: House, content: bytes) -> None:
    assert house.proposed(house.attach(content)) == []


def test_the_extra_is_optional() -> None:
    assert proposals.installed("text/plain")
    assert proposals.installed("image/png") is (find_spec("rapidocr") is not None)


# --- beside the scanner, and later ----------------------------------------------------------------------------------------


def test_a_reader_that_is_stuck_holds_up_no_scan(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    started, may_end = threading.Event(), threading.Event()

    def stuck(*_: object) -> None:
        started.set()
        assert may_end.wait(30)

    monkeypatch.setattr(proposals, "run_reader", stuck)
    monkeypatch.setattr(proposals, "find_spec", lambda _module: object())
    house.attach_alone(b"%PDF-1.7\n%%EOF")
    reading = threading.Thread(target=lambda: queue.drain(house.node, (Lane.READER,)))
    reading.start()
    assert started.wait(30)
    house.node.config.settings["BAYBRIDGE_SCAN"] = "true"  # type: ignore[index]
    second = house.attach_alone(REPORT)
    for lane in (one for one in Lane if one is not Lane.READER):  # each lane has a thread of its own in the worker
        queue.drain(house.node, (lane,))
    assert next(one.state for one in attached(house.node.case(house.case_id)) if one.id == second) == "clean"  # type: ignore[arg-type]
    may_end.set()
    reading.join(30)


def test_what_was_brought_before_the_extra_is_read_by_the_next_look(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.setattr(proposals, "installed", lambda _media_type: False)
        without.setattr(proposals, "_proposed", lambda *_: pytest.fail("nothing is read without the extra"))
        name = house.attach(REPORT)
        assert proposals.catch_up(house.node) == 0
    assert house.proposed(name) == []
    assert proposals.catch_up(house.node) == 1
    queue.drain(house.node)
    assert [one["fact"] for one in house.proposed(name)] == ["ferritin"]
    assert proposals.catch_up(house.node) == 0, "it is read once"
