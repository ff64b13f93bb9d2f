"""Making a decision again from what a file says: policy text, facts, subject, moment.

Main job: `recomputer(fact_types)` answers the function by which `verify_file` computes each decision again.

Elsewhere: `policy/one_case/decide.py` decides; the dictionary of facts comes from whoever calls, since only `node` reads documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from baybridge.base.time import parse_day, parse_instant
from baybridge.documents.problems import PolicyProblems
from baybridge.exchange.evidence.case import Recompute
from baybridge.policy.document.reader import load
from baybridge.policy.document.shapes import Policy
from baybridge.policy.language.types import FactType, Value
from baybridge.policy.one_case.decide import decide


def recomputer(fact_types: Mapping[str, FactType]) -> Recompute:
    """The function that decides again under this dictionary of facts; it raises ValueError where policy or facts cannot be read."""

    def recompute(policy_text: str, facts: Mapping[str, object], subject: str | None, as_of: str | None) -> Mapping[str, object]:
        policy = _load(policy_text, fact_types)
        values = {name: _value(value, policy.fact_types.get(name)) for name, value in facts.items()}
        return decide(policy, values, subject=subject, as_of=_moment(as_of)).as_json()

    return recompute


def _load(text: str, fact_types: Mapping[str, FactType]) -> Policy:
    try:
        return load(text, "policy in the file", fact_types)
    except (PolicyProblems, RecursionError):
        raise ValueError("expected a policy that this version can read") from None


def _value(value: object, fact: FactType | None) -> Value:
    if isinstance(value, str) and fact is not None and fact.type == "date":
        return parse_day(value)
    if isinstance(value, str) and fact is not None and fact.type == "instant":
        return parse_instant(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"expected a plain value, found {type(value).__name__}")


def _moment(text: str | None) -> datetime | date | None:
    if text is None:
        return None
    return parse_day(text) if len(text) == len("2026-03-08") else parse_instant(text)
