"""Persons: who stands behind an account. Two accounts of one person are one person wherever two are asked for.

Main job: `person_of(connection, account)`, and `make_sure(storage)` at every opening of a node: each account of a version before persons becomes its own person.
`patient_is_known` says whether a record of this node is about a patient.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, select, update

from baybridge.node.tables import account as accounts
from baybridge.node.tables import case_index
from baybridge.node.tables import person as persons
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.storage import Storage


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with one account or more; the id says nothing about who it is."""

    person_id: str
    name: str
    profession: str | None = None
    registration: str | None = None


def new_id() -> str:
    """A fresh identifier of a person."""
    return f"p-{secrets.token_hex(8)}"


def add(connection: Connection, person: Person) -> None:
    """Store a new person."""
    row = {"person_id": person.person_id, "name": person.name, "profession": person.profession, "registration": person.registration}
    connection.execute(insert(persons).values(row))


def describe(connection: Connection, person_id: str, profession: str | None, registration: str | None) -> None:
    """Keep the profession of a person and the number in its register; what is None stays as it is known."""
    known = {name: text for name, text in (("profession", profession), ("registration", registration)) if text is not None}
    if known:
        connection.execute(update(persons).where(persons.c.person_id == person_id).values(**known))


def found(connection: Connection, person_id: str) -> Person | None:
    """The person of an id."""
    row = connection.execute(select(persons).where(persons.c.person_id == person_id)).mappings().first()
    return Person(**row) if row else None


def person_of(connection: Connection, account: str) -> str | None:
    """The person to whom an account belongs; None where there is no such account."""
    return connection.execute(select(accounts.c.person_id).where(accounts.c.account == account)).scalar()


def names(connection: Connection) -> dict[str, str]:
    """The name of every person."""
    return {row.person_id: row.name for row in connection.execute(select(persons.c.person_id, persons.c.name))}


def everybody(connection: Connection) -> list[Person]:
    """Every person, by id."""
    return [Person(**row) for row in connection.execute(select(persons).order_by(persons.c.person_id)).mappings()]


def patient_is_known(connection: Connection, patient_id: str) -> bool:
    """Whether a patient has a case or a record at this node."""
    held = connection.execute(select(case_index.c.case_id).where(case_index.c.patient_id == patient_id).limit(1)).first()
    return bool(patient_id) and (held is not None or store.get(connection, "Patient", patient_id) is not None)


def make_sure(storage: Storage) -> None:
    """Give a person to each account that has none."""
    lacking = select(accounts.c.account, accounts.c.name).where(accounts.c.person_id.is_(None))
    with storage.reading() as connection:
        if connection.execute(lacking.limit(1)).first() is None:
            return
    with storage.writing() as connection:
        for row in connection.execute(lacking).all():
            person = Person(new_id(), row.name)
            add(connection, person)
            connection.execute(update(accounts).where(accounts.c.account == row.account).values(person_id=person.person_id))
