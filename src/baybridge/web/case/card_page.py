"""Cards that a patient carries: the tab where one is signed and shown as QR code and file, and the page where a card that is shown is checked.

Main job: `card(view)`, `CARD_DOORS`. Elsewhere: the rule in `exchange/card/issuing.py`, keys and storage in `node/intake/cards.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.resource import Resource
from baybridge.exchange.card.health_card import LARGEST_IN_ONE_CODE, Card, qr_text, read_card
from baybridge.exchange.card.issuing import own_results
from baybridge.exchange.card.report import results_of
from baybridge.http.doors import Asked, Door
from baybridge.journey.events import HealthCardIssued
from baybridge.node.clock import new_id
from baybridge.node.commands.table import COMMANDS
from baybridge.node.intake import cards
from baybridge.node.intake.importing import import_upload
from baybridge.recognition.results import code_of
from baybridge.web.case.identity_page import names_of
from baybridge.web.case.view import CaseView, allowed
from baybridge.web.page.measured import value_of
from baybridge.web.page.page import Reader, refused, render
from baybridge.web.page.qr import qr_svg

_SHOWN = 60  # results offered for signing, the newest first


@dataclass(frozen=True, slots=True)
class Shown:
    """One issued card: when, over how many results, its codes as pictures, and how many parts travel as a file only."""

    card: str
    at: Any
    results: int
    pictures: tuple[str, ...]
    file_only: int
    gone: bool


def card(view: CaseView) -> Response:
    """The cards of this patient, and a form to sign another."""
    issued = tuple(_shown(view, entry) for entry in reversed(view.case.of(HealthCardIssued)) if not entry.origin.told)
    kind = COMMANDS["IssueHealthCard"]
    may = view.until is None and allowed(view.asked, kind)
    situation = view.look.situation(kind.needs)
    blocked = tuple(view.reader.reason(reason) for reason in kind.blocked(situation))
    results = [_result(view, item) for item in own_results(situation)[:_SHOWN]] if may and not blocked else []
    return view.render("card.html", issued=issued, may=may, blocked=blocked, results=results, command_id=new_id(view.asked.node.now))


def _shown(view: CaseView, entry: Any) -> Shown:
    found = cards.kept(view.asked.node, entry.event.card)
    tokens = found[1] if found else ()
    fitting = [token for token in tokens if len(token) <= LARGEST_IN_ONE_CODE]
    return Shown(entry.event.card, entry.origin.at, len(entry.event.results), tuple(map(picture, fitting)), len(tokens) - len(fitting), found is None)


def picture(token: str) -> str:
    """A token's QR code as SVG: the scheme as text, the digits in numeric mode. **Source**: SMART Health Cards 1.4."""
    text = qr_text(token)
    return qr_svg([text[:5], text[5:]])


def _result(view: CaseView, item: Resource) -> dict[str, object]:
    return {"id": item["id"], **_row(view.asked, view.reader, item)}


def _row(asked: Asked, reader: Reader, item: Resource) -> dict[str, object]:
    """What was measured, the value, when: a negative marker reads as negative."""
    code = code_of(item) or ""
    words = next((coding.get("display") for coding in (item.get("code") or {}).get("coding") or () if coding.get("display")), code)
    name = reader.test(code)
    return {"name": words if name == code else name, "value": value_of(asked, item), "at": item.get("effectiveDateTime")}


def card_download(asked: Asked) -> Response:
    """The card as a `.smart-health-card` file."""
    name, case_id = asked.parameters["card"], asked.parameters["case_id"]
    case = asked.node.case(case_id)
    mine = case is not None and any(entry.event.card == name and not entry.origin.told for entry in case.of(HealthCardIssued))
    found = cards.kept(asked.node, name) if mine else None
    if found is None:
        return refused(asked, refuse(Reason("exchange.card.unknown"), category=Category.NOT_FOUND))
    headers = {"content-disposition": f'attachment; filename="{name[-8:]}.smart-health-card"', "cache-control": "no-store"}
    return Response(found[0], media_type=cards.MEDIA_TYPE, headers=headers)


# --- checking -------------------------------------------------------------------------------------------------------


def check_page(asked: Asked) -> Response:
    """The form for a card that a patient shows."""
    return _checked(asked, b"", None)


def check(asked: Asked) -> Response:
    """Check a card; with `take_in`, its results go into the record if every check held."""
    data = _given(asked)
    if not data.strip():
        return refused(asked, refuse(Reason("exchange.card.nothing_given"), category=Category.INVALID))
    if not asked.form.get("take_in"):
        return _checked(asked, data, None)
    report = import_upload(asked.node, asked.person, "card.smart-health-card", data)
    return refused(asked, report) if isinstance(report, Refusal) else _checked(asked, data, report)


def _given(asked: Asked) -> bytes:
    upload = asked.uploads.get("file")
    return upload.content if upload is not None and upload.content else asked.form.get("text", "").encode()


def _checked(asked: Asked, data: bytes, taken: object) -> Response:
    report = cards.checked(asked.node, data) if data else None
    found = read_card(data) if data else ()
    reader = Reader(asked)
    return render(
        asked,
        "cards.html",
        report=report,
        checks=[(one.ok, reader.reason(one.detail)) for one in report.checks] if report else [],
        rests=reader.reason(report.trust) if report and report.ok else "",
        held=[_held(asked, reader, one) for one in found] if report and report.ok and not isinstance(found, Refusal) else [],
        text=data.decode("utf-8", "replace") if report and report.ok else "",
        taken=taken,
    )


def _held(asked: Asked, reader: Reader, one: Card) -> dict[str, object]:
    """Whose card it says to be, to compare with the person who shows it, and its results."""
    patient: Mapping[str, Any] = next((item for item in one.resources if item.get("resourceType") == "Patient"), {})
    rows = [_row(asked, reader, item) for item in results_of(one)]
    return {"names": names_of(patient), "birth_date": patient.get("birthDate"), "rows": rows}


CARD_CASE_DOORS = (Door("/cases/{case_id}/card/{card}", ("GET",), "case.card.file", "case.card", card_download),)
CARD_DOORS = (
    Door("/cards", ("GET",), "cards", "records.import", check_page),
    Door("/cards", ("POST",), "cards.check", "records.import", check),
)
