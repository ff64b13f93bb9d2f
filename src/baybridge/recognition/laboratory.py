"""Whether a laboratory is recognised for one result: by mark, by accreditation, or by the alliance's own verification.

Main job: `paths(request, settings)` answers what each path has and lacks, `newest_eqa` which quality assessment decides.

**Source**: policy reference A3 gates 1 and 2; exchange contract, "Path" and "EQA". What is unknown counts against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from baybridge.base.time import parse_day
from baybridge.documents.recognition import Accreditations, Marks, Standard
from baybridge.recognition.request import RecognitionRequest
from baybridge.recognition.written import WrittenAccreditation, WrittenAsked, WrittenLaboratory, WrittenPeriod, WrittenResult, WrittenScope

ANY = "*"


@dataclass(frozen=True, slots=True)
class Paths:
    """What each of the three paths has: the mark, the accreditation with its parts, the alliance's verification."""

    mark: bool
    has_marks: bool
    accreditation: bool
    accreditation_valid: bool
    accreditation_covers: bool
    accreditation_signatory: bool
    listed: bool
    alliance: bool


def paths(request: RecognitionRequest, collected_on: date | None, marks: Marks, standards: Accreditations) -> Paths:
    """The three paths of a laboratory for this result and receiver."""
    laboratory = request.laboratory
    listed = laboratory.get("alliance_listed") is True
    valid = [item for item in laboratory.get("accreditations") or () if _counts(item, collected_on, standards.standards)]
    covering = [item for item in valid if _covers(item, request.result)]
    signatory = any(item.get("mra_signatory") is True for item in covering or valid)
    purpose = request.request["purpose"]
    verified = _in_force(laboratory.get("alliance_verified"), collected_on) and purpose not in standards.alliance_path_not_for
    return Paths(
        mark=covered_by_mark(laboratory, request.request, marks),
        has_marks=bool(laboratory.get("hr_marks")),
        accreditation=bool(covering) and signatory and listed,
        accreditation_valid=bool(valid),
        accreditation_covers=bool(covering),
        accreditation_signatory=signatory,
        listed=listed,
        alliance=verified,
    )


def covered_by_mark(laboratory: WrittenLaboratory, receiver: WrittenAsked, marks: Marks) -> bool:
    """Whether a mainland laboratory's mark covers a mainland receiver."""
    mainland = marks.mainland
    if not (_is_in(laboratory.get("jurisdiction"), mainland) and _is_in(receiver.get("receiver_jurisdiction"), mainland)):
        return False
    return any(_mark_covers(mark, receiver, marks.scopes) for mark in laboratory.get("hr_marks") or ())


def _is_in(jurisdiction: str | None, mainland: tuple[str, ...]) -> bool:
    return jurisdiction is not None and jurisdiction.split("-")[0] in mainland


def _mark_covers(mark: str, receiver: WrittenAsked, scopes: Mapping[str, Sequence[str]]) -> bool:
    level, _, place = mark.strip().partition(":")
    jurisdiction, city = receiver.get("receiver_jurisdiction") or "", receiver.get("receiver_city") or ""
    if level == "NATIONAL":
        return True
    if level == "PROVINCE":
        return bool(place) and jurisdiction.partition("-")[2].casefold() == place.casefold()
    if level == "CITY":
        return bool(place) and city.casefold() == place.casefold()
    return bool({jurisdiction, city, receiver.get("receiver_site")} & set(scopes.get(mark, ())))


def _counts(accreditation: WrittenAccreditation, on: date | None, standards: Sequence[Standard]) -> bool:
    """Whether an accreditation is to a standard that counts and valid on the day of collection."""
    name = (accreditation.get("standard") or "").replace(" ", "")
    edition = next((entry for entry in standards if name.startswith(entry.starts_with)), None)
    if edition is None or on is None or not _in_force(accreditation, on):
        return False
    return edition.until is None or on <= edition.until


def _in_force(period: WrittenPeriod | None, on: date | None) -> bool:
    if period is None or on is None or period.get("valid_from") is None or period.get("valid_to") is None:
        return False
    return parse_day(period["valid_from"]) <= on <= parse_day(period["valid_to"])


def _covers(accreditation: WrittenAccreditation, result: WrittenResult) -> bool:
    return any(_matches(scope, result) for scope in accreditation.get("scope") or ())


def _matches(scope: WrittenScope, result: WrittenResult) -> bool:
    parts = (
        (scope.get("loinc"), result.get("loinc")),
        (scope.get("specimen"), result.get("specimen")),
        (scope.get("method"), result.get("method")),
    )
    return all(wanted == ANY or (wanted is not None and wanted == found) for wanted, found in parts)


def newest_eqa(laboratory: WrittenLaboratory, loinc: str | None, collected_on: date | None) -> tuple[date | None, bool | None]:
    """Day and result of the newest assessment for the analyte not after collection; a failure on that day counts."""
    if collected_on is None:
        return None, None
    entries = [
        (parse_day(entry["date"]), entry.get("passed"))
        for entry in laboratory.get("eqa") or ()
        if entry.get("date") is not None and entry.get("loinc") is not None and entry["loinc"] in (ANY, loinc)
    ]
    past = [entry for entry in entries if entry[0] <= collected_on]
    newest = max((day for day, _ in past), default=None)
    return newest, None if newest is None else all(passed is True for day, passed in past if day == newest)
