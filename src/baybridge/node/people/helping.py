"""What somebody who helps a patient may do of a case: by who was let in, and by the patient's age and ability as this node knows them.

Main job: `opened_to(node, actor, case)` and `may_case(…)`, the decision of `access.py` with it; `accounts_for(connection, patient)`, who has an account as a caregiver.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from baybridge.base.outcome import Refusal
from baybridge.base.time import add_months
from baybridge.consent.deciding import thresholds
from baybridge.consent.helping import Ages, opened
from baybridge.facts.fhir import span
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Role
from baybridge.journey.identities import linked
from baybridge.node.people import access, persons
from baybridge.node.tables import account
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node


def may_case(node: Node, action: str, actor: Actor | None, case: Case | None, payers: frozenset[str] = frozenset()) -> Refusal | None:
    """Whether the actor may do this on this case; the refusal is the same whether or not the case exists."""
    return access.may_case(action, actor, node.site, case.patient_id if case else None, payers, opened_to(node, actor, case))


def opened_to(node: Node, actor: Actor | None, case: Case | None) -> frozenset[str]:
    """What of a case is open to somebody who helps; nothing for everybody else."""
    if actor is None or case is None or actor.role is not Role.CAREGIVER or not case.patient_id or actor.patient_id != case.patient_id:
        return frozenset()
    return opened_to_person(node, actor.person, case)


def opened_to_person(node: Node, person_id: str, case: Case) -> frozenset[str]:
    """What of a case is open to a person by being let in."""
    if not case.patient_id:
        return frozenset()
    majority, unable_from = thresholds(node.documents.typed, node.site.jurisdiction)
    today = node.now().astimezone(node.site.zone).date()
    return opened(case, person_id, today, Ages(_of_age_on(node, case, majority), unable_from))


def _of_age_on(node: Node, case: Case, majority: int | None) -> date | None:
    """The first day on which a patient may be of age by any record that is the patient's; None where no birth date is known, or not the age of majority."""
    with node.storage.reading() as connection:
        versions = [store.get(connection, "Patient", one) for one in (case.patient_id or "", *linked(case))]
    born = filter(None, (span(one.resource.get("birthDate")) for one in versions if one is not None and not one.deleted))
    return min((add_months(one.first, 12 * majority) for one in born), default=None) if majority is not None else None


def accounts_for(connection: Connection, patient_id: str) -> frozenset[str]:
    """The persons who have an account as a caregiver of a patient that counts."""
    mine = select(account.c.person_id).where(account.c.patient_id == patient_id, account.c.role == Role.CAREGIVER.value, account.c.disabled.is_(False))
    return frozenset(filter(None, connection.execute(mine).scalars())) if patient_id else frozenset()


def named_accounts(node: Node, patient_id: str) -> dict[str, str]:
    """The same by name."""
    with node.storage.reading() as connection:
        found = accounts_for(connection, patient_id)
    return names(node, sorted(found))


def names(node: Node, ids: Sequence[str]) -> dict[str, str]:
    """The names of some persons by their ids."""
    with node.storage.reading() as connection:
        known = [(one, persons.found(connection, one)) for one in ids]
    return {one: person.name for one, person in known if person is not None}
