"""Changes of accounts: who is added, invited, given or stripped of a role, disabled, reset. Every one goes through `change` and is an entry of the log.

Main job: `change(node, actor, what)` answers `Changed` or a refusal with every reason; `listed(node, connection)` is the list of everybody.

The last active administrator of a node can be neither disabled nor stripped: nobody could let anybody in again. Who is an administrator is changed
by two of them, where there are two; the account of one is given back and closed by two persons too, and so is an account, or a person, given two roles that sign.
What the operator of the machine does alone to the account of the only administrator is a recovery: an entry of its own in the log, and red on the pages of those who must
know (`recovered_at`). Elsewhere: invitations in `invitations.py`. **Source**: contract K4; that roles which sign are joined by two is a convention of this project.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Literal

import orjson
from sqlalchemy import Connection, RowMapping, insert, select, update

from baybridge.base.canonical import sha256_hex
from baybridge.base.json_value import JsonDict
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.text import not_text
from baybridge.journey.command import Actor, Role
from baybridge.ledger.tables import log_entry
from baybridge.node.clock import new_id
from baybridge.node.people import accounts, invitations, persons, second_factor
from baybridge.node.people.persons import Person
from baybridge.node.tables import account as table
from baybridge.node.tables import account_change_asked as asked_changes
from baybridge.node.tables import person as persons_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

State = Literal["invited", "active", "disabled", "left"]
ASSIGNABLE = tuple(role for role in Role if role not in (Role.NODE, Role.SYSTEM))
_LONGEST_NAME = 80
_TWO = 2
_OPERATOR = "operator"  # of the machine, who has no account
#: Roles whose word another person confirms: one person with two of them could be both.
_SIGNING = frozenset({Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.LABORATORY, Role.MANUFACTURER, Role.QUALITY})
_RECOVERY = "recovery"
_SHOWN_FOR = timedelta(days=30)  # convention of this project: as long as a month's rota, so that everybody who must know was there


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    """A new account, of a new person unless `person_id` is one that is known; it gets its password by the invitation."""

    account: str
    person: str
    roles: tuple[str, ...]
    person_id: str | None = None
    organisation: str | None = None
    profession: str | None = None
    registration: str | None = None
    leaves_on: date | None = None
    language: str | None = None
    patient_id: str | None = None


@dataclass(frozen=True, slots=True)
class Invite:
    """A fresh invitation for an account that has no password, or was disabled; the earlier ones end."""

    account: str


@dataclass(frozen=True, slots=True)
class Disable:
    """Close an account; its sessions end at once."""

    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reset:
    """End the password (a fresh invitation follows), the second factor, or the sessions of an account."""

    account: str
    what: Literal["password", "second-factor", "sessions"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Roles:
    """Give an account roles and take others away; its sessions end where one is taken."""

    account: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndSession:
    """End one open session of an account, named by its key; the others go on."""

    account: str
    key: str


Change = Add | Invite | Disable | Reset | Roles | EndSession


@dataclass(frozen=True, slots=True)
class Changed:
    """What now stands: the sign-in name, whose it is, and the invitation, which is shown here and never again."""

    account: str
    person_id: str
    invitation: str = ""
    expires_at: datetime | None = None
    asked: bool = False  # nothing changed yet: another administrator makes the same change

    def as_json(self) -> JsonDict:
        """As commands and services print it."""
        found: JsonDict = {"account": self.account, "person_id": self.person_id}
        if self.asked:
            found["state"] = "asked"
        if self.expires_at is not None:
            found |= {"invitation": self.invitation, "expires_at": self.expires_at.isoformat()}
        return found


@dataclass(frozen=True, slots=True)
class Listed:
    """An account as an administrator sees it."""

    account: str
    person_id: str
    name: str
    roles: tuple[str, ...]
    organisation: str
    state: State
    second_factor: bool
    last_sign_in: str | None

    def as_json(self) -> JsonDict:
        """The row of the contract."""
        return {**asdict(self), "roles": list(self.roles)}


# --- changing -------------------------------------------------------------------------------------------------------


def change(node: Node, actor: Actor, what: Change) -> Changed | Refusal:
    """Make one change of an account, or answer every reason against it."""
    with node.unit() as unit:
        return change_within(node, unit, actor, what)


def change_within(node: Node, unit: Unit, actor: Actor, what: Change) -> Changed | Refusal:
    """The same, within a unit of work that is open already."""
    reasons = tuple(against(node, unit.connection, what, unit.at))
    if reasons:
        unknown = any(reason.code == "accounts.unknown" for reason in reasons)
        return refuse(*reasons, category=Category.NOT_FOUND if unknown else Category.INVALID)
    waits = _second_administrator(node, unit, actor, what)
    if waits is not None:
        return waits
    recovery = _is_recovery(unit, actor, what)
    done = _add(node, unit, what) if isinstance(what, Add) else _end_one(unit, what) if isinstance(what, EndSession) else _alter(node, unit, what)
    unit.log("account", "", _name(what), _said(what).encode(), actor, "administration")
    if recovery:
        unit.log("account", "", _RECOVERY, _said(what).encode(), actor, "administration")
    return done


def _second_administrator(node: Node, unit: Unit, actor: Actor, what: Change) -> Changed | Refusal | None:
    """What the first of two administrators is answered, or a refusal; None where it may be done.

    Who is an administrator is changed by two of them where there are two, by the only one alone, and by the operator of the machine while there is none. Whoever lets
    somebody in by the account of an administrator could be that administrator, and whoever closes it could be the only one left: that takes two too, of whom the operator
    may be one, while there is another administrator. So does an account by which one person could sign as two, where there are two administrators.
    """
    owner, changes_who = _whose_administration(unit, what), _names_administrator(what)
    there, joins = {*administrators(unit.connection, unit.at).values()} - {owner}, _joins_roles(unit.connection, what)
    if not (changes_who or owner or joins) or not there:
        return None
    if not actor.person and owner is None and changes_who:
        minutes = int(node.people.confirmed_within("user").total_seconds() // 60)
        return refuse(Reason("accounts.administrator_by_account", {"minutes": minutes}), category=Category.FORBIDDEN)
    return _asked_of_another(node, unit, actor, what) if owner is not None or len(there) >= _TWO else None


def _names_administrator(what: Change) -> bool:
    """Whether a change says who is an administrator."""
    names = {*what.roles} if isinstance(what, Add) else {*what.add, *what.remove} if isinstance(what, Roles) else set()
    return Role.ADMINISTRATOR.value in names


def _whose_administration(unit: Unit, what: Change) -> str | None:
    """The person of an administrator's account that a change closes, or by which it lets somebody in; None of every other change."""
    if isinstance(what, Disable):
        row = _row(unit.connection, what.account)
        return administrators(unit.connection, unit.at).get(row["account"]) if row is not None else None
    return _lets_in(unit.connection, what)


def _joins_roles(connection: Connection, what: Change) -> bool:
    """Whether one person holds two roles that sign by this change, whichever accounts they have, and did not before by the same."""
    if not isinstance(what, Add | Roles):
        return False
    row = _row(connection, what.account)
    person = what.person_id if isinstance(what, Add) else row["person_id"] if row is not None else None
    rows = connection.execute(select(table).where(table.c.person_id == person)).mappings().all() if person else []
    before = {role for one in rows for role in accounts.roles_of(one)} & _SIGNING
    added = {*(what.roles if isinstance(what, Add) else what.add)}
    fresh = {role for role in _SIGNING if role.value in added} - before
    return bool(fresh) and len(before | fresh) >= _TWO


def _is_recovery(unit: Unit, actor: Actor, what: Change) -> bool:
    """Whether the operator of the machine alone changes who is an administrator, or lets somebody in as one, where there was one before."""
    owner = _whose_administration(unit, what)
    if actor.person or not (owner or _names_administrator(what)):
        return False
    others = {*administrators(unit.connection, unit.at).values()} - {owner}
    return not others and any(Role.ADMINISTRATOR in accounts.roles_of(row) for row in unit.connection.execute(select(table)).mappings())


def recovered_at(connection: Connection, at: datetime) -> datetime | None:
    """When the operator of the machine last let an administrator in alone, while that is to be seen by everybody who must know."""
    entry = log_entry.c
    last = connection.execute(select(entry.body).where(entry.what == _RECOVERY, entry.kind == "account").order_by(entry.position.desc()).limit(1)).scalar()
    when = datetime.fromisoformat(orjson.loads(last)["at"]) if last else None
    return when if when is not None and at - when <= _SHOWN_FOR else None


def _lets_in(connection: Connection, what: Change) -> str | None:
    """The person of an administrator's account by which a change lets somebody in who has its password or its second factor no more; None of every other change."""
    row = _row(connection, what.account) if isinstance(what, Invite) or (isinstance(what, Reset) and what.what != "sessions") else None
    return str(row["person_id"]) if row is not None and Role.ADMINISTRATOR in accounts.roles_of(row) else None


def _asked_of_another(node: Node, unit: Unit, actor: Actor, what: Change) -> Changed | Refusal | None:
    """What the first of two persons is answered; None where this one is the second."""
    plain = replace(what, reason="") if isinstance(what, Reset | Disable) else what  # each says why in own words
    digest, person = sha256_hex(f"{_name(what)}\n{_said(plain)}".encode()), actor.person or _OPERATOR
    asked = unit.connection.execute(select(asked_changes).where(asked_changes.c.change_sha256 == digest)).first()
    within = asked is not None and unit.at - datetime.fromisoformat(asked.asked_at) <= node.people.confirmed_within("user")
    if asked is not None and within and asked.person == person:
        return refuse(Reason("accounts.same_person"), category=Category.FORBIDDEN)
    unit.connection.execute(asked_changes.delete().where(asked_changes.c.change_sha256 == digest))
    if within:
        return None
    unit.connection.execute(insert(asked_changes).values(change_sha256=digest, person=person, asked_at=unit.at.isoformat()))
    unit.log("account", "", f"{_name(what)}-asked", _said(what).encode(), actor, "administration")
    return Changed(what.account, "", asked=True)


def against(node: Node, connection: Connection, what: Change, at: datetime) -> Iterator[Reason]:
    """Every reason against a change."""
    row = _row(connection, what.account)
    if isinstance(what, Add):
        yield from _against_adding(node, connection, what, at, there=row is not None)
        return
    if row is None:
        yield Reason("accounts.unknown", where="account")
        return
    if isinstance(what, EndSession) and what.key not in {one.key for one in accounts.sessions_of(connection, str(row["account"]), at)}:
        yield Reason("accounts.unknown_session", where="key")
    if isinstance(what, Disable) and not what.reason.strip():
        yield Reason("accounts.reason_needed", where="reason")
    if isinstance(what, Invite) and row["password_hash"] and not row["disabled"]:
        yield Reason("accounts.has_password", where="account")
    if isinstance(what, Roles):
        yield from _against_roles(what, accounts.roles_of(row), row["patient_id"])
    if _ends_administrator(what) and last_administrator(connection, row["account"], at):
        yield Reason("accounts.last_administrator", where="account")


def _against_adding(node: Node, connection: Connection, what: Add, at: datetime, *, there: bool) -> Iterator[Reason]:
    if there:
        yield Reason("accounts.exists", where="account")
    for field, text in (("account", what.account), ("person", what.person), ("person_id", what.person_id or "-")):
        if not text.strip() or text != text.strip() or len(text) > _LONGEST_NAME or not_text(text) or not text.isprintable():
            yield Reason("accounts.bad_name", {"longest": _LONGEST_NAME}, where=field)
    yield from _against_role_names(what.roles)
    if not what.roles:
        yield Reason("accounts.no_role", where="role")
    if Role.PATIENT.value in what.roles and (not what.patient_id or len(set(what.roles)) > 1):
        yield Reason("accounts.patient", where="role")
    if what.patient_id and not persons.patient_is_known(connection, what.patient_id):
        yield Reason("accounts.unknown_patient", where="patient_id")
    if what.language is not None and what.language not in node.languages:
        yield Reason("accounts.language", {"known": ", ".join(node.languages)}, where="language")
    if what.leaves_on is not None and what.leaves_on < at.astimezone(node.site.zone).date():
        yield Reason("accounts.left_already", where="leaves_on")
    known = persons.found(connection, what.person_id) if what.person_id else None
    if known is not None and known.name.casefold() != what.person.casefold():
        yield Reason("accounts.other_person", where="person_id")


def _against_role_names(names: tuple[str, ...]) -> Iterator[Reason]:
    for name in names:
        if name not in ASSIGNABLE:
            yield Reason("accounts.unknown_role", {"role": name[:40], "known": ", ".join(ASSIGNABLE)}, where="role")


def _against_roles(what: Roles, has: tuple[Role, ...], patient_id: str | None) -> Iterator[Reason]:
    yield from _against_role_names((*what.add, *what.remove))
    left = {*has, *what.add} - {*what.remove}
    if not left:
        yield Reason("accounts.no_role", where="remove")
    if Role.PATIENT.value in left and (not patient_id or len(left) > 1):
        yield Reason("accounts.patient", where="add")


def _ends_administrator(what: Change) -> bool:
    return isinstance(what, Disable) or (isinstance(what, Roles) and Role.ADMINISTRATOR.value in what.remove)


def administrators(connection: Connection, at: datetime) -> dict[str, str]:
    """The accounts that are active administrators, each with its person."""
    rows = connection.execute(select(table)).mappings()
    return {row["account"]: row["person_id"] for row in rows if state_of(row, at) == "active" and Role.ADMINISTRATOR in accounts.roles_of(row)}


def last_administrator(connection: Connection, account: str, at: datetime) -> bool:
    """Whether an account is the only active administrator."""
    return set(administrators(connection, at)) == {account}


def _add(node: Node, unit: Unit, what: Add) -> Changed:
    person_id = what.person_id or persons.new_id()
    if persons.found(unit.connection, person_id) is None:
        persons.add(unit.connection, Person(person_id, what.person, what.profession, what.registration))
    account, leaves_on = new_id(node.now), what.leaves_on
    leaves = datetime.combine(leaves_on + timedelta(days=1), time(), node.site.zone).isoformat() if leaves_on else None
    accounts.add_account(
        unit.connection, account=account, name=what.account, role=Role(what.roles[0]), organisation=what.organisation or node.site.organisation, password="",
        patient_id=what.patient_id, language=what.language or "en", person_id=person_id, also_roles=" ".join(what.roles[1:]) or None, leaves_at=leaves,
        invited=True,
    )  # fmt: skip
    return _invited(node, unit, account, what.account, person_id)


def _end_one(unit: Unit, what: EndSession) -> Changed:
    row = _row(unit.connection, what.account)
    if row is None:
        raise LookupError("an account that nobody looked for before its session ends")
    accounts.close_one(unit.connection, str(row["account"]), what.key, unit.at)
    return Changed(str(row["name"]), str(row["person_id"]))


def _alter(node: Node, unit: Unit, what: Invite | Disable | Reset | Roles) -> Changed:
    row = _row(unit.connection, what.account)
    if row is None:
        raise LookupError("an account that nobody looked for before it is changed")
    account, values = str(row["account"]), dict[str, object]()
    if isinstance(what, Disable):
        values |= {"disabled": True, "disabled_because": what.reason.strip()}
        invitations.end_all(unit.connection, account, unit.at)
    elif isinstance(what, Roles):
        values |= _roles_after(accounts.roles_of(row), what)
    elif isinstance(what, Invite):
        values |= {"disabled": False, "disabled_because": None, "password_hash": "", "invited": True}
    elif what.what == "password":
        values |= {"password_hash": ""}
    elif what.what == "second-factor":
        second_factor.turn_off(unit.connection, account)
    if values:
        unit.connection.execute(update(table).where(table.c.account == account).values(**values))
    if not (isinstance(what, Roles) and not what.remove):
        accounts.close_sessions(unit.connection, account)
    if isinstance(what, Invite) or (isinstance(what, Reset) and what.what == "password"):
        return _invited(node, unit, account, str(row["name"]), str(row["person_id"]))
    return Changed(str(row["name"]), str(row["person_id"]))


def _roles_after(has: tuple[Role, ...], what: Roles) -> dict[str, str | None]:
    after = [role for role in dict.fromkeys((*has, *(Role(name) for name in what.add))) if role.value not in what.remove]
    return {"role": after[0].value, "also_roles": " ".join(role.value for role in after[1:]) or None}


def _invited(node: Node, unit: Unit, account: str, name: str, person_id: str) -> Changed:
    token, ends = invitations.make(unit.connection, account, unit.at, node.people.invitation_hours)
    return Changed(name, person_id, token, ends.astimezone(node.site.zone))


def _name(what: Change) -> str:
    return f"reset-{what.what}" if isinstance(what, Reset) else type(what).__name__.lower()


def _said(what: Change) -> str:
    return "\n".join(str(value) for value in asdict(what).values() if value)


# --- looking --------------------------------------------------------------------------------------------------------


def _row(connection: Connection, name: str) -> RowMapping | None:
    """The account of a sign-in name, or of its own id."""
    found = connection.execute(select(table).where(table.c.name == name)).mappings().first()
    return found or connection.execute(select(table).where(table.c.account == name)).mappings().first()


def sessions(connection: Connection, at: datetime) -> dict[str, list[accounts.OpenSession]]:
    """The open sessions of every account that has one, by sign-in name."""
    found = {row.name: accounts.sessions_of(connection, row.account, at) for row in connection.execute(select(table.c.account, table.c.name))}
    return {name: open_ones for name, open_ones in found.items() if open_ones}


def state_of(row: RowMapping, at: datetime) -> State:
    """Whether an account signs in now, and why not."""
    if row["disabled"]:
        return "disabled"
    if row["leaves_at"] is not None and datetime.fromisoformat(row["leaves_at"]) <= at:
        return "left"
    return "active" if row["password_hash"] else "invited"


def listed(connection: Connection, at: datetime) -> list[Listed]:
    """Every account, by sign-in name."""
    query = select(table, persons_table.c.name.label("of")).outerjoin(persons_table, persons_table.c.person_id == table.c.person_id)
    return [
        Listed(
            account=row["name"],
            person_id=row["person_id"] or "",
            name=row["of"] or row["name"],
            roles=tuple(role.value for role in accounts.roles_of(row)),
            organisation=row["organisation"],
            state=state_of(row, at),
            second_factor=bool(row["totp_secret"]),
            last_sign_in=row["last_sign_in"],
        )
        for row in connection.execute(query.order_by(table.c.name)).mappings()
    ]
