"""Who bears a number: what a record leaves out stays, nobody is written over in however many steps, and what is undecided is filed under nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine

from baybridge.node.intake.records import ImportReport
from baybridge.record.identity.known import is_another, known_states
from baybridge.record.intake.importing import batches, file_batch, plan
from baybridge.record.intake.reading import Source
from baybridge.record.store import store
from baybridge.record.store.tables import metadata

AT = datetime(2026, 3, 8, 9, tzinfo=UTC)
CHAN = "CHAN^TAI MAN||19800101|M"
WONG = "WONG^SIU MING||19991231|F"
NOBODY = ""


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as opened:
        yield opened


def message(order: int, person: str, value: str | None = None, status: str = "F", hour: int | None = None) -> str:
    """A result of whom PID says it is; its value is the order's number, so that a test reads whose results somebody has."""
    head = f"MSH|^~\\&|LIS|HOSP|||20260308{hour or order:02d}0000+0800||ORU^R01|M{order}-{hour}{status}|P|2.5.1"
    obx = f"OBX|1|NM|26499-4^Neutrophils^LN||{value or order}|10*9/L^^UCUM|||||{status}|||20260308090000+0800"
    return "\r".join([head, f"PID|1||P100^^^HOSP^MR||{person}".rstrip("|"), f"OBR|1||X{order}|CBC^CBC^L|||20260308090000+0800", obx])


def take_in(connection: Connection, data: str, name: str = "x.hl7", source: str = "", feed: dict[str, Any] | None = None) -> list[str]:
    file = Source(name, lambda: BytesIO(data.encode()), feed=feed)
    made, told = plan(connection, file, source=source), []
    for batch in batches(file, made):
        file_batch(connection, file, batch, made, at=AT)
        told += [problem.code.removeprefix("record.import.") for problem in batch.problems]
    return told


def ndjson(connection: Connection, *resources: dict[str, object]) -> list[str]:
    return take_in(connection, "\n".join(map(json.dumps, resources)), "x.ndjson", "FH")


def people(connection: Connection) -> dict[str, tuple[object, object, list[float]]]:
    """Of each person by name: birth date, sex, values of the results."""
    results = [one.resource for one in store.changed_since(connection, None, "Observation")]
    found = {}
    for one in store.changed_since(connection, None, "Patient"):
        own = sorted(float(item["valueQuantity"]["value"]) for item in results if item["subject"]["reference"] == f"Patient/{one.id}")
        name = next((str(item["text"]) for item in one.resource.get("name") or ()), "")
        assert name not in found
        found[name] = one.resource.get("birthDate"), one.resource.get("gender"), own
    return found


A, B = "CHAN TAI MAN", "WONG SIU MING"


# --- what is left out stays -----------------------------------------------------------------------------------------


def test_a_message_that_leaves_a_person_out_takes_nothing_away(connection: Connection) -> None:
    take_in(connection, message(1, f"{CHAN}|||1 Nathan Road^^Hong Kong|||||||||||||||||||Y"))
    assert take_in(connection, message(2, NOBODY)) == []
    (patient,) = [one.resource for one in store.changed_since(connection, None, "Patient")]
    assert people(connection) == {A: ("1980-01-01", "male", [1.0, 2.0])}
    assert (patient["deceasedBoolean"], patient["address"][0]["city"]) == (True, "Hong Kong")


def test_another_person_after_a_message_without_one_is_kept_apart(connection: Connection) -> None:
    for number, person in enumerate((CHAN, NOBODY, WONG), 1):
        told = take_in(connection, message(number, person))
    assert people(connection) == {A: ("1980-01-01", "male", [1.0, 2.0]), B: ("1999-12-31", "female", [3.0])}
    assert "same_identifier" in told


def test_two_quotation_marks_take_away_and_say_so_and_open_no_way_for_another_person(connection: Connection) -> None:
    take_in(connection, message(1, CHAN))
    assert take_in(connection, message(2, '""||""|""')).count("hl7_taken_away") == 3
    assert people(connection) == {"": (None, None, [1.0, 2.0])}
    take_in(connection, message(3, WONG))
    assert people(connection) == {"": (None, None, [1.0, 2.0]), B: ("1999-12-31", "female", [3.0])}
    take_in(connection, message(4, CHAN))
    assert people(connection)[B][2] == [3.0]


def test_a_death_that_is_taken_back_is_taken_back(connection: Connection) -> None:
    rest = "|" * 22
    take_in(connection, message(1, f"{CHAN}{rest}Y"))
    take_in(connection, message(2, f"{CHAN}{rest}N"))
    (patient,) = [one.resource for one in store.changed_since(connection, None, "Patient")]
    assert patient["deceasedBoolean"] is False


@pytest.mark.parametrize("steps", [("WONG^SIU MING||19800101|M", WONG), ("CHAN^TAI MAN||19991231|M", WONG)])
def test_nobody_becomes_another_person_in_two_steps(connection: Connection, steps: tuple[str, str]) -> None:
    for number, person in enumerate((CHAN, *steps), 1):
        take_in(connection, message(number, person))
    assert sorted(values_of_each(connection)) == [[1.0, 2.0], [3.0]]


def values_of_each(connection: Connection) -> list[list[float]]:
    results = [one.resource for one in store.changed_since(connection, None, "Observation")]
    return [
        sorted(float(item["valueQuantity"]["value"]) for item in results if item["subject"]["reference"] == f"Patient/{one.id}")
        for one in store.changed_since(connection, None, "Patient")
    ]


def test_fhir_record_without_name_wipes_nobody_and_lets_nobody_in(connection: Connection) -> None:
    result = {
        "resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "26499-4"}]},
        "subject": {"reference": "Patient/77"}, "effectiveDateTime": "2026-03-08T09:00:00+08:00",
    }  # fmt: skip

    def value(number: float) -> dict[str, object]:
        return {**result, "id": f"o{number:g}", "valueQuantity": {"value": number, "system": "http://unitsofmeasure.org", "code": "10*9/L"}}

    def of(number: str, name: str, born: str) -> dict[str, object]:
        identifier = [{"system": "urn:hk:hkid", "value": number}]
        return {"resourceType": "Patient", "id": "77", "identifier": identifier, "name": [{"text": name}], "gender": "male", "birthDate": born}

    ndjson(connection, of("A123456(3)", A, "1980-01-01"), value(1))
    ndjson(connection, {"resourceType": "Patient", "id": "77"})
    assert people(connection) == {A: ("1980-01-01", "male", [1.0])}
    ndjson(connection, of("C668668(E)", B, "1999-12-31"), value(2))
    assert people(connection) == {A: ("1980-01-01", "male", [1.0]), B: ("1999-12-31", "male", [2.0])}
    assert ndjson(connection, {"resourceType": "Patient", "id": "77"}, value(3)) == ["several_persons", "reference_several"]
    ndjson(connection, of("A123456(3)", A, "1980-01-01"), value(4))
    assert {name: own for name, (_, _, own) in people(connection).items()} == {A: [1.0, 4.0], B: [2.0]}


# --- several persons under one number -------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [False, True])
def test_of_two_persons_of_a_number_a_message_reaches_the_one_it_names_or_nobody(connection: Connection, together: bool) -> None:
    first = [message(1, CHAN), message(2, WONG)]
    for data in ["\r".join(first)] if together else first:
        take_in(connection, data)
    before = {A: ("1980-01-01", "male", [1.0]), B: ("1999-12-31", "female", [2.0])}
    assert people(connection) == before
    for number, person in enumerate((NOBODY, "WONG^SIU MING||19800101|M", "CHAN^TAI MAN||19991231|M", "CHAN^TAI MAN", "||19991231"), 3):
        told = take_in(connection, message(number, person))
        assert (told.count("several_persons"), "reference_several" in told, people(connection)) == (1, True, before)
    take_in(connection, message(8, WONG))
    take_in(connection, message(9, CHAN))
    assert people(connection) == {A: ("1980-01-01", "male", [1.0, 9.0]), B: ("1999-12-31", "female", [2.0, 8.0])}


@pytest.mark.parametrize("order", [(CHAN, NOBODY, WONG), (NOBODY, CHAN, WONG), (CHAN, WONG, NOBODY)])
def test_in_one_file_with_two_persons_a_message_without_one_reaches_nobody(connection: Connection, order: tuple[str, ...]) -> None:
    told = take_in(connection, "\r".join(message(number, person) for number, person in enumerate(order, 1)))
    own = {name: found for name, (_, _, found) in people(connection).items()}
    assert (own, "several_persons" in told) == ({A: [order.index(CHAN) + 1.0], B: [order.index(WONG) + 1.0]}, True)


def test_a_table_knows_the_persons_that_it_split(connection: Connection) -> None:
    third = "LAM^SAM||19700707|F"
    for number, person in enumerate((CHAN, WONG, third, WONG, third, CHAN), 1):
        take_in(connection, message(number, person))
    assert {name: own for name, (_, _, own) in people(connection).items()} == {A: [1.0, 6.0], B: [2.0, 4.0], "LAM SAM": [3.0, 5.0]}


def test_known_states_fill_up_and_present_name_and_birth_date_are_no_other_person() -> None:
    chan = {"name": [{"text": A}], "birthDate": "1980-01-01"}
    wong = {"name": [{"text": B}], "birthDate": "1999-12-31"}
    states = known_states([{"name": chan["name"]}, {"birthDate": "1980-01-01"}])
    assert (states[-1], is_another(wong, states), is_another(chan, states)) == (chan, True, False)
    assert not is_another(wong, known_states([chan, wong]))
    assert not is_another({"name": wong["name"]}, known_states([chan]))


# --- preliminary after final ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "stands", "told"),
    [
        ("FP", "1", True), ("CP", "1", True), ("FR", "1", True), ("FI", "1", True), ("AP", "1", True), ("PF", "2", False), ("FC", "2", False),
        ("FF", "2", False), ("PP", "2", False), ("FPC", "3", True),
    ],
)  # fmt: skip
def test_a_preliminary_result_replaces_no_complete_one(connection: Connection, statuses: str, stands: str, told: bool) -> None:
    said = [
        problem
        for place, status in enumerate(statuses, 1)
        for problem in take_in(connection, message(7, CHAN, value=str(place), status=status, hour=10 + place))
    ]
    (found,) = [one.resource for one in store.changed_since(connection, None, "Observation")]
    assert (str(found["valueQuantity"]["value"]), "preliminary_after_final" in said) == (stands, told)


# --- counting -------------------------------------------------------------------------------------------------------


def test_what_is_told_and_taken_in_is_not_counted_as_left_out(connection: Connection) -> None:
    said = ["AE", "1e400x", "<", "12"]  # what is no number is kept as text, and told
    data = "no,code,value,unit,at\n" + "".join(f"P1,26499-4,{value},10*9/L,2026-03-0{day}T09:00:00+08:00\n" for day, value in enumerate(said, 1))
    columns = {"patient": "no", "code": "code", "value": "value", "unit": "unit", "collected_at": "at"}
    feed = {"id": "lab", "identifier_system": "urn:h:mr", "columns": columns}
    file = Source("x.csv", lambda: BytesIO(data.encode()), feed=feed)
    made, report = plan(connection, file), ImportReport("x.csv", "")
    for batch in batches(file, made):
        report.add(batch, file_batch(connection, file, batch, made, at=AT))
    assert report.problem_count > 0
    assert (report.resources, report.created, report.rejected, made.count) == (5, 5, 0, 5)


# --- the birth date of an identity number -----------------------------------------------------------------------------

NUMBERED = {"resourceType": "Patient", "id": "1", "identifier": [{"system": "urn:cn:resident-id", "value": "11010519491231002X"}], "name": [{"text": A}]}


@pytest.mark.parametrize(
    ("born", "told"),
    [("1949-12-31", []), ("1949-12", []), ("1949", []), (None, []), ("1949-12-30", ["birth_number"]), ("1950", ["birth_number"])],
)
@pytest.mark.parametrize("number", ["11010519491231002X", "110105491231002"])
def test_a_birth_date_beside_that_of_the_number(connection: Connection, born: str | None, told: list[str], number: str) -> None:
    person = NUMBERED | {"identifier": [{"system": "urn:cn:resident-id", "value": number}]} | ({"birthDate": born} if born else {})
    assert ndjson(connection, person) == told
    assert people(connection) == {A: (born, None, [])}


@pytest.mark.parametrize("identifiers", [{}, {"identifier": None}])
def test_the_birth_date_of_the_number_stays_until_a_person_decides(connection: Connection, identifiers: dict[str, object]) -> None:
    ndjson(connection, NUMBERED | {"birthDate": "1949-12-31"})
    later = {name: value for name, value in (NUMBERED | {"birthDate": "1994-12-31"} | identifiers).items() if value is not None}
    assert ndjson(connection, later) == ["birth_kept"]
    assert people(connection) == {A: ("1949-12-31", None, [])}


def test_a_wrong_birth_date_is_corrected_to_that_of_the_number(connection: Connection) -> None:
    assert ndjson(connection, NUMBERED | {"birthDate": "1994-12-31"}) == ["birth_number"]
    assert ndjson(connection, NUMBERED | {"birthDate": "1949-12-31"}) == []
    assert people(connection) == {A: ("1949-12-31", None, [])}


def test_the_numbers_of_messages_and_tables_are_compared_too(connection: Connection) -> None:
    feed = {
        "id": "cn", "identifier_system": "urn:cn:resident-id", "identifier_systems": {"urn:hl7v2:HOSP:MR": "urn:cn:resident-id"},
        "columns": {"patient": "p", "birth_date": "b", "code": "c", "value": "v", "collected_at": "t", "status": "s"},
    }  # fmt: skip
    table = "p,b,c,v,t,s\n11010519491231002X,1950-01-01,PLT,5,2026-03-08 09:00,final\n11010519491231002X,1950-01-01,PLT,6,2026-03-08 10:00,final\n"
    assert take_in(connection, table, "x.csv", feed=feed) == ["birth_number"]
    assert take_in(connection, message(1, CHAN).replace("P100", "11010519491231002X"), feed=feed).count("birth_number") == 1


# --- a record that its source does not use any more -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"active": True}, []),
        ({"active": False}, ["patient_inactive"]),
        ({"link": [{"other": {"reference": "Patient/2"}, "type": "replaces"}]}, []),
        ({"active": False, "link": [{"other": {"reference": "Patient/2"}, "type": "replaced-by"}]}, ["patient_inactive", "patient_replaced"]),
    ],
)
def test_a_record_that_is_not_in_use_or_replaced_is_told_and_keeps_its_results(connection: Connection, said: dict[str, object], told: list[str]) -> None:
    other = {"resourceType": "Patient", "id": "2", "name": [{"text": B}]}
    result = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "n"}, "subject": {"reference": "Patient/1"}, "valueQuantity": {"value": 5}}
    assert ndjson(connection, other, NUMBERED | said, result) == told
    assert people(connection) == {A: (None, None, [5.0]), B: (None, None, [])}
