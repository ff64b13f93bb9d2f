"""The rights of a person of whom this site holds a record and no case: the copy, a legal hold or a restriction, an erasure by two persons.

Main job: `PERSON_DOORS`. Whose record it is stands in the body of each request and in no address: an id from outside may be personal.
Elsewhere: of who has a case, `web/case/requests_page.py`, where `go` leads; who finds the person, `web/page/search_page.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.consent.reading import Ground
from baybridge.facts.fhir import patient_name
from baybridge.http.doors import Asked, Door
from baybridge.node.people import copying, erasure, reads
from baybridge.record.store import store
from baybridge.web.case.requests_page import copy_of, named_resource
from baybridge.web.case.tabs import address
from baybridge.web.page.page import Reader, go, refused, render

_ACTION = "person.rights"
_ERASED = {"asked": "person.erase_asked", "erased": "person.erase_done"}
Work = Callable[[Asked, str], Response]


def _of_a_person(what: str, work: Work) -> Callable[[Asked], Response]:
    """An endpoint for the person whom the form names: noted in the person's list as `what`; of who has a case, its own page answers."""

    def answer(asked: Asked) -> Response:
        patient = asked.form.get("patient", "").strip().removeprefix("Patient/")
        with asked.node.storage.reading() as connection:
            cases = reads.cases_of(connection, patient)
            known = bool(patient) and store.get(connection, "Patient", patient) is not None
            on = reads.for_patient(asked.node, connection, _ACTION, asked.person, patient)
        if isinstance(on, Refusal):
            return refused(asked, on)
        if cases:
            return go(address(cases[0], "requests"))
        if not known:
            return refused(asked, refuse(Reason("person.unknown", where="patient"), category=Category.NOT_FOUND))
        asked.node.record_access(asked.person, patient, what, reads.purpose_of(asked.node, _ACTION, asked.person), Ground.RELATION)
        return work(asked, patient)

    return answer


def _show(asked: Asked, patient: str, refusal: Refusal | None = None, done: str = "") -> Response:
    node, reader = asked.node, Reader(asked)
    with node.storage.reading() as connection:
        version = store.get(connection, "Patient", patient)
        held = erasure.held(node, connection, patient, node.now())
        marks = erasure.marks(connection, patient)
    resource = version.resource if version is not None and not version.deleted else {}
    return render(
        asked,
        "person-rights.html",
        refusal.surface.http_status if refusal else 200,
        patient=patient,
        name=patient_name(resource) or reader.t("search.unnamed"),
        born=str(resource.get("birthDate") or ""),
        marks=marks,
        held=[(one, named_resource(reader, one)) for one in held],
        basis=asked.form.get("basis", ""),
        chosen=_chosen(asked),
        done=done,
        sentences=[reader.reason(reason) for reason in refusal.reasons] if refusal else [],
    )


def _chosen(asked: Asked) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for name, value in asked.forms if name == "erased"))


def _copy(asked: Asked, patient: str) -> Response:
    made = copying.archive(asked.node, patient, asked.language)
    return _show(asked, patient, made) if isinstance(made, Refusal) else copy_of(made, "record")


def _mark(asked: Asked, patient: str) -> Response:
    setting = {"hold": erasure.hold, "restriction": erasure.restrict}.get(asked.form.get("what", ""))
    if setting is None:
        return _show(asked, patient, refuse(Reason("person.no_mark", where="what"), category=Category.INVALID))
    done = setting(asked.node, patient, asked.form.get("reason", ""), asked.person, lift=asked.form.get("lift") == "yes")
    return _show(asked, patient, done if isinstance(done, Refusal) else None)


def _erase(asked: Asked, patient: str) -> Response:
    """The first person asks; another one who chooses the same within a quarter of an hour has it done."""
    done = erasure.erase(asked.node, erasure.Wanted(patient, _chosen(asked), asked.form.get("basis", "")), asked.person)
    return _show(asked, patient, done) if isinstance(done, Refusal) else _show(asked, patient, done=_ERASED[done.state])


PERSON_DOORS = (
    Door("/requests/person", ("POST",), "person.rights", _ACTION, _of_a_person("case.requests", _show)),
    Door("/requests/person/copy", ("POST",), "person.copy", _ACTION, _of_a_person("case.copy", _copy)),
    Door("/requests/person/mark", ("POST",), "person.mark", _ACTION, _of_a_person("case.requests", _mark)),
    Door("/requests/person/erase", ("POST",), "person.erase", _ACTION, _of_a_person("case.requests", _erase)),
)
