"""Label policies as a matrix: a line for each, a column for each group of facts, and in each cell whether its criteria hold.

Main job: `matrix(view, judged)`. Criteria that are alternatives of each other count as one, which holds where one of them does. A criterion stands under the group
of the first of its facts (`data/terms/fact-groups.yaml`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from baybridge.documents.terms import FactGroups
from baybridge.policy.one_case.decide import DecisionDocument
from baybridge.policy.one_case.ground import GroundDocument
from baybridge.web.case.facts_page import OTHER
from baybridge.web.case.view import CaseView


class HasDecision(Protocol):
    """Something with a decision."""

    @property
    def decision(self) -> DecisionDocument:
        """The decision as of now."""


L = TypeVar("L", bound=HasDecision)


@dataclass(frozen=True, slots=True)
class Cell:
    """The criteria of one policy about one group of facts: how many hold, do not hold, and are not known."""

    holding: int
    failing: int
    unknown: int

    @property
    def state(self) -> str:
        """What stands out: fails before unknown before holds."""
        return "fails" if self.failing else "unknown" if self.unknown else "holds"


@dataclass(frozen=True, slots=True)
class Line(Generic[L]):
    """One policy with its cells, one for each column; None where it asks nothing of that group."""

    judged: L
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Matrix(Generic[L]):
    """The lines, and what each column is called."""

    columns: tuple[str, ...]
    lines: tuple[Line[L], ...]


def matrix(view: CaseView, judged: Sequence[L]) -> Matrix[L]:
    """The matrix of what was judged, in its order; groups that nothing asks for have no column."""
    groups = view.asked.node.documents.typed.the(FactGroups).groups
    of = {fact: name for name, group in groups.items() for fact in group.facts}
    counted = [_cells(one.decision["reasons"], of) for one in judged]
    columns = [name for name in (*groups, OTHER) if any(name in cells for cells in counted)]
    titles = tuple(view.reader.t("facts.page.other") if name == OTHER else view.reader.title(groups[name].names) for name in columns)
    return Matrix(titles, tuple(Line(one, tuple(cells.get(name) for name in columns)) for one, cells in zip(judged, counted, strict=True)))


def _cells(reasons: Iterable[GroundDocument], of: Mapping[str, str]) -> dict[str, Cell]:
    """The cells of a decision by group."""
    asked: dict[str, tuple[str, list[bool | None]]] = {}
    for reason in reasons:
        group = next((of[fact] for fact in reason["facts"] if fact in of), OTHER)
        key = f"any:{reason['any_of']}" if reason.get("any_of") else f"one:{reason['criterion']}"
        asked.setdefault(key, (group, []))[1].append(reason["holds"])
    found: dict[str, list[bool | None]] = {}
    for group, answers in asked.values():
        found.setdefault(group, []).append(True if True in answers else None if None in answers else False)
    return {group: Cell(answers.count(True), answers.count(False), answers.count(None)) for group, answers in found.items()}
