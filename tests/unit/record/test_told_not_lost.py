"""What comes in well formed and would reach nobody is told: results of persons who are only inside them, Bundles in Bundles, tables without lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine

from baybridge.documents.feed import unclear_form
from baybridge.record.intake.importing import batches, file_batch, plan
from baybridge.record.intake.reading import Source
from baybridge.record.store import store
from baybridge.record.store.tables import metadata

AT = datetime(2026, 3, 8, 9, tzinfo=UTC)
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"text": "Chan Tai Man"}], "birthDate": "1980-01-01"}
FEED = {
    "id": "cn", "zone": "Asia/Shanghai", "identifier_system": "urn:cn:resident-id", "codes": {"PLT": {"loinc": "777-3", "unit": "10*9/L"}},
    "columns": {"patient": "p", "name": "n", "birth_date": "b", "code": "c", "value": "v", "unit": "u", "collected_at": "t", "status": "s"},
}  # fmt: skip
HEADINGS = "p,n,b,c,v,u,t,s\n"


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as opened:
        yield opened


def told(connection: Connection, name: str, text: str, feed: dict[str, Any] | None = None) -> list[str]:
    source = Source(name, lambda: BytesIO(text.encode()), feed=feed)
    made, problems = plan(connection, source), []
    for batch in batches(source, made):
        file_batch(connection, source, batch, made, at=AT)
        problems += [problem.code.removeprefix("record.import.") for problem in batch.problems]
    return problems


def result(**more: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": "777-3"}]}
    return {"resourceType": "Observation", "id": "o1", "status": "final", "code": code, "subject": {"reference": "Patient/p1"}, **more}


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


@pytest.mark.parametrize(
    ("resource", "codes"),
    [
        (result(), []),
        (result(subject={"reference": "#c"}, contained=[{"resourceType": "Patient", "id": "c"}]), ["of_nobody"]),
        (result(subject={"identifier": {"system": "urn:x", "value": "1"}}), ["of_nobody"]),
        (result(subject={"display": "Chan"}), ["of_nobody"]),
        (bundle(result()), ["bundle_inside"]),
        (result(note=[{"text": "h\u00e4molytisch \u6eb6\u8840"}]), []),
        (result(note=[{"text": "H\ufffdmolysis"}]), ["lost_characters"]),
        (result(note=[{"text": "\u671d \ue610"}]), ["lost_characters"]),
    ],
)
def test_of_fhir(connection: Connection, resource: dict[str, Any], codes: list[str]) -> None:
    assert told(connection, "x.json", json.dumps(bundle(PATIENT, resource))) == codes


def line(number: str, value: str = "250") -> str:
    return f"{number},Zhang San,1949-12-31,PLT,{value},10*9/L,2026-03-08 09:00,final\n"


def test_a_table_without_lines(connection: Connection) -> None:
    assert told(connection, "x.csv", HEADINGS, FEED) == ["csv_no_lines"]
    assert told(connection, "x.csv", HEADINGS + "\n,,,,,,,\n", FEED) == ["csv_no_lines"]


@pytest.mark.parametrize("written", ["11010519491231002x", "１１０１０５１９４９１２３１００２X"])
def test_one_document_is_one_person_whatever_its_letters(connection: Connection, written: str) -> None:
    assert told(connection, "x.csv", HEADINGS + line("11010519491231002X"), FEED) == []
    assert told(connection, "y.csv", HEADINGS + line(written, "20").replace("09:00", "10:00"), FEED) == []
    (patient,) = store.changed_since(connection, None, "Patient")
    assert {one.patient for one in store.changed_since(connection, None, "Observation")} == {patient.id}


OTHER = {"resourceType": "Patient", "name": [{"text": "Wong Siu Ming"}], "birthDate": "1970-07-07"}
ADDRESS = "urn:uuid:8c5b9a00-0000-4000-8000-000000000001"
NUMBERED = {"identifier": [{"system": "urn:mr", "value": "7"}]}


def entry(resource: dict[str, Any], url: str = "", method: str = "POST") -> dict[str, Any]:
    return {"resource": resource, "request": {"method": method, "url": resource["resourceType"]}, **({"fullUrl": url} if url else {})}


@pytest.mark.parametrize(
    ("people", "subject"),
    [
        ([entry(PATIENT, ADDRESS), entry(OTHER, ADDRESS)], ADDRESS),
        ([entry(PATIENT | NUMBERED), entry(OTHER | NUMBERED, ADDRESS)], "Patient?identifier=urn:mr|7"),
    ],
)
def test_what_may_mean_two_people_is_filed_under_neither(connection: Connection, people: list[dict[str, Any]], subject: str) -> None:
    whole = {"resourceType": "Bundle", "type": "transaction", "entry": [*people, entry(result(subject={"reference": subject}))]}
    assert "reference_several" in told(connection, "x.json", json.dumps(whole))
    assert [one.type for one in store.changed_since(connection, None, None)] == ["Patient", "Patient"]


@pytest.mark.parametrize("days", [(9, 8), (8, 9)])
def test_of_a_history_the_newest_version_stands_whatever_its_order(connection: Connection, days: tuple[int, int]) -> None:
    versions = [result(valueInteger=day, meta={"lastUpdated": f"2026-03-0{day}T00:00:00Z"}) for day in days]
    codes = told(connection, "x.json", json.dumps(bundle(PATIENT, *versions)))
    (stands,) = [one.resource["valueInteger"] for one in store.changed_since(connection, None, "Observation")]
    assert (stands, codes) == (9, ["older_version"] if days == (9, 8) else ["duplicate_id"])


def test_a_page_of_several_and_a_patch_are_told(connection: Connection) -> None:
    patch = entry({"resourceType": "Parameters"}, method="PATCH")
    whole = bundle(PATIENT) | {"link": [{"relation": "self", "url": "http://x"}, {"relation": "next", "url": "http://x?page=2"}]}
    whole["entry"].append(patch)
    assert told(connection, "x.json", json.dumps(whole)) == ["request_ignored", "bundle_more"]
    assert told(connection, "y.json", json.dumps(bundle(PATIENT) | {"link": "next"})) == []


@pytest.mark.parametrize(("written", "codes"), [("male", []), ("", []), ("M", ["csv_sex"]), ("男", ["csv_sex"])])
def test_a_sex_that_the_mapping_does_not_translate_is_told(connection: Connection, written: str, codes: list[str]) -> None:
    feed = FEED | {"columns": FEED["columns"] | {"sex": "x"}}
    text = HEADINGS.replace("s\n", "s,x\n") + line("11010519491231002X").replace("final", f"final,{written}")
    assert told(connection, "x.csv", text, feed) == codes


@pytest.mark.parametrize(
    ("url", "codes", "filed"),
    [
        ("Observation/o1", [], 1),
        ("Observation/other", ["address_mismatch"], 0),
        ("/Observation/other", ["address_mismatch"], 0),
        ("Observation?identifier=urn:lab|7", [], 1),
    ],
)
def test_a_put_under_another_id_than_its_resource_has_is_told_and_not_filed(connection: Connection, url: str, codes: list[str], filed: int) -> None:
    put = {"resource": result(), "request": {"method": "PUT", "url": url}}
    whole = {"resourceType": "Bundle", "type": "batch", "entry": [entry(PATIENT), put]}
    assert told(connection, "x.json", json.dumps(whole)) == codes
    assert len(list(store.changed_since(connection, None, "Observation"))) == filed


def test_an_address_that_says_another_id_than_its_resource_has_is_told(connection: Connection) -> None:
    whole = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT, "fullUrl": "http://his.example/fhir/Patient/p9"}]}
    assert told(connection, "x.json", json.dumps(whole)) == ["full_url_mismatch"]


@pytest.mark.parametrize("form", ["%d/%m/%Y %I:%M", "%H:%M %p %d/%m/%Y", "%d/%m/%y", "%m/%Y", "%H:%M", "%d/%M/%Y", "%c", "%Y-%m-%d %H:%M %Z", "%Q"])
def test_a_mapping_whose_time_may_be_several_reads_nothing(connection: Connection, form: str) -> None:
    assert told(connection, "x.csv", HEADINGS + line("11010519491231002X"), FEED | {"times": {"collected_at": form}}) == ["csv_time_form"]
    assert list(store.changed_since(connection, None, None)) == []


@pytest.mark.parametrize("form", ["%Y-%m-%d %I:%M %p", "%Y-%m-%dT%H:%M:%S%z", "%d %b %Y", "%j/%Y %H", "100%% %Y%m%d%H%M"])
def test_a_form_that_says_its_day_and_hour_is_none_of_those(form: str) -> None:
    assert unclear_form(form) == []


NUMBERED_FEED = FEED | {"columns": FEED["columns"] | {"result_id": "r", "reported_at": "i"}}


def sample(day: int, value: str, status: str = "final", reported: str = "") -> str:
    return f"11010519491231002X,Zhang San,1949-12-31,PLT,{value},10*9/L,2026-03-{day:02d} 09:00,{status},S17,{reported}\n"


def platelets(connection: Connection) -> list[tuple[str, int, str]]:
    found = [one.resource for one in store.changed_since(connection, None, "Observation")]
    return sorted((one["effectiveDateTime"][8:10], int(one["valueQuantity"]["value"]), one["status"]) for one in found)


@pytest.mark.parametrize("is_reported", [True, False])
@pytest.mark.parametrize("together", [True, False])
def test_a_sample_number_of_another_day_is_another_sample(connection: Connection, together: bool, is_reported: bool) -> None:
    lines = [sample(day, str(value), reported=f"2026-03-{day:02d} 12:00" if is_reported else "") for day, value in ((8, 250), (9, 20))]
    headings = HEADINGS.strip() + ",r,i\n"
    for _ in range(2):  # the same again changes nothing
        codes = [code for text in (["".join(lines)] if together else lines) for code in told(connection, "x.csv", headings + text, NUMBERED_FEED)]
        assert platelets(connection) == [("08", 250, "final"), ("09", 20, "final")]
    assert "sample_again" not in codes


def test_a_sample_number_of_another_day_is_told_and_corrected_where_it_stands(connection: Connection) -> None:
    headings = HEADINGS.strip() + ",r,i\n"
    assert told(connection, "x.csv", headings + sample(8, "250"), NUMBERED_FEED) == []
    assert told(connection, "x.csv", headings + sample(9, "20"), NUMBERED_FEED) == ["sample_again"]
    assert told(connection, "x.csv", headings + sample(9, "21", "corrected"), NUMBERED_FEED) == []
    assert told(connection, "x.csv", headings + sample(8, "251", "corrected"), NUMBERED_FEED) == []
    assert platelets(connection) == [("08", 251, "corrected"), ("09", 21, "corrected")]


def test_a_corrected_day_of_a_sample_replaces_and_the_first_line_once_more_brings_nothing_back(connection: Connection) -> None:
    headings = HEADINGS.strip() + ",r,i\n"
    told(connection, "x.csv", headings + sample(8, "250", reported="2026-03-08 12:00"), NUMBERED_FEED)
    assert told(connection, "x.csv", headings + sample(9, "250", "corrected", "2026-03-09 12:00"), NUMBERED_FEED) == ["sample_corrected_day"]
    told(connection, "x.csv", headings + sample(8, "250", reported="2026-03-08 12:00"), NUMBERED_FEED)
    assert platelets(connection) == [("09", 250, "corrected")]


def test_a_sample_number_of_another_time_of_the_day_is_another_sample_and_another_value_is_told(connection: Connection) -> None:
    headings = HEADINGS.strip() + ",r,i\n"
    assert told(connection, "x.csv", headings + sample(8, "250"), NUMBERED_FEED) == []
    assert told(connection, "x.csv", headings + sample(8, "20").replace("09:00", "15:00"), NUMBERED_FEED) == ["sample_again"]
    assert platelets(connection) == [("08", 20, "final"), ("08", 250, "final")]
    assert told(connection, "x.csv", headings + sample(8, "251"), NUMBERED_FEED) == ["value_changed"]
    assert platelets(connection) == [("08", 20, "final"), ("08", 251, "final")]
    assert told(connection, "x.csv", headings + sample(8, "90", "corrected").replace("09:00", "11:00"), NUMBERED_FEED) == ["which_of_several"]
    assert platelets(connection) == [("08", 20, "final"), ("08", 251, "final")]
