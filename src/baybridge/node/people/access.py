"""Access: who may do what, decided in one place, deny by default.

Main job: one table from action to the roles that may, each with the relation to the case that it needs. A route names its action; a route without
a row answers nobody (`tests/house` tries every role on every route). A denial says why without telling whether the case exists.

**Source**: design section 4 (role x organisation x purpose x consent x relation to the case).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.consent.helping import EVERYTHING, ROAD
from baybridge.journey.command import Actor, Role, Site
from baybridge.journey.events import Event


class Relation(StrEnum):
    """What ties a person to a case."""

    ANY = "any"  # no case is touched
    STAFF = "staff"  # no case is touched; staff of the organisation that runs this node
    CARE = "care"  # staff of the organisation that keeps the case
    OWN = "own"  # the patient
    HELPS = "helps"  # who helps the patient, as far as the patient let that person in
    PAYER = "payer"  # a payer that was asked about this case


#: Roles of which an account reads one patient's record alone.
PERSONAL = (Role.PATIENT, Role.CAREGIVER)
#: Roles that work on a case without knowing whose it is.
NAMELESS = (Role.PAYER, Role.MANUFACTURER, Role.ALLIANCE)
_CARE_ROLES = (Role.COORDINATOR, Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.QUALITY)
_CARE: dict[Role, Relation] = dict.fromkeys(_CARE_ROLES, Relation.CARE)
_SITE = {**_CARE, Role.LABORATORY: Relation.CARE, Role.MANUFACTURER: Relation.CARE}
_FOR_PATIENT: dict[Role, Relation] = {Role.PATIENT: Relation.OWN, Role.CAREGIVER: Relation.HELPS}
_READ = {**_SITE, **_FOR_PATIENT}
_RECORD: dict[Role, Relation] = {role: relation for role, relation in _READ.items() if role is not Role.MANUFACTURER}  # a plant works on cells and knows no patient
_ANYONE: dict[Role, Relation] = {
    **dict.fromkeys((role for role in Role if role not in (Role.NODE, Role.SYSTEM)), Relation.ANY),
    **dict.fromkeys(_SITE, Relation.STAFF),
}
_OWN_STAFF: dict[Role, Relation] = dict.fromkeys(_SITE, Relation.STAFF)
_REVIEW: dict[Role, Relation] = dict.fromkeys((Role.COORDINATOR, Role.PHYSICIAN, Role.PHARMACIST, Role.QUALITY), Relation.STAFF)
_STAFF = {**_OWN_STAFF, Role.ALLIANCE: Relation.ANY, Role.ADMINISTRATOR: Relation.ANY}

ACTIONS: Mapping[str, Mapping[Role, Relation]] = MappingProxyType(
    {
        "public": {},
        "own-account": _ANYONE,
        "own-session": dict.fromkeys(_ANYONE, Relation.ANY),  # whoever signed in can end it, also who may do nothing else here
        "accounts.manage": {Role.ADMINISTRATOR: Relation.STAFF},
        "accounts.rights": dict.fromkeys((Role.ADMINISTRATOR, Role.QUALITY), Relation.STAFF),
        "case.list": {**_OWN_STAFF, Role.PATIENT: Relation.ANY, Role.CAREGIVER: Relation.ANY, Role.PAYER: Relation.ANY},
        "case.find": _OWN_STAFF,
        "payer.work": {Role.PAYER: Relation.ANY},
        "case.first": _READ,
        "case.read": {**_CARE, **_FOR_PATIENT},  # the state of a case: grades, doses, money and all entries in one
        "case.facts": _RECORD,
        "case.tests": _RECORD,
        "case.card": {**_CARE, Role.LABORATORY: Relation.CARE, **_FOR_PATIENT},
        "case.identity": {**_CARE, Role.LABORATORY: Relation.CARE},
        "case.funding": {**_CARE, **_FOR_PATIENT, Role.PAYER: Relation.PAYER},
        "case.quote": {**_CARE, **_FOR_PATIENT},
        "case.messages": {**_CARE, Role.LABORATORY: Relation.CARE, Role.PAYER: Relation.PAYER},  # a payer's people: their own alone
        "case.sharing": {**_CARE, **_FOR_PATIENT},
        "case.cells": _READ,
        "case.bedside": {**_CARE, **_FOR_PATIENT},
        "case.carry": {**_CARE, **_FOR_PATIENT},
        "live": dict.fromkeys(_CARE_ROLES, Relation.STAFF),
        "ward.read": dict.fromkeys(_CARE_ROLES, Relation.STAFF),
        "case.attachments": {**_CARE, Role.LABORATORY: Relation.CARE, **_FOR_PATIENT},
        "calendar.link": {**dict.fromkeys(_CARE_ROLES, Relation.STAFF), Role.PATIENT: Relation.ANY},
        "case.timeline": _READ,
        "case.evidence": {**_CARE, **_FOR_PATIENT},
        "case.who_looked": {Role.QUALITY: Relation.CARE, **_FOR_PATIENT},
        "case.requests": {**_CARE, **_FOR_PATIENT},  # whoever may put an entry right reads what is said to be wrong
        "case.copy": {Role.QUALITY: Relation.CARE, **_FOR_PATIENT},
        "case.mark": {Role.QUALITY: Relation.CARE},  # a legal hold, and a restriction that no request of the page asked for
        "case.break_glass": dict.fromkeys((Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST), Relation.ANY),
        "case.command": {**_SITE, Role.PAYER: Relation.PAYER, **_FOR_PATIENT},
        "case.courier": dict.fromkeys((Role.COORDINATOR, Role.NURSE, Role.PHARMACIST, Role.MANUFACTURER), Relation.CARE),
        "case.correct": _SITE,
        "case.confirm": _SITE,
        "confirmation.list": _OWN_STAFF,
        "records.import": dict.fromkeys((Role.COORDINATOR, Role.PHYSICIAN, Role.LABORATORY), Relation.STAFF),
        "codes.list": dict.fromkeys((Role.COORDINATOR, Role.PHYSICIAN, Role.LABORATORY, Role.QUALITY), Relation.STAFF),
        "codes.map": dict.fromkeys((Role.PHYSICIAN, Role.LABORATORY), Relation.STAFF),
        # Which types, `node/fhir/kinds.py`; of them a payer what names this payer (`payer.py` there), a plant what its cells need (`plant.py`).
        "fhir.read": {**_SITE, Role.PATIENT: Relation.OWN, Role.PAYER: Relation.PAYER},
        "fhir.search": {**_SITE, Role.PATIENT: Relation.OWN, Role.PAYER: Relation.PAYER},
        "fhir.write": dict.fromkeys((Role.COORDINATOR, Role.PHYSICIAN, Role.NURSE, Role.LABORATORY), Relation.STAFF),
        "fhir.delete": dict.fromkeys((Role.COORDINATOR, Role.PHYSICIAN, Role.LABORATORY), Relation.STAFF),
        "trial.read": _ANYONE,
        "trial.import": dict.fromkeys((Role.COORDINATOR, Role.PHYSICIAN), Relation.STAFF),
        "trial.review": dict.fromkeys((Role.PHYSICIAN, Role.PHARMACIST), Relation.STAFF),
        "trial.patients": dict.fromkeys((Role.COORDINATOR, Role.PHYSICIAN), Relation.STAFF),
        "centre.read": _ANYONE,
        "policy.lab": {
            **dict.fromkeys((Role.COORDINATOR, Role.QUALITY), Relation.STAFF),
            **dict.fromkeys((Role.PAYER, Role.ALLIANCE, Role.ADMINISTRATOR), Relation.ANY),
        },
        "policy.read": _ANYONE,
        "policy.what_if": {**_REVIEW, Role.ALLIANCE: Relation.ANY, Role.PAYER: Relation.ANY},
        "policy.decide": {**_STAFF, Role.PAYER: Relation.ANY},
        "log.entries": {**_STAFF, Role.NODE: Relation.ANY},
        "log.pages": _ANYONE,
        "directory.read": _ANYONE,
        "directory.write": {Role.ALLIANCE: Relation.ANY, Role.ADMINISTRATOR: Relation.ANY},
        "alliance.spared": {Role.ALLIANCE: Relation.ANY, Role.COORDINATOR: Relation.STAFF, Role.QUALITY: Relation.STAFF},
        "alliance.exceptions": {Role.ALLIANCE: Relation.ANY, Role.QUALITY: Relation.STAFF},
        "alliance.indicators": {Role.ALLIANCE: Relation.ANY, Role.QUALITY: Relation.STAFF},
        "safety.read": {Role.QUALITY: Relation.STAFF, Role.ADMINISTRATOR: Relation.ANY, Role.ALLIANCE: Relation.ANY},
        "queue.manage": {Role.ADMINISTRATOR: Relation.STAFF},
        "operation.read": {Role.ADMINISTRATOR: Relation.STAFF},
        "neighbours.read": dict.fromkeys((Role.QUALITY, Role.ADMINISTRATOR), Relation.STAFF),
        "neighbours.manage": {Role.ADMINISTRATOR: Relation.STAFF},
        "breach.manage": dict.fromkeys((Role.QUALITY, Role.ADMINISTRATOR), Relation.STAFF),
        "requests.read": {Role.QUALITY: Relation.STAFF},
        "person.rights": {Role.QUALITY: Relation.CARE},  # of whom this site holds a record and no case
        "processing.read": dict.fromkeys((Role.QUALITY, Role.ADMINISTRATOR), Relation.STAFF),
        "node": {Role.NODE: Relation.ANY},
    }
)

#: What of a case somebody who helps has to be shown for an action (`consent/helping.py`); what is not named here, only who sees everything that the patient sees.
_SHOWN_FOR: Mapping[str, str] = MappingProxyType(
    {
        "case.first": ROAD,
        "case.carry": ROAD,
        "case.command": ROAD,
        "case.facts": "results",
        "case.tests": "results",
        "case.cells": "results",
        "case.bedside": "results",
        "case.timeline": "results",
        "case.funding": "money",
        "case.quote": "money",
        "case.card": "papers",
        "case.attachments": "papers",
    }
)


#: The action of the page on which the entries of a chapter of events stand; a chapter that is not here is open to whoever reads the case.
_OF_CHAPTERS: Mapping[str, str] = MappingProxyType(
    {
        "treatment": "case.bedside",
        "calls": "case.bedside",
        "follow_up": "case.bedside",
        "money": "case.funding",
        "sharing": "case.sharing",
        "rights": "case.requests",
        "attachments": "case.attachments",
        "messages": "case.bedside",
        "case_messages": "case.messages",
        "decisions": "case.facts",
        "identity": "case.card",
    }
)
#: The same for an event that does not stand with its chapter.
_OF_EVENTS: Mapping[str, str] = MappingProxyType({"FindingConfirmed": "case.facts"})


def action_of_event(event: type[Event]) -> str:
    """The action of the page on which entries of a type of event stand; '' where whoever reads the case sees them."""
    return _OF_EVENTS.get(event.__name__) or _OF_CHAPTERS.get(event.__module__.rpartition(".")[2], "")


def opens_every_entry(role: Role) -> bool:
    """Whether a role opens the page of every chapter, so that an entry which speaks of another one tells it nothing new."""
    return all(role in roles(action) for action in (*_OF_CHAPTERS.values(), *_OF_EVENTS.values()))


def shows(action: str, opened: Collection[str]) -> bool:
    """Whether somebody who helps, and to whom this much of a case is opened, may do this."""
    return EVERYTHING in opened or _SHOWN_FOR.get(action, EVERYTHING) in opened


def roles(action: str) -> frozenset[Role]:
    """The roles that have a row for an action, whatever relation it needs."""
    return frozenset(ACTIONS.get(action, {}))


def is_personal(names: Iterable[str]) -> bool:
    """Whether a role is among them of which an account reads one patient's record alone."""
    return not {role.value for role in PERSONAL}.isdisjoint(names)


def relation_to(actor: Actor, site: Site, patient_id: str | None, payers: frozenset[str]) -> Relation | None:
    """What ties this actor to a case of this site with this patient and these asked payers; None where nothing does."""
    if actor.role in _FOR_PATIENT:
        return _FOR_PATIENT[actor.role] if patient_id and actor.patient_id == patient_id else None
    if actor.role is Role.PAYER:
        return Relation.PAYER if actor.organisation in payers else None
    if actor.role in _SITE and actor.organisation == site.organisation:
        return Relation.CARE
    return None


def may(action: str, actor: Actor | None, site: Site) -> Refusal | None:
    """Whether this person may do this here at all; the relation to a case is asked by `may_case`."""
    rows = ACTIONS.get(action)
    if action == "public" and rows is not None:
        return None
    if actor is None:
        return refuse(Reason("access.sign_in"), category=Category.UNAUTHENTICATED)
    if rows is None or actor.role not in rows:
        return refuse(Reason("access.role", {"role": actor.role.value, "action": action}), category=Category.FORBIDDEN)
    if rows[actor.role] in (Relation.STAFF, Relation.CARE) and actor.organisation != site.organisation:
        return refuse(Reason("access.relation", {"role": actor.role.value}), category=Category.FORBIDDEN)
    return None


def may_case(
    action: str, actor: Actor | None, site: Site, patient_id: str | None, payers: frozenset[str] = frozenset(), opened: Collection[str] = frozenset()
) -> Refusal | None:
    """Whether the actor may do this on this case; the refusal is the same whether or not the case exists. `opened`: what somebody who helps is shown of it."""
    refusal = may(action, actor, site)
    if refusal is not None or actor is None:
        return refusal
    needed = ACTIONS[action].get(actor.role)
    if needed in (Relation.ANY, Relation.STAFF):
        return None
    if relation_to(actor, site, patient_id, payers) is needed and (needed is not Relation.HELPS or shows(action, opened)):
        return None
    return refuse(Reason("access.relation", {"role": actor.role.value}), category=Category.FORBIDDEN)
