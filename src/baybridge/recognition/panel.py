"""Every result of a record against one purpose, receiver and moment: what it is worth, and what would have to be true for it to serve.

Main job: `panel(observations, setting, rules)`, one `Judgement` a result, by analyte, the newest first; nothing is recorded.

Results that the purpose has no window for are judged too (MR-052), and stand apart, so that a reader sees that they were not overlooked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from baybridge.base.resource import Resource
from baybridge.recognition.places import Clearing, remedies
from baybridge.recognition.recognise import Recognition, recognise
from baybridge.recognition.results import Setting, code_of, newest_first, request_for
from baybridge.recognition.rules import RecognitionRules
from baybridge.recognition.windows import ANY, rows_for
from baybridge.recognition.written import WrittenRequest


@dataclass(frozen=True, slots=True)
class Judgement:
    """One result with its request, its answer, and what would clear each reason against it."""

    observation: Resource
    request: WrittenRequest
    answer: Recognition
    clearings: tuple[Clearing, ...]
    own: bool

    @property
    def loinc(self) -> str:
        """The code of the analyte; empty where none is coded."""
        return code_of(self.observation) or ""


@dataclass(frozen=True, slots=True)
class Panel:
    """Judgements by analyte, those that the purpose asks for apart from the others."""

    asked_for: tuple[tuple[Judgement, ...], ...]
    others: tuple[tuple[Judgement, ...], ...]


def panel(observations: Sequence[Resource], setting: Setting, rules: RecognitionRules) -> Panel:
    """Every observation judged; those without a code are left to the work list of unmapped codes."""
    groups: dict[str, list[Resource]] = {}
    for item in observations:
        code = code_of(item)
        if code is not None:
            groups.setdefault(code, []).append(item)
    asked: list[tuple[Judgement, ...]] = []
    others: list[tuple[Judgement, ...]] = []
    for code in sorted(groups):
        judged = tuple(_judge(item, setting, rules) for item in sorted(groups[code], key=newest_first))
        (asked if _has_window(rules, code, setting.purpose) else others).append(judged)
    return Panel(tuple(asked), tuple(others))


def _has_window(rules: RecognitionRules, code: str, purpose: str) -> bool:
    """Whether the purpose asks for a code: by name, or among what a row for anything is offered; what holds for every purpose only by name."""
    rows = rows_for(rules.settings.windows.rows, code, purpose)
    return any(code in row.loinc or code in (row.offered or ()) for row in rows if row.purpose != ANY)


def _judge(observation: Resource, setting: Setting, rules: RecognitionRules) -> Judgement:
    request = request_for(observation, setting)
    answer = recognise(request, rules)
    laboratory = request["laboratory"].get("id")
    own = laboratory is not None and laboratory == setting.receiver["id"]
    return Judgement(observation, request, answer, remedies(request, answer.standing, rules), own)

