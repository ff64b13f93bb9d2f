"""What if a threshold were different: the fields, the effect on this node's own population, and the changed document to keep.

Main job: `WHAT_IF_DOORS`. Nothing is stored; a wrong value says what was expected beside its field.

Elsewhere: thresholds in `policy/thresholds.py`, the effect in `node/what_if.py`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from starlette.responses import Response

from baybridge.base.outcome import Refusal
from baybridge.node import policy_view
from baybridge.node.doors import Asked, Door
from baybridge.node.population import Changes
from baybridge.node.saying import Saying
from baybridge.node.what_if import SMALLEST, Tried, sees_cases, tried
from baybridge.policy import expression as tree
from baybridge.policy.rules import resolve
from baybridge.policy.shapes import Policy
from baybridge.policy.thresholds import Threshold, changed, thresholds
from baybridge.policy.types import PolicyProblems
from baybridge.policy.wording import Wording
from baybridge.web.page import refused, render
from baybridge.web.policy_pages import asked_policy, saying_of, yaml_file
from baybridge.web.view import name_of

_NUMBER = re.compile(r"\d{1,12}(\.\d{1,9})?")
_LONGEST = 30


@dataclass(frozen=True, slots=True)
class Entry:
    """One field: its threshold, what it limits in words, what stands in it, and every problem."""

    name: str
    threshold: Threshold
    label: str
    value: str
    problems: tuple[str, ...] = ()


def what_if_page(asked: Asked) -> Response:
    """The fields with the values in force; after they are sent, the effect, or what is wrong beside each field."""
    found = asked_policy(asked)
    if isinstance(found, Refusal):
        return refused(asked, found)
    policy, saying = found[0], saying_of(asked)
    known = {f"t{index}": threshold for index, threshold in enumerate(thresholds(policy))}
    sent = asked.method == "POST"
    fits = not sent or asked.form.get("sha256") == policy.sha256
    texts = {name: asked.form.get(name, "").strip() if sent and fits else threshold.written for name, threshold in known.items()}
    entries = [Entry(name, one, _label(one, policy, saying), texts[name], tuple(_problems(one, texts[name], asked, saying))) for name, one in known.items()]
    against = [] if fits else [saying.say("what_if.problem.document_changed")]
    if not sent or against or any(entry.problems for entry in entries):
        return _page(asked, policy, entries, against, None)
    return _tried(asked, policy, entries, saying)


def _tried(asked: Asked, policy: Policy, entries: list[Entry], saying: Saying) -> Response:
    """The effect of values that can be used, or the changed document."""
    values = {entry.threshold: _as_written(entry.value) for entry in entries if not _same(entry)}
    if not values:
        return _page(asked, policy, entries, [saying.say("what_if.problem.nothing_changed")], None)
    text = changed(policy, values)
    try:
        if asked.form.get("do") == "download":
            return yaml_file(text, f"{policy.id}-what-if")
        result = tried(asked.node, policy, text, asked.person)
    except PolicyProblems as problems:
        said = [saying.say("what_if.problem.document", expected=one.expected, found=one.found) for one in problems.problems]
        return _page(asked, policy, entries, said, None)
    return _page(asked, policy, entries, [], result)


def _page(asked: Asked, policy: Policy, entries: list[Entry], against: list[str], result: Tried | None) -> Response:
    saying = saying_of(asked)
    rules = {row.id: row for group in policy_view.groups(policy, saying) for row in group.rows}
    heads = {row.id: row.head for row in (*policy_view.terms(policy, saying), *policy_view.marks(policy, saying))}
    heads |= {row.id: row.text or row.words for row in rules.values()}
    wrong = bool(against) or any(entry.problems for entry in entries)
    return render(
        asked,
        "what-if.html",
        422 if wrong and asked.method == "POST" else 200,
        policy=policy,
        groups=[(rule, heads.get(rule, ""), list(found)) for rule, found in groupby(entries, key=lambda entry: entry.threshold.rule)],
        same=_same,
        against=against,
        result=result,
        effect=_effect(asked, result, saying) if result is not None and result.changes is not None else None,
        examples=[(policy_view.example(policy, case, saying), policy_view.came_out(case, found.as_json() if found else None, saying)) for case, found in result.failing]
        if result
        else [],
        outcome=saying.outcome,
    )


# --- fields ---------------------------------------------------------------------------------------------------------


def _label(threshold: Threshold, policy: Policy, saying: Saying) -> str:
    if threshold.node is None:
        return saying.say("what_if.band", outcome=saying.outcome(threshold.band))
    return Wording(policy, saying).words(resolve(threshold.node, frozenset(policy.define)))


def _same(entry: Entry) -> bool:
    """Whether the value in a field is the one in force, however it is written."""
    was = entry.threshold.written
    if entry.threshold.kind == "date" or not _NUMBER.fullmatch(entry.value):
        return entry.value == was
    return float(entry.value) == float(was)


def _as_written(text: str) -> str:
    """A value as the rule language writes it: without zeros in front, which YAML and people read differently."""
    return text.lstrip("0") or "0" if text.isdigit() else re.sub(r"^0+(?=\d)", "", text)


def _problems(threshold: Threshold, text: str, asked: Asked, saying: Saying) -> Iterator[str]:
    """What is wrong with a value, in the reader's language."""
    shown = text[:_LONGEST]
    if not text:
        yield saying.say("what_if.problem.empty", was=threshold.written)
    elif threshold.kind == "date":
        if not _is_day(text):
            yield saying.say("what_if.problem.not_a_day", found=shown)
    elif threshold.kind == "integer":
        if not (text.isascii() and text.isdigit() and len(text) <= 5):
            yield saying.say("what_if.problem.not_a_whole_number", found=shown)
    elif not (text.isascii() and _NUMBER.fullmatch(text) and math.isfinite(float(text))):
        yield saying.say("what_if.problem.not_a_number", found=shown)
    else:
        yield from _implausible(threshold, text, asked, saying)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _implausible(threshold: Threshold, text: str, asked: Asked, saying: Saying) -> Iterator[str]:
    """A limit of one measured fact that nobody could be on both sides of."""
    match threshold.node:
        case tree.Compare(left=tree.Fact(name=name), right=tree.Literal_()) if name in asked.node.dictionary:
            fact = asked.node.dictionary[name]
            if fact.plausible is not None and not fact.plausible[0] <= float(text) <= fact.plausible[1]:
                low, high = saying.number(float(fact.plausible[0]), None), saying.number(float(fact.plausible[1]), fact.unit)
                yield saying.say("what_if.problem.implausible", fact=saying.fact(name), low=low, high=high)
        case _:
            return


# --- effect ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Move:
    """How many go from one answer to another because of some rules; who, where the reader may know."""

    old: str
    new: str
    because: tuple[str, ...]
    count: str
    who: tuple[tuple[str, str], ...]  # address and name


@dataclass(frozen=True, slots=True)
class Effect:
    """What changes here, in words."""

    says: str
    moves: tuple[Move, ...]
    unchanged: tuple[tuple[str, str], ...]


def _effect(asked: Asked, result: Tried, saying: Saying) -> Effect:
    changes = result.changes or Changes()
    open_ = sees_cases(asked.node, asked.person)
    said = {row.id: row.text or row.words for group in policy_view.groups(result.policy, saying) for row in group.rows}
    rules = {rule.id: Wording(result.policy, saying).words(rule.expression) for rule in result.policy.body.rules}
    by_move: dict[tuple[str, str, tuple[str, ...]], list[Mapping[str, Any]]] = {}
    for subject in changes.subjects:
        by_move.setdefault((subject["old"], subject["new"], tuple(subject["because"])), []).append(subject)
    moves = tuple(
        Move(
            saying.outcome(old),
            saying.outcome(new),
            tuple(rules.get(rule) or said.get(rule, rule) for rule in because),
            _told(len(subjects), saying, exactly=open_),
            tuple(_who(asked, subjects)) if open_ else (),
        )
        for (old, new, because), subjects in sorted(by_move.items(), key=lambda item: -len(item[1]))
    )
    hidden = not open_ and min([SMALLEST, *result.unchanged.values(), *map(len, by_move.values())]) < SMALLEST
    unchanged = () if hidden else tuple((saying.outcome(name), _told(number, saying, exactly=open_)) for name, number in Counter(result.unchanged).most_common())
    return Effect(_summary(changes, saying, hidden=hidden, exactly=open_), moves, unchanged)


def _told(number: int, saying: Saying, *, exactly: bool) -> str:
    return saying.number(number, None) if exactly or number >= SMALLEST else saying.say("what_if.few", smallest=SMALLEST)


def _summary(changes: Changes, saying: Saying, *, hidden: bool, exactly: bool) -> str:
    if not changes.rows:
        return saying.say("what_if.no_cases")
    if not changes.subjects:
        return saying.say("what_if.nobody")
    if hidden:
        return saying.say("what_if.some_changed", count=_told(changes.rows, saying, exactly=exactly))
    return saying.say("what_if.changed", changed=saying.number(len(changes.subjects), None), count=saying.number(changes.rows, None))


def _who(asked: Asked, subjects: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for subject in subjects:
        case = asked.node.case(subject["subject"])
        if case is not None:
            yield f"/cases/{case.case_id}/facts", name_of(asked, case)


WHAT_IF_DOORS = (Door("/policies/{policy_id}/what-if", ("GET", "POST"), "policy.what_if", "policy.what_if", what_if_page),)
