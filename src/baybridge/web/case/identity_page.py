"""Whose records: the other records of this node that may be the patient's, side by side with the patient, and what a person says of each.

Main job: `identity(view)`. Numbers of documents are masked: they are compared with the document in hand, not read off the screen; whether
they agree is said. Elsewhere: comparing in `record/identity/matching.py`, commands in `recognition/identity.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from baybridge.facts.fhir import items, text, written_name
from baybridge.journey.entry import Entry
from baybridge.journey.identities import Identity, identities_of
from baybridge.node import kept_decisions
from baybridge.node.commands.table import COMMANDS
from baybridge.recognition.identity import AGAINST
from baybridge.record.identity.documents import identifiers_of
from baybridge.record.identity.links import linked_resources
from baybridge.record.store import store
from baybridge.web.case.naming import masked, system_word
from baybridge.web.case.view import Action, CaseView, allowed
from baybridge.web.page.page import Reader

Json = Mapping[str, object]
#: Which commands an answer leaves open.
_NEXT: Mapping[str, tuple[str, ...]] = {
    "open": ("ConfirmIdentity", "RefuseIdentity"),
    "linked": ("UndoIdentity",),
    "refused": ("ConfirmIdentity",),
    "undone": ("ConfirmIdentity",),
}
#: Reasons by what they say; the rest says nothing either way.
_FOR = ("identifier.same", "name.same", "name.order", "name.across", "birth.same", "sex.same")


@dataclass(frozen=True, slots=True)
class Looked:
    """A person as the page shows one: names, birth date, sex, documents (words, masked number, whether the other has the same)."""

    names: tuple[str, ...]
    birth_date: str | None
    gender: str | None
    documents: tuple[tuple[str, str, bool], ...]
    known: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One question as the page shows it."""

    identity: Identity
    other: Looked
    results: int
    first: str | None
    last: str | None
    reasons: tuple[tuple[str, str], ...]  # (for, against or neither, sentence)
    rests: int
    actions: tuple[Action, ...]
    answers: tuple[Entry[Any], ...]


def identity(view: CaseView) -> Response:
    """The patient, and every other record that was ever asked about, open questions first."""
    found = sorted(identities_of(view.case), key=lambda one: (one.state != "open", one.state != "linked", -one.asked.event.score))
    mine = _patient(view, view.case.patient_id or "")
    rows = [_row(view, one, mine) for one in found]
    return view.render("identity.html", mine=_looked(view.reader, mine, {}), rows=rows)


def _row(view: CaseView, one: Identity, mine: Mapping[str, object]) -> Row:
    other = _patient(view, one.other)
    resources = store.patient_resources(view.look.unit.connection, one.other, view.now)
    results = [resource for resource in resources if resource["resourceType"] == "Observation"]
    days = sorted(str(item["effectiveDateTime"])[:10] for item in results if item.get("effectiveDateTime"))
    return Row(
        one,
        _looked(view.reader, other, mine),
        len(results),
        days[0] if days else None,
        days[-1] if days else None,
        tuple(_reason(view.reader, code) for code in one.asked.event.reasons),
        _rests(view, one, resources) if one.state == "linked" else 0,
        _actions(view, one),
        one.answers,
    )


def _patient(view: CaseView, patient_id: str) -> Mapping[str, object]:
    version = store.get(view.look.unit.connection, "Patient", patient_id)
    return version.resource if version is not None and not version.deleted else {}


def _looked(reader: Reader, patient: Json, against: Json) -> Looked:
    theirs = identifiers_of(against).written
    documents = [
        (system_word(reader, system), masked(number), number in theirs.get(system, frozenset()))
        for system, numbers in sorted(identifiers_of(patient).written.items())
        for number in sorted(numbers)
    ]
    return Looked(names_of(patient), text(patient.get("birthDate")) or None, text(patient.get("gender")) or None, tuple(documents), bool(patient))


def names_of(patient: Json) -> tuple[str, ...]:
    """Every name of a Patient as it is written, each once."""
    return tuple(dict.fromkeys(filter(None, (written_name(item).strip() for item in items(patient.get("name"))))))


def _reason(reader: Reader, code: str) -> tuple[str, str]:
    name, _, system = code.partition(":")
    side = "for" if name in _FOR else "against" if name in AGAINST else "neither"
    return side, reader.t(f"record.identity.{name}", system=system_word(reader, system) if system else "")


def _rests(view: CaseView, one: Identity, resources: Sequence[Mapping[str, object]]) -> int:
    """How many standing decisions of this case read the other record."""
    return kept_decisions.resting_on(view.look.unit.connection, view.case.case_id, linked_resources(resources, one.other))


def _actions(view: CaseView, one: Identity) -> tuple[Action, ...]:
    if view.read_only:
        return ()
    kinds = [COMMANDS[name] for name in _NEXT[one.state]]
    return tuple(view.action(kind, {"question": one.question}) for kind in kinds if allowed(view.asked, kind))
