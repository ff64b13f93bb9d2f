"""Two hospitals with the same ids, their files split in any way, in any order, in one command or many: each result stays with its person."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import BytesIO

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from baybridge.record.intake.importing import batches, file_batch, left_out, plan
from baybridge.record.intake.reading import Source
from baybridge.record.store import store
from baybridge.record.store.tables import metadata
from soak_counts import examples

AT = datetime(2026, 3, 8, 9, tzinfo=UTC)
PEOPLE = ("1", "2", "3")
MANY = settings(max_examples=len(examples(100, "two hospitals")), deadline=None)


def person(hospital: str, name: str) -> dict:
    return {"resourceType": "Patient", "id": name, "name": [{"text": f"{hospital}{name}"}], "birthDate": f"19{70 + len(hospital)}-01-0{name}"}


def result(hospital: str, name: str, person_id: str) -> dict:
    subject = {"reference": f"Patient/{person_id}"}
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": f"{hospital}{person_id}"}, "subject": subject}


def report(hospital: str, person_id: str) -> dict:
    about = {"status": "final", "code": {"text": f"{hospital}{person_id}"}, "subject": {"reference": f"Patient/{person_id}"}}
    results = [{"reference": f"Observation/{person_id}"}, {"reference": f"Observation/{person_id}0"}]
    return {"resourceType": "DiagnosticReport", "id": person_id, **about, "result": results}


def everything(hospital: str) -> list[dict]:
    results = [result(hospital, f"{one}{more}", one) for one in PEOPLE for more in ("", "0")]
    return [*(person(hospital, one) for one in PEOPLE), *results, *(report(hospital, one) for one in PEOPLE)]


def as_file(name: str, hospital: str, resources: list[dict], *, bundled: bool) -> Source:
    if bundled:
        entries = [{"fullUrl": f"https://{hospital}.example/fhir/{one['resourceType']}/{one['id']}", "resource": one} for one in resources]
        data = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()
    else:
        data = "\n".join(map(json.dumps, resources)).encode()
    return Source(f"{name}.{'json' if bundled else 'ndjson'}", lambda: BytesIO(data))


def take_in(connection, source: str, files: list[Source]) -> list:
    made = plan(connection, *files, source=source)
    problems, announced = [], []
    for number, file in enumerate(files):
        for batch in batches(file, made, 4, number):
            file_batch(connection, file, batch, made, at=AT)
            problems += batch.problems
            announced += batch.announced
    return problems + left_out(connection, made, announced)


def whose_everything_is(connection) -> None:
    """Each resource refers to the person whose name its text has, and all of them are there."""
    found = {(version.type, version.id): version.resource for version in store.changed_since(connection)}
    names = {key: one["name"][0]["text"] for key, one in found.items() if key[0] == "Patient"}
    assert sorted(names.values()) == sorted(f"{hospital}{one}" for hospital in ("a", "bb") for one in PEOPLE)
    assert len(found) == 2 * len(everything("a"))
    for key, one in found.items():
        if key[0] != "Patient":
            assert names[tuple(one["subject"]["reference"].split("/"))] == one["code"]["text"]
        for item in one.get("result", ()):
            assert found[tuple(item["reference"].split("/"))]["code"] == one["code"]


@st.composite
def commands(draw: st.DrawFn, *, named: bool) -> list[tuple[str, list[Source]]]:
    """Commands in any order, each with files of one hospital; unnamed ones as Bundles whose entries say where they are from."""
    made = []
    for hospital in ("a", "bb"):
        resources = draw(st.permutations(everything(hospital)))
        cuts = sorted(draw(st.lists(st.integers(0, len(resources)), max_size=4)))
        parts = [resources[start:end] for start, end in zip([0, *cuts], [*cuts, len(resources)], strict=True)]
        files = [as_file(f"f{n}", hospital, part, bundled=not named) for n, part in enumerate(parts) if part]
        while files:
            size = draw(st.integers(1, len(files)))
            made.append((hospital if named else "", files[:size]))
            files = files[size:]
    return draw(st.permutations(made))


def in_any_order(said: list[tuple[str, list[Source]]]) -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        for source, files in said:
            for problem in take_in(connection, source, files):
                assert problem.code == "record.import.reference_nowhere", "what has not come yet is told; nothing else is wrong"
        whose_everything_is(connection)
        for source, files in said:
            assert take_in(connection, source, files) == [], "the same again: everything is here"
        whose_everything_is(connection)


@MANY
@given(commands(named=True))
def test_named_hospitals(said):
    in_any_order(said)


@MANY
@given(commands(named=False))
def test_hospitals_whose_bundles_say_where_they_are_from(said):
    in_any_order(said)


@given(st.permutations(everything("a")), st.data())
def test_files_of_one_command_are_judged_together(resources, data):
    cut = data.draw(st.integers(1, len(resources) - 1))
    files = [as_file("one", "a", resources[:cut], bundled=False), as_file("two", "a", resources[cut:], bundled=False)]
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        assert take_in(connection, data.draw(st.sampled_from(["", "a"])), files) == []
