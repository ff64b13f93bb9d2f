"""Inputs made from public reports of faults elsewhere, each through the door that it belongs to; the right answer stands beside each.

The folder is not part of this repository: the tests are skipped where it is absent. Siblings of each kind stand in the unit tests.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from opencc import OpenCC
from starlette.applications import Starlette
from starlette.testclient import TestClient

from acceptance.support import World
from baybridge.api import fhir
from baybridge.base.outcome import Refusal
from baybridge.cli.main import main
from baybridge.documents.loader import Documents, packaged_data
from baybridge.documents.recognition import Names
from baybridge.exchange.card.health_card import read_card
from baybridge.exchange.evidence.verify import verify_file
from baybridge.http.doors import routes
from baybridge.journey.command import Role
from baybridge.language.languages import chosen, languages_of
from baybridge.matching.criteria_text import criteria, is_split
from baybridge.node.intake.importing import Imported, import_upload
from baybridge.node.people import accounts
from baybridge.record.feeds.hl7v2_values import interval
from baybridge.record.identity.documents import identifiers_of
from baybridge.record.identity.matching import candidates
from baybridge.record.identity.names import Agreement, NameReader
from baybridge.record.store import store
from exchange_documents import TRANSFER, changed

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "2026-11-29"
RESIDENT = "urn:cn:resident-id"


def case(name: str) -> Path:
    path = CASES / name
    if not path.exists():
        pytest.skip("the shared cases of 2026-11-29 are not beside this checkout")
    return path


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.new(tmp_path)
    made.clock.moment = datetime(2026, 11, 29, 1, 0, tzinfo=UTC)  # after everything that the cases say was done
    feeds = tmp_path / "mo" / "data" / "feeds"
    feeds.mkdir(parents=True)
    (feeds / "cn.yaml").write_text(case("cn-feed.yaml").read_text())
    made.nodes["mo"].documents = Documents(packaged_data(), tmp_path / "mo" / "data")
    return made


def bring(world: World, name: str) -> Imported | Refusal:
    content = case(name).read_bytes()
    source = "cn" if name.endswith(".csv") else ""
    return import_upload(world.nodes["mo"], world.actor("mo", Role.LABORATORY), name, content, source=source)


def taken(world: World, name: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The observations that stand after an import, and what was told."""
    answer = bring(world, name)
    assert isinstance(answer, Imported), [str(reason.values) for reason in answer.reasons]
    return stored(world, "Observation"), [problem.code.removeprefix("record.import.") for problem in answer.report.problems]


def stored(world: World, kind: str) -> list[dict[str, Any]]:
    with world.nodes["mo"].storage.reading() as connection:
        return [version.resource for version in store.changed_since(connection, None, kind)]


@pytest.fixture
def client(world: World) -> TestClient:
    """A physician's FHIR client of the node."""
    node = world.nodes["mo"]
    with node.storage.writing() as connection:
        accounts.add_account(
            connection, account="reader", name="reader", password="a long enough password", role=Role.PHYSICIAN, organisation=node.site.organisation
        )
        token = accounts.open_session(connection, "reader", node.now()).token
    made = TestClient(Starlette(routes=routes(node, fhir.DOORS, fhir.refused)), base_url="http://node.example")
    made.headers["authorization"] = f"Bearer {token}"
    return made


def found_ids(client: TestClient, address: str) -> list[str]:
    answer = client.get(f"/fhir/{address}")
    assert answer.status_code == 200, answer.text
    return [entry["resource"]["id"] for entry in answer.json().get("entry", ())]


# --- messages -------------------------------------------------------------------------------------------------------


def test_cwe_amp(world: World) -> None:
    (found,), told = taken(world, "cwe-amp.hl7")
    assert (found["code"]["coding"][0]["display"], found["valueCodeableConcept"]["coding"][0]["display"]) == ("ABO & Rh", "Group A & Rh positive")
    assert told == []


@pytest.mark.parametrize("name", ["gbk.hl7", "gb-7c.hl7"])
def test_gb_18030(world: World, name: str) -> None:
    (found,), told = taken(world, name)
    assert (found["code"]["coding"][0]["display"], float(found["valueQuantity"]["value"]), told) == ("血红蛋白", 12.3, [])


def test_texts_stay_whole(world: World) -> None:
    (found,), told = taken(world, "lf-in-text.hl7")
    assert (found["valueString"], found["status"], told) == ("first line\nsecond line\n^third", "final", [])


def test_notes_and_backslashes(world: World) -> None:
    (noted,), _ = taken(world, "nte-amp.hl7")
    assert "& haemolysed ^ repeat advised" in noted["note"][0]["text"]
    (found,) = [item for item in taken(world, "stray-backslash.hl7")[0] if "valueString" in item]
    assert found["valueString"] == "Culture 4\\5 positive, see C:\\lab\\r2 for plates"


def test_zone_of_the_message(world: World) -> None:
    (found,), _ = taken(world, "msh7-zone.hl7")
    assert found["effectiveDateTime"] == "2026-03-08T09:00:00+00:00"


def test_a_withdrawal_reaches_its_result(world: World) -> None:
    answer = bring(world, "obx11-withdrawn.hl7")
    assert isinstance(answer, Imported)
    (found,) = stored(world, "Observation")
    assert (found["status"], answer.report.problems) == ("entered-in-error", [])
    node = world.nodes["mo"]
    (case_id,) = answer.cases.values()
    opened = node.case(case_id)
    assert opened is not None
    fact = node.dictionary.by_code("http://loinc.org", "26499-4")
    assert fact is not None
    assert node.facts(opened).values.get(fact.name) is None
    with node.storage.reading() as connection:
        assert len(store.history(connection, "Observation", found["id"])) == 2


def test_sn_plus_and_numbers_sent_as_text(world: World) -> None:
    (found,), told = taken(world, "sn-plus.hl7")
    assert (found["valueString"], told) == ("2+", ["hl7_value"])
    (number,) = [item for item in taken(world, "st-number.hl7")[0] if "valueQuantity" in item]
    assert (str(number["valueQuantity"]["value"]), number["valueQuantity"]["code"]) == ("12.3", "g/dL")


def test_a_patient_without_a_number_in_its_place(world: World) -> None:
    _, told = taken(world, "pid3-empty.hl7")
    assert told == ["hl7_patient_number"]
    assert [item["value"] for item in stored(world, "Patient")[0]["identifier"]] == ["OLD1"]


def test_two_patients_in_one_message(world: World) -> None:
    found, _ = taken(world, "two-pids.hl7")
    (report,) = stored(world, "DiagnosticReport")
    listed = {item["reference"] for item in report["result"]}
    assert {item["subject"]["reference"] for item in found if f"Observation/{item['id']}" in listed} == {report["subject"]["reference"]}


# --- tables ---------------------------------------------------------------------------------------------------------


def test_arrows(world: World) -> None:
    found, told = taken(world, "arrows.csv")
    values = {item["code"]["coding"][0]["code"]: item for item in found}
    assert float(values["26499-4"]["valueQuantity"]["value"]) == 0.42
    assert values["26499-4"]["interpretation"][0]["coding"][0]["code"] == "L"
    assert "csv_number" not in told


def test_a_heading_twice_refuses_the_file(world: World) -> None:
    answer = bring(world, "duplicate-heading.csv")
    assert isinstance(answer, Refusal)
    assert "结果" in str(answer.reasons[0].values)
    assert stored(world, "Observation") == []


def test_numbers_that_a_spreadsheet_mangled_are_nobody(world: World) -> None:
    answer = bring(world, "excel-ids.csv")
    assert stored(world, "Patient") == []
    told = [problem.code for problem in answer.report.problems] if isinstance(answer, Imported) else []
    assert isinstance(answer, Refusal) or told == ["record.import.csv_identity"] * 2


def test_unquoted_commas_are_not_values(world: World) -> None:
    answer = bring(world, "ragged-comma.csv")
    assert stored(world, "Observation") == []
    told = [problem.code for problem in answer.report.problems] if isinstance(answer, Imported) else []
    assert isinstance(answer, Refusal) or told == ["record.import.csv_cells"] * 2


def test_intervals() -> None:
    for text in case("interval.txt").read_text().split("\n"):
        if text:
            assert interval(text) == [{"text": text}]


# --- who ------------------------------------------------------------------------------------------------------------


def test_names_beyond_the_basic_plane() -> None:
    reader = NameReader.of(Documents().typed.the(Names), OpenCC("t2s").convert)
    for line in case("han-ext-b.txt").read_text().splitlines():
        one, other = (reader.forms([{"text": name}]) for name in line.split(" vs "))
        assert reader.compare(one, other) in (Agreement.DIFFERENT, Agreement.SLIP)


def test_two_writings_of_one_document() -> None:
    systems = ("urn:cn:home-return-permit", RESIDENT)
    for system, line in zip(systems, case("permit.txt").read_text().splitlines(), strict=True):
        one, other = (identifiers_of({"identifier": [{"system": system, "value": text}]}) for text in line.split(" / "))
        assert one.against(other) == ([system], [], [])


def test_placeholders_document_nobody() -> None:
    reader = NameReader.of(Documents().typed.the(Names), OpenCC("t2s").convert)
    one, other = json.loads(case("placeholder-ids.json").read_text())
    assert [item.verdict for item in candidates(one, [other], reader)] in ([], ["unsure"])
    assert identifiers_of(one).numbers == {}


# --- cards, trials, money, calendar ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "code"), [("card-expired.txt", "expired"), ("card-expired-known-issuer.txt", "expired"), ("card-nbf-ms.txt", "no_seconds")])
def test_cards(name: str, code: str) -> None:
    (card,) = read_card(case(name).read_bytes())  # type: ignore[misc]
    assert code in [found for found, _ in card.faults_at(None)]
    assert not verify_file(case(name).read_bytes(), None).ok


def test_trial_headings() -> None:
    for text in case("trial-headings.txt").read_text().split("----"):
        inclusion, exclusion = criteria(text)
        assert (len(inclusion), len(exclusion), is_split(text)) == (1, 1, True)


def test_two_layers_of_one_order() -> None:
    answer = CliRunner().invoke(main, ["fund", str(case("same-order.json"))])
    assert (answer.exit_code, "order 10" in answer.output + answer.stderr) == (1, True)


def test_a_year_without_a_list_is_told(tmp_path: Path) -> None:
    days, jurisdiction = case("holidays-2027.txt").read_text().strip().split(", ")
    effective, until = days.split(" .. ")
    changes = {"contract.effective_on": effective, "contract.filed_on": None, "transfer.at": f"{until}T09:00:00+08:00", "exporter.jurisdiction": jurisdiction}
    (tmp_path / "request.json").write_text(json.dumps(changed(TRANSFER, {**changes, "transfer.retention_until": "2040-01-01"})))
    answer = CliRunner().invoke(main, ["transfer", "check", str(tmp_path / "request.json")])
    assert (answer.exit_code, "no list of public holidays of CN for 2027" in answer.output) == (0, True)


# --- FHIR -----------------------------------------------------------------------------------------------------------


def facts_now(world: World) -> tuple[dict[str, Any], list[str]]:
    """What is known of the person of the cases, and what was set aside."""
    node = world.nodes["mo"]
    opened = node.case(world.case_id)
    assert opened is not None
    found = node.facts(opened, world.clock())
    return dict(found.values), [odd.code for odd in found.odd]


PERSON = {"resourceType": "Patient", "id": "u1", "name": [{"text": "陳大文"}], "birthDate": "1980-01-01"}


@pytest.mark.parametrize(
    ("name", "fact", "value"),
    [("meq-calcium.json", "calcium", 2.3), ("mg-per-day.json", "urine_m_protein_24h", 500), ("copies-to-iu.json", "hbv_dna", None)],
)
def test_units(world: World, name: str, fact: str, value: float | None) -> None:
    world.case_id = ""
    world.clock.moment = datetime(2026, 3, 8, 2, tzinfo=UTC)  # the results are of that morning
    world.file("mo", [PERSON, json.loads(case(name).read_bytes())])
    values, odd = facts_now(world)
    assert values.get(fact) == value
    assert bool(odd) is (value is None), "what does not convert is told"


def test_an_absolute_reference_is_somebody_or_told(world: World) -> None:
    world.file("mo", [PERSON, {"resourceType": "Basic", "id": "b", "code": {"text": "x"}, "subject": {"reference": "Patient/u1"}}])
    (found,), told = taken(world, "absolute-subject.json")
    assert found["subject"]["reference"] == "Patient/u1" or told in (["reference_nowhere"], ["reference_of_own"])


def test_a_key_twice_is_told(world: World) -> None:
    answer = bring(world, "dup-key.json")
    told = [problem.code for problem in answer.report.problems] if isinstance(answer, Imported) else [reason.code for reason in answer.reasons]
    assert (told, stored(world, "Patient")) == (["record.key_twice"], [])


def test_a_search_by_minute(world: World, client: TestClient) -> None:
    asked, said = case("minute.txt").read_text().strip().split(" ; ")
    about = {"status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/u1"}}
    world.file("mo", [PERSON, {"resourceType": "Observation", "id": "half-past", **about, "effectiveDateTime": said.rsplit(" ", 1)[1]}])
    assert found_ids(client, asked.removeprefix("GET ")) == ["half-past"]


def test_names_across_scripts(world: World, client: TestClient) -> None:
    world.file("mo", PERSON)
    world.file("mo", {**PERSON, "id": "u2", "name": [{"text": "李明"}]})
    queries = [part.split(" ")[0] for part in case("name-search.txt").read_text().strip().split(" ; ")]
    assert found_ids(client, queries[0]) == ["u1"]
    world.file("mo", {**PERSON, "id": "u3", "name": [{"text": "歐陽"}]})
    assert found_ids(client, queries[1]) == ["u3"]


def test_accepted_languages() -> None:
    languages = languages_of(Documents().folder)
    headers = [line.removeprefix("Accept-Language: ") for line in case("accept-language.txt").read_text().splitlines()]
    assert [chosen(header, languages) for header in headers] == ["zh-Hant", "zh-Hans"]
