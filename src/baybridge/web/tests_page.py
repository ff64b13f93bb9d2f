"""Which outside results this site recognises, which are to be repeated, and what to test when.

Main job: `tests(view)`: every judged result by purpose with all its codes in words, and the plan for the purposes that are still ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any

from starlette.responses import Response

from baybridge.journey.entry import Entry
from baybridge.recognition.plan import PlanLine, plan, to_repeat
from baybridge.recognition.recognising import RecogniseResults, rules_for, setting_of
from baybridge.web.view import CaseView

_NEEDS = frozenset({"observations", "resources"})

#: Days between collection and the later steps, where no day is known yet; an assumption that the page says. Lymphodepletion follows a vein-to-vein time.
_DAYS_LATER = {"LD_FITNESS": 28, "INFUSION_DAY": 33}


@dataclass(frozen=True, slots=True)
class Result:
    """One judged result: its event, and its decision document."""

    entry: Entry[Any]
    document: Mapping[str, Any]
    outcome: str
    analyte: str
    sign: str | None = None  # positive or negative, of a coded answer

    @property
    def measured(self) -> Mapping[str, Any]:
        """What was reported."""
        found: Mapping[str, Any] = (self.document.get("request") or {}).get("result") or {}
        return found

    @property
    def valid_until(self) -> str | datetime | None:
        """Until when it serves, or served."""
        return getattr(self.entry.event, "valid_until", None) or self.document.get("valid_until")

    @property
    def laboratory(self) -> str:
        """Who reported it."""
        return str(((self.document.get("request") or {}).get("laboratory") or {}).get("id") or "")


def tests(view: CaseView) -> Response:
    """Judged results by purpose, and the plan."""
    entries: tuple[Entry[Any], ...] = (*view.case.recognised, *view.case.repeats)
    documents = view.documents(entry.event.decision_sha256 for entry in entries)
    names = analytes(view)
    answers = view.asked.node.documents.folder("terms")["answers"]
    results = [_result(entry, documents, names, answers) for entry in entries]
    purposes = list(dict.fromkeys(result.entry.event.purpose for result in results))
    lines = test_plan(view) if view.case.patient_id else ()
    return view.render(
        "tests.html",
        by_purpose=[(purpose, _of(results, purpose)) for purpose in purposes],
        lines=lines,
        to_repeat=to_repeat(lines),
        actions=view.actions(["RecogniseResults"]),
    )


def _of(results: list[Result], purpose: str) -> list[Result]:
    found = [result for result in results if result.entry.event.purpose == purpose]
    return sorted(found, key=lambda result: (result.outcome != "repeat-needed", result.analyte))


def _result(entry: Entry[Any], documents: Mapping[str, Mapping[str, Any]], names: Mapping[str, str], answers: Mapping[str, Any]) -> Result:
    document = documents.get(entry.event.decision_sha256, {})
    outcome = getattr(entry.event, "outcome", None) or document.get("outcome") or "repeat-needed"
    reported = ((document.get("request") or {}).get("result") or {}).get("value")
    return Result(entry, document, str(outcome), names.get(entry.event.loinc, entry.event.loinc), _sign(reported, answers))


def _sign(value: Any, answers: Mapping[str, Any]) -> str | None:
    """Whether a coded answer says positive or negative; None where it is another code, or no code."""
    found = (sign for sign in ("positive", "negative") for coded in answers[sign] if coded.rsplit("|", 1)[-1] == str(value))
    return next(found, None) if isinstance(value, str) else None


def analytes(view: CaseView) -> dict[str, str]:
    """What a LOINC code is called: by the dictionary in the reader's language, else as the windows name it."""
    found: dict[str, str] = {}
    for row in view.asked.node.documents.folder("recognition")["windows"]["rows"]:
        for name, codes in (row.get("parts") or {row["analyte"]: row["loinc"]}).items():
            found |= {str(code): str(name) for code in codes if str(code) not in found}
    for fact in view.asked.node.dictionary.facts.values():
        found |= {code: fact.label(view.asked.language) for system, code in fact.codes if system == "http://loinc.org"}
    return found


def test_plan(view: CaseView) -> tuple[PlanLine, ...]:
    """Every analyte of the purposes that are still ahead, for the moment when each is needed."""
    situation = view.look.situation(_NEEDS)
    first = setting_of(situation, RecogniseResults(purpose="ELIGIBILITY"))
    moments = needed_at(view)
    if not moments:
        return ()
    settings = [replace(first, purpose=purpose, use_at=at) for purpose, at in moments.items()]
    return plan(situation.record.get("observations") or (), settings, rules_for(situation), view.now)


def needed_at(view: CaseView) -> dict[str, datetime]:
    """When each purpose needs its results: on the day of collection where a slot says it, lymphodepletion and infusion after it."""
    case, zone = view.case, view.asked.node.site.zone
    if case.infusions:
        return {}
    now = view.now
    day = case.slot.event.collection_on if case.slot else (now + timedelta(days=7)).astimezone(zone).date()
    collection = max(now, datetime.combine(day, time(9), tzinfo=zone))
    found = {} if case.collections else {"APH_IDM": collection, "APH_FITNESS": collection}
    start = max(now, collection if not case.collections else now)
    later = {purpose: start + timedelta(days=days) for purpose, days in _DAYS_LATER.items()}
    return found | ({"INFUSION_DAY": now + timedelta(days=5)} if case.lymphodepletion else later)
