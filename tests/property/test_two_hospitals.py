"""Two hospitals with the same ids, their files split in any way, in any order, in one command or many: each result stays with its person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine

from baybridge.record.intake.importing import batches, file_batch, left_out, plan
from baybridge.record.intake.reading import Source
from baybridge.record.store import store
from baybridge.record.store.tables import metadata
from soak_counts import examples

AT = datetime(2026, 3, 8, 9, tzinfo=UTC)
PEOPLE = ("1", "2", "3")
HOSPITALS = ("a", "bb")


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
    assert sorted(names.values()) == sorted(f"{hospital}{one}" for hospital in HOSPITALS for one in PEOPLE)
    assert len(found) == 2 * len(everything("a"))
    for key, one in found.items():
        if key[0] != "Patient":
            assert names[tuple(one["subject"]["reference"].split("/"))] == one["code"]["text"]
        for item in one.get("result", ()):
            assert found[tuple(item["reference"].split("/"))]["code"] == one["code"]


def commands(random: Random, *, named: bool) -> list[tuple[str, list[Source]]]:
    """Commands in any order, each with files of one hospital; unnamed ones as Bundles whose entries say where they are from."""
    made = []
    for hospital in HOSPITALS:
        resources = everything(hospital)
        random.shuffle(resources)
        cuts = sorted(random.randint(0, len(resources)) for _one in range(random.randint(0, 4)))
        parts = [resources[start:end] for start, end in zip([0, *cuts], [*cuts, len(resources)], strict=True)]
        files = [as_file(f"f{n}", hospital, part, bundled=not named) for n, part in enumerate(parts) if part]
        while files:
            size = random.randint(1, len(files))
            made.append((hospital if named else "", files[:size]))
            files = files[size:]
    random.shuffle(made)
    return made


@contextmanager
def empty(engine: Engine) -> Iterator[Connection]:
    """A store with nothing in it, made once: what an example files is rolled back."""
    with engine.connect() as connection:
        whole = connection.begin()
        yield connection
        whole.rollback()


#: What is told of a reference whose resource has not come yet, whether or not another hospital has one of that id.
_NOT_COME = frozenset({"record.import.reference_nowhere", "record.import.reference_of_source"})


def in_any_order(connection: Connection, said: list[tuple[str, list[Source]]]) -> None:
    for source, files in said:
        for problem in take_in(connection, source, files):
            assert problem.code in _NOT_COME, "what has not come yet is told; nothing else is wrong"
    whose_everything_is(connection)
    for source, files in said:
        assert take_in(connection, source, files) == [], "the same again: everything is here"
    whose_everything_is(connection)


def test_two_hospitals_with_the_same_ids():
    """Every other example names its hospitals; of the others the Bundles' entries say where they are from."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    for number in examples(60, "two hospitals"):
        said = commands(Random(number), named=number % 2 == 0)
        with empty(engine) as connection:
            try:
                in_any_order(connection, said)
            except AssertionError as problem:
                raise AssertionError(f"example {number}") from problem


@given(st.permutations(everything("a")), st.data())
def test_files_of_one_command_are_judged_together(resources, data):
    cut = data.draw(st.integers(1, len(resources) - 1))
    files = [as_file("one", "a", resources[:cut], bundled=False), as_file("two", "a", resources[cut:], bundled=False)]
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        assert take_in(connection, data.draw(st.sampled_from(["", "a"])), files) == []
