"""Documents that people bring to a case: taken in by content, held until the scanner answered, kept outside the database, and gone with what the law has erased."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from acceptance.support import Clock, record
from attachment_files import BAD, GOOD, PDF, TEXT, png
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.cli import attachments as command_line
from baybridge.journey.attachments import attached
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import AttachmentScanned, DocumentAttached
from baybridge.node.attachments import files, receiving, scanning
from baybridge.node.clock import new_id
from baybridge.node.config import read_config
from baybridge.node.consequences import queue
from baybridge.node.handle import handle
from baybridge.node.intake.importing import import_upload
from baybridge.node.integrity import check as checking
from baybridge.node.keeping import backups, packing, restoring
from baybridge.node.neighbours import witnessing
from baybridge.node.neighbours.evidence import evidence_pack
from baybridge.node.node import Node
from baybridge.node.people import accounts, copying, erasure
from baybridge.node.steps import Walk
from baybridge.node.upkeep import served
from baybridge.node.upkeep.founding import found
from killing import killed

HERE = "Hospital"
COORDINATOR = Actor("first", Role.COORDINATOR, HERE)


@dataclass
class House:
    node: Node
    client: TestClient
    cases: dict[str, str]
    tokens: dict[str, str]

    @property
    def case_id(self) -> str:
        return self.cases["own"]

    def post(self, who: str, content: bytes, kind: str = "report", case: str = "own", name: str = "驗甲 H123456(7).png", **headers: str) -> Any:
        said = {"authorization": f"Bearer {self.tokens[who]}", **headers}
        return self.client.post(f"/cases/{self.cases[case]}/attachments", headers=said, files={"file": (name, content, "image/png")}, data={"kind": kind})

    def get(self, who: str, path: str) -> Any:
        return self.client.get(path, headers={"authorization": f"Bearer {self.tokens[who]}"})

    def opened(self, who: str, attachment: str, case: str = "own", query: str = "") -> Any:
        return self.get(who, f"/cases/{self.cases[case]}/attachments/{attachment}{query}")

    def scanned_by(self, command: str) -> None:
        self.node.config = replace(self.node.config, settings={**self.node.config.settings, "BAYBRIDGE_SCAN": command})

    def states(self, case: str = "own") -> list[str]:
        return [one.state for one in attached(self.node.case(self.cases[case]))]  # type: ignore[arg-type]

    def problems(self) -> list[str]:
        witnessing.sign_checkpoint(self.node)
        with self.node.storage.reading() as connection:
            return [one.reason.code for one in checking.check(connection, self.node.config, self.node.storage.rows).findings]

    def files(self) -> list[Path]:
        return [path for path in (self.node.config.folder / files.FOLDER).rglob("*") if path.is_file()]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "node"
    found(folder, {"node": "hk", "organisation": HERE, "jurisdiction": "HK", "kinds": ["centre", "laboratory"]})
    node = Node(read_config(folder), now=Clock())
    cases = {}
    for patient in ("own", "other"):
        bundle = record(patient, node.now())
        if patient == "other":
            bundle["entry"][0]["resource"] |= {"name": [{"text": "驗乙"}], "birthDate": "1980-11-30", "identifier": []}
        cases |= import_upload(node, COORDINATOR, "r.json", json.dumps(bundle).encode()).cases  # type: ignore[union-attr]
    people = {
        "patient": (Role.PATIENT, "own"), "other patient": (Role.PATIENT, "other"), "nurse": (Role.NURSE, None), "coordinator": (Role.COORDINATOR, None),
        "payer": (Role.PAYER, None),
    }  # fmt: skip
    tokens = {}
    with node.storage.writing() as connection:
        for name, (role, patient) in people.items():
            accounts.add_account(connection, account=name, name=name, role=role, organisation=HERE, password="-", patient_id=patient)
            tokens[name] = accounts.open_session(connection, name, node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield House(node, client, cases, tokens)


# --- what is taken in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", BAD)
def test_what_is_none_of_these_is_not_taken_in(house: House, what: str) -> None:
    answer = house.post("nurse", BAD[what])
    assert (answer.status_code, answer.json()["refused"], [one["code"] for one in answer.json()["reasons"]]) == (415, "unsupported", ["attachment.media_type"])
    assert answer.json()["reasons"][0]["remedy"]
    assert house.files() == []


def test_nothing_and_too_much_and_unknown_kinds_are_refused_with_every_reason(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = house.post("nurse", b"", kind="selfie")
    assert (answer.status_code, [one["code"] for one in answer.json()["reasons"]]) == (400, ["attachment.kind", "attachment.empty"])
    monkeypatch.setattr(receiving, "MEGABYTE", 10)
    assert house.post("nurse", PDF + bytes(500)).status_code == 413
    none = house.client.post(f"/cases/{house.case_id}/attachments", headers={"authorization": f"Bearer {house.tokens['nurse']}"}, data={"kind": "report"})
    assert (none.status_code, none.json()["reasons"][0]["code"]) == (400, "attachment.no_file")


def test_a_refused_file_leads_back_to_the_documents(house: House) -> None:
    headers = {"authorization": f"Bearer {house.tokens['nurse']}", "accept": "text/html"}
    page = house.client.post(f"/cases/{house.case_id}/attachments", headers=headers, data={"kind": "report"}, files={"file": ("x", b"")})
    assert page.status_code == 400
    assert f'href="/cases/{house.case_id}/attachments"' in page.text


def test_a_body_above_the_limit_is_not_read_to_its_end(house: House) -> None:
    too_long = {"authorization": f"Bearer {house.tokens['nurse']}", "content-type": "multipart/form-data; boundary=b", "content-length": str(51 * 2**20)}
    answer = house.client.post(f"/cases/{house.case_id}/attachments", headers=too_long, content=io.BytesIO(b"--b"))
    assert (answer.status_code, answer.json()["refused"]) == (413, "too-large")


def test_a_file_stands_on_its_case_once_and_is_answered_again(house: House) -> None:
    answer = house.post("nurse", PDF)
    assert (answer.status_code, answer.json()["state"], answer.json()["media_type"], answer.json()["bytes"]) == (201, "clean", "application/pdf", len(PDF))
    again = house.post("nurse", PDF)
    assert (again.status_code, again.json()["attachment"]) == (200, answer.json()["attachment"])
    assert house.post("nurse", PDF, kind="permit").status_code == 201
    assert len(house.files()) == 1


def test_files_stand_outside_the_database_for_the_owner_alone_and_by_no_name_of_a_case(house: House) -> None:
    house.post("nurse", PDF)
    (path,) = house.files()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)} == {0o700}
    assert house.case_id not in str(path.relative_to(house.node.config.folder))


@pytest.mark.parametrize("case_id", ["../../../etc", "a/b", "..", "\x00"])
def test_a_case_id_is_never_part_of_a_path(tmp_path: Path, case_id: str) -> None:
    assert files.folder_of(tmp_path, case_id).parent == tmp_path / files.FOLDER
    assert files.path_of(tmp_path, case_id, "../../node.yaml") is None


# --- who opens what ---------------------------------------------------------------------------------------------------


def test_a_file_goes_out_as_a_download_under_its_own_type(house: House) -> None:
    for kind, content in GOOD.items():
        name = house.post("nurse", content).json()["attachment"]
        answer = house.opened("patient", name)
        assert (answer.status_code, answer.content, answer.headers["x-content-type-options"]) == (200, content, "nosniff")
        assert answer.headers["content-type"].split(";")[0] == kind
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert "驗甲" not in answer.headers["content-disposition"]
        shown = house.opened("patient", name, query="?show=yes").headers["content-disposition"]
        assert shown.startswith("inline;") == (kind in ("application/pdf", "image/png", "image/jpeg"))


def test_two_things_in_one_file_go_out_as_the_one(house: House) -> None:
    both = png(b"<html><script>alert(1)</script></html>PK\x03\x04")
    name = house.post("nurse", both).json()["attachment"]
    answer = house.opened("nurse", name, query="?show=yes")
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == ("image/png", "nosniff")
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_the_id_or_the_hash_of_another_case_opens_nothing(house: House) -> None:
    answer = house.post("nurse", PDF).json()
    assert house.opened("nurse", answer["attachment"], case="other").status_code == 404
    assert house.opened("other patient", answer["attachment"]).status_code == 403
    assert house.opened("payer", answer["attachment"]).status_code == 403
    given = {"case": house.cases["other"], "given": {"sha256": answer["sha256"], "kind": "report"}}
    taken = house.client.post("/do/AttachDocument", headers={"authorization": f"Bearer {house.tokens['other patient']}"}, json=given)
    assert (taken.status_code, taken.json()["reasons"][0]["code"]) == (404, "attachment.not_received")


def test_the_same_file_of_two_patients_is_two_files(house: House) -> None:
    first, second = (house.post("nurse", PDF, case=case).json() for case in ("own", "other"))
    assert first["attachment"] != second["attachment"]
    assert len(house.files()) == 2


def test_uploads_and_openings_stand_in_the_patients_list(house: House) -> None:
    name = house.post("nurse", PDF).json()["attachment"]
    house.opened("nurse", name)
    rows = [row["what"] for row in house.get("patient", f"/cases/{house.case_id}/looked.json").json() if row["role"] == "nurse"]
    assert rows == ["case.attachment", "case.attach"]


def test_the_page_shows_what_stands_and_takes_a_file_from_a_form(house: House) -> None:
    page = house.post("patient", PDF, accept="text/html")
    assert page.status_code == 303
    shown = house.get("patient", page.headers["location"]).text
    assert 'capture="environment"' in shown
    assert "?show=yes" in shown
    refused = house.post("patient", BAD["svg"], accept="text/html")
    assert (refused.status_code, "<html" in refused.text) == (415, True)


def test_the_name_of_a_file_is_kept_nowhere(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.post("nurse", PDF, name="MARKED-NAME-甲.pdf")
    house.post("nurse", BAD["svg"], name="MARKED-NAME-甲.pdf")
    held = (house.node.config.folder / "node.sqlite").read_bytes() + b"".join(path.read_bytes() for path in house.node.config.folder.glob("node.sqlite-*"))
    assert b"MARKED-NAME" not in held
    assert "MARKED-NAME" not in caplog.text


# --- the scanner ------------------------------------------------------------------------------------------------------


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "scan.py"
    path.write_text(text)
    return f"{sys.executable} {path}"


def test_a_file_is_held_until_the_scanner_has_answered(house: House, tmp_path: Path) -> None:
    house.scanned_by(script(tmp_path, "import sys; sys.exit(b'EICAR' in sys.stdin.buffer.read())"))
    good, bad = house.post("nurse", PDF).json(), house.post("nurse", b"EICAR").json()
    assert (good["state"], bad["state"], good["scanned"]) == ("held", "held", False)
    held = house.opened("nurse", good["attachment"])
    assert (held.status_code, held.json()["reasons"][0]["code"]) == (409, "attachment.held")
    queue.drain(house.node)
    assert house.states() == ["clean", "refused"]
    assert house.opened("nurse", good["attachment"]).status_code == 200
    assert house.opened("nurse", bad["attachment"]).json()["reasons"][0]["code"] == "attachment.refused"
    with house.node.unit() as unit:  # once more after a restart
        unit.follow("attachment-scan", house.case_id, {})
    queue.drain(house.node)
    assert sum(isinstance(item.event, AttachmentScanned) for item in house.node.events(house.case_id)) == 2


@pytest.mark.parametrize(
    "text", ["import sys; sys.exit(2)", "import os; os.kill(os.getpid(), 9)", "import time; time.sleep(60)", "import sys; sys.exit(127)"],
    ids=["error", "killed", "hangs", "not found"],
)  # fmt: skip
def test_a_scanner_that_says_nothing_leaves_the_file_held(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(scanning, "_LONGEST_S", 1)
    house.scanned_by(script(tmp_path, text))
    house.post("nurse", PDF)
    queue.drain(house.node)
    assert house.states() == ["held"]
    with house.node.storage.reading() as connection:
        assert [one.kind for one in queue.failing(connection)] == ["attachment-scan"]


def test_a_scanner_that_is_not_there_or_was_taken_away_opens_nothing(house: House) -> None:
    house.scanned_by("/no/such/scanner --fast")
    house.post("nurse", PDF)
    queue.drain(house.node)
    assert house.states() == ["held"]
    house.scanned_by("")
    queue.drain(house.node)
    assert house.states() == ["held"]


def test_a_command_without_the_settings_of_the_service_leaves_the_file_to_its_scanner(house: House) -> None:
    here = house.node.config
    assert not served.is_scanned(here)
    served.hold(replace(here, settings={**here.settings, "BAYBRIDGE_SCAN": "true"})).close()
    assert served.is_scanned(here)
    assert house.post("coordinator", PDF).json()["state"] == "held"
    served.hold(here).close()
    assert not served.is_scanned(here), "who serves it now has no scanner"


def test_without_a_scanner_it_is_said_that_nobody_looked(house: House) -> None:
    assert house.post("nurse", PDF).json()["scanned"] is False
    assert "Not scanned" in house.get("nurse", f"/cases/{house.case_id}/attachments").text


# --- killed in the middle ---------------------------------------------------------------------------------------------


def halting(folder: Path, case_id: str, step: str, after: str) -> None:
    """Receive a file in a process of its own that is killed at a step, once it has passed another one."""
    node, passed = Node(read_config(folder), now=Clock()), []

    def walk(name: str) -> None:
        passed.append(name)
        if name == step and after in passed:
            os.kill(os.getpid(), signal.SIGKILL)

    node.step = walk  # type: ignore[method-assign]
    receiving.receive(node, COORDINATOR, case_id, "report", PDF)


@pytest.mark.parametrize("after", ["attachment.announced", "attachment.kept"])
@pytest.mark.parametrize("step", ["attachment.announced", "attachment.kept", "write.events", "write.before_commit", "write.log", "write.committed"])
def test_killed_at_any_step_there_is_the_whole_attachment_or_nothing(house: House, step: str, after: str) -> None:
    if step == "attachment.announced" and after == "attachment.kept":
        return  # never passed again
    killed(lambda: halting(house.node.config.folder, house.case_id, step, after))
    stands = [item.event for item in house.node.events(house.case_id) if isinstance(item.event, DocumentAttached)]
    house.node.now.moment = house.node.now().replace(year=2027)  # type: ignore[attr-defined]
    queue.drain(house.node)
    assert len(house.files()) == len(stands) == (step == "write.committed")
    assert house.problems() == []


def test_a_file_whose_command_was_refused_is_taken_away_again(house: House) -> None:
    refused = receiving.receive(house.node, Actor("x", Role.PAYER, HERE), house.case_id, "report", PDF)
    assert isinstance(refused, Refusal)
    assert (len(house.files()), house.problems()) == (1, [])
    house.node.now.moment = house.node.now().replace(year=2027)  # type: ignore[attr-defined]
    queue.drain(house.node)
    assert house.files() == []


# --- the log, corrections, rights of the person, backups -----------------------------------------------------------------


def test_a_file_that_is_changed_missing_or_swapped_is_a_finding(house: House) -> None:
    house.post("nurse", PDF)
    house.post("nurse", TEXT)
    assert house.problems() == []
    one, other = house.files()
    was, others = one.read_bytes(), other.read_bytes()
    one.write_bytes(was + b" ")
    assert house.problems() == ["ledger.check.attachment_differs"]
    one.write_bytes(others)
    other.write_bytes(was)
    assert house.problems() == ["ledger.check.attachment_differs"] * 2
    one.unlink()
    other.write_bytes(others)
    assert house.problems() == ["ledger.check.attachment_missing"]
    one.write_bytes(was)
    (one.parent / ("0" * 64)).write_bytes(b"x")
    assert house.problems() == ["ledger.check.attachment_unlogged"]


def test_a_file_that_was_changed_on_disk_is_not_served(house: House) -> None:
    name = house.post("nurse", PDF).json()["attachment"]
    house.files()[0].write_bytes(PDF + b"x")
    answer = house.opened("nurse", name)
    assert (answer.status_code, answer.json()["reasons"][0]["code"]) == (409, "attachment.damaged")


def test_an_upload_to_the_wrong_patient_is_struck_through_and_opened_by_nobody(house: House) -> None:
    name = house.post("nurse", PDF).json()["attachment"]
    entry = next(item for item in house.node.events(house.case_id) if isinstance(item.event, DocumentAttached))
    given = {"event_id": entry.event_id, "action": "void", "reason": "wrong-patient", "note": "of somebody else"}
    assert not isinstance(handle(house.node, Command("CorrectEntry", house.case_id, given, COORDINATOR, new_id())), Refusal)
    answer = house.opened("nurse", name)
    assert (answer.status_code, answer.json()["reasons"][0]["code"]) == (404, "attachment.struck")
    page = house.get("nurse", f"/cases/{house.case_id}/attachments").text
    assert ("<s>" in page, f"attachments/{name}" in page) == (True, False)
    assert house.problems() == []


def test_an_attachment_of_the_wrong_kind_is_replaced_and_opens_under_its_new_id(house: House) -> None:
    sent = house.post("nurse", PDF).json()
    entry = next(item for item in house.node.events(house.case_id) if isinstance(item.event, DocumentAttached))
    given = {
        "event_id": entry.event_id, "action": "replace", "reason": "wrong-value", "note": "a permit", "given": {"sha256": sent["sha256"], "kind": "permit"},
    }  # fmt: skip
    assert not isinstance(handle(house.node, Command("CorrectEntry", house.case_id, given, COORDINATOR, new_id())), Refusal)
    (one,) = attached(house.node.case(house.case_id))  # type: ignore[arg-type]
    assert one.entry.event.kind == "permit"
    assert house.opened("nurse", one.id).status_code == 200


def test_a_consent_names_the_signed_form_of_its_own_case_alone(house: House) -> None:
    mine, theirs = (house.post("nurse", PDF, kind="consent", case=case).json()["attachment"] for case in ("own", "other"))
    given = {"kind": "care", "notice_version": "1", "notice_language": "en"}
    refused = handle(house.node, Command("RecordConsent", house.case_id, {**given, "attachment": theirs}, COORDINATOR, new_id()))
    assert isinstance(refused, Refusal)
    assert [reason.code for reason in refused.reasons] == ["attachment.unknown"]
    done = handle(house.node, Command("RecordConsent", house.case_id, {**given, "attachment": mine}, COORDINATOR, new_id()))
    assert not isinstance(done, Refusal), done
    assert done.events[0].event.attachment == mine  # type: ignore[attr-defined]


def test_the_evidence_pack_names_the_hash_and_holds_no_content(house: House) -> None:
    sent = house.post("nurse", TEXT).json()
    pack = evidence_pack(house.node, house.case_id)
    assert sent["sha256"].encode() in pack
    assert "血紅蛋白".encode() not in pack


def test_a_persons_copy_holds_the_files(house: House, tmp_path: Path) -> None:
    house.post("nurse", PDF)
    copied = copying.copy(house.node, "own", tmp_path / "copy", "en", Actor("q", Role.QUALITY, HERE))
    assert not isinstance(copied, Refusal)
    assert copied.counts["attachments"] == 1
    (file,) = (tmp_path / "copy").glob("attachment-*.pdf")
    assert file.read_bytes() == PDF


def test_an_attachment_that_is_erased_takes_its_file_along_and_the_other_patients_stays(house: House) -> None:
    for case in ("own", "other"):
        house.post("nurse", PDF, case=case)
    entry = next(item for item in house.node.events(house.case_id) if isinstance(item.event, DocumentAttached))
    wanted = erasure.Wanted("own", (entry.event_id,), "PIPL article 47")
    for person in ("a", "b"):
        done = erasure.erase(house.node, wanted, Actor(person, Role.ADMINISTRATOR, HERE, person=person))
        assert not isinstance(done, Refusal), done
    assert [path.parent.name for path in house.files()] == [files.folder_name(house.cases["other"])]
    assert house.problems() == []


def test_backup_and_restoration_contain_the_files(house: House, tmp_path: Path) -> None:
    sent = house.post("nurse", PDF).json()
    witnessing.sign_checkpoint(house.node)
    private, public = packing.new_key()
    made = backups.make(house.node.config, tmp_path, packing.recipient(public), Walk())
    back = restoring.restore(Path(made.backup), packing.identity(private), tmp_path / "back", Walk(), lambda *_: (503, b""))
    content = files.found(back.folder, house.case_id, sent["sha256"])
    assert content == PDF
    (path,) = [one for one in (back.folder / files.FOLDER).rglob("*") if one.is_file()]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_neighbours_word_about_an_attachment_is_no_file_here(house: House) -> None:
    told = DocumentAttached(attachment="a", kind="report", sha256="0" * 64, media_type="text/plain", bytes=1, scan="none")
    case = house.node.case(house.case_id)
    entry = case.entries[0]  # type: ignore[union-attr]
    hostile = replace(entry, event=told, origin=replace(entry.origin, package_id="p"))
    assert attached(replace(case, entries=(*case.entries, hostile))) == ()  # type: ignore[union-attr, type-var]


def test_the_command_line_knows_the_same_kinds() -> None:
    assert command_line.KINDS == receiving.KINDS
