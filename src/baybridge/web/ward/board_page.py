"""The board of a ward: everybody in care of this node, the most urgent first, with grades, what is due or late, doses that are held, and open calls with their clocks.

Main job: `BOARD_DOORS`: `GET /ward`, and `GET /ward/rows`, the same beds alone for a page that is open and fetches them when something changed (`static/ward.js`).
Without scripts the page loads itself again. Beds come from `node/watch/ward.py`; who may see one is asked each time, and each patient's list notes it once a shift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response

from baybridge.base.ids import mark_of
from baybridge.base.outcome import Refusal
from baybridge.facts.fhir import patient_name
from baybridge.http.doors import Asked, Door
from baybridge.journey.look_now import ALERT_GRADE
from baybridge.node.people import reads
from baybridge.node.watch.ward import SCALES, Bed, Standing
from baybridge.record.store import store
from baybridge.record.store.store import Version
from baybridge.web.case import tabs
from baybridge.web.case.bedside_page import SHORT, doses_said
from baybridge.web.case.graded import before_said, grade_said
from baybridge.web.case.naming import initials_of
from baybridge.web.case.view import product_name
from baybridge.web.page.page import Reader, render

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: Signs beside the words of a trend; the words alone say it to whoever does not see them.
_ARROWS = {"rising": "↑", "may_rise": "↗?", "falling": "↓", "same": "→", "open": "?", "first": "", "none": ""}


@dataclass(frozen=True, slots=True)
class Cell:
    """One scale of one bed in words; without a standing nothing was assessed, which is no grade 0."""

    scale: str
    last: str
    highest: str
    ago: str
    arrow: str
    trend: str
    tone: str
    newer: str = ""  # what came since and may change the grade
    before: str = ""  # the oldest finding of before that it rests on, and how many more


@dataclass(frozen=True, slots=True)
class Due:
    """Something that is due, in words."""

    words: str
    late: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One bed as the board shows it."""

    address: str
    who: str
    mark: str
    product: str
    synthetic: bool
    day: str
    cells: tuple[Cell, ...]
    due: tuple[Due, ...]
    doses: str
    doses_tone: str
    calls: tuple[str, ...]


def board(asked: Asked) -> Response:
    """The whole page."""
    return render(asked, "ward.html", **_shown(asked))


def rows(asked: Asked) -> Response:
    """The beds alone."""
    return render(asked, "ward_beds.html", **_shown(asked))


def _shown(asked: Asked) -> Mapping[str, object]:
    now, far = asked.node.now(), asked.query.get("large") == "yes"
    beds, hidden = _seen(asked)
    patients = _patients(asked, beds)
    reader = Reader(asked)
    lines = [_line(asked, reader, bed, patients.get(bed.case.patient_id or ""), now, far=far) for bed in sorted(beds, key=lambda bed: urgency(bed, now))]
    return {"lines": lines, "hidden": hidden, "far": far, "now": now, "clock": now.astimezone(asked.node.site.zone), "scales": [SHORT[one] for one in SCALES]}


def _seen(asked: Asked) -> tuple[list[Bed], int]:
    """The beds that this person may see, noted in the list of each patient, and how many more there are."""
    node, actor = asked.node, asked.person
    beds = node.ward.beds()
    grounds = [(bed, reads.for_case(node, "case.bedside", actor, bed.case, frozenset())) for bed in beds]
    seen = [(bed, found) for bed, found in grounds if not isinstance(found, Refusal)]
    node.ward.note(actor, [(bed.case, found) for bed, found in seen], reads.purpose_of(node, "case.bedside", actor))
    return [bed for bed, _ in seen], len(beds) - len(seen)


def _patients(asked: Asked, beds: Sequence[Bed]) -> dict[str, Version]:
    """The Patient resource of each bed, by id."""
    keys = [("Patient", bed.case.patient_id) for bed in beds if bed.case.patient_id]
    with asked.node.storage.reading() as connection:
        return {key[1]: version for key, version in store.get_many(connection, keys).items()}


def urgency(bed: Bed, now: datetime) -> tuple[object, ...]:
    """The order of the board: a call that nobody took, a call, what is late by how long, the highest grade that may stand; not assessed goes before any grade."""
    call = 0 if any(one.acknowledged is None for one in bed.calls) else 1 if bed.calls else 2
    late = max(timedelta(0), now - bed.due_at) if bed.due_at is not None else timedelta(0)
    at_most = bed.at_most if bed.at_most is not None else 5 if bed.infused_at is not None else -1
    return call, not late, -late if call == 2 else timedelta(0), -at_most, bed.case.case_id


def _line(asked: Asked, reader: Reader, bed: Bed, patient: Version | None, now: datetime, *, far: bool) -> Line:
    mark = mark_of(bed.case.case_id)
    said = (initials_of(patient.resource) if far else patient_name(patient.resource)) if patient is not None else ""
    doses, tone = _doses(asked, reader, bed, now)
    return Line(
        address=tabs.address(bed.case.case_id, "bedside"),
        who=said or reader.t("case.mark", mark=mark),
        mark=mark,
        product=product_name(asked, bed.case.product),
        synthetic=bed.case.synthetic,
        day=_day(asked, reader, bed, now),
        cells=tuple(_cell(asked, reader, scale, bed, now) for scale in SCALES),
        due=tuple(_due(reader, bed, now)),
        doses=doses,
        doses_tone=tone,
        calls=tuple(_call(reader, bed, now)),
    )


def _day(asked: Asked, reader: Reader, bed: Bed, now: datetime) -> str:
    zone = asked.node.site.zone
    if bed.infused_at is not None:
        day = reader.t("ward.board.day_after", day=(now.astimezone(zone).date() - bed.infused_at.astimezone(zone).date()).days)
    elif bed.prepared_on is not None:
        day = reader.t("ward.board.before", day=reader.day(bed.prepared_on))
    else:
        day = reader.t("ward.board.day_unknown")
    return reader.t("page.semicolon").join((day, reader.t("ward.board.at_home"))) if bed.at_home else day


def _cell(asked: Asked, reader: Reader, scale: str, bed: Bed, now: datetime) -> Cell:
    t, standing = reader.t, bed.grades.get(scale)
    if standing is None:
        return Cell(SHORT[scale], t("ward.board.not_assessed"), "", "", "", "", "open" if bed.infused_at is not None else "plain")
    newer = t("ward.board.newer", facts=t("page.semicolon").join(map(reader.fact, standing.newer))) if standing.newer else ""
    tone = "bad" if standing.high >= ALERT_GRADE else "open" if standing.high > 0 or newer else "good"
    highest = t("ward.board.highest", grade=grade_said(reader, standing.highest, standing.highest_most))
    ago = t("ward.board.assessed_ago", ago=span_said(reader, now - standing.assessed_at))
    trend = t(f"ward.trend.{standing.trend}") if standing.trend != "none" else ""
    said, before = grade_said(reader, standing.low, standing.high), _before(asked, reader, standing)
    return Cell(SHORT[scale], said, highest, ago, _ARROWS[standing.trend], trend, tone, newer, before)


def _before(asked: Asked, reader: Reader, standing: Standing) -> str:
    """The oldest finding of before that a grade rests on, and how many more there are: a board has little room."""
    found = before_said(reader, asked.node.dictionary, standing.latest) if standing.latest is not None else ()
    if not found:
        return ""
    return reader.t("ward.board.before_more", finding=found[0], count=len(found) - 1) if found[1:] else found[0]


def _due(reader: Reader, bed: Bed, now: datetime) -> Iterator[Due]:
    """What is due, the latest first; every cause for which somebody looks now stands by itself."""
    moments = [("assessment", bed.assessment_due_at), ("ice", bed.ice_due_at), *([("look", bed.look_due_at)] if bed.look_for_grade else [])]
    found = [(at, reader.t(f"ward.due.{what}")) for what, at in moments if at is not None]
    found += [(one.due_at, reader.t(f"ward.due.look_{one.why}", fact=reader.fact(one.fact) if one.fact else "")) for one in bed.looks]
    for at, what in sorted(found):
        late = at < now
        yield Due(reader.t("ward.due.late" if late else "ward.due.in", what=what, time=span_said(reader, abs(now - at))), late)


def _doses(asked: Asked, reader: Reader, bed: Bed, now: datetime) -> tuple[str, str]:
    """The doses that are held today in words, and whether that is well; none is said as none."""
    return doses_said(reader, bed.reserved, now.astimezone(asked.node.site.zone).date())


def _call(reader: Reader, bed: Bed, now: datetime) -> Iterator[str]:
    for call in bed.calls:
        signs = reader.t("page.semicolon").join(reader.code("sign", code) for code in call.codes)
        opened = reader.t("ward.call.open_for", time=span_said(reader, now - call.called.event.called_at))
        yield " · ".join(filter(None, (opened, reader.code("call_state", call.state), signs)))


def span_said(reader: Reader, span: timedelta) -> str:
    """A time in one unit: minutes below two hours, hours below two days, then days; whole ones that have passed."""
    span = max(span, timedelta(0))
    if span < 2 * _HOUR:
        return reader.t("ward.time.minutes", count=span // _MINUTE)
    return reader.t("ward.time.hours", count=span // _HOUR) if span < 2 * _DAY else reader.t("ward.time.days", count=span // _DAY)


BOARD_DOORS = (
    Door("/ward", ("GET",), "ward", "ward.read", board),
    Door("/ward/rows", ("GET",), "ward.rows", "ward.read", rows),
)
