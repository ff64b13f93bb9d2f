"""Who looked at a patient's record: the page and file of the patient and of the privacy role, and emergency access.

Main job: `looked(view)`, `looked_file(asked)`, `EMERGENCY_DOORS`. Elsewhere: what a reading is decided by and where it is noted, `node/people/reads.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from starlette.responses import Response

from baybridge.base.outcome import Refusal
from baybridge.consent.emergency_access import unreviewed
from baybridge.http.doors import Asked, Door
from baybridge.journey.command import Command
from baybridge.journey.entry import Entry
from baybridge.journey.events import GlassBroken, GlassReviewed
from baybridge.node.clock import new_id
from baybridge.node.handle import handle
from baybridge.node.people import accounts, reads
from baybridge.web.case.view import CaseView
from baybridge.web.page.page import Reader, go, render


@dataclass(frozen=True, slots=True)
class Emergency:
    """An emergency access with what was said of it afterwards, if anything."""

    entry: Entry[GlassBroken]
    review: Entry[GlassReviewed] | None


def looked(view: CaseView) -> Response:
    """Every reading, the newest first, and every emergency access."""
    rows = rows_of(view.asked, view.case.patient_id, view.case.case_id)
    return view.render(
        "looked.html",
        rows=rows,
        emergencies=emergencies(view),
        actions=view.actions(["ReviewBreakGlass"]) if unreviewed(view.case) else [],
        named=view.asked.node.people.who_looked.staff_names,
    )


def emergencies(view: CaseView) -> list[Emergency]:
    """The emergency accesses of a case, the newest first."""
    reviews = {entry.event.event_id: entry for entry in view.case.of(GlassReviewed)}
    return [Emergency(entry, reviews.get(entry.origin.event_id)) for entry in reversed(view.case.of(GlassBroken))]


def rows_of(asked: Asked, patient_id: str | None, case_id: str) -> list[dict[str, str]]:
    """The readings as the reader may know them: staff by name only where the site's document says so."""
    with asked.node.storage.reading() as connection:
        found = reads.looked(connection, patient_id, case_id)
        names = accounts.names(connection) if asked.node.people.who_looked.staff_names else {}
    keys = ("at", "organisation", "role", "purpose", "what", "ground")
    return [{**{key: getattr(item, key) for key in keys}, **({"name": names.get(item.account, "")} if names else {})} for item in found]


def looked_file(asked: Asked) -> Response:
    """The same list as JSON."""
    case = asked.node.case(asked.parameters["case_id"])
    rows = rows_of(asked, case.patient_id if case else None, asked.parameters["case_id"])
    return Response(orjson.dumps(rows), media_type="application/json")


# --- emergency access -----------------------------------------------------------------------------------------------


def glass_page(asked: Asked) -> Response:
    """The form for a reason."""
    return _glass(asked, None)


def take(asked: Asked) -> Response:
    """Open the case for a few hours, and go there."""
    given = {"reason": asked.form.get("reason", "")}
    command = Command("BreakGlass", asked.parameters["case"], given, asked.person, asked.form.get("command_id") or new_id(asked.node.now))
    done = handle(asked.node, command)
    return _glass(asked, done) if isinstance(done, Refusal) else go(f"/cases/{done.case_id}")


def _glass(asked: Asked, refusal: Refusal | None) -> Response:
    reader = Reader(asked)
    hours = f"{asked.node.people.break_glass.hours:g}"
    return render(
        asked,
        "emergency-access.html",
        refusal.surface.http_status if refusal else 200,
        hours=hours,
        command_id=new_id(asked.node.now),
        reason=asked.form.get("reason", ""),
        sentences=[reader.reason(reason) for reason in refusal.reasons] if refusal else [],
    )


EMERGENCY_DOORS = (
    Door("/emergency/{case}", ("GET",), "emergency.page", "case.break_glass", glass_page),
    Door("/emergency/{case}", ("POST",), "emergency.take", "case.break_glass", take),
)
