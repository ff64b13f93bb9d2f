"""Codes of laboratories that no rule can read: the work list, a person's signed mapping, taking one back, and reading the results anew.

Main job: `waiting(node)`, `map_code(node, actor, given)`, `undo_mapping(node, actor, mapping, because)`; `signed(connection)` are the mappings that
imports apply. Nothing is mapped without a person's signature, and each mapping is one laboratory's: another's same code stays as it is.

Each mapping and each undoing is an entry of the log; every case whose results are read anew says so, and what rested on them is made again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, and_, exists, insert, or_, select, update

from baybridge.base.canonical import canonical_bytes
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.quantity import Quantity
from baybridge.facts.fhir import items
from baybridge.facts.fhir import mapping as mapping_of
from baybridge.facts.units import UnitMismatchError
from baybridge.journey.checks import said
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import ResultsReread
from baybridge.node import tables
from baybridge.node.intake import identity
from baybridge.node.intake.records import log_versions
from baybridge.node.upkeep import projections
from baybridge.record.feeds.code_mapping import LOINC, MAPPING, Unmapped, is_loinc, with_mapping, without_mapping, work_list
from baybridge.record.store import store
from baybridge.record.store.tables import resource_current, search_value

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

#: Who may say what a code means.
SIGNERS = (Role.LABORATORY, Role.PHYSICIAN)
_MOST = 20_000  # results looked at for the work list
_LISTED = ("system", "code", "loinc", "unit", "name", "source", "mapping", "account", "role", "signed_at", "undone_at", "undone_by", "because")


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping that was signed or taken back, and how many results were read anew in which cases."""

    mapping: str
    results: int
    cases: tuple[str, ...]


# --- looking --------------------------------------------------------------------------------------------------------


def waiting(node: Node) -> tuple[Unmapped, ...]:
    """Codes of this node's results that no rule can read, the most frequent first, with suggestions."""
    with node.storage.reading() as connection:
        resources = _unreadable(connection)
    return work_list(resources, node.documents.typed.written("facts"), lambda fact, unit: fits(node, fact, unit))


def fits(node: Node, fact: str, unit: str) -> bool:
    """Whether results in a unit can be read as a fact."""
    if fact not in node.dictionary:
        return False
    try:
        node.dictionary.convert(fact, Quantity(Decimal(1), unit))
    except UnitMismatchError:
        return False
    return True


def _unreadable(connection: Connection) -> list[dict[str, object]]:
    """Current observations without a code that any rule reads."""
    current, value = resource_current, search_value
    readable = or_(value.c.system == LOINC, value.c.system.startswith("urn:baybridge:", autoescape=True))
    coded = exists().where(and_(value.c.type == "Observation", value.c.id == current.c.id, value.c.param == "code", readable))
    mine = (current.c.type == "Observation", current.c.deleted.is_(False), ~coded)
    keys = [("Observation", name) for name in connection.execute(select(current.c.id).where(*mine).limit(_MOST)).scalars()]
    return [version.resource for version in store.get_many(connection, keys).values()]


def mappings(node: Node) -> list[dict[str, str | None]]:
    """Every signed mapping, the newest first, undone ones too."""
    table = tables.code_mapping
    with node.storage.reading() as connection:
        rows = connection.execute(select(table).order_by(table.c.signed_at.desc())).mappings()
        return [{name: row[name] for name in _LISTED} for row in rows]


def signed(connection: Connection) -> dict[tuple[str, str], dict[str, object]]:
    """The mappings that stand, by whose code it is and the code."""
    table = tables.code_mapping
    rows = connection.execute(select(table).where(table.c.undone_at.is_(None)).order_by(table.c.signed_at)).mappings()
    return {(row["system"], row["code"]): {str(name): value for name, value in row.items()} for row in rows}


# --- signing --------------------------------------------------------------------------------------------------------


def map_code(node: Node, actor: Actor, given: Mapping[str, object]) -> Mapped | Refusal:
    """Say what a laboratory's code means (`system`, `code`, `loinc`, `unit`, `source`); its waiting results are read anew at once."""
    wanted = {name: str(given.get(name) or "").strip() for name in ("system", "code", "loinc", "unit", "source")}
    row = next((one for one in waiting(node) if (one.system, one.code) == (wanted["system"], wanted["code"])), None)
    reasons = [*_who(actor), *_against(node, wanted, row)]
    if reasons or row is None:
        return refuse(*reasons, category=Category.FORBIDDEN if actor.role not in SIGNERS else Category.INVALID)
    fact = node.dictionary.by_code(LOINC, wanted["loinc"])
    with node.unit() as unit:
        name = row.display or (fact.label("en") if fact else wanted["loinc"])
        kept: dict[str, Any] = {"mapping": unit.new_id(), **wanted, "unit": wanted["unit"] or None, "name": name}
        kept |= {"account": actor.account, "role": actor.role.value, "signed_at": unit.at.isoformat()}
        unit.connection.execute(insert(tables.code_mapping), kept)
        unit.log("mapping", "", kept["mapping"], canonical_bytes({key: value for key, value in kept.items() if value is not None}), actor)
        key = {(kept["system"], kept["code"]): kept}
        changed = [with_mapping(resource, key) for resource in _unreadable(unit.connection)]
        fresh = [resource for resource in changed if _tagged(resource, kept["mapping"])]
        return _reread(unit, actor, kept["mapping"], kept["loinc"], fresh, undone=False)


def undo_mapping(node: Node, actor: Actor, mapping: str, because: str) -> Mapped | Refusal:
    """Take a mapping back: its results are as they were sent, and what rested on them is made again."""
    table = tables.code_mapping
    with node.unit() as unit:
        row = unit.connection.execute(select(table).where(table.c.mapping == mapping, table.c.undone_at.is_(None))).mappings().first()
        reasons = [*_who(actor)]
        if row is None:
            reasons.append(Reason("record.codes.no_mapping", where="mapping"))
        if not said(because):
            reasons.append(Reason("recognition.identity.because_needed", where="because"))
        if reasons or row is None:
            return refuse(*reasons, category=Category.FORBIDDEN if actor.role not in SIGNERS else Category.INVALID)
        ended = {"undone_at": unit.at.isoformat(), "undone_by": actor.account, "because": because.strip()}
        unit.connection.execute(update(table).where(table.c.mapping == mapping).values(**ended))
        unit.log("mapping", "", mapping, canonical_bytes({"mapping": mapping, **ended}), actor)
        value = search_value
        tagged = (value.c.type == "Observation", value.c.param == "_tag", value.c.system == MAPPING, value.c.value == mapping)
        keys = [("Observation", name) for name in unit.connection.execute(select(value.c.id).where(*tagged)).scalars()]
        found = [version.resource for version in store.get_many(unit.connection, keys).values() if not version.deleted]
        return _reread(unit, actor, mapping, row["loinc"], [without_mapping(resource, mapping) for resource in found], undone=True)


def _who(actor: Actor) -> list[Reason]:
    if actor.role in SIGNERS:
        return []
    return [Reason("record.codes.role", {"roles": ", ".join(role.value for role in SIGNERS), "role": actor.role.value})]


def _against(node: Node, wanted: Mapping[str, str], row: Unmapped | None) -> list[Reason]:
    reasons = [] if row is not None else [Reason("record.codes.not_waiting", where="code")]
    if not is_loinc(wanted["loinc"]):
        reasons.append(Reason("record.codes.not_loinc", where="loinc"))
    if not wanted["source"]:
        reasons.append(Reason("record.codes.source_needed", where="source"))
    fact = node.dictionary.by_code(LOINC, wanted["loinc"])
    if fact is None:  # a code that no rule reads may be right all the same
        return reasons
    units = {*(row.units if row is not None else ()), *([wanted["unit"]] if wanted["unit"] else [])}
    wrong = sorted(unit for unit in units if fact.unit and not fits(node, fact.name, unit))
    if wrong:
        said_units: dict[str, str | int] = {"found": ", ".join(wrong)[:80], "expected": fact.unit or "", "loinc": wanted["loinc"]}
        reasons.append(Reason("record.codes.unit_differs", said_units, where="unit" if wanted["unit"] in wrong else "loinc"))
    return reasons


def _tagged(resource: Mapping[str, object], mapping: str) -> bool:
    return any((tag.get("system"), tag.get("code")) == (MAPPING, mapping) for tag in items(mapping_of(resource.get("meta")).get("tag")))


def _reread(unit: Unit, actor: Actor, mapping: str, loinc: str, resources: Sequence[dict[str, object]], *, undone: bool) -> Mapped:
    """File the results as they now read; each case that uses them says so, and what rested on them is made again."""
    versions = store.put_many(unit.connection, resources, at=unit.at)
    changed = [version for version in versions if version.change != "unchanged"]
    log_versions(unit, actor, changed, because=f"mapping {mapping[:12]}")
    by_case: dict[str, list[str]] = {}
    for version in changed:
        for case_id in identity.cases_of(unit.connection, version.patient):
            by_case.setdefault(case_id, []).append(version.reference)
    for case_id, names in by_case.items():
        event = ResultsReread(mapping=mapping, loinc=loinc, results=len(names), undone=undone)
        unit.append(case_id, [event], actor, known=len(unit.events(case_id)))
        projections.project(unit, case_id)
    return Mapped(mapping, len(changed), tuple(by_case))
