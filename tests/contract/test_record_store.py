"""The record store, as every database must behave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, inspect

import databases
from baybridge.base.outcome import Category, Refusal
from baybridge.record.store import store
from baybridge.record.store.search import search
from baybridge.record.store.tables import metadata

T0 = datetime(2026, 3, 8, 9, tzinfo=UTC)


@pytest.fixture(params=databases.KINDS)
def connection(request, tmp_path):
    engine = create_engine(databases.url_of(request.param, tmp_path))
    metadata.create_all(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def at(minutes):
    return T0 + timedelta(minutes=minutes)


def observation(logical_id="o", patient="p", code="718-7", **given):
    coding = [{"system": "http://loinc.org", "code": code}]
    base = {"resourceType": "Observation", "id": logical_id, "status": "final", "code": {"coding": coding}}
    return {**base, "subject": {"reference": f"Patient/{patient}"}, **given}


def patient(logical_id="p", **given):
    return {"resourceType": "Patient", "id": logical_id, **given}


def ids(result):
    assert not isinstance(result, Refusal), result
    return [version.id for version in result.found]


def test_each_change_is_a_version_and_the_same_again_is_none(connection):
    first = store.put(connection, observation(), at=at(0))
    same = store.put(connection, observation(), at=at(1))
    second = store.put(connection, observation(status="amended"), at=at(2))
    assert [(v.number, v.change) for v in (first, same, second)] == [(1, "created"), (1, "unchanged"), (2, "updated")]
    assert [v.number for v in store.history(connection, "Observation", "o")] == [2, 1]
    assert store.get_version(connection, "Observation", "o", 1).resource["status"] == "final"
    assert store.get(connection, "Observation", "o").resource["meta"] == {"versionId": "2", "lastUpdated": "2026-03-08T09:02:00.000000Z"}


def test_the_order_of_keys_is_no_change_and_a_digit_is(connection):
    from baybridge.record.fhir.wire import parse

    text = b'{"resourceType":"Observation","id":"o","status":"final","code":{},"valueQuantity":{"value":72.50,"unit":"g"}}'
    turned = b'{"id":"o","resourceType":"Observation","valueQuantity":{"unit":"g","value":72.50},"code":{},"status":"final"}'
    store.put(connection, parse(text), at=at(0))
    assert store.put(connection, parse(turned), at=at(1)).change == "unchanged"
    assert store.put(connection, parse(text.replace(b"72.50", b"72.5")), at=at(2)).change == "updated"
    assert b'"value":72.50,' in store.get_version(connection, "Observation", "o", 1).body


def test_a_version_that_is_expected_and_not_there_is_a_conflict(connection):
    store.put(connection, observation(), at=at(0))
    answer = store.put(connection, observation(status="amended"), at=at(1), expected_version=2)
    assert isinstance(answer, Refusal)
    assert answer.category is Category.CONFLICT
    assert answer.reasons[0].values == {"type": "Observation", "expected": 2, "current": 1}
    assert store.put(connection, observation(status="amended"), at=at(1), expected_version=1).number == 2


def test_what_is_deleted_keeps_its_history_and_is_not_found(connection):
    store.put(connection, observation(), at=at(0))
    gone = store.remove(connection, "Observation", "o", at=at(1))
    assert (gone.number, gone.deleted) == (2, True)
    assert store.get(connection, "Observation", "o").deleted
    assert len(store.history(connection, "Observation", "o")) == 2
    assert ids(search(connection, "Observation", [("code", "718-7")])) == []
    assert store.put(connection, observation(), at=at(2)).number == 3
    assert store.remove(connection, "Observation", "none", at=at(3)) is None


def test_a_record_as_of_an_earlier_moment(connection):
    store.put(connection, patient(), at=at(0))
    store.put(connection, observation("a"), at=at(1))
    store.put(connection, observation("b"), at=at(2))
    store.put(connection, observation("a", status="corrected"), at=at(3))
    store.remove(connection, "Observation", "b", at=at(4))
    store.put(connection, observation("x", "somebody-else"), at=at(1))

    def known(moment):
        return {(r["id"], r.get("status", "")) for r in store.patient_resources(connection, "p", moment)}

    assert known(at(-1)) == set()
    assert known(at(1)) == {("p", ""), ("a", "final")}
    assert known(at(2)) == {("p", ""), ("a", "final"), ("b", "final")}
    assert known(at(3)) == {("p", ""), ("a", "corrected"), ("b", "final")}
    assert known(at(4)) == known(None) == {("p", ""), ("a", "corrected")}


def test_what_the_record_names_and_nobody_owns_comes_along(connection):
    store.put(connection, {"resourceType": "Organization", "id": "lab", "name": "Laboratory"}, at=at(0))
    store.put(connection, {"resourceType": "Organization", "id": "other", "name": "Other"}, at=at(0))
    store.put(connection, patient("q"), at=at(0))
    store.put(connection, observation(performer=[{"reference": "Organization/lab"}, {"reference": "Patient/q"}]), at=at(0))
    for moment in (None, at(1)):
        assert {v.reference for v in store.patient_versions(connection, "p", moment)} == {"Observation/o", "Organization/lab"}


def test_many_at_once_are_as_one_by_one(connection):
    versions = store.put_many(
        connection, [observation("a"), observation("a"), observation("a", status="amended"), observation("b")], at=at(0)
    )
    assert [(v.id, v.number, v.change) for v in versions] == [
        ("a", 1, "created"),
        ("a", 1, "unchanged"),
        ("a", 2, "updated"),
        ("b", 1, "created"),
    ]
    assert ids(search(connection, "Observation", [("status", "amended")])) == ["a"]
    assert ids(search(connection, "Observation", [("status", "final")])) == ["b"]


def test_what_was_changed_since(connection):
    store.put(connection, observation("a"), at=at(0))
    store.put(connection, observation("b"), at=at(2))
    assert [v.id for v in store.changed_since(connection)] == ["a", "b"]
    assert [v.id for v in store.changed_since(connection, at(1))] == ["b"]
    assert store.count(connection) == {"Observation": 2}


def test_a_resource_without_a_valid_id_is_a_defect_of_the_caller(connection):
    for wrong in ({"resourceType": "Observation"}, observation("a_b"), {"resourceType": "Nothing", "id": "a"}):
        with pytest.raises(ValueError, match="expected"):
            store.put(connection, wrong, at=at(0))


def test_every_table_carries_the_patient(connection):
    everywhere = {"source_id", "source_address"}  # looked up before anybody knows whose record it is: kept whole on every shard
    for table in set(inspect(connection).get_table_names()) - everywhere:
        assert "patient" in {column["name"] for column in inspect(connection).get_columns(table)}


# --- search ---------------------------------------------------------------------------------------------------------

PEOPLE = [
    patient(
        "chan", name=[{"text": "陳試一", "family": "陳", "given": ["試一"]}, {"text": "Chan Si-yat"}], gender="male", birthDate="1968-04-09"
    ),
    patient(
        "gomez", name=[{"family": "Gómez", "given": ["Ana"]}], gender="female", birthDate="1990", identifier=[{"system": "s", "value": "1"}]
    ),
]
RESULTS = [
    observation("hb1", "chan", effectiveDateTime="2026-03-01T08:00:00+08:00", valueQuantity={"value": 98, "unit": "g/L", "code": "g/L"}),
    observation("hb2", "chan", effectiveDateTime="2026-03-05", valueQuantity={"value": 101.0, "unit": "g/L", "code": "g/L"}),
    observation(
        "plt", "gomez", "777-3", effectivePeriod={"start": "2026-03-03"}, valueCodeableConcept={"coding": [{"system": "x", "code": "pos"}]}
    ),
]
SEARCHES = [
    ("Patient", "family=gomez", {"gomez"}),  # without accents and case
    ("Patient", "name=chan", {"chan"}),
    ("Patient", "name=陳", {"chan"}),
    ("Patient", "name:contains=yat", {"chan"}),
    ("Patient", "family:exact=Gomez", set()),
    ("Patient", "family:exact=Gómez", {"gomez"}),
    ("Patient", "gender=male", {"chan"}),
    ("Patient", "gender:not=male", {"gomez"}),
    ("Patient", "birthdate=1968-04-09", {"chan"}),
    ("Patient", "birthdate=1968", {"chan"}),
    ("Patient", "birthdate=ge1980", {"gomez"}),
    ("Patient", "birthdate=lt1980", {"chan"}),
    ("Patient", "birthdate=1990-05", set()),  # a year is not inside a month
    ("Patient", "identifier=s|1", {"gomez"}),
    ("Patient", "identifier=1", {"gomez"}),
    ("Patient", "identifier=t|1", set()),
    ("Patient", "identifier:missing=true", {"chan"}),
    ("Patient", "_id=chan,gomez", {"chan", "gomez"}),
    ("Patient", "_id=chan&gender=female", set()),
    ("Observation", "patient=chan", {"hb1", "hb2"}),
    ("Observation", "subject=Patient/chan", {"hb1", "hb2"}),
    ("Observation", "subject:Patient=chan", {"hb1", "hb2"}),
    ("Observation", "subject=Group/chan", set()),
    ("Observation", "code=http://loinc.org|718-7", {"hb1", "hb2"}),
    ("Observation", "code=718-7,777-3", {"hb1", "hb2", "plt"}),
    ("Observation", "code=http://loinc.org|", {"hb1", "hb2", "plt"}),
    ("Observation", "code=|718-7", set()),
    ("Observation", "date=2026-03-01", {"hb1"}),
    ("Observation", "date=2026-03", {"hb1", "hb2"}),
    ("Observation", "date=ge2026-03-02", {"hb2", "plt"}),
    ("Observation", "date=sa2026-03-02", {"hb2", "plt"}),
    ("Observation", "date=ge2026-03-02&date=lt2026-03-04", {"plt"}),
    ("Observation", "value-quantity=98", {"hb1"}),
    ("Observation", "value-quantity=gt98||g/L", {"hb2"}),
    ("Observation", "value-quantity=ge98", {"hb1", "hb2"}),
    ("Observation", "value-quantity=101.0", {"hb2"}),
    ("Observation", "value-quantity=98||mg/L", set()),
    ("Observation", "combo-code=777-3", {"plt"}),
    ("Observation", "value-concept=x|pos", {"plt"}),
    ("Observation", "_lastUpdated=ge2026-03-08", {"hb1", "hb2", "plt"}),
    ("Observation", "_lastUpdated=lt2026-03-08", set()),
]


@pytest.mark.parametrize(("kind", "query", "expected"), SEARCHES, ids=[f"{kind}?{query}" for kind, query, _ in SEARCHES])
def test_searches(connection, kind, query, expected):
    store.put_many(connection, [*PEOPLE, *RESULTS], at=T0)
    pairs = [tuple(part.split("=", 1)) for part in query.split("&")]
    assert set(ids(search(connection, kind, pairs))) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [("date", ["hb1", "plt", "hb2"]), ("-date", ["hb2", "plt", "hb1"]), ("_id", ["hb1", "hb2", "plt"]), ("-_id", ["plt", "hb2", "hb1"])],
)
def test_order_and_pages(connection, query, expected):
    store.put_many(connection, [*PEOPLE, *RESULTS], at=T0)
    found, given = [], [("_sort", query), ("_count", "1")]
    page = search(connection, "Observation", given)
    assert page.total == 3
    found += ids(page)
    while page.next_cursor:
        page = search(connection, "Observation", [*given, ("_cursor", page.next_cursor)])
        found += ids(page)
    assert found == expected


@pytest.mark.parametrize("other", ["_sort=-date", "_sort=_id", "code=718-7&_sort=date", "_sort=date&status=final", "_sort=date&subject=Patient/chan", ""])
def test_a_cursor_of_another_search_is_refused_and_says_so(connection, other):
    store.put_many(connection, [*PEOPLE, *RESULTS], at=T0)
    cursor = search(connection, "Observation", [("_sort", "date"), ("_count", "1")]).next_cursor
    pairs = [tuple(part.split("=", 1)) for part in other.split("&") if part]
    answer = search(connection, "Observation", [*pairs, ("_cursor", cursor)])
    assert [reason.code for reason in answer.reasons] == ["record.search.cursor_of_another"]
    same = search(connection, "Observation", [("_count", "7"), ("_sort", "date"), ("_cursor", cursor), ("_total", "accurate")])
    assert len(ids(same)) == 2
    assert [reason.code for reason in search(connection, "Condition", [("_cursor", cursor)]).reasons] == ["record.search.cursor_of_another"]


@pytest.mark.parametrize("order", [[], [("_sort", "-status")]])
def test_pages_neither_repeat_nor_lose_while_others_write(connection, order):
    store.put_many(connection, [*PEOPLE, *RESULTS], at=T0)
    given, found = [*order, ("_count", "1")], []
    page = search(connection, "Observation", given)
    found += ids(page)
    for one in RESULTS:  # each gets another version, and another row
        store.put(connection, {**one, "issued": "2026-03-09T00:00:00Z"}, at=T0)
    while page.next_cursor:
        page = search(connection, "Observation", [*given, ("_cursor", page.next_cursor)])
        found += ids(page)
    assert sorted(found) == ["hb1", "hb2", "plt"]


def test_what_comes_along(connection):
    store.put_many(connection, [*PEOPLE, *RESULTS], at=T0)
    result = search(connection, "Observation", [("code", "777-3"), ("_include", "Observation:subject")])
    assert [v.reference for v in result.included] == ["Patient/gomez"]
    result = search(connection, "Patient", [("_id", "chan"), ("_revinclude", "Observation:patient")])
    assert {v.id for v in result.included} == {"hb1", "hb2"}
    narrowed = search(connection, "Patient", [("_revinclude", "Observation:patient")], patient="gomez")
    assert ids(narrowed) == ["gomez"]
    assert [v.id for v in narrowed.included] == ["plt"]


def test_every_parameter_that_is_not_understood_is_named(connection):
    given = [("colour", "red"), ("date", "tomorrow"), ("code:text", "x"), ("value-quantity", "much"), ("_sort", "size"), ("_cursor", "?")]
    answer = search(connection, "Observation", given)
    assert isinstance(answer, Refusal)
    assert [reason.where for reason in answer.reasons] == ["colour", "date", "code", "value-quantity", "_sort", "_cursor"]
