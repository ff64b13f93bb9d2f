"""What if a threshold were different: the fields, the effect on this node's own population, and the changed document to keep.

Main job: `WHAT_IF_DOORS`. Nothing is stored; a wrong value says what was expected beside its field.

Elsewhere: thresholds in `rulebook/thresholds.py`, the effect in `node/options/what_if.py` and, in words, in `policy_effect.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from starlette.responses import Response

from baybridge.base.outcome import Refusal
from baybridge.documents.problems import PolicyProblems
from baybridge.http.doors import Asked, Door
from baybridge.node.node import Node
from baybridge.node.options.what_if import Tried, tried
from baybridge.policy.document.reader import load
from baybridge.policy.document.rules import resolve
from baybridge.policy.document.shapes import Policy
from baybridge.policy.language import expression as tree
from baybridge.rulebook import view
from baybridge.rulebook.checking import failing
from baybridge.rulebook.speaker import Saying
from baybridge.rulebook.thresholds import Threshold, changed, thresholds
from baybridge.rulebook.wording import Wording
from baybridge.web.page.page import Reader, refused, render, saying_of
from baybridge.web.rules.policy_effect import effect_of, examples_of, reach_of
from baybridge.web.rules.policy_pages import asked_policy, yaml_file

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
    """The fields with the values in force; with values in the address, their effect, or what is wrong beside each field.

    Values stand in the address, so that a language can be switched, a page marked and a proposal sent as a link; they are nobody's data.
    """
    found = asked_policy(asked)
    if isinstance(found, Refusal):
        return refused(asked, found)
    policy, saying = found[0], saying_of(asked)
    sent = "do" in asked.query
    fits = asked.query.get("sha256", policy.sha256) == policy.sha256
    entries = [_entry(f"t{index}", one, policy, asked, saying, given=sent and fits) for index, one in enumerate(thresholds(policy))]
    against = [] if fits else [saying.say("what_if.problem.document_changed")]
    if not sent or against or any(entry.problems for entry in entries):
        return _page(asked, policy, entries, against, None)
    return _tried(asked, policy, entries, saying)


def _entry(name: str, threshold: Threshold, policy: Policy, asked: Asked, saying: Saying, *, given: bool) -> Entry:
    text = Reader(asked).typed(asked.query.get(name, threshold.written).strip()) if given else threshold.written
    return Entry(name, threshold, _label(threshold, policy, saying), text, tuple(_problems(threshold, text, asked, saying)))


def _tried(asked: Asked, policy: Policy, entries: list[Entry], saying: Saying) -> Response:
    """The effect of values that can be used, or the changed document."""
    values = {entry.threshold: _as_written(entry.value) for entry in entries if not _same(entry)}
    if not values:
        return _page(asked, policy, entries, [saying.say("what_if.problem.nothing_changed")], None)
    text = changed(policy, values)
    try:
        if asked.query["do"] == "download":
            return yaml_file(draft(asked.node, policy, text, saying), f"{policy.id}-what-if")
        result = tried(asked.node, policy, text, asked.person)
    except PolicyProblems as problems:
        said = [saying.say("what_if.problem.document", expected=one.expected, found=one.found) for one in problems.problems]
        return _page(asked, policy, entries, said, None)
    return _page(asked, policy, entries, [], result)


def draft(node: Node, policy: Policy, text: str, saying: Saying) -> str:
    """The changed document, with comments at its head that say what it is, what was changed, which worked cases fail, and how it is checked."""
    new = load(text, policy.origin, node.policies.fact_types)
    named = [" ".join(case.name.split()) for case, _ in failing(new, node.dictionary)]
    said = [
        saying.say("what_if.draft.of", policy=policy.id, version=policy.version, sha256=policy.sha256),
        *(saying.say("what_if.draft.changed", was=one.was, now=one.now) for one in differences(policy, new, saying)),
        saying.say("what_if.worked_all", count=len(new.cases)) if not named else saying.say("what_if.worked_some", failed=len(named), count=len(new.cases)),
        *(f"- {name}" for name in named),
        saying.say("what_if.draft.check", command=f"baybridge policy check {policy.id}-what-if.yaml"),
    ]
    return "".join(f"# {line}\n" for line in said) + text


@dataclass(frozen=True, slots=True)
class Difference:
    """One threshold in words as it is and as it was tried."""

    was: str
    now: str


def differences(old: Policy, new: Policy, saying: Saying) -> Iterator[Difference]:
    """What was tried otherwise, in words; both documents have the same thresholds in the same order."""
    for was, now in zip(thresholds(old), thresholds(new), strict=True):
        if was.written != now.written:
            yield Difference(_limit(was, old, saying), _limit(now, new, saying))


def _page(asked: Asked, policy: Policy, entries: list[Entry], against: list[str], result: Tried | None) -> Response:
    saying = saying_of(asked)
    heads = {row.id: row.head for row in (*view.terms(policy, saying), *view.marks(policy, saying))}
    heads |= {name: row.text or row.words for name, row in view.rows(policy, saying).items()}
    wrong = sum(bool(entry.problems) for entry in entries)
    against = [*against, *([saying.say("what_if.problem.fields", count=wrong)] if wrong else [])]
    return render(
        asked,
        "what-if.html",
        422 if against else 200,
        policy=policy,
        groups=[(rule, heads.get(rule, ""), list(found)) for rule, found in groupby(entries, key=lambda entry: entry.threshold.rule)],
        same=_same,
        against=against,
        result=result,
        differences=tuple(differences(policy, result.policy, saying)) if result else (),
        effect=effect_of(asked, policy, result, saying) if result is not None and result.changes is not None else None,
        examples=examples_of(result, saying) if result else [],
        reach=None if result else reach_of(asked, policy, saying),
    )


# --- fields ---------------------------------------------------------------------------------------------------------


def _limit(threshold: Threshold, policy: Policy, saying: Saying) -> str:
    """A threshold with its value, in words."""
    said = _label(threshold, policy, saying)
    return said if threshold.node is not None else f"{said} {threshold.written}"


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


WHAT_IF_DOORS = (Door("/policies/{policy_id}/what-if", ("GET",), "policy.what_if", "policy.what_if", what_if_page),)
