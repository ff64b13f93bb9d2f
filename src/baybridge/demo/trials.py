"""Invented trials of the demonstration, in the structure of the public registry; nobody runs them, and their numbers lie where the registry has none.

Main job: `SEARCH` is a search result as the registry's interface gives it; `bring_in(node)` imports it, reviews one trial and screens the node's patients.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from baybridge.base.json_value import JsonDict, JsonObject
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Role
from baybridge.matching.registry import read_study
from baybridge.matching.reviewing import Line, lines_of
from baybridge.node.node import Node
from baybridge.node.options import screening, trials


def _place(facility: str, city: str, country: str, lat: float, lon: float, status: str = "RECRUITING") -> JsonObject:
    return {"facility": f"Synthetic {facility}", "city": city, "country": country, "status": status, "geoPoint": {"lat": lat, "lon": lon}}


_GUANGZHOU = _place("Guangzhou Cancer Centre", "Guangzhou", "China", 23.13, 113.26)
_HONG_KONG = _place("Hong Kong Hospital", "Hong Kong", "Hong Kong", 22.3, 114.17)
_SHANGHAI = _place("Shanghai Hospital", "Shanghai", "China", 31.23, 121.47, "NOT_YET_RECRUITING")


def _study(number: int, title: str, condition: str, inclusion: tuple[str, ...], exclusion: tuple[str, ...], places: list[JsonObject]) -> JsonDict:
    lines = ["Inclusion Criteria:", "", *(f"* {line}" for line in inclusion), "", "Exclusion Criteria:", "", *(f"* {line}" for line in exclusion)]
    return {
        "protocolSection": {
            "identificationModule": {
                "nctId": f"NCT999999{number:02d}", "orgStudyIdInfo": {"id": f"SYNTHETIC-{number}"}, "briefTitle": f"Synthetic trial {number}: {title}",
            },
            "statusModule": {"overallStatus": "RECRUITING", "lastUpdatePostDateStruct": {"date": "2026-11-01", "type": "ACTUAL"}},
            "sponsorCollaboratorsModule": {"leadSponsor": {"name": "Nobody (synthetic)", "class": "OTHER"}},
            "conditionsModule": {"conditions": [condition]},
            "designModule": {"studyType": "INTERVENTIONAL", "phases": ["PHASE2"]},
            "armsInterventionsModule": {"interventions": [{"type": "BIOLOGICAL", "name": f"synthetic-cel {number}"}]},
            "eligibilityModule": {"eligibilityCriteria": "\n".join(lines), "sex": "ALL", "minimumAge": "18 Years", "maximumAge": "75 Years"},
            "contactsLocationsModule": {"locations": places},
        },
        "hasResults": False,
    }  # fmt: skip


SEARCH: dict[str, Any] = {
    "totalCount": 3,
    "studies": [
        _study(
            1, "large B-cell lymphoma after one line", "Large B-cell Lymphoma",
            ("Histologically confirmed large B-cell lymphoma", "ECOG 0 or 1", "Absolute neutrophil count \\>= 1.0 x 10\\*9/L", "LVEF of at least 45 %"),
            ("HIV infection", "Active infection", "Unable to give consent"), [_GUANGZHOU, _HONG_KONG],
        ),
        _study(
            2, "myeloma after three lines", "Multiple Myeloma",
            ("Myeloma after at least three lines", "ECOG 0 to 2", "Life expectancy above 12 weeks"), ("Active graft-versus-host disease",), [_HONG_KONG],
        ),
        _study(3, "follicular lymphoma", "Follicular Lymphoma", ("Follicular lymphoma grade 1 to 3A",), ("Prior gene therapy",), [_SHANGHAI]),
    ],
}  # fmt: skip

#: What the demonstration's reviewer makes of the first trial's lines, by their words; what is not here stays for a person to read.
_RULES = {
    "Histologically confirmed large B-cell lymphoma": "diagnosis IN ('dlbcl', 'pmbcl', 'hgbl', 'tfl')",
    "ECOG 0 or 1": "ecog <= 1",
    "Absolute neutrophil count >= 1.0 x 10*9/L": "neutrophils >= 1.0",
    "LVEF of at least 45 %": "lvef >= 45",
    "HIV infection": "hiv_positive_30d",
    "Active infection": "active_infection",
}


def bring_in(node: Node) -> None:
    """Import the invented trials, review the first, screen every case."""
    by = Actor("demo-physician", Role.PHYSICIAN, node.site.organisation)
    done = trials.import_trials(node, by, "synthetic-search.json", orjson.dumps(SEARCH))
    trial = read_study(SEARCH["studies"][0])
    review = trials.review_trial(node, by, trial.trial_id, trial.criteria_sha256, [_read(line) for line in lines_of(trial)])
    if isinstance(done, Refusal) or isinstance(review, Refusal):
        raise RuntimeError("the invented trials were refused")
    while screening.catch_up(node):
        pass


def _read(line: Line) -> Line:
    if line.text in _RULES:
        return replace(line, reading="rule", when=_RULES[line.text])
    return replace(line, reading="formality") if "consent" in line.text else line
