"""What one person may see of FHIR resources, within one reading transaction.

Main job: `Seeing`: `refusal(kind, version)`, `shown(versions)`, `against_search(kind, given)`, and what a search is narrowed to so that its totals tell nothing else.

Elsewhere: the interactions that ask it, `interactions.py`; which role reads which type, `kinds.py`; whose record may be read, `node/people/reads.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.consent.reading import Ground
from baybridge.journey.command import Actor, Role
from baybridge.journey.fhir.writer import PROJECTION
from baybridge.node import tables
from baybridge.node.fhir import kinds, plant
from baybridge.node.people import reads
from baybridge.node.people.access import PERSONAL
from baybridge.record.fhir.definitions import resource_types
from baybridge.record.store import store
from baybridge.record.store.including import read_include
from baybridge.record.store.search import Pairs, SearchResult, Tagged, search
from baybridge.record.store.store import Version
from baybridge.record.store.subjects import subjects

if TYPE_CHECKING:
    from baybridge.node.node import Node

#: Nobody's record, and of use to a patient who reads the own one.
_SHARED = frozenset({"Organization", "Practitioner", "PractitionerRole", "Location", "Medication", "HealthcareService"})
_INCLUDES = ("_include", "_revinclude")


def unknown(kind: str) -> Refusal:
    """That there is no such resource."""
    shown = kind if kind in resource_types() else "resource"
    return refuse(Reason("record.not_found", {"type": shown}), category=Category.NOT_FOUND)


class Seeing:
    """What one actor may see, within one reading transaction: every patient is decided once a purpose, and what was seen is kept for the patient's list.

    Three things are asked of each resource: whether the role reads its type (`kinds.py`), what of it stands on pages that the role does not open, and every patient
    whom it names.
    """

    def __init__(self, node: Node, connection: Connection, actor: Actor | None, action: str) -> None:
        self._node = node
        self._connection = connection
        self._actor = actor
        self._action = action
        self._decided: dict[tuple[str, str], Ground | Refusal] = {}
        self.remembered = node.access.at(connection)
        self._plant = plant.view_of(node) if actor is not None and actor.role is Role.MANUFACTURER else None
        self._looks_inside = actor is not None and bool(kinds.closed_kinds(actor.role) or kinds.closed_events(actor.role))
        self.grounds: dict[tuple[str, str], Ground] = {}  # by purpose and patient

    def closed(self, kind: str) -> Refusal | None:
        """Why this actor reads nothing of a type; what is no type of FHIR is nobody's to refuse."""
        actor = self._actor
        if actor is None or kind not in resource_types():
            return None
        if self._plant is not None and not plant.reads(self._plant, kind):
            return refuse(Reason("access.role", {"role": actor.role.value, "action": self._action}), category=Category.FORBIDDEN)
        return kinds.refusal(actor.role, kind)

    def purpose(self, kind: str) -> str:
        """Why this actor reads a type: that of the page that shows the same."""
        return reads.purpose_of(self._node, kinds.KINDS.get(kind, self._action), self._actor) if self._actor is not None else ""

    def refusal(self, kind: str, version: Version | None) -> Refusal | None:
        """Why this version may not be seen; None where it may, which is then noted. What is absent is refused as what is not one's own."""
        if (closed := self.closed(kind)) is not None:
            return closed
        if version is None:
            return self._refusal(kind, "")
        found = self.against(version)
        if found is None:
            self._note([version])
        return found

    def against(self, version: Version) -> Refusal | None:
        """Why this version may not be seen; it is not noted, because nothing of it is shown."""
        return self._refusals([version])[0]

    def hides(self, kind: str, logical_id: str, patient: str) -> bool:
        """Whether what is here under an id of a patient (or of nobody) reads as what is not here; nothing is noted, because nothing of it is shown."""
        if not self._looks_inside and (patient or kind in _SHARED):
            return patient != "" and self._refusal(kind, patient) is not None
        version = store.get(self._connection, kind, logical_id)
        return version is None or version.deleted or self.against(version) is not None

    def shown(self, versions: Sequence[Version]) -> tuple[Version, ...]:
        """The versions that may be seen."""
        kept = tuple(version for version, refusal in zip(versions, self._refusals(versions), strict=True) if refusal is None)
        self._note(kept)
        return kept

    def as_read(self, version: Version) -> Version:
        """A version that may be seen, with as much of it as this actor reads."""
        return version if self._plant is None or self._actor is None else plant.seen(self._node, self._actor, version)

    def asked_about(self, kind: str, patients: Sequence[str]) -> None:
        """Note the patients whom a search names, although it showed nothing of them: a total tells what they have."""
        for patient in patients:
            there = partial(self._is_there, patient)
            if self._refusal(kind, patient) is None and self.remembered.once(("known", patient), there, bool):
                found = self._decided[self.purpose(kind), patient]
                if isinstance(found, Ground):
                    self.grounds[self.purpose(kind), patient] = found

    def _is_there(self, patient: str) -> bool:
        return store.get(self._connection, "Patient", patient) is not None

    def against_search(self, kind: str, given: Pairs) -> Refusal | None:
        """Why this actor does not search for a type, or for one that it asks to come along; the same whatever there is."""
        asked = [include for name, value in given if (include := read_include(kind, value, reverse=name.startswith("_rev"))) and name.startswith(_INCLUDES)]
        along = (include.kind if include.reverse else include.target or "" for include in asked)
        refusal = self.closed(kind) or next((closed for name in along if (closed := self.closed(name)) is not None), None)
        if refusal is not None or self._plant is None:
            return refusal
        reasons = tuple(plant.parameters_against(self._plant, kind, given))
        return refuse(*reasons, category=Category.INVALID) if reasons else None

    def only(self, kind: str) -> frozenset[str] | None:
        """Ids of the resources of a type that a search is narrowed to, so that totals and pages tell nothing of the rest; None is no limit."""
        actor, connection = self._actor, self._connection
        if actor is None or actor.role is Role.CAREGIVER:  # who has no page of resources, whatever is asked
            return frozenset()
        if actor.role is Role.PATIENT:
            own = store.of_patient(connection, kind, actor.patient_id or "-")
            mine = [*own, *(store.of_patient(connection, kind, "") if kind in _SHARED else ())]
            return frozenset(version.id for version, refusal in zip(mine, self._refusals(mine), strict=True) if refusal is None)
        if actor.organisation != self._node.site.organisation:
            cases = reads.glass(self._node, actor)
            patients = connection.execute(select(tables.case_index.c.patient_id).where(tables.case_index.c.case_id.in_(cases))).scalars()
            return frozenset(version.id for patient in dict.fromkeys(patients) if patient for version in self.shown(store.of_patient(connection, kind, patient)))
        return None

    def without(self, kind: str) -> tuple[str, ...]:
        """The patients whose records a search of staff leaves out."""
        staff = self._actor is not None and self._actor.role not in PERSONAL
        guarded = self.remembered.once("guarded", partial(reads.guarded, self._connection)) if staff else ()
        return tuple(patient for patient in guarded if self._refusal(kind, patient) is not None)

    def search(self, kind: str, given: Pairs, *, only: frozenset[str] | None = None, without: Sequence[str] = ()) -> SearchResult | Refusal:
        """What a search finds, without what stands on pages that the role does not open: no total and no condition tells of it."""
        actor = self._actor
        closed = kinds.closed_events(actor.role) if actor is not None else frozenset()
        return search(
            self._connection, kind, given, only=only, without=without,
            tagged=Tagged(PROJECTION) if self._plant is not None else None,
            untagged=Tagged(PROJECTION, closed) if closed else None,
            enclosing=kinds.open_kinds(actor.role) if actor is not None and self._looks_inside else None,
        )  # fmt: skip

    def about(self, versions: Sequence[Version]) -> dict[tuple[str, str], Ground]:
        """What the reading of these versions rests on, by purpose and patient: of everybody whose data they hold and whose record was decided on."""
        found: dict[tuple[str, str], Ground] = {}
        for version, patients in zip(versions, self.patients(versions), strict=True):
            purpose = self.purpose(version.type)
            for patient in sorted(patients):
                decided = self._decided.get((purpose, patient))
                if isinstance(decided, Ground):
                    found[purpose, patient] = decided
        return found

    def _note(self, versions: Sequence[Version]) -> None:
        self.grounds |= self.about(versions)

    def _refusals(self, versions: Sequence[Version]) -> list[Refusal | None]:
        held = self.patients(versions)
        return [self._of(version, patients) for version, patients in zip(versions, held, strict=True)]

    def patients(self, versions: Sequence[Version]) -> list[frozenset[str]]:
        """The patients whose data each version holds, found out once while nothing changes whose record anything is."""
        keyed = {("subjects", version.type, version.id, version.number): version for version in versions}
        found = self.remembered.each(list(keyed), lambda keys: subjects(self._connection, [keyed[key] for key in keys]))
        return [found["subjects", version.type, version.id, version.number] for version in versions]

    def _of(self, version: Version, patients: frozenset[str]) -> Refusal | None:
        closed = self.closed(version.type) or (self._closed_inside(version) if self._looks_inside else None)
        if closed is not None:
            return closed
        if version.patient == "" and not (version.type in _SHARED and self._may_read_shared()):
            patients |= {""}
        return next((refusal for patient in sorted(patients) if (refusal := self._refusal(version.type, patient)) is not None), None)

    def _closed_inside(self, version: Version) -> Refusal | None:
        """Why a version stays closed although its type is open: what is enclosed in it, the event that wrote it, or for a plant that somebody filed it.

        It reads as what is not there: another answer would tell that it is.
        """
        key = ("inside", self._actor.role if self._actor else None, version.type, version.id, version.number)
        return unknown(version.type) if self.remembered.once(key, partial(self._is_closed_inside, version)) else None

    def _is_closed_inside(self, version: Version) -> bool:
        actor, resource = self._actor, version.resource
        return actor is not None and (kinds.is_closed(actor.role, resource) or (self._plant is not None and not plant.is_of_events(resource)))

    def _may_read_shared(self) -> bool:
        return self._actor is not None and self._actor.role is not Role.PAYER

    def _refusal(self, kind: str, patient: str) -> Refusal | None:
        key = self.purpose(kind), patient
        if key not in self._decided:
            whole = ("reading", self._actor, self._action, *key)
            decide = partial(reads.for_patient, self._node, self._connection, self._action, self._actor, patient or None, purpose=key[0])
            self._decided[key] = self.remembered.once(whole, decide, reads.lasts)
        found = self._decided[key]
        return found if isinstance(found, Refusal) else None
