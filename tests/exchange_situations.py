"""Situations for tests of recognising and sending: four sites as in the demo network, a case, a record."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

from baybridge.journey.case import fold
from baybridge.journey.command import Actor, FromRecord, Role, Site, Situation
from baybridge.journey.events import CaseOpened, ConsentRecorded, Event, Recorded
from baybridge.policy.one_case.decide import decide
from exchange_documents import documents, policies

CHINA = timezone(timedelta(hours=8))
NOW = datetime(2026, 3, 10, 8, tzinfo=CHINA)
CENTRE = frozenset({"centre", "laboratory"})
SITES = {
    "mo": Site("mo", "Synthetic Macao Hospital", "MO", "Macao", CENTRE, notify_before_transfer="DSPDP"),
    "gd": Site("gd", "Synthetic Guangzhou Cancer Centre", "CN", "Guangzhou", CENTRE, gd9=True),
    "hk": Site("hk", "Synthetic Hong Kong Hospital", "HK", "Hong Kong", CENTRE),
    "sh": Site("sh", "Synthetic Shanghai Manufacturer", "CN", "Shanghai", frozenset({"plant"})),
}


def consent(kind: str, *recipients: str, purposes: tuple[str, ...] = ()) -> Event:
    return ConsentRecorded(
        consent_id=f"consent-{kind}-{'-'.join(recipients)}", kind=kind, recipients=recipients, purposes=purposes,  # type: ignore[arg-type]
        valid_until=None, notice_version="1", notice_language="en",
    )  # fmt: skip


def situation(here: str, record: dict[str, Any], *events: Event, opened_at: str | None = None) -> Situation:
    """What a rule sees at a site, with these events of the case."""
    site, opened = SITES[here], CaseOpened(patient_id="p1", residence="MO", synthetic=True)
    recorded = [
        Recorded(
            event_id=f"e{number}", case_id="case-1", sequence=number, at=NOW - timedelta(days=9), recorded_at=NOW - timedelta(days=9),
            node=(opened_at or here) if number == 1 else here, organisation=site.organisation, actor="a", role="physician", event=event,
        )
        for number, event in enumerate((opened, *events), start=1)
    ]  # fmt: skip
    return Situation(
        case=fold(recorded, "case-1"),
        facts={},
        now=NOW,
        actor=Actor("a", Role.PHYSICIAN, site.organisation),
        site=site,
        neighbours={name: other for name, other in SITES.items() if name != here},
        decide=lambda policy_id, facts: decide(policies().get(policy_id), facts),
        documents=documents().typed,
        new_id=lambda: "new",
        record=FromRecord(**record),
    )


def observation(
    name: str, loinc: str, value: Any, unit: str | None, day: date, *, signed: str | None = None, **more: Any
) -> dict[str, Any]:
    """A final FHIR observation of the patient."""
    found: dict[str, Any] = {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
        "subject": {"reference": "Patient/p1", "display": "Unmistakable Name"},
        "effectiveDateTime": f"{day.isoformat()}T09:00:00+08:00",
        **more,
    }
    found["valueQuantity" if unit else "valueString"] = {"value": value, "code": unit} if unit else value
    if signed:
        found["meta"] = {"tag": [{"system": "urn:baybridge:signed", "code": signed}]}
    return found
