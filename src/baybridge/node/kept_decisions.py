"""Decisions as this node keeps them.

Main job: `documents(connection, hashes)` by SHA-256; `of_kinds(connection, kinds)` for computing them again. Elsewhere: how one is kept in `unit.py`, made again
in `commands/reopening.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeGuard

import orjson
from sqlalchemy import Connection, func, select

from baybridge.base.json_value import JsonDict
from baybridge.node.tables import decision, decision_source
from baybridge.policy.one_case.decide import DecisionDocument


def documents(connection: Connection, hashes: Iterable[str]) -> dict[str, JsonDict]:
    """Decision documents by SHA-256; those that are not kept, or were erased, are left out."""
    wanted = sorted({sha256 for sha256 in hashes if sha256})
    rows = connection.execute(select(decision.c.sha256, decision.c.document).where(decision.c.sha256.in_(wanted)))
    return {row.sha256: orjson.loads(row.document) for row in rows if row.document}


#: What the decision of a policy says, and no other kept document says all of it.
_OF_POLICY = frozenset({"policy", "outcome", "values", "reasons", "missing", "would_settle"})


def is_of_policy(document: Mapping[str, object]) -> TypeGuard[DecisionDocument]:
    """Whether a kept document is the decision of a policy, and no quote, recognition or transfer check."""
    return document.keys() >= _OF_POLICY


def of_kinds(connection: Connection, kinds: Iterable[str]) -> dict[str, Mapping[str, object]]:
    """Every kept document whose `document` names one of these kinds, in the order of their SHA-256."""
    wanted = frozenset(kinds)
    rows = connection.execute(select(decision.c.sha256, decision.c.document).order_by(decision.c.sha256))
    read = ((row.sha256, orjson.loads(row.document)) for row in rows if row.document)
    return {sha256: document for sha256, document in read if isinstance(document, Mapping) and document.get("document") in wanted}


def resting_on(connection: Connection, case_id: str, resources: Iterable[str]) -> int:
    """How many standing decisions of a case read one of these resources (Type/id)."""
    mine = select(decision.c.sha256).where(decision.c.case_id == case_id, decision.c.superseded_by.is_(None))
    source = decision_source.c
    read = select(func.count(source.sha256.distinct())).where(source.resource.in_(sorted(resources)), source.sha256.in_(mine))
    return int(connection.execute(read).scalar() or 0)
