"""Two policy documents side by side in words: what was, what is, and what only one of them has.

Main job: `differences(old, new, saying)`: one section for each part of a document in which something differs, rules matched by their ids.

Elsewhere: rules in words in `view.py`; who moves between two documents in `node/options/what_if.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from baybridge.policy.document.shapes import Policy, Score
from baybridge.rulebook import view
from baybridge.rulebook.speaker import Saying
from baybridge.rulebook.view import Row


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs: its name where it has one, and what each document says of it; None where a document has nothing of the kind."""

    name: str
    was: Row | None
    now: Row | None

    @property
    def how(self) -> str:
        """Whether it was changed, added or removed."""
        return "added" if self.was is None else "removed" if self.now is None else "changed"


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the documents: its heading's key, what differs, and how many things are the same in both."""

    heading: str
    differences: tuple[Difference, ...]
    same: int
    reordered: bool = False


def differences(old: Policy, new: Policy, saying: Saying) -> tuple[Section, ...]:
    """The parts in which two documents differ, in the order of a document; empty where they say the same."""
    rules = _section("policies.rules", list(_rules(old, saying)), list(_rules(new, saying)))
    parts = (
        _section("policies.document", list(_about(old, saying)), list(_about(new, saying))),
        replace(rules, reordered=rules.reordered and old.shape == new.shape == "table"),
        _section("policies.terms", view.terms(old, saying), view.terms(new, saying)),
        _section("policies.values", view.marks(old, saying), view.marks(new, saying)),
    )
    return tuple(part for part in parts if part.differences or part.reordered)


def _section(heading: str, old: Iterable[Row], new: Iterable[Row]) -> Section:
    was, now = _by_id(old), _by_id(new)
    ids = list(dict.fromkeys([*was, *now]))
    found = tuple(Difference(_name(was.get(one), now.get(one)), was.get(one), now.get(one)) for one in ids if was.get(one) != now.get(one))
    shared = [one for one in was if one in now]
    return Section(heading, found, len(ids) - len(found), shared != [one for one in now if one in was])


def _by_id(rows: Iterable[Row]) -> dict[str, Row]:
    """Rows by their ids; how an expression is broken into lines makes no difference."""
    return {row.id: replace(row, written=" ".join(row.written.split())) for row in rows}


def _name(was: Row | None, now: Row | None) -> str:
    """What both documents call it; nothing where they call it differently."""
    names = {row.head for row in (was, now) if row is not None}
    return names.pop() if len(names) == 1 else ""


def _about(policy: Policy, saying: Saying) -> Iterator[Row]:
    """What stands at the head of a document."""
    said = {
        "policies.shape": saying.say(f"policy.shape.{policy.shape}"),
        "decision.source": "; ".join(policy.sources),
        "policies.jurisdiction": saying.say("policy.words.separator").join(map(saying.code, policy.jurisdiction)) or saying.say("policies.everywhere"),
        "policies.in_force": in_force(policy.in_force_from, policy.in_force_to, saying),
        "policies.confidence": saying.say(f"policy.confidence.{policy.confidence}"),
        "policies.notes": policy.notes or "",
    }
    yield from (Row(key, saying.say(key), "", text, "", "") for key, text in said.items() if text)


def in_force(begins: date | None, ends: date | None, saying: Saying) -> str:
    """From when to when a document is in force, in words."""
    said = saying.say("policies.from", day=saying.day(begins)) if begins else saying.say("policies.no_start")
    return f"{said} {saying.say('policies.to', day=saying.day(ends))}" if ends else said


def _rules(policy: Policy, saying: Saying) -> Iterator[Row]:
    """How the rules decide together, each rule, and the bands of a score; a rule of a score is named with its domain."""
    for index, group in enumerate(view.groups(policy, saying)):
        if group.says:
            yield Row(f"group {index}", "", "", group.says, "", "")
        for row in group.rows:
            head = f"{group.heading}{saying.say('page.colon')}{row.head}" if group.heading else row.head
            yield replace(row, head=head)
    if isinstance(policy.body, Score) and (said := view.bands(policy, saying)):
        yield Row("bands", "", "", saying.say("page.semicolon").join(said), "", "")
