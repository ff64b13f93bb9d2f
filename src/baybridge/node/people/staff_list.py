"""A staff list laid beside the accounts of a node: who is added, changed, left alone, and who stands here but not in the list. All of it or nothing.

Main job: `bring(node, actor, content, check=…)` answers a `StaffReport`. With `check`, everything is made and taken back, so that what is told is what would be.

Every change goes through `administration.change_within`: what takes two administrators waits for the second, who brings the same list. A list closes no account, opens
none that is closed, and takes nothing away by an empty cell. **Source**: that two rows of one name are one person until registration numbers tell them apart is a
convention of this project: one person with two identities could sign as two. Elsewhere: the file in `staff_file.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from sqlalchemy import RowMapping, select

from baybridge.base.outcome import Reason, Refusal
from baybridge.journey.command import Actor
from baybridge.node.people import account_list, accounts, administration, persons
from baybridge.node.people.access import is_personal
from baybridge.node.people.account_changes import About, Add, Change, Changed, Leaving, Roles
from baybridge.node.people.persons import Person
from baybridge.node.people.staff_file import Problem, Sheet, StaffRow, folded, read, words_of
from baybridge.node.tables import account as table

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

Outcome = Literal["added", "changed", "unchanged", "waits", "closed"]
#: Which column of the file the field of a change stands in, where it has another name.
_COLUMN_OF = {"role": "roles", "add": "roles", "remove": "roles"}


@dataclass(frozen=True, slots=True)
class Difference:
    """What a line changes: the column, what stands here and what the list says."""

    column: str
    here: str
    listed: str


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of a line; `waits` for a second administrator, `closed` accounts are left as they are."""

    line: int
    account: str
    person: str
    outcome: Outcome
    differences: tuple[Difference, ...] = ()


@dataclass(slots=True)
class StaffReport:
    """What a list brings, or would; with any problem nothing was changed. `made` are the new accounts with their invitations, which are shown once."""

    sheet: Sheet
    problems: list[Problem] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    not_listed: list[str] = field(default_factory=list)
    made: list[Changed] = field(default_factory=list)
    applied: bool = False

    def of(self, outcome: Outcome) -> list[Line]:
        """The lines of which this becomes."""
        return [one for one in self.lines if one.outcome == outcome]

    @property
    def fingerprint(self) -> str:
        """Of everything that is told: two of them differ where the node changed meanwhile."""
        return sha256(repr((self.problems, self.notices, self.lines, self.not_listed)).encode()).hexdigest()


class _TakenBackError(Exception):
    """Nothing of the list stands."""


def bring(node: Node, actor: Actor, content: bytes, *, check: bool, shown: str | None = None) -> StaffReport:
    """Bring a list, or say what it would bring; nothing is changed where a problem is found or where it would bring something else than was `shown`."""
    sheet = read(content, words_of(node.documents))
    report = StaffReport(sheet, [*sheet.problems], [*sheet.notices])
    try:
        with node.unit() as unit:
            _Bringing(node, unit, actor, report).every_row()
            if check or report.problems or (shown is not None and shown != report.fingerprint):
                raise _TakenBackError
            unit.log("account", "", "staff-list", f"{sha256(content).hexdigest()}\n{report.fingerprint}".encode(), actor, "administration")
    except _TakenBackError:
        report.made.clear()
        return report
    report.applied = True
    return report


class _Bringing:
    """One list on its way in, within one unit of work."""

    def __init__(self, node: Node, unit: Unit, actor: Actor, report: StaffReport) -> None:
        self._node, self._unit, self._actor, self._report = node, unit, actor, report
        self._here = {one.account: one for one in account_list.listed(unit.connection, unit.at)}
        self._spelt = {account_list.spelling(name): name for name in self._here}

    def every_row(self) -> None:
        """Bring every line, and note who stands here but not in the list."""
        rows = self._report.sheet.rows
        self._report.problems += [*self._told_twice(rows), *self._alike(rows)]
        twice = {problem.line for problem in self._report.problems if problem.reason.code == "staff.account_twice"}
        for row in rows:
            if row.line not in twice:
                self._report.lines += self._brought(row)
        named = {account_list.spelling(row.account) for row in rows}
        own = self._node.site.organisation
        self._report.not_listed = [] if not rows else [
            one.account for one in self._here.values()
            if account_list.spelling(one.account) not in named and one.state in ("active", "invited") and one.organisation == own and not is_personal(one.roles)
        ]  # fmt: skip
        self._report.problems.sort(key=lambda problem: (problem.line, problem.column))

    def _problem(self, row: StaffRow, column: str, reason: Reason) -> Problem:
        return Problem(row.line, self._report.sheet.columns.get(column, 0), reason)

    # --- one line beside the others, and beside the persons who are known ---------------------------------------------

    def _told_twice(self, rows: list[StaffRow]) -> Iterator[Problem]:
        """Accounts that stand on two lines, and what two lines say differently of one person."""
        lines: dict[str, int] = {}
        said: dict[tuple[str, str], tuple[int, str]] = {}
        for row in rows:
            first = lines.setdefault(account_list.spelling(row.account), row.line)
            if first != row.line and row.account:
                yield self._problem(row, "account", Reason("staff.account_twice", {"line": first}))
            person = row.person_id or (self._here[row.account].person_id if row.account in self._here else "")
            for column, text in (("profession", row.profession), ("registration", row.registration), ("leaves_on", row.leaves_on)):
                at, before = said.setdefault((person, column), (row.line, str(text))) if person and text else (0, "")
                if at and before != str(text):
                    yield self._problem(row, column, Reason("staff.said_differently", {"line": at}))

    def _alike(self, rows: list[StaffRow]) -> Iterator[Problem]:
        """New accounts without a person id whose person is probably one who is known, or stands on another line."""
        patients = {one.person_id for one in self._here.values() if is_personal(one.roles)}
        known = [one for one in persons.everybody(self._unit.connection) if one.person_id not in patients]
        before: list[tuple[int, Person]] = []
        for row in rows:
            if row.person_id or account_list.spelling(row.account) in self._spelt:
                continue
            own = Person("", row.person, row.profession, row.registration)
            here = next((one.person_id for one in known if _are_alike(own, one)), None)
            line = next((at for at, one in before if _are_alike(own, one)), None)
            if here is not None:
                yield self._problem(row, "person", Reason("staff.alike_here", {"person_id": here}))
            if line is not None:
                yield self._problem(row, "person", Reason("staff.alike_in_list", {"line": line}))
            before.append((row.line, own))

    # --- what becomes of a line -------------------------------------------------------------------------------------------

    def _brought(self, row: StaffRow) -> Iterator[Line]:
        spelt = row.account if row.account in self._here else self._spelt.get(account_list.spelling(row.account))
        if spelt is not None and spelt != row.account:
            self._report.problems.append(self._problem(row, "account", Reason("staff.spelt_otherwise", {"account": spelt})))
            return
        yield self._added(row) if spelt is None else self._compared(row)

    def _added(self, row: StaffRow) -> Line:
        known = persons.found(self._unit.connection, row.person_id) if row.person_id else None
        if row.person_id and known is None:
            self._report.notices.append(self._problem(row, "person_id", Reason("staff.new_person_id")))
        add = Add(
            account=row.account, person=row.person, roles=row.roles, person_id=row.person_id, profession=row.profession, registration=row.registration,
            leaves_on=row.leaves_on, language=row.language,
        )  # fmt: skip
        done = self._made(row, add)
        if done is None:
            return Line(row.line, row.account, row.person, "waits", _brought(row))
        self._report.made.append(done)
        if known is None or not done.account:
            return Line(row.line, row.account, row.person, "added", _brought(row))
        further = self._compared(row)
        return replace(further, outcome=further.outcome if further.outcome == "waits" else "added", differences=_brought(row))

    def _compared(self, row: StaffRow) -> Line:
        """What a line changes of an account that is there."""
        here = self._unit.connection.execute(select(table).where(table.c.name == row.account)).mappings().one()
        person = persons.found(self._unit.connection, str(here["person_id"])) or Person(str(here["person_id"]), row.account)
        if row.person_id not in (None, person.person_id):
            self._report.problems.append(self._problem(row, "person_id", Reason("staff.other_person_id")))
        if not row.person:
            self._report.problems.append(self._problem(row, "person", Reason("staff.no_name")))
        elif folded(row.person) != folded(person.name):
            self._report.problems.append(self._problem(row, "person", Reason("staff.other_person")))
        if not row.roles:
            self._report.problems.append(self._problem(row, "roles", Reason("accounts.no_role")))
        if row.language is not None and row.language not in self._node.languages:
            self._report.problems.append(self._problem(row, "language", Reason("accounts.language", {"known": ", ".join(self._node.languages)})))
        elif row.language not in (None, here["language"]):
            self._report.notices.append(self._problem(row, "language", Reason("staff.language_kept")))
        if account_list.state_of(here, self._unit.at, frozenset()) in ("disabled", "left"):
            return Line(row.line, row.account, row.person, "closed")
        wanted = [*self._wanted(row, here, person)]
        done = [self._made(row, change) for change, _ in wanted]
        told = tuple(difference for _, differences in wanted for difference in differences)
        return Line(row.line, row.account, row.person, "waits" if None in done else "changed" if told else "unchanged", told)

    def _wanted(self, row: StaffRow, here: RowMapping, person: Person) -> Iterator[tuple[Change, list[Difference]]]:
        has = tuple(role.value for role in accounts.roles_of(here))
        if row.roles and {*row.roles} != {*has}:
            roles = Roles(row.account, tuple(one for one in row.roles if one not in has), tuple(one for one in has if one not in row.roles))
            yield roles, [Difference("roles", " ".join(has), " ".join(row.roles))]
        about = [
            Difference(column, before or "", after)
            for column, before, after in (("profession", person.profession, row.profession), ("registration", person.registration, row.registration))
            if after and after != before
        ]
        if about:
            yield About(row.account, row.profession, row.registration), about
        days = account_list.last_days_of(self._unit.connection, person.person_id, self._node.site.zone)
        if row.leaves_on and {row.leaves_on} != {*days.values()}:
            before = ", ".join(sorted({day.isoformat() for day in days.values() if day}))
            yield Leaving(row.account, row.leaves_on), [Difference("leaves_on", before, row.leaves_on.isoformat())]

    def _made(self, row: StaffRow, what: Change) -> Changed | None:
        """One change; None where it waits for the second administrator. What speaks against it is a problem of its column."""
        done = administration.change_within(self._node, self._unit, self._actor, what)
        if isinstance(done, Changed):
            return None if done.asked else done
        if _is_asked_already(done):
            return None
        self._report.problems += [self._problem(row, _COLUMN_OF.get(reason.where, reason.where or "roles"), reason) for reason in done.reasons]
        return Changed("", "")


def _is_asked_already(refusal: Refusal) -> bool:
    """Whether this person asked for the same change a moment ago, which goes on waiting."""
    return {reason.code for reason in refusal.reasons} == {"accounts.same_person"}


def _are_alike(one: Person, other: Person) -> bool:
    """Whether two persons are probably one: the same number in the same register, or the same name with nothing that tells them apart."""
    numbers = folded(one.registration or ""), folded(other.registration or "")
    apart = bool(one.profession and other.profession) and folded(one.profession or "") != folded(other.profession or "")
    if all(numbers) and not apart:
        return numbers[0] == numbers[1]
    return folded(one.name) == folded(other.name) and bool(one.name) and not (all(numbers) and numbers[0] != numbers[1])


def _brought(row: StaffRow) -> tuple[Difference, ...]:
    """What a line says of an account that is not there yet."""
    said = {
        "roles": " ".join(row.roles),
        "profession": row.profession,
        "registration": row.registration,
        "language": row.language,
        "leaves_on": row.leaves_on.isoformat() if row.leaves_on else None,
    }
    return tuple(Difference(column, "", listed) for column, listed in said.items() if listed)
