"""Where to have a test done so that the receiver will recognise it, and what would make a result recognised.

Main job: `places(line, setting, rules, at)` answers the laboratories of the directory whose good result, taken then, would be recognised,
with what stands against the others; `remedies(…)` what would have to be true for a result that is not recognised.

Pure: a lapse of an accreditation takes effect from its date, because validity is judged on the day of collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from baybridge.base.time import day_of, parse_instant
from baybridge.policy.one_case.ground import GroundDocument
from baybridge.recognition.derive import listed
from baybridge.recognition.plan import PlanLine
from baybridge.recognition.recognise import recognise
from baybridge.recognition.results import Setting, directory_row
from baybridge.recognition.rules import RecognitionRules
from baybridge.recognition.written import LaboratoryRow, WrittenAsked, WrittenRequest, WrittenResult

#: What clears a code: a paper or a word (evidence), a corrected report, another sample, or configuration of the receiver.
Remedy = Literal["evidence", "correction", "repeat", "configuration"]
_REMEDIES: Mapping[str, Remedy] = {
    "MR-001": "evidence", "MR-002": "correction", "MR-003": "evidence", "MR-010": "evidence", "MR-011": "evidence", "MR-012": "evidence",
    "MR-013": "evidence", "MR-014": "evidence", "MR-020": "evidence", "MR-021": "evidence", "MR-031": "evidence", "MR-033": "configuration",
    "MR-034": "evidence", "MR-040": "repeat", "MR-041": "repeat", "MR-042": "evidence", "MR-050": "correction", "MR-051": "repeat",
    "MR-052": "configuration", "MR-053": "repeat", "MR-060": "repeat",
}  # fmt: skip


#: Stands for the receiver's own method where the directory does not name it.
_OWN_METHOD = "own"


@dataclass(frozen=True, slots=True)
class Place:
    """A laboratory, whether its result would serve, and what stands against it."""

    laboratory: str
    jurisdiction: str | None
    serves: bool
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clearing:
    """What would clear one code: of which kind, and whether a clinician may pass all that stands against the result."""

    code: str
    remedy: Remedy
    overridable: bool
    second_sign_off: bool
    values: Mapping[str, str] = field(default_factory=dict)  # what the sentence of the code names: days, units, methods


def places(line: PlanLine, setting: Setting, rules: RecognitionRules, at: datetime) -> tuple[Place, ...]:
    """Every laboratory of the directory for a line of the plan, those that serve first; at the receiver alone where only it may."""
    rows = [row for row in setting.laboratories if not line.at_receiver or row["id"] == line.receiver]
    found = [_place(line, row, setting, rules, at) for row in rows]
    return tuple(sorted(found, key=lambda place: (not place.serves, place.laboratory)))


def _place(line: PlanLine, row: LaboratoryRow, setting: Setting, rules: RecognitionRules, at: datetime) -> Place:
    loinc = next(iter(line.loinc), None)
    answer = recognise(_good_result(row, loinc, setting, at), rules)
    return Place(row["id"], row.get("jurisdiction"), answer.serves, answer.codes)


def _good_result(row: LaboratoryRow, loinc: str | None, setting: Setting, at: datetime) -> WrittenRequest:
    """A signed final result of this patient in the receiver's unit, by the laboratory's own method, used when it is needed."""
    receiver, taken = setting.receiver, at.isoformat()
    own = row["id"] == receiver["id"]  # whose results name the receiver's own method, whichever it is
    receivers = (receiver.get("methods") or {}).get(loinc or "") or (_OWN_METHOD if own else None)
    method = receivers if own else (row.get("methods") or {}).get(loinc or "")
    result: WrittenResult = {
        "status": "final", "patient_match": True, "signature_verified": True, "loinc": loinc, "method": method,
        "unit": None, "reference_high": 1, "collected_at": taken, "reported_at": taken, "interference": [],
    }  # fmt: skip
    request: WrittenAsked = {
        "receiver_site": receiver["id"], "receiver_jurisdiction": receiver.get("jurisdiction"), "receiver_city": receiver.get("city"),
        "purpose": setting.purpose, "use_at": setting.use_at.isoformat(), "receiver_method": receivers,
        "use": setting.reading.uses.get(setting.purpose), "reset_events": [],
        "infused_on": setting.infused_on.isoformat() if setting.infused_on else None,
    }  # fmt: skip
    return {"result": result, "laboratory": directory_row(row, day_of(at)), "request": request}


def remedies(request: WrittenRequest, reasons: Sequence[GroundDocument], rules: RecognitionRules) -> tuple[Clearing, ...]:
    """What would clear each reason (of a recognition document) that stands against a result, in order of code."""
    never = listed(rules.settings.overriding.no_override, request["result"].get("loinc"), request["request"]["purpose"])
    twice = set(rules.settings.overriding.second_sign_off_for)
    held = {r["code"]: r for r in reasons if r["holds"] is True and r.get("severity") in ("hard", "repeat")}
    passable = not never and all(reason["overridable"] for reason in held.values())
    values = _named(request)
    return tuple(Clearing(code, _REMEDIES.get(code, "repeat"), passable, code in twice, values) for code in sorted(held))


def _named(request: WrittenRequest) -> dict[str, str]:
    """What a remedy has to name: the analyte with specimen and method, the day of collection, both units, the receiver's method."""
    result, asked = request["result"], request["request"]
    taken = result.get("collected_at")
    day = day_of(parse_instant(taken)) if taken else None
    since = day - timedelta(days=365) if day else None
    found = {
        "loinc": result.get("loinc"),
        "specimen": result.get("specimen"),
        "method": result.get("method"),
        "receiver_method": asked.get("receiver_method"),
        "unit": result.get("unit"),
        "wanted_unit": asked.get("unit"),
        "collected_on": day.isoformat() if day else None,
        "since_on": since.isoformat() if since else None,
        "use_at": asked.get("use_at"),
    }
    return {name: str(value) for name, value in found.items() if value is not None}
