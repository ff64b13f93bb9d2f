"""How specification tests find a policy document, and apply it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from baybridge.base.time import parse_instant
from baybridge.policy.document.reader import load
from baybridge.policy.document.shapes import Policy, Score, WorkedCase
from baybridge.policy.language.types import FactType
from baybridge.policy.one_case.decide import Decision, decide
from baybridge.policy.one_case.interpret import Evaluation
from baybridge.policy.one_case.verdict import score_bounds

DATA = Path(__file__).resolve().parents[1] / "src" / "baybridge" / "data"


@cache
def fact_types() -> Mapping[str, FactType]:
    """Every fact of the dictionary, as rules see it."""
    found = {}
    for path in sorted((DATA / "facts").glob("*.yaml")):
        for name, entry in yaml.safe_load(path.read_text("utf-8")).items():
            if isinstance(entry, dict) and "type" in entry:
                found[name] = FactType(name, entry["type"], entry.get("unit"), tuple(entry.get("values") or ()), entry.get("cost", 1))
    return found


def paths(*folders: str) -> list[Path]:
    """The documents of some folders below data/policies."""
    return [path for folder in folders for path in sorted((DATA / "policies" / folder).rglob("*.yaml"))]


@cache
def policy(name: str) -> Policy:
    """A policy by its identifier."""
    path = next((DATA / "policies").rglob(f"{name}.yaml"))
    return load(path.read_text("utf-8"), str(path), fact_types())


def apply(name: str, facts: Mapping[str, Any], at: str | None = None) -> Decision:
    """The decision of a policy over facts."""
    return decide(policy(name), facts, as_of=_moment(at))


def _moment(at: str | None) -> datetime | date | None:
    if at is None:
        return None
    return date.fromisoformat(at) if len(at) == len("2026-01-31") else parse_instant(at)


def bounds(name: str, facts: Mapping[str, Any]) -> tuple[float, float]:
    """The least and greatest score of a policy, without asking what would settle it."""
    document = policy(name)
    assert isinstance(document.body, Score)
    evaluation = Evaluation({fact: facts.get(fact) for fact in document.fact_types}, document.define)
    found = score_bounds(document.body, {rule.id: evaluation.holds(rule.expression) for rule in document.body.rules})
    return found.low, found.high


def differences(document: Policy, case: WorkedCase) -> list[str]:
    """What a worked case of a document expects and the engine does not answer."""
    decision = decide(document, case.facts, as_of=_moment(case.at))
    expect, found = case.expect, decision.as_json()
    wrong = [f"outcome {found['outcome']}, not {expect['outcome']}"] if found["outcome"] != expect.get("outcome", found["outcome"]) else []
    for name, value in (expect.get("values") or {}).items():
        if not _same(found["values"].get(name), value):
            wrong.append(f"{name} {found['values'].get(name)}, not {value}")
    if "missing" in expect and found["missing"] != expect["missing"]:
        wrong.append(f"missing {found['missing']}, not {expect['missing']}")
    if "would_settle" in expect and found["would_settle"] != expect["would_settle"]:
        wrong.append(f"would settle {found['would_settle']}, not {expect['would_settle']}")
    return [f"{document.id}, {case.name}: {text}" for text in wrong]


def _same(found: Any, expected: Any) -> bool:
    if isinstance(found, float) and isinstance(expected, int | float):
        return abs(found - expected) <= 1e-9 * max(1.0, abs(expected))
    return bool(found == expected)
