"""Results dated after they came in, before the patient was born or before 1900: told at every door, kept, and not used."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from baybridge.base.outcome import Refusal
from baybridge.facts.reading import read
from baybridge.journey.command import Actor, Role
from baybridge.node.fhir.bundle import transaction
from baybridge.node.intake.importing import import_upload
from baybridge.record.store import store
from watch_world import PATIENT, Ward

CODE = "record.import.time_beyond"
FEED = """
id: cn
zone: Asia/Shanghai
identifier_system: urn:cn:resident-id
columns: {patient: p, name: n, birth_date: b, code: c, value: v, unit: u, collected_at: t, status: s}
codes: {HGB: {loinc: 718-7, unit: g/L}}
"""
#: 1800 in a table is no time at all and told as that.
WRONG = ["2036-03-08T09:00:00+08:00", "1950-03-08T09:00:00+08:00", "1800-03-08T09:00:00+08:00"]


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path / "hk", documents={"feeds/cn.yaml": FEED})


def observation(taken: str) -> dict[str, Any]:
    quantity = {"value": Decimal(101), "unit": "g/L", "system": "http://unitsofmeasure.org", "code": "g/L"}
    return {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "subject": {"reference": f"Patient/{PATIENT}"}, "effectiveDateTime": taken, "valueQuantity": quantity,
    }  # fmt: skip


def told(ward: Ward, name: str, data: bytes, **more: Any) -> list[str]:
    done = import_upload(ward.node, ward.node.system(), name, data, **more)
    assert not isinstance(done, Refusal), done
    return [problem.code for problem in done.report.problems]


def used(ward: Ward, at: Any = None) -> set[str]:
    """The facts that the record of whoever has a haemoglobin gives, at any time from now on."""
    with ward.node.storage.reading() as connection:
        (patient,) = {one.patient for one in store.changed_since(connection, None, "Observation") if b"718-7" in one.body}
        resources = [version.resource for version in store.patient_versions(connection, patient)]
    return set(read(resources, at or ward.now, ward.node.dictionary).values) & {"hemoglobin"}


@pytest.mark.parametrize("taken", WRONG)
def test_of_a_file_of_fhir(taken: str, ward: Ward) -> None:
    assert told(ward, "o.json", orjson.dumps(observation(taken), default=float)) == [CODE]
    assert used(ward) == used(ward, ward.now + timedelta(days=365 * 20)) == set()


@pytest.mark.parametrize("taken", WRONG)
def test_of_a_message(taken: str, ward: Ward) -> None:
    at = taken.replace("-", "").replace(":", "").replace("T", "")
    message = [
        "MSH|^~\\&|LIS|HOSP|||20260401090000+0800||ORU^R01|M1|P|2.5.1", "PID|1||P1^^^H^MR||CHAN^TAI MAN||19800101", "OBR|1||F1|CBC^CBC^L|||20260401090000+0800",
        f"OBX|1|NM|718-7^Hb^LN||101|g/L^^UCUM|||||F|||{at}",
    ]  # fmt: skip
    assert told(ward, "o.hl7", "\r".join(message).encode(), open_cases=True) == [CODE]
    assert used(ward) == used(ward, ward.now + timedelta(days=365 * 20)) == set()


@pytest.mark.parametrize(("taken", "code"), [(WRONG[0], CODE), (WRONG[1], CODE), (WRONG[2], "record.import.csv_time")])
def test_of_a_table(taken: str, code: str, ward: Ward) -> None:
    table = f"p,n,b,c,v,u,t,s\n110105198001010024,Chan Tai Man,1980-01-01,HGB,101,g/L,{taken[:16].replace('T', ' ')},final\n"
    assert told(ward, "o.csv", table.encode(), source="cn", open_cases=True) == [code]
    assert used(ward) == set()


@pytest.mark.parametrize("taken", WRONG)
def test_of_a_transaction(taken: str, ward: Ward) -> None:
    entry = {"resource": observation(taken), "request": {"method": "PUT", "url": "Observation/o1"}}
    actor = Actor("client", Role.NURSE, ward.node.site.organisation)
    done = transaction(ward.node, actor, {"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert not isinstance(done, Refusal), done
    assert [reason.code for reason in done[0].told] == [CODE]
    assert used(ward) == set()


UNDATED = "record.import.no_time"


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        ({}, [UNDATED]),
        ({"effectiveTiming": {"event": ["2026-03-08T09:00:00+08:00"]}}, [UNDATED]),
        ({"issued": "2026-04-01T09:00:00+08:00"}, []),
        ({"status": "entered-in-error"}, []),
        ({"valueQuantity": None}, []),
        ({"valueQuantity": None, "interpretation": [{"text": "high"}]}, [UNDATED]),
    ],
)
def test_a_result_without_a_time_is_told_and_not_used(more: dict[str, Any], codes: list[str], ward: Ward) -> None:
    resource = {name: value for name, value in {**observation(""), **more}.items() if value}
    assert told(ward, "o.json", orjson.dumps(resource, default=float)) == codes
    assert used(ward) == ({"hemoglobin"} if "issued" in more else set())


def test_a_result_without_a_time_is_told_to_who_writes_it_too(ward: Ward) -> None:
    resource = {name: value for name, value in observation("").items() if value}
    entry = {"resource": resource, "request": {"method": "PUT", "url": "Observation/o1"}}
    done = transaction(ward.node, Actor("client", Role.NURSE, ward.node.site.organisation), {"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert not isinstance(done, Refusal), done
    assert [reason.code for reason in done[0].told] == [UNDATED]
    assert used(ward) == set()


@pytest.mark.parametrize("sent", ["", "20260401090000+0800"])
@pytest.mark.parametrize(("more", "codes"), [([], ["record.import.hl7_no_time"]), (["SPM|1|S1||BLD|||||||||||||20260401080000+0800"], [])])
def test_of_a_message_without_a_time_of_sampling(sent: str, more: list[str], codes: list[str], ward: Ward) -> None:
    """When a message was sent (MSH-7) is not when a sample was taken: it may be days later. A specimen that follows may say it."""
    message = [
        f"MSH|^~\\&|LIS|HOSP|||{sent}||ORU^R01|M1|P|2.5.1", "PID|1||P1^^^H^MR||CHAN^TAI MAN||19800101", "OBR|1||F1|CBC^CBC^L",
        "OBX|1|NM|718-7^Hb^LN||101|g/L^^UCUM|||||F", *more,
    ]  # fmt: skip
    assert told(ward, "o.hl7", "\r".join(message).encode(), open_cases=True) == codes
    assert used(ward) == (set() if codes else {"hemoglobin"})


def test_of_a_result_that_was_reported_before_it_was_taken(ward: Ward) -> None:
    early, late = ((ward.now - timedelta(hours=hours)).isoformat() for hours in (5, 2))
    assert told(ward, "o.json", orjson.dumps({**observation(late), "issued": early}, default=float)) == [CODE]
    assert used(ward) == set()
    assert told(ward, "o.json", orjson.dumps({**observation(early), "issued": late}, default=float)) == []
    assert used(ward) == {"hemoglobin"}


def test_a_clock_that_runs_a_little_ahead_is_no_wrong_time_and_neither_is_what_is_planned(ward: Ward) -> None:
    ahead = (ward.now + timedelta(minutes=50)).isoformat()
    assert told(ward, "o.json", orjson.dumps(observation(ahead), default=float)) == []
    assert used(ward, ward.now + timedelta(hours=1)) == {"hemoglobin"}
    planned = {"resourceType": "Procedure", "id": "x", "status": "preparation", "code": {"text": "scan"}, "subject": {"reference": f"Patient/{PATIENT}"}}
    assert told(ward, "p.json", orjson.dumps({**planned, "performedDateTime": "2036-01-01"})) == []
    assert told(ward, "q.json", orjson.dumps({**planned, "id": "y", "status": "completed", "performedDateTime": "2036-01-01"})) == [CODE]
