"""Every value of some facts over time, for whoever lists or draws them: what is used, and what is told and not used, with why.

Main job: `charted(found, at, dictionary, case, names, known, by_method)`. Each value comes from the one reading of the record (`reading.measured_for`), so that a
chart never says another number than a rule read. What that reading left out (no fitting unit, not final, a time that cannot be) stands here with what was reported.

**Units**: `value` in the unit of its fact; `original` as it was reported. Elsewhere: lines of results by
test in `recognition/trends.py`, which keep methods apart likewise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from baybridge.facts.dictionary import Dictionary
from baybridge.facts.factset import Odd
from baybridge.facts.fhir import Found, Resource, mapping, name_of, text, words
from baybridge.facts.given import read_given
from baybridge.facts.known import Known
from baybridge.facts.measurement import FINAL, Measurement, State, named_parts, taken_at
from baybridge.facts.reading import measured_for
from baybridge.facts.tied import coming_in, said_right, settled
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.entry import Entry, tells
from baybridge.policy.language.types import Value


class Use(StrEnum):
    """Whether a value is used, and if not, what it is."""

    USED = "used"
    BOUND = "bound"  # reported as above or below a limit
    IMPLAUSIBLE = "implausible"
    PROPOSED = "proposed"  # in words alone; a person confirms
    PRELIMINARY = "preliminary"  # its source has not made it final
    STRUCK = "struck"  # entered in error, or put right since
    UNUSABLE = "unusable"  # for the reasons that stand beside it


@dataclass(frozen=True, slots=True)
class Charted:
    """One value of one fact; `at` is None where nobody can tell when it was measured."""

    fact: str
    at: datetime | None
    value: Value
    original: str
    source: str
    use: Use
    code: str = ""  # by which it was read; empty for what a person typed here
    method: str = ""  # of an analyte whose values depend on it: as stated, else the laboratory, else the result alone
    corrected: bool = False
    confirmed: bool = False
    between: tuple[float, float] | None = None
    why: tuple[Odd, ...] = ()

    @property
    def line(self) -> tuple[str, str, str]:
        """Values with the same may be compared with one another."""
        return self.fact, "confirmed" if self.confirmed else self.code, self.method


#: What was odd about a value that is told of all the same.
_TOLD = frozenset({"facts.odd.implausible", "facts.odd.bound", "facts.odd.text_only"})
#: What is odd about a whole observation, whichever part of it.
_OF_ALL = frozenset({"Observation.status", "Observation.effective", "Observation.focus", "Observation.identifier", "Observation.meta"})
_USES = {State.EXACT: Use.USED, State.BOUND: Use.BOUND, State.IMPLAUSIBLE: Use.IMPLAUSIBLE, State.PROPOSED: Use.PROPOSED}


def charted(
    found: Found, at: datetime, dictionary: Dictionary, case: Case, names: Collection[str], known: Known, by_method: Collection[str]
) -> tuple[Charted, ...]:
    """Every value of these facts at or before `at`, the earliest first; `by_method`: codes of analytes whose values depend on the method."""
    measured = measured_for(found, at, dictionary, case, known)
    of_moments = settled(measured.measurements, dictionary, said_right(case, dictionary), coming_in(found, case))
    beside = {(one.fact.name, one.source) for one in of_moments.others}
    odd: dict[str, list[Odd]] = {}
    for one in measured.odd:
        odd.setdefault(one.resource, []).append(one)
    codes = {(name_of(one), fact.name): code for one in found.of("Observation") for _, _, fact, code in named_parts(one, dictionary) if code}
    usual = [_measured(one, codes.get((one.source, one.fact.name), ""), odd, by_method) for one in measured.measurements if one.fact.name in names]
    usual = [replace(one, use=Use.UNUSABLE) if (one.fact, one.source) in beside and one.use is Use.USED else one for one in usual]
    used = {(one.fact, one.source) for one in usual}
    rows = [*usual, *_left_out(found, at, dictionary, names, odd, used), *_typed_unread(case, at, dictionary, names)]
    rows += [*_struck(case, at, names), *_confirmed(case, at, dictionary, names, measured.measurements)]
    return tuple(sorted(rows, key=lambda row: (row.at is not None, row.at, row.fact, row.source)))


def _measured(one: Measurement, code: str, odd: Mapping[str, Sequence[Odd]], by_method: Collection[str]) -> Charted:
    method = (one.method or one.source) if any(name in by_method for _, name in one.fact.codes) else ""
    why = tuple(o for o in odd.get(one.source, ()) if o.code in _TOLD and dict(o.values).get("fact") == one.fact.name)
    typed = one.source.startswith("Event/")
    number = one.value if isinstance(one.value, int | float) and not isinstance(one.value, bool) else None
    unlikely = number is not None and not one.fact.is_plausible(Decimal(str(number)))  # another node may have taken what nobody could enter here
    return Charted(
        one.fact.name, one.at, one.value, one.original, one.source, Use.IMPLAUSIBLE if unlikely else _USES[one.state], "" if typed else code, "" if typed else method,
        corrected=one.amended, between=one.between, why=why,
    )  # fmt: skip


def _left_out(
    found: Found, at: datetime, dictionary: Dictionary, names: Collection[str], odd: Mapping[str, Sequence[Odd]], used: Collection[tuple[str, str]]
) -> Iterator[Charted]:
    """Parts of observations that name one of the facts and are not used."""
    for resource in found.of("Observation"):
        source, made_at = name_of(resource), taken_at(resource)
        for part, path, fact, code in named_parts(resource, dictionary):
            if fact.name not in names or (made_at is not None and made_at > at and not _doubted(odd.get(source, ()))):
                continue
            why = tuple(o for o in odd.get(source, ()) if _is_about(o, path, fact.name))
            said = _reported(part)
            if why or (code and said and (fact.name, source) not in used):
                yield Charted(fact.name, made_at, None, said, source, _use(resource), code, why=why)


def _doubted(odd: Sequence[Odd]) -> bool:
    """Whether the time of an observation is in doubt: then it is told whatever the time says."""
    return any(one.path == "Observation.effective" for one in odd)


def _is_about(odd: Odd, path: str, fact: str) -> bool:
    if odd.code in _TOLD or dict(odd.values).get("fact", fact) != fact:
        return False
    here = odd.path.startswith(f"{path}.") and (path != "Observation" or not odd.path.startswith("Observation.component"))
    return odd.path in _OF_ALL or here


def _use(resource: Resource) -> Use:
    status = text(resource.get("status"))
    if status == "entered-in-error":
        return Use.STRUCK
    return Use.UNUSABLE if status in FINAL or status == "cancelled" else Use.PRELIMINARY


def _reported(part: Resource) -> str:
    """A part's value as it was reported, without reading it."""
    quantity = mapping(part.get("valueQuantity"))
    if quantity:
        said = (text(quantity.get("comparator")), str(quantity.get("value", "")), text(quantity.get("unit")) or text(quantity.get("code")))
        return f"{said[0]}{said[1]} {said[2]}".strip()[:80]
    if "valueCodeableConcept" in part:
        return words(part["valueCodeableConcept"])[:80]
    plain = next((part[name] for name in ("valueString", "valueInteger", "valueBoolean") if name in part), "")
    return str(plain)[:80]


# --- what persons entered -------------------------------------------------------------------------------------------------


def _typed_unread(case: Case, at: datetime, dictionary: Dictionary, names: Collection[str]) -> Iterator[Charted]:
    """Findings of assessments that cannot be read here: another node knew more, or an older version took them."""
    for entry in case.of(ev.AssessmentRecorded):
        findings = {name: value for name, value in entry.event.findings if name in names}
        values, _ = read_given(findings, dictionary)
        if entry.event.assessed_at <= at:
            yield from (_typed(entry, name, value, Use.UNUSABLE) for name, value in findings.items() if name not in values and value is not None)


def _typed(entry: Entry[ev.AssessmentRecorded], name: str, value: object, use: Use) -> Charted:
    return Charted(name, entry.event.assessed_at, None, str(value)[:80], f"Event/{entry.origin.event_id}", use)


def _struck(case: Case, at: datetime, names: Collection[str]) -> Iterator[Charted]:
    """What persons entered and somebody struck through since."""
    for struck in case.struck:
        entry = struck.entry
        if tells(entry, ev.AssessmentRecorded) and entry.event.assessed_at <= at:
            yield from (_typed(entry, name, value, Use.STRUCK) for name, value in entry.event.findings if name in names)
        elif tells(entry, ev.ProposalConfirmed) and entry.event.fact in names and entry.event.collected_at <= at:
            event = entry.event
            yield Charted(event.fact, event.collected_at, None, f"{event.value} {event.unit}", f"Event/{entry.origin.event_id}", Use.STRUCK)


def _confirmed(case: Case, at: datetime, dictionary: Dictionary, names: Collection[str], measured: Sequence[Measurement]) -> Iterator[Charted]:
    """What persons stated who may, at the moment of the measurement that it rests on, else when they said it."""
    moments = {(one.fact.name, one.source): one.at for one in measured}
    for entry in case.of(ev.FindingConfirmed):
        event, origin = entry.event, entry.origin
        if event.fact not in names or event.fact not in dictionary or origin.at > at or origin.role not in dictionary[event.fact].stated_by:
            continue
        value = read_given({event.fact: event.value}, dictionary)[0].get(event.fact)
        use = Use.USED if value is not None else Use.UNUSABLE
        of_at = moments.get((event.fact, event.basis), origin.at)
        yield Charted(event.fact, of_at, value, str(event.value)[:80], f"Event/{origin.event_id}", use, confirmed=True)
