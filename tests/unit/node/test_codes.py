"""Codes of laboratories at a node: what waits, what a signed mapping reads anew, what taking it back undoes; feeds of laboratories as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acceptance.support import World, read_resource
from baybridge.base.outcome import Refusal
from baybridge.documents.loader import Documents, packaged_data
from baybridge.journey.command import Role
from baybridge.journey.events import RecordsImported, ResultsReread
from baybridge.node.intake import codes
from baybridge.node.intake.importing import Imported, import_upload
from baybridge.record.feeds.code_mapping import is_loinc

OWN = {"system": "urn:hl7v2:LABX:L", "code": "CREA"}
GIVEN = {**OWN, "loinc": "2160-0", "source": "test catalogue of 2026-01"}


def message(*observations: str, patient: str = "9000001(0)") -> bytes:
    head = "MSH|^~\\&|LIS|LABX|BAY|MO|20260301200000+0800||ORU^R01^ORU_R01|M1|P|2.5.1"
    pid = f"PID|1||{patient}^^^MO^NI||試^甲||19660503|F"
    obr = "OBR|1|||PANEL^Panel^L|||20260301180000+0800|||||||||||||||20260301190000+0800|||F"
    return "\r".join((head, pid, obr, *observations)).encode()


CREATININE = "OBX|1|NM|CREA^Creatinine^L||0.72|mg/dL^^UCUM|||||F|||20260301180000+0800"
GLUCOSE = "OBX|2|NM|GLU^Glucose^L||5.5|mmol/L^^UCUM|||||F|||20260301180000+0800"
FEED = """
id: labx
identifier_systems: {"urn:hl7v2:MO:NI": "urn:mo:bir"}
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.new(tmp_path)
    made.file("mo", made.bundle())
    feeds = tmp_path / "mo" / "data" / "feeds"
    feeds.mkdir(parents=True)
    (feeds / "labx.yaml").write_text(FEED)
    made.nodes["mo"].documents = Documents(packaged_data(), tmp_path / "mo" / "data")
    return made


def bring(world: World, content: bytes, name: str = "results.hl7", source: str = "labx") -> Imported:
    answer = import_upload(world.nodes["mo"], world.actor("mo", Role.LABORATORY), name, content, source=source)
    assert isinstance(answer, Imported), answer
    return answer


def refusals(answer: Any) -> set[str]:
    assert isinstance(answer, Refusal)
    return {reason.code for reason in answer.reasons}


def creatinine(world: World) -> Any:
    return world.nodes["mo"].facts(world.case("mo")).values["creatinine"]


def test_a_message_of_a_known_laboratory_joins_the_case_and_its_code_waits(world: World) -> None:
    answer = bring(world, message(CREATININE, GLUCOSE))
    assert set(answer.cases.values()) == {world.case_id}
    waiting = {row.code: row for row in codes.waiting(world.nodes["mo"])}
    assert (waiting["CREA"].system, waiting["CREA"].count, waiting["CREA"].units) == (OWN["system"], 1, ("mg/dL",))
    nearest = waiting["CREA"].suggestions[0]
    assert (nearest.fact, nearest.unit_fits, "2160-0" in nearest.loinc) == ("creatinine", True, True)
    assert creatinine(world) == 78  # a suggestion is never applied


def test_a_signed_mapping_reads_the_waiting_results_and_the_next_ones(world: World) -> None:
    bring(world, message(CREATININE))
    done = codes.map_code(world.nodes["mo"], world.actor("mo", Role.LABORATORY), GIVEN)
    assert isinstance(done, codes.Mapped)
    assert (done.results, done.cases) == (1, (world.case_id,))
    assert float(creatinine(world)) == pytest.approx(0.72 * 88.4)
    (event,) = world.events("mo", ResultsReread)
    assert (event.loinc, event.results, event.undone) == ("2160-0", 1, False)
    assert codes.waiting(world.nodes["mo"]) == ()
    later = CREATININE.replace("0.72", "0.80").replace("18000", "19000").replace("OBX|1", "OBX|3")
    bring(world, message(later))
    assert codes.waiting(world.nodes["mo"]) == ()
    assert float(creatinine(world)) == pytest.approx(0.80 * 88.4)


def test_taking_a_mapping_back_undoes_what_it_read(world: World) -> None:
    bring(world, message(CREATININE))
    laboratory = world.actor("mo", Role.LABORATORY)
    before = [row.as_json() for row in codes.waiting(world.nodes["mo"])]
    done = codes.map_code(world.nodes["mo"], laboratory, GIVEN)
    assert isinstance(done, codes.Mapped)
    world.do("mo", Role.PHYSICIAN, "RecogniseResults", purpose="LD_FITNESS")
    undone = codes.undo_mapping(world.nodes["mo"], laboratory, done.mapping, "another analyte")
    assert isinstance(undone, codes.Mapped) and undone.results == 1
    assert creatinine(world) == 78
    assert [row.as_json() for row in codes.waiting(world.nodes["mo"])] == before
    assert [event.undone for event in world.events("mo", ResultsReread)] == [False, True]
    (kept,) = codes.mappings(world.nodes["mo"])
    assert (kept["source"], kept["role"], kept["because"]) == ("test catalogue of 2026-01", "laboratory", "another analyte")
    again = codes.undo_mapping(world.nodes["mo"], laboratory, done.mapping, " ")
    assert refusals(again) == {"record.codes.no_mapping", "recognition.identity.because_needed"}


def test_a_mapping_is_of_one_laboratory(world: World) -> None:
    bring(world, message(CREATININE))
    bring(world, message(CREATININE).replace(b"LABX", b"LABY").replace(b"M1", b"M2"))
    codes.map_code(world.nodes["mo"], world.actor("mo", Role.LABORATORY), GIVEN)
    assert [row.system for row in codes.waiting(world.nodes["mo"])] == ["urn:hl7v2:LABY:L"]


@pytest.mark.parametrize(
    ("change", "role", "expected"),
    [
        ({}, Role.NURSE, {"record.codes.role"}),
        ({"loinc": "2160-1", "source": ""}, Role.COORDINATOR, {"record.codes.role", "record.codes.not_loinc", "record.codes.source_needed"}),
        ({"code": "NONE"}, Role.LABORATORY, {"record.codes.not_waiting"}),
        ({"loinc": "718-7"}, Role.LABORATORY, {"record.codes.unit_differs"}),  # mg/dL is haemoglobin's kind of unit; mmol/L is not
    ],
)
def test_what_is_wrong_with_a_mapping_is_said_all_at_once(world: World, change: dict[str, str], role: Role, expected: set[str]) -> None:
    bring(world, message(GLUCOSE.replace("GLU^Glucose", "CREA^Creatinine")))
    answer = codes.map_code(world.nodes["mo"], world.actor("mo", role), {**GIVEN, "loinc": "2345-7", **change})
    assert refusals(answer) == expected
    assert codes.mappings(world.nodes["mo"]) == []


def test_an_unknown_source_and_a_table_without_one_are_refused(world: World) -> None:
    actor = world.actor("mo", Role.LABORATORY)
    assert refusals(import_upload(world.nodes["mo"], actor, "r.csv", b"a,b\n1,2\n", source="nobody")) == {"import.unknown_source"}
    assert refusals(import_upload(world.nodes["mo"], actor, "r.csv", b"a,b\n1,2\n")) == {"import.unreadable"}


def test_the_same_message_again_changes_nothing(world: World) -> None:
    first = bring(world, message(CREATININE))
    told = len(world.events("mo", RecordsImported))
    again = bring(world, message(CREATININE))
    assert (again.report.created, again.report.updated, again.report.unchanged) == (0, 0, first.report.filed)
    assert len(world.events("mo", RecordsImported)) == told


def test_a_faulty_segment_is_named_and_the_rest_goes_in(world: World) -> None:
    answer = bring(world, message(CREATININE, "OBX|2|NM|||5|||||||F"))
    assert [(item.code, item.entry, item.path) for item in answer.report.problems if item.severity == "error"] == [
        ("record.import.hl7_no_code", 1, "OBX[2]-3")
    ]
    assert any(row.code == "CREA" for row in codes.waiting(world.nodes["mo"]))


def test_a_mapped_result_keeps_the_code_that_was_sent(world: World) -> None:
    bring(world, message(CREATININE))
    codes.map_code(world.nodes["mo"], world.actor("mo", Role.LABORATORY), GIVEN)
    with world.nodes["mo"].storage.reading() as connection:
        from baybridge.record.store import store

        (name,) = [v.id for v in store.changed_since(connection, None, "Observation") if b"CREA" in v.body]
    coding = read_resource(world.nodes["mo"], f"Observation/{name}")["code"]["coding"]
    assert [(one["system"], one["code"]) for one in coding] == [("http://loinc.org", "2160-0"), (OWN["system"], "CREA")]


@pytest.mark.parametrize(("code", "fits"), [("2160-0", True), ("2160-1", False), ("14682-9", True), ("89247-1", True), ("x", False), ("", False)])
def test_loinc_check_digits(code: str, fits: bool) -> None:
    assert is_loinc(code) is fits
