"""From the truth of each rule to the outcome of a policy.

Main job: `outcome(body, truths)`, and what of the rules still matters: `undecided(body, truths)`.

Unknown is not false: a criterion that is unknown leaves the outcome open unless another one fails; an unknown row stops a table
unless no later outcome could differ; unknown rows widen a score's bounds.

**Source**: design section 2; shared facts contract (grades, scores). Elsewhere: `interpret.py` finds the truth of a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from baybridge.policy.document.shapes import UNDETERMINED, Body, Criteria, Domain, Findings, Limits, Rule, Score, Table
from baybridge.policy.one_case.interpret import kleene_and, kleene_or

Truths = Mapping[str, bool | None]
Points = int | float


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the greatest that a score can be, given what is known."""

    low: Points
    high: Points

    @property
    def score(self) -> Points | None:
        """The score where it is certain."""
        return self.low if self.low == self.high else None


def outcome(body: Body, truths: Truths) -> str:
    """The outcome, `undetermined` where what is unknown could change it."""
    match body:
        case Criteria(holds=holds, fails=fails):
            return _in_words(kleene_and(_groups(body, truths)), holds, fails)
        case Table():
            possible = _possible_outcomes(body, truths)
            return next(iter(possible)) if len(possible) == 1 else UNDETERMINED
        case Score():
            bounds = score_bounds(body, truths)
            low, high = band(body, bounds.low), band(body, bounds.high)
            return low if low == high else UNDETERMINED
        case Limits():
            return _in_words(kleene_and([truths[rule.id] for rule in body.rules]), "within", "outside")
        case Findings(found=found, clear=clear):
            return _in_words(kleene_or([truths[rule.id] for rule in body.rules]), found, clear)


def undecided(body: Body, truths: Truths) -> tuple[Rule, ...]:
    """The unknown rules that could still change the outcome, or the bounds of a score, or the codes found."""
    unknown = tuple(rule for rule in body.rules if truths[rule.id] is None)
    match body:
        case Findings():
            return unknown
        case Score():
            return _could_raise(body, truths)
        case _ if outcome(body, truths) != UNDETERMINED:
            return ()
        case Criteria():
            settled = {member.rule.id for group in body.groups for member in group if any(truths[other.rule.id] for other in group)}
            return tuple(rule for rule in unknown if rule.id not in settled)
        case Table():
            reached = body.rules[: _first_true(body, truths)]
            return tuple(rule for rule in unknown if rule in reached)
        case Limits():
            return unknown


def domain_bounds(domain: Domain, truths: Truths) -> Bounds:
    """The points that a domain certainly has, and the most that it could have."""
    certain = [row.points for row in domain.rows if truths[row.rule.id] is True]
    possible = [row.points for row in domain.rows if truths[row.rule.id] is None]
    if certain:
        return Bounds(max(certain), max(certain + possible))
    return Bounds(min([0, *possible]), max([0, *possible]))


def score_bounds(score: Score, truths: Truths) -> Bounds:
    """The bounds of the whole score."""
    each = [domain_bounds(domain, truths) for domain in score.domains]
    combine = max if score.combine == "max" else sum
    return Bounds(combine([bounds.low for bounds in each]), combine([bounds.high for bounds in each]))


def driver(score: Score, truths: Truths) -> str | None:
    """The first domain whose certain points are the lower bound of the score, where that is above 0."""
    low = score_bounds(score, truths).low
    return next((domain.id for domain in score.domains if domain_bounds(domain, truths).low == low), None) if low > 0 else None


def band(score: Score, points: Points) -> str:
    """The outcome of that many points."""
    found = next(entry for entry in score.bands if entry.up_to is None or points <= entry.up_to)
    return found.outcome.replace("{score}", str(int(points) if points == int(points) else points))


def _could_raise(score: Score, truths: Truths) -> tuple[Rule, ...]:
    """Unknown rows that could still change the bounds: worth more than what is certain already."""
    low = score_bounds(score, truths).low
    found: list[Rule] = []
    for domain in score.domains:
        bounds = domain_bounds(domain, truths)
        floor = max(bounds.low, low) if score.combine == "max" else bounds.low
        open_rows = (row for row in domain.rows if truths[row.rule.id] is None)
        found += [row.rule for row in open_rows if row.points > floor or row.points < 0]
    return tuple(found)


def _groups(body: Criteria, truths: Truths) -> list[bool | None]:
    return [kleene_or([truths[member.rule.id] for member in group]) for group in body.groups]


def _in_words(truth: bool | None, yes: str, no: str) -> str:  # noqa: FBT001 - three values, not a switch
    return UNDETERMINED if truth is None else (yes if truth else no)


def _first_true(body: Table, truths: Truths) -> int:
    return next((index for index, row in enumerate(body.rows) if truths[row.rule.id] is True), len(body.rows))


def _possible_outcomes(body: Table, truths: Truths) -> dict[str, None]:
    first = _first_true(body, truths)
    open_rows = [row.outcome for row in body.rows[:first] if truths[row.rule.id] is None]
    last = body.rows[first].outcome if first < len(body.rows) else body.default
    return dict.fromkeys([*open_rows, last])
