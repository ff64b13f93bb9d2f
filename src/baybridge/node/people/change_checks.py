"""What speaks against a change of an account: every reason at once.

Main job: `against`. The last active administrator of a node can be neither disabled nor stripped: nobody could let anybody in again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, RowMapping

from baybridge.base.outcome import Reason
from baybridge.base.text import not_text
from baybridge.journey.command import Role
from baybridge.node.people import account_list, accounts, persons
from baybridge.node.people.access import is_personal
from baybridge.node.people.account_changes import ASSIGNABLE, About, Add, Change, Disable, EndSession, Invite, Leaving, Roles
from baybridge.node.people.account_list import row_of
from baybridge.node.people.two_administrators import last_administrator, last_to_stay, would_stay

if TYPE_CHECKING:
    from baybridge.node.node import Node

_LONGEST_NAME = 80
_LONGEST_STAY = 60  # years: a later day is a slip of the pen. A convention of this project


def against(node: Node, connection: Connection, what: Change, at: datetime) -> Iterator[Reason]:
    """Every reason against a change."""
    row = row_of(connection, what.account)
    if isinstance(what, Add):
        yield from _against_adding(node, connection, what, at, there=row is not None)
    elif row is None:
        yield Reason("accounts.unknown", where="account")
    else:
        yield from _against_changing(node, connection, what, row, at)


def _against_changing(node: Node, connection: Connection, what: Change, row: RowMapping, at: datetime) -> Iterator[Reason]:
    """What speaks against changing an account that is there."""
    if isinstance(what, EndSession) and what.key not in {one.key for one in accounts.sessions_of(connection, str(row["account"]), at)}:
        yield Reason("accounts.unknown_session", where="key")
    if isinstance(what, Disable) and not what.reason.strip():
        yield Reason("accounts.reason_needed", where="reason")
    if isinstance(what, Disable) and row["disabled"]:
        yield Reason("accounts.disabled_already", {"reason": str(row["disabled_because"] or "–")}, where="account")
    if isinstance(what, Invite) and row["password_hash"] and not row["disabled"]:
        yield Reason("accounts.has_password", where="account")
    if isinstance(what, Roles):
        yield from _against_roles(what, accounts.roles_of(row), row["patient_id"])
    if isinstance(what, About):
        yield from _against_texts(("profession", what.profession or "-"), ("registration", what.registration or "-"))
    if isinstance(what, Leaving):
        yield from _against_leaving(node, connection, what, row, at)
    if _ends_administrator(what) and last_administrator(connection, row["account"], at):
        yield Reason("accounts.last_administrator", where="account")
    elif _ends_administrator(what) and last_to_stay(connection, row["account"], at):
        yield Reason("accounts.last_to_stay", where="account")


def _against_adding(node: Node, connection: Connection, what: Add, at: datetime, *, there: bool) -> Iterator[Reason]:
    spelt = account_list.spelt_here(connection, what.account)
    if there:
        yield Reason("accounts.exists", where="account")
    elif spelt is not None:
        yield Reason("staff.spelt_otherwise", {"account": spelt}, where="account")
    yield from _against_texts(("account", what.account), ("person", what.person), ("person_id", what.person_id or "-"))
    yield from _against_texts(("profession", what.profession or "-"), ("registration", what.registration or "-"))
    yield from _against_role_names(what.roles)
    if not what.roles:
        yield Reason("accounts.no_role", where="role")
    if is_personal(what.roles) and (not what.patient_id or len(set(what.roles)) > 1):
        yield Reason("accounts.patient", where="role")
    if what.patient_id and not persons.patient_is_known(connection, what.patient_id):
        yield Reason("accounts.unknown_patient", where="patient_id")
    if what.language is not None and what.language not in node.languages:
        yield Reason("accounts.language", {"known": ", ".join(node.languages)}, where="language")
    if what.leaves_on is not None:
        yield from _against_day(node, what.leaves_on, at)
    known = persons.found(connection, what.person_id) if what.person_id else None
    if known is not None and known.name.casefold() != what.person.casefold():
        yield Reason("accounts.other_person", where="person_id")


def _against_leaving(node: Node, connection: Connection, what: Leaving, row: RowMapping, at: datetime) -> Iterator[Reason]:
    if what.on is not None:
        yield from _against_day(node, what.on, at)
        if not would_stay(connection, row, at):
            yield Reason("accounts.last_to_stay", where="leaves_on")


def _against_texts(*fields: tuple[str, str]) -> Iterator[Reason]:
    for field, text in fields:
        if not text.strip() or text != text.strip() or len(text) > _LONGEST_NAME or not_text(text) or not text.isprintable():
            yield Reason("accounts.bad_name", {"longest": _LONGEST_NAME}, where=field)


def _against_day(node: Node, day: date, at: datetime) -> Iterator[Reason]:
    today = at.astimezone(node.site.zone).date()
    if day < today:
        yield Reason("accounts.left_already", where="leaves_on")
    if day.year > today.year + _LONGEST_STAY:
        yield Reason("accounts.leaves_too_late", {"years": _LONGEST_STAY}, where="leaves_on")


def _against_role_names(names: tuple[str, ...]) -> Iterator[Reason]:
    for name in names:
        if name not in ASSIGNABLE:
            yield Reason("accounts.unknown_role", {"role": name[:40], "known": ", ".join(ASSIGNABLE)}, where="role")


def _against_roles(what: Roles, has: tuple[Role, ...], patient_id: str | None) -> Iterator[Reason]:
    yield from _against_role_names((*what.add, *what.remove))
    left = {*has, *what.add} - {*what.remove}
    if not left:
        yield Reason("accounts.no_role", where="remove")
    if is_personal(left) and (not patient_id or len(left) > 1):
        yield Reason("accounts.patient", where="add")


def _ends_administrator(what: Change) -> bool:
    return isinstance(what, Disable) or (isinstance(what, Roles) and Role.ADMINISTRATOR.value in what.remove)
