"""What a person asked of the own data: the patient's page of it, and the page on which the privacy role answers and carries out.

Main job: `requests(view)`, `REQUEST_DOORS` (the copy to hand over, a legal hold or a restriction). Elsewhere: the rules, `consent/requests.py`; the register,
`web/site/privacy_pages.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from starlette.responses import Response

from baybridge.base.ids import mark_of
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.consent.requests import may_not_ask, requests_of
from baybridge.documents.person_requests import Right
from baybridge.facts.dictionary import LOINC
from baybridge.facts.fhir import items, mapping, span
from baybridge.http.doors import Asked, Door
from baybridge.journey.command import Role
from baybridge.journey.entry import Entry
from baybridge.journey.events import Event
from baybridge.journey.stored import event_as_json
from baybridge.node.commands.table import COMMANDS
from baybridge.node.people import copying, erasure
from baybridge.node.people import requests as of_persons
from baybridge.web.case.tabs import address
from baybridge.web.case.view import CaseView, allowed, with_view
from baybridge.web.page import signers
from baybridge.web.page.page import Reader, go, refused

_TAB = "requests"


def requests(view: CaseView) -> Response:
    """Every request with its clock and answers; for the privacy role, what is held and what stands on the record."""
    return _page(view, None)


def _page(view: CaseView, refusal: Refusal | None) -> Response:
    case, node, role = view.case, view.asked.node, view.asked.person.role
    works = role is Role.QUALITY and view.until is None
    connection, patient = view.look.unit.connection, case.patient_id or ""
    things = held(view) if works and patient else []
    may_ask = view.until is None and allowed(view.asked, COMMANDS["MakeRequest"]) and view.shows("case.requests")
    stands = tuple(may_not_ask(view.look.situation())) if may_ask else ()
    return view.render(
        "requests.html",
        refusal.surface.http_status if refusal else 200,
        rows=of_persons.rows_of(node, case, view.now),
        rights=get_args(Right) if may_ask and not stands else (),
        stands=[view.reader.reason(reason) for reason in stands],
        actions=view.buttons(),
        works=works,
        may_copy=view.until is None and view.shows("case.copy"),
        held=things,
        said={one.name: words for one, words in things},
        marks=erasure.marks(connection, patient) if patient and role is Role.QUALITY else [],
        answerers=signers.names(node) if works else {},
        sentences=[view.reader.reason(reason) for reason in refusal.reasons] if refusal else [],
    )


def held(view: CaseView) -> list[tuple[erasure.Held, str]]:
    """What this node holds of the person, each with its words."""
    found = erasure.held(view.asked.node, view.look.unit.connection, view.case.patient_id or "", view.now)
    entries = {entry.origin.event_id: entry for entry in view.case.history}
    return [(one, _named(view, one, entries.get(one.name))) for one in found]


def erases(view: CaseView, given: Mapping[str, object]) -> list[str]:
    """What an answer that waits for a second person erases, each in words with the last signs of its id, and what the person asked for."""
    wanted = given.get("what")
    names = [str(one) for one in wanted] if isinstance(wanted, list | tuple) else []
    words = {one.name: said for one, said in held(view)} if names else {}
    asked = [f"{view.reader.t('field.request_words')}: {one.entry.event.words}" for one in requests_of(view.case) if one.id == given.get("request_id")]
    return [*asked, *(f"{words[name]} ({view.reader.plainly(name)})" if name in words else view.reader.plainly(name) for name in names)] if names else []


def _named(view: CaseView, one: erasure.Held, entry: Entry[Event] | None) -> str:
    """An entry by its words, a resource by its kind and what it says."""
    if entry is None:
        return named_resource(view.reader, one)
    gist = view.reader.gist(event_as_json(entry.event))
    return f"{view.reader.code('event', one.kind)}{' · ' if gist else ''}{gist}"


def named_resource(reader: Reader, one: erasure.Held) -> str:
    """A resource by its kind and what it says."""
    kind = reader.code("event" if "/" not in one.name else "resource", one.kind)
    return " · ".join(filter(None, (kind, *_says(reader, one.resource))))


def _says(reader: Reader, resource: Mapping[str, Any]) -> Iterator[str]:
    """What a resource is about, with its value and day, as the reader writes them."""
    code = mapping(resource.get("code") or resource.get("medicationCodeableConcept"))
    codings = items(code.get("coding"))
    loinc = next((str(one.get("code")) for one in codings if one.get("system") == LOINC), "")
    yield reader.test(loinc) if loinc else str(code.get("text") or next((one.get("display") for one in codings if one.get("display")), ""))
    quantity = mapping(resource.get("valueQuantity"))
    if quantity.get("value") is not None:
        yield reader.value(quantity["value"], str(quantity.get("code") or quantity.get("unit") or "") or None)
    at = span(resource.get("effectiveDateTime") or resource.get("onsetDateTime"))
    yield reader.day(at.first) if at is not None else ""


def copy_file(asked: Asked) -> Response:
    """Everything that this node holds of the person, as one file: for a program, and a page to print."""
    case = asked.node.case(asked.parameters["case_id"])
    made = copying.archive(asked.node, (case.patient_id if case else None) or "", asked.language)
    if isinstance(made, Refusal):
        return refused(asked, made)
    return copy_of(made, mark_of(asked.parameters["case_id"]))


def copy_of(made: bytes, mark: str) -> Response:
    """The copy as a file that nobody keeps on the way; its name says nobody's."""
    disposition = f'attachment; filename="baybridge-copy-{mark}.zip"'
    return Response(made, media_type="application/zip", headers={"content-disposition": disposition, "cache-control": "no-store"})


def mark(asked: Asked) -> Response:
    """Set or lift a legal hold, or lift or set a restriction that no request of this page brought."""
    case = asked.node.case(asked.parameters["case_id"])
    setting = {"hold": erasure.hold, "restriction": erasure.restrict}.get(asked.form.get("what", ""))
    done: bool | Refusal
    if setting is None or case is None or not case.patient_id:
        done = refuse(Reason("person.unknown", where="patient"), category=Category.INVALID)
    else:
        done = setting(asked.node, case.patient_id, asked.form.get("reason", ""), asked.person, lift=asked.form.get("lift") == "yes")
    if isinstance(done, Refusal):
        return with_view(asked, lambda view: _page(view, done), _TAB)
    return go(address(asked.parameters["case_id"], _TAB))


REQUEST_DOORS = (
    Door("/cases/{case_id}/copy.zip", ("GET",), "case.copy", "case.copy", copy_file),
    Door("/cases/{case_id}/mark", ("POST",), "case.mark", "case.mark", mark),
)
