"""Tests that an emergency left to be done beside the treatment, until each is in and somebody compared it with what was acted on.

Main job: `parallel_tests(case)`, every one of them with all emergencies that acted on the result, and the rule of `CompareParallelTest`.

A result that happens to serve later does not close one: the comparison is what tells whether the emergency acted on a right value. Whether two
values agree is a person's word; the difference is computed and kept beside it, with a warning where the methods differ.
**Source**: policy reference A3, MR-080 (act on best available, re-test in parallel).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Reason, Refusal, refuse
from baybridge.base.resource import Resource
from baybridge.facts.measurement import FINAL
from baybridge.journey.case import Case
from baybridge.journey.checks import said
from baybridge.journey.command import Role, Situation
from baybridge.journey.entry import Entry, tells
from baybridge.journey.events import ParallelTestCompared, RepeatRequested
from baybridge.journey.judged import Judged
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, reads, roles
from baybridge.journey.texts import Note
from baybridge.recognition import rendering
from baybridge.recognition.converting import convert
from baybridge.recognition.derive import group_of
from baybridge.recognition.outcome import EMERGENCY
from baybridge.recognition.plan import same_analyte
from baybridge.recognition.results import code_of, collected_at, measured
from baybridge.recognition.rules import Settings, settings_of

_SOURCE = "policy reference A3, MR-080"


@dataclass(frozen=True, slots=True)
class ParallelTest:
    """One result that emergencies acted on for a purpose: when, and how it compared with the test taken beside."""

    asked: tuple[Entry[RepeatRequested], ...]  # every emergency, the earliest first
    compared: Entry[ParallelTestCompared] | None = None

    @property
    def event(self) -> RepeatRequested:
        """The latest of the emergencies."""
        return self.asked[-1].event

    @property
    def key(self) -> str:
        """A name of it within the case."""
        return f"{self.event.result_id}:{self.event.purpose}:{self.asked[0].origin.event_id}"


def parallel_tests(case: Case) -> tuple[ParallelTest, ...]:
    """Every parallel test of a case, in the order in which they were asked for; after a comparison another emergency begins a new one."""
    found: list[ParallelTest] = []
    for entry in case.entries:
        if tells(entry, RepeatRequested) and EMERGENCY in entry.event.codes:
            place = _open_place(found, entry.event.result_id, entry.event.purpose)
            if place is None:
                found.append(ParallelTest((entry,)))
            else:
                found[place] = ParallelTest((*found[place].asked, entry))
        elif tells(entry, ParallelTestCompared):
            place = _open_place(found, entry.event.result_id, entry.event.purpose)
            if place is not None:
                found[place] = ParallelTest(found[place].asked, entry)
    return tuple(found)


def open_parallel_tests(case: Case) -> tuple[ParallelTest, ...]:
    """Those that nobody compared yet."""
    return tuple(test for test in parallel_tests(case) if test.compared is None)


def _open_place(found: list[ParallelTest], result_id: str, purpose: str) -> int | None:
    fitting = (
        place
        for place, test in enumerate(found)
        if test.compared is None and (test.event.result_id, test.event.purpose) == (result_id, purpose)
    )
    return next(fitting, None)


class CompareParallelTest(Struct, frozen=True, kw_only=True):
    """Compare the test taken beside an emergency with the result that was acted on."""

    result: Annotated[str, Meta(description="id of the observation that was acted on")]
    purpose: str
    repeat: Annotated[str, Meta(description="id of the observation of the test taken in parallel")]
    agrees: Annotated[bool, Meta(description="whether the two say the same for the patient; a person's judgement")]
    note: Annotated[Note, Meta(description="what follows, in a sentence")]


def none_open(situation: Situation) -> Iterator[Reason]:
    """No test that was to run beside a result waits to be compared."""
    if not open_parallel_tests(situation.case):
        yield Reason("recognition.parallel.none_open")


def compare_parallel_test(situation: Situation, given: CompareParallelTest) -> Judged | Refusal:
    """The comparison with both values and their difference, or every reason against it."""
    asked = next((t for t in open_parallel_tests(situation.case) if (t.event.result_id, t.event.purpose) == (given.result, given.purpose)), None)
    outside, repeat = _observation(situation, given.result), _observation(situation, given.repeat)
    reasons = [*_against(situation, given, asked, outside, repeat)]
    if reasons or asked is None or outside is None or repeat is None:
        return refuse(*reasons)
    document = {
        "policy": "parallel-test",
        "subject": situation.case.case_id,
        "outcome": "agrees" if given.agrees else "differs",
        "resource": f"Observation/{given.repeat}",
        "acted_on": f"Observation/{given.result}",
        "purpose": given.purpose,
        "emergencies": [entry.event.decision_sha256 for entry in asked.asked],
        **difference(outside, repeat, settings_of(situation.documents)),
        "compared": {"account": situation.actor.account, "role": situation.actor.role.value, "at": situation.now.isoformat()},
    }
    event = ParallelTestCompared(
        result_id=given.result,
        loinc=asked.event.loinc,
        purpose=given.purpose,
        repeat_id=given.repeat,
        agrees=given.agrees,
        note=given.note.strip(),
        decision_sha256=sha256_hex(canonical_bytes(document)),
    )
    return Judged((event,), (document,))


def _observation(situation: Situation, result_id: str) -> Resource | None:
    return next((item for item in situation.record.observations if item.get("id") == result_id), None)


def _against(
    situation: Situation, given: CompareParallelTest, asked: ParallelTest | None, outside: Resource | None, repeat: Resource | None
) -> Iterator[Reason]:
    if asked is None:
        yield Reason("recognition.parallel.none_open", where="result")
    if not said(given.note):
        yield Reason("recognition.override.no_note", where="note")
    if outside is None:
        yield Reason("recognition.parallel.unknown", {"field": "result"}, where="result")
    if repeat is None:
        yield Reason("recognition.parallel.unknown", {"field": "repeat"}, where="repeat")
        return
    if given.repeat == given.result:
        yield Reason("recognition.parallel.same_result", where="repeat")
    if repeat.get("status") not in FINAL:
        yield Reason("recognition.parallel.not_final", source=_SOURCE, where="repeat")
    windows = settings_of(situation.documents).windows
    if outside is not None and not same_analyte(windows, code_of(outside), code_of(repeat)):
        yield Reason("recognition.parallel.other_analyte", {"acted_on": code_of(outside) or "-", "repeat": code_of(repeat) or "-"}, where="repeat")
    taken, before = collected_at(repeat), collected_at(outside) if outside is not None else None
    if taken is None or (before is not None and taken <= before):
        yield Reason("recognition.parallel.not_later", where="repeat")


def difference(outside: Resource, repeat: Resource, settings: Settings) -> dict[str, object]:
    """Both values, the outside one also in the unit of the repeat where a factor is known, and the change in percent; never across methods silently."""
    first, second = measured(outside), measured(repeat)
    conversion = convert(first, second.get("unit"), settings.conversions)
    value = conversion.value if conversion.known else None if conversion.differs else first.get("value")
    numbers = [item for item in (value, second.get("value")) if isinstance(item, int | float) and not isinstance(item, bool)]
    percent = None
    if len(numbers) == 2 and numbers[0]:
        old, new = (Decimal(repr(item)) for item in numbers)
        percent = float(round((new - old) / old * 100, 1))
    depends = group_of(settings.methods, first.get("loinc")) is not None
    differs = depends and (first.get("method") is None or first.get("method") != second.get("method"))
    return {"first": first, "second": second, "first_converted": value, "change_percent": percent, "methods_differ": differs}


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        CompareParallelTest, compare_parallel_test, roles(Role.PHYSICIAN, Role.LABORATORY),
        (EventRow(ParallelTestCompared, rendering.compared),),
        page="tests",
        correction=CLINICAL,
        needs=reads("observations", "resources"),
        blocked=none_open,
        button=None,
        choices={"purpose": "recognition_purpose", "result": "parallel_result", "repeat": "result"},
    ),
)
