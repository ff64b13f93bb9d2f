"""Values of one moment that differ at the bedside, and the buttons by which a physician says which of them is right.

Main job: `ties_of(view)`, the latest first; pages show them by `templates/ties.html`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from baybridge.facts.factset import ReadFact, Tie
from baybridge.node.commands.table import COMMANDS
from baybridge.node.watch.arrival import bedside_facts
from baybridge.web.case.view import CaseView, allowed


@dataclass(frozen=True, slots=True)
class One:
    """One of the values: as it is said, what it is for a form, its source, and whether it counts until somebody says which is right."""

    said: str
    value: object
    source: str
    counts: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A fact with its values of one moment, and whether this reader may say which is right."""

    fact: str
    words: str
    values: tuple[One, ...]
    may_say: bool


def ties_of(view: CaseView) -> tuple[Shown, ...]:
    """What differs since the infusion and nobody settled; nothing for readers who are told of no calls."""
    since = view.case.infused_at
    if since is None or not view.told_of_calls:
        return ()
    facts = bedside_facts(view.asked.node, view.case, view.look.unit.record(view.case), view.now)
    found = [tie for tie in facts.ties if tie.counts.at is not None and tie.counts.at >= since]
    return tuple(_shown(view, tie) for tie in sorted(found, key=lambda tie: (str(tie.counts.at), tie.counts.name), reverse=True))


def _shown(view: CaseView, tie: Tie) -> Shown:
    r, name = view.reader, tie.counts.name
    may_say = not view.read_only and allowed(view.asked, COMMANDS["ConfirmFinding"]) and view.may_state(name)
    return Shown(name, r.t("bedside.tied", fact=r.fact(name), at=r.moment(tie.counts.at)), tuple(_values(view, tie)), may_say)


def _values(view: CaseView, tie: Tie) -> Iterator[One]:
    r = view.reader
    for one in (tie.counts, *tie.others):
        if one.value is None:  # within limits alone: nobody can say that it is right
            continue
        how = [_source(view, one), *([r.t("bedside.tied_counts")] if one is tie.counts else [])]
        said = r.t("bedside.tied_one", value=r.value(one.value, one.unit), how=r.t("page.semicolon").join(how))
        yield One(said, one.value, one.source, one is tie.counts)


def _source(view: CaseView, one: ReadFact) -> str:
    """Whether a value was entered here or elsewhere by a person, or came as a resource."""
    return view.reader.t("bedside.tied_entered") if one.source.startswith("Event/") else view.reader.plainly(one.source.partition("/")[0])
