"""A flowsheet draws one mark for each value that is used and none for any other, and nothing that was measured is neither drawn nor told."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from baybridge.base.time import parse_instant
from baybridge.documents.loader import Documents
from baybridge.facts.charted import Use, charted
from baybridge.facts.dictionary import LOINC, Dictionary
from baybridge.facts.fhir import Found
from baybridge.facts.known import Known
from baybridge.facts.reading import read
from baybridge.journey.case import Case
from baybridge.web.ward.drawing import Time, chart
from baybridge.web.ward.grouping import lines_of, place_of
from baybridge.web.ward.panels import FACTS, PANELS

DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))
KNOWN = Known(DICTIONARY)
AT = parse_instant("2026-03-20T12:00:00+08:00")
ZONE = ZoneInfo("Asia/Hong_Kong")
BY_METHOD = frozenset({"2276-4", "20567-4", "26881-3"})
MEASURED = [
    ("8310-5", ["Cel", "[degF]", "kPa"]), ("8331-1", ["Cel"]), ("8480-6", ["mm[Hg]", "kPa"]), ("8867-4", ["/min", None]), ("59408-5", ["%"]),
    ("2276-4", ["ng/mL", "ug/L", "g"]), ("26881-3", ["pg/mL"]), ("777-3", ["10*9/L", "furlong"]), ("718-7", ["g/L", "g/dL"]),
]  # fmt: skip


@st.composite
def observations(draw: st.DrawFn) -> dict[str, Any]:
    code, units = draw(st.sampled_from(MEASURED))
    unit = draw(st.sampled_from(units))
    quantity: dict[str, Any] = {"value": float(draw(st.decimals(0, 500, places=1)))}
    if unit:
        quantity["unit"] = unit
    if draw(st.integers(0, 5)) == 0:
        quantity["comparator"] = draw(st.sampled_from(["<", "<=", ">", ">=", "~"]))
    time = draw(st.sampled_from(["good"] * 8 + ["none", "words", "before", "after"]))
    moment = {
        "good": (AT - timedelta(minutes=draw(st.integers(0, 20_000)))).isoformat(), "words": "yesterday", "before": "1850-01-01",
        "after": (AT + timedelta(days=2)).isoformat(),
    }  # fmt: skip
    return {
        "resourceType": "Observation",
        "status": draw(st.sampled_from(["final"] * 6 + ["corrected", "preliminary", "entered-in-error", "cancelled"])),
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "valueQuantity": quantity,
        **({"effectiveDateTime": moment[time]} if time != "none" else {}),
        **({"method": {"text": draw(st.sampled_from("AB"))}} if draw(st.booleans()) else {}),
    }


records = st.lists(observations(), max_size=25).map(lambda found: [{**one, "id": f"o{number}"} for number, one in enumerate(found)])


@given(record=records)
@settings(max_examples=150, deadline=None)
def test_each_usable_value_has_one_mark_and_no_other_has_any(record: list[dict[str, Any]]) -> None:
    rows = charted(Found(record), AT, DICTIONARY, Case(), FACTS, KNOWN, BY_METHOD)
    time = Time(AT - timedelta(days=30), AT, ZONE)
    for panel in PANELS:
        usable = Counter(place for one in rows if one.fact in panel.facts for place in [place_of(one)] if place is not None and time.holds(place.at))
        drawn = chart(time, [group.line for group in lines_of(panel, rows, timedelta(hours=6))], panel.frame)
        assert Counter(mark.value for line in drawn.lines for mark in line.marks) == usable
        assert all(one.use in (Use.USED, Use.BOUND) for one in rows if place_of(one) is not None)
        for line in drawn.lines:
            assert line.path.count("M") == len(line.marks)


@given(record=records)
@settings(max_examples=150, deadline=None)
def test_nothing_that_was_measured_is_silently_gone(record: list[dict[str, Any]]) -> None:
    rows = charted(Found(record), AT, DICTIONARY, Case(), FACTS, KNOWN, BY_METHOD)
    told = {one.source for one in rows}
    for resource in record:
        later = "effectiveDateTime" in resource and resource["effectiveDateTime"] > AT.isoformat() and resource["effectiveDateTime"][:2] == "20"
        assert later or f"Observation/{resource['id']}" in told, resource
    assert all(one.why or one.use in (Use.USED, Use.BOUND) for one in rows)


@given(record=records)
@settings(max_examples=100, deadline=None)
def test_the_last_mark_is_the_value_that_rules_read(record: list[dict[str, Any]]) -> None:
    found = Found(record)
    rows = charted(found, AT, DICTIONARY, Case(), FACTS, KNOWN, BY_METHOD)
    facts = read(record, AT, DICTIONARY, known=KNOWN)
    for name, value in facts.values.items():
        if name in FACTS:
            assert value in [one.value for one in rows if one.fact == name and one.use is Use.USED and one.at == facts.facts[name].at]
