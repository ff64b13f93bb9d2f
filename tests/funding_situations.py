"""A situation of a case after some events, for the rules of funding."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from baybridge.base.time import CHINA
from baybridge.journey.case import fold
from baybridge.journey.command import Actor, FromRecord, Role, Site, Situation
from baybridge.journey.events import CaseOpened, Event, Recorded
from funding_material import documents, documents_with

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=CHINA)


def situated(*events: Event, now: datetime = NOW, quote: Any = None, data: Any = None) -> Situation:
    recorded = [
        Recorded(
            event_id=f"e{n}", case_id="case", sequence=n, at=NOW, recorded_at=NOW + timedelta(minutes=n),
            node="hk", organisation="hk", actor="a", role="coordinator", event=event,
        )
        for n, event in enumerate((CaseOpened(patient_id="p", residence="MO", synthetic=True), *events))
    ]  # fmt: skip
    return Situation(
        case=fold(recorded, "case"),
        facts={},
        now=now,
        actor=Actor("a", Role.COORDINATOR, "hk"),
        site=Site("hk", "hk", "HK", None, frozenset({"centre"})),
        neighbours={},
        decide=lambda *_: None,
        documents=documents_with(documents() if data is None else data),
        new_id=lambda: "id",
        record=FromRecord(quote=quote),
    )
