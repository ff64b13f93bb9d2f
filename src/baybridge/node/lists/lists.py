"""The lists that can be taken along, each as its page shows it: cases, accounts, who looked, the log, indicators, a payer's work.

Main job: `LISTS`, by name; each answers a `Found`: the sheet and, while its rows are written, whose cases stand in it. Who may take which stands in
`people/access.py` under the list's action. Elsewhere: how a sheet becomes a file in `base/spreadsheet.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from baybridge.alliance.indicators import Days, indicators
from baybridge.base.ids import ProductId, mark_of
from baybridge.base.spreadsheet import Cell, Sheet
from baybridge.journey.command import Actor, Role
from baybridge.language.texts import Texts
from baybridge.ledger import log
from baybridge.node import cases
from baybridge.node.money import payer as payers
from baybridge.node.people import account_list, accounts, helping, reads
from baybridge.node.people.access import NAMELESS, PERSONAL

if TYPE_CHECKING:
    from baybridge.node.node import Node

_PORTION = 500  # rows that are read at once
_SCALE = 2  # digits of minor units


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is taken: `stage` and `case_id` as the page has them."""

    name: str
    stage: str = ""
    case_id: str = ""


@dataclass(frozen=True, slots=True)
class Taking:
    """Who takes a list, in which words, from which open database; `shown` grows with the cases whose row has been written."""

    node: Node
    connection: Connection
    actor: Actor
    texts: Texts
    language: str
    wanted: Wanted
    shown: list[str] = field(default_factory=list)

    def t(self, key: str, **values: object) -> str:
        """The sentence of a key."""
        return self.texts.say(self.language, key, values)

    def code(self, prefix: str, value: str) -> str:
        """The word for a code."""
        return self.texts.word(self.language, prefix, value)

    def moment(self, text: str | datetime | None) -> datetime | None:
        """A moment on this site's clock."""
        found = datetime.fromisoformat(text) if isinstance(text, str) else text
        return found.astimezone(self.node.site.zone) if found else None

    def at(self, key: str) -> str:
        """The head of a column of moments, with the zone of their clock."""
        return f"{self.t(key)} ({self.node.site.zone.key})"

    def product(self, product: str | None) -> str:
        """What a product is called."""
        found = self.node.documents.typed.products.get(ProductId(product or ""))
        return (self._title(found.names) if found else "") or product or ""

    def plan(self, name: str) -> str:
        """What a plan or agreement is called."""
        title = self.node.documents.typed.plans.get(name, {}).get("title")
        return self._title(title if isinstance(title, Mapping) else None) or name

    def _title(self, titles: Mapping[str, str] | None) -> str:
        return str(titles.get(self.language) or titles.get("en") or next(iter(titles.values()))) if titles else ""


@dataclass(frozen=True, slots=True)
class ListKind:
    """A list: the action that it needs, and what it holds."""

    action: str
    sheet: Callable[[Taking], Sheet]
    of_case: bool = False


# --- cases ----------------------------------------------------------------------------------------------------------


def visible(node: Node, actor: Actor, connection: Connection) -> Callable[[cases.CaseRow], bool]:
    """Whether a row of the list of cases is this person's to see."""
    if actor.role is Role.PATIENT:
        return lambda row: bool(row.patient_id) and row.patient_id == actor.patient_id
    if actor.role is Role.CAREGIVER:
        helped = {row.case_id for row in _helped(node, actor, connection)}
        return lambda row: row.case_id in helped
    if actor.role is Role.PAYER:
        own = {one.case_id for one in payers.parts_of(node, connection, actor.organisation)}
        return lambda row: row.case_id in own
    return lambda _: actor.organisation == node.site.organisation


def tied(node: Node, actor: Actor, connection: Connection) -> Sequence[cases.CaseRow] | None:
    """The rows of the list of cases that this person may see, the case that changed last first; None where that is all of them."""
    if actor.role is Role.PATIENT:
        return cases.of_patient(connection, actor.patient_id or "")
    if actor.role is Role.CAREGIVER:
        return _helped(node, actor, connection)
    if actor.role is Role.PAYER:
        own = [one.case_id for one in payers.parts_of(node, connection, actor.organisation)]
        found = [row for start in range(0, len(own), _PORTION) for row in cases.of_ids(connection, own[start : start + _PORTION])]
        return sorted(found, key=lambda row: (row.updated_at, row.case_id), reverse=True)
    return None if actor.organisation == node.site.organisation else ()


def _helped(node: Node, actor: Actor, connection: Connection) -> Sequence[cases.CaseRow]:
    """The cases of the patient of which something is open to who helps."""
    rows = cases.of_patient(connection, actor.patient_id or "")
    return [row for row in rows if helping.opened_to(node, actor, reads.fold_case(connection, row.case_id))]


def _cases(taking: Taking) -> Sheet:
    heads = [taking.t("lists.case_id"), taking.t("task.case"), taking.t("cases.product"), taking.at("cases.updated"), taking.t("cases.synthetic")]
    staged = taking.actor.role is not Role.PAYER
    return Sheet("cases", [*heads, *([taking.t("cases.stage")] if staged else [])], _case_rows(taking, staged=staged))


def _case_rows(taking: Taking, *, staged: bool) -> Iterator[Sequence[Cell]]:
    mine, closed = visible(taking.node, taking.actor, taking.connection), frozenset(reads.guarded(taking.connection))
    nameless = taking.actor.role in (*NAMELESS, Role.SYSTEM)
    for portion in cases.portions(taking.connection, _PORTION):
        rows = [row for row in portion if mine(row) and taking.wanted.stage in ("", row.stage)]
        open_to_all = [row for row in rows if row.patient_id not in closed or taking.actor.role in PERSONAL]
        names = {} if nameless else cases.names(taking.connection, open_to_all)
        for row in rows:
            taking.shown.append(row.case_id)
            name = names.get(row.case_id) or taking.t("case.mark", mark=mark_of(row.case_id))
            synthetic = taking.t("page.yes" if row.synthetic else "page.no")
            stage = [taking.code("stage", row.stage)] if staged else []
            yield [row.case_id, name, taking.product(row.product), taking.moment(row.updated_at), synthetic, *stage]


# --- people ---------------------------------------------------------------------------------------------------------


def _accounts(taking: Taking) -> Sheet:
    keys = ("sign_in.name", "accounts.person", "accounts.person_id", "accounts.roles", "accounts.organisation", "payer.state", "account.second")
    heads = [*map(taking.t, keys), taking.at("accounts.last_sign_in"), taking.t("accounts.leaves_on")]
    return Sheet("accounts", heads, _account_rows(taking))


def _account_rows(taking: Taking) -> Iterator[Sequence[Cell]]:
    last_days = account_list.last_days(taking.connection, taking.node.site.zone)
    for one in account_list.listed(taking.connection, taking.node.now()):
        roles = ", ".join(taking.code("role", role) for role in one.roles)
        state, second = taking.code("accounts.state", one.state), taking.t("account.on" if one.second_factor else "account.off")
        last: date | None = last_days.get(one.account)
        yield [one.account, one.name, one.person_id, roles, one.organisation, state, second, taking.moment(one.last_sign_in), last]


def _looked(taking: Taking) -> Sheet:
    named = taking.node.people.who_looked.staff_names
    keys = ("accounts.organisation", "account.role", *(("looked.who",) if named else ()), "looked.why", "looked.read", "looked.ground")
    return Sheet("looked", [taking.at("timeline.when"), *map(taking.t, keys)], _looked_rows(taking, named=named))


def _looked_rows(taking: Taking, *, named: bool) -> Iterator[Sequence[Cell]]:
    owner = reads.owner_of(taking.connection, taking.wanted.case_id)
    names = accounts.names(taking.connection) if named else {}
    for one in reads.looked(taking.connection, owner, taking.wanted.case_id):
        what = taking.code("tab", one.what.removeprefix("case."))
        who = [names.get(one.account, "")] if named else []
        yield [
            taking.moment(one.at), one.organisation, taking.code("role", one.role), *who, taking.code("read_purpose", one.purpose), what,
            taking.code("ground", one.ground),
        ]  # fmt: skip


# --- the site -------------------------------------------------------------------------------------------------------


def _log(taking: Taking) -> Sheet:
    heads = ["#", taking.at("timeline.when"), taking.t("timeline.what"), taking.t("lists.about"), taking.t("timeline.who"), "SHA-256"]
    return Sheet("log", heads, _log_rows(taking))


def _log_rows(taking: Taking) -> Iterator[Sequence[Cell]]:
    size = log.size(taking.connection)
    for start in range(0, size, _PORTION):
        for one in log.entries(taking.connection, start, min(start + _PORTION, size)):
            entry = one.entry
            yield [one.position, taking.moment(entry.at), taking.code("log.kind", entry.kind), entry.what, taking.code("role", entry.role), entry.sha256]


def _indicators(taking: Taking) -> Sheet:
    keys = ("lists.code", "indicators.indicator", "lists.numerator", "lists.denominator", "indicators.value", "lists.unit", "lists.first", "lists.third")
    return Sheet("indicators", [*map(taking.t, keys)], _indicator_rows(taking))


def _indicator_rows(taking: Taking) -> Iterator[Sequence[Cell]]:
    for one in indicators(cases.figures(taking.connection)):
        name = taking.t(f"indicators.{one.code}")
        if isinstance(one, Days):
            first, third = (_rounded(part) for part in one.quartiles or (None, None))
            yield [one.code, name, None, one.of, _rounded(one.median), "d", first, third]
        else:
            yield [one.code, name, one.count, one.of, _rounded(float(one.value)) if one.value is not None else None, "1", None, None]


def _rounded(value: float | None) -> Decimal | None:
    return None if value is None else round(Decimal(value), 4)


# --- money ----------------------------------------------------------------------------------------------------------


def _payer(taking: Taking) -> Sheet:
    keys = (
        "lists.case_id", "task.case", "cases.product", "payer.state", "lists.plan", "lists.amount", "lists.currency", "lists.since", "lists.due", "payer.grounds",
    )  # fmt: skip
    return Sheet("payer", [*map(taking.t, keys)], _payer_rows(taking))


def _payer_rows(taking: Taking) -> Iterator[Sequence[Cell]]:
    payer = taking.actor.organisation
    own = payers.parts_of(taking.node, taking.connection, payer)
    products = {case.case_id: case.product for case in own}
    items = payers.with_grounds(taking.node, taking.connection, payer, payers.worklist(own))
    for item in items:
        taking.shown.append(item.case_id)
        amount = None if item.amount_minor is None else Decimal(item.amount_minor).scaleb(-_SCALE)
        yield [
            item.case_id, taking.t("case.mark", mark=mark_of(item.case_id)), taking.product(products[item.case_id]), taking.code("payer.kind", item.kind),
            taking.plan(item.plan), amount, item.currency if amount is not None else None, item.since_on, item.due_on, item.grounds,
        ]  # fmt: skip
    busy = {item.case_id for item in items}
    for case in own:
        if case.case_id not in busy:
            taking.shown.append(case.case_id)
            state = taking.code("payer.state", case.state)
            yield [case.case_id, taking.t("case.mark", mark=mark_of(case.case_id)), taking.product(case.product), state, *[None] * 6]


LISTS: Mapping[str, ListKind] = {
    "cases": ListKind("case.list", _cases),
    "accounts": ListKind("accounts.manage", _accounts),
    "looked": ListKind("case.who_looked", _looked, of_case=True),
    "log": ListKind("log.entries", _log),
    "indicators": ListKind("alliance.indicators", _indicators),
    "payer": ListKind("payer.work", _payer),
}
