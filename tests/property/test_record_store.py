"""Generated histories: versions, moments, searches and numbers hold whatever comes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from baybridge.record.fhir.dates import date_span
from baybridge.record.fhir.validate import validate
from baybridge.record.fhir.wire import content_sha256, parse, write
from baybridge.record.store import store
from baybridge.record.store.indexing import number_span
from baybridge.record.store.search import search
from baybridge.record.store.tables import metadata

T0 = datetime(2026, 1, 1, tzinfo=UTC)
IDS = ("a", "b", "c")
CODES = ("718-7", "777-3", "2160-0")


def fresh():
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    return engine


changes = st.tuples(
    st.sampled_from(IDS),
    st.sampled_from(("p", "q")),
    st.sampled_from(CODES),
    st.sampled_from(("final", "amended", None)),  # None deletes
    st.dates(date(2026, 1, 1), date(2026, 2, 28)),
)


def resource(logical_id, patient, code, status, day):
    return {
        "resourceType": "Observation",
        "id": logical_id,
        "status": status,
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": day.isoformat(),
    }


def played(connection, history):
    """Files a history; answers what each moment should know, computed without the store."""
    known, moments, numbers = {}, [], {}
    for step, change in enumerate(history):
        at = T0 + timedelta(minutes=step)
        if change[3] is None:
            if store.remove(connection, "Observation", change[0], at=at) is not None and change[0] in known:
                numbers[change[0]] += 1
            known.pop(change[0], None)
        else:
            made = resource(*change)
            store.put(connection, made, at=at)
            if known.get(change[0]) != made:
                numbers[change[0]] = numbers.get(change[0], 0) + 1
            known[change[0]] = made
        moments.append((at, dict(known)))
    return moments, numbers


def content(resources):
    return {r["id"]: {k: v for k, v in r.items() if k != "meta"} for r in resources}


@settings(max_examples=60, deadline=None)
@given(st.lists(changes, max_size=12))
def test_every_moment_is_kept(history):
    with fresh().begin() as connection:
        moments, numbers = played(connection, history)
        for at, known in moments:
            for patient in ("p", "q"):
                expected = {key: made for key, made in known.items() if made["subject"]["reference"] == f"Patient/{patient}"}
                assert content(store.patient_resources(connection, patient, at)) == expected
        for logical_id, number in numbers.items():
            versions = store.history(connection, "Observation", logical_id)
            assert [v.number for v in versions] == list(range(number, 0, -1))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(changes, max_size=12),
    st.sampled_from(CODES),
    st.sampled_from(("p", "q")),
    st.sampled_from(("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")),
    st.dates(date(2026, 1, 1), date(2026, 2, 28)),
    st.integers(1, 4),
)
def test_a_search_finds_what_looking_at_each_finds(history, code, patient, prefix, day, count):
    compare = {
        "eq": lambda d: d == day,
        "ne": lambda d: d != day,
        "gt": lambda d: d > day,
        "sa": lambda d: d > day,
        "lt": lambda d: d < day,
        "eb": lambda d: d < day,
        "ge": lambda d: d >= day,
        "le": lambda d: d <= day,
    }[prefix]
    with fresh().begin() as connection:
        moments, _ = played(connection, history)
        known = moments[-1][1] if moments else {}
        expected = {
            key
            for key, made in known.items()
            if made["code"]["coding"][0]["code"] == code
            and made["subject"]["reference"] == f"Patient/{patient}"
            and compare(datetime.fromisoformat(made["effectiveDateTime"]).date())
        }
        given_ = [("code", code), ("patient", patient), ("date", f"{prefix}{day.isoformat()}"), ("_count", str(count))]
        page = search(connection, "Observation", given_)
        found = [v.id for v in page.found]
        while page.next_cursor:
            page = search(connection, "Observation", [*given_, ("_cursor", page.next_cursor)])
            found += [v.id for v in page.found]
        assert sorted(found) == sorted(expected)
        assert page.total == len(expected)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
number_texts = st.from_regex(r"-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,12})([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@given(number_texts)
def test_the_text_of_a_number_stays(text):
    assert write(parse(f'{{"value":{text}}}'.encode())) == f'{{"value":{text}}}'.encode()


@given(st.dictionaries(st.text(max_size=6), json_values, max_size=5))
def test_what_is_written_is_read_again(value):
    assert parse(write(value)) == value
    assert content_sha256({"meta": {"versionId": "1"}, **value}) == content_sha256({"meta": {"versionId": "2"}, **value})


@given(json_values)
def test_validation_answers_whatever_comes(value):
    assert validate(value)
    for problem in validate({"resourceType": "Observation", "status": value, "code": value, "value": value, "component": [value]}):
        assert problem.path.startswith("Observation")
        json.dumps(problem.found)


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.times(timezones=st.just(UTC)))
def test_a_coarser_date_holds_the_finer(on, clock):
    moment = datetime.combine(on, clock)
    spans = [date_span(text) for text in (moment.isoformat(), moment.astimezone().isoformat(timespec="seconds"))]
    assert all(span is not None and span[0] < span[1] for span in spans)
    day = date_span(moment.date().isoformat())
    month, year = date_span(moment.strftime("%Y-%m")), date_span(moment.strftime("%Y"))
    assert year[0] <= month[0] <= day[0] < day[1] <= month[1] <= year[1]


@given(st.decimals(min_value=-1_000_000, max_value=1_000_000, places=3))
def test_a_number_lies_inside_its_own_span(number):
    low, high = number_span(Decimal(number))
    assert low <= float(number) <= high
