"""Measurements: every observation, and every component of one, that a fact of the dictionary reads.

Main job: `measure(found, at, dictionary) -> Measured`: the measurements at or before `at` in the dictionary's units, what was odd, and
codes that nothing reads. Which of them is used is decided in `reading.py`.

**Source**: shared facts contract ("Reading from FHIR": status `final`, `amended`, `corrected`; `effective` or `issued`).
**Units**: `value` in the unit of its fact; `reported` as it stood in the record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import inf, nextafter

from baybridge.base.quantity import Quantity
from baybridge.base.time import start_of_day
from baybridge.facts.dictionary import LOCAL, Dictionary, Fact
from baybridge.facts.factset import Odd
from baybridge.facts.fhir import Coded, Found, Resource, codings, items, mapping, moment, name_of, number, span, text, words
from baybridge.facts.units import UnitMismatchError
from baybridge.policy.language.types import Value
from baybridge.record.feeds.orders import DOUBTED
from baybridge.record.identity.same import is_replaced

FINAL = frozenset({"final", "amended", "corrected"})
#: Said of a result that is none, or none any more.
GONE = frozenset({"entered-in-error", "cancelled"})
_UCUM = "http://unitsofmeasure.org"
#: How far the clock of a monitor, a laboratory or another node may run ahead of ours. Convention of this project.
AHEAD = timedelta(hours=1)
#: Before this nobody's result was kept with a code. Convention of this project.
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
#: What is abnormal, whatever the value. Source: HL7 code system ObservationInterpretation (terminology.hl7.org).
_ABNORMAL = frozenset({"A", "AA", "H", "HH", "HU", "L", "LL", "LU", "<", ">"})
_COMPARATORS = frozenset({"<", "<=", ">=", ">"})
_UNITLESS = frozenset({None, "1", "{score}", "{INR}", "{ratio}"})


class State(StrEnum):
    """What kind of answer a measurement is."""

    EXACT = "exact"
    BOUND = "bound"
    IMPLAUSIBLE = "implausible"
    PROPOSED = "proposed"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value of one fact at one moment, with its source."""

    fact: Fact
    value: Value
    at: datetime
    source: str
    state: State = State.EXACT
    amended: bool = False
    issued: datetime | None = None
    original: str = ""
    reported: Quantity | None = None
    reference_high: Decimal | None = None
    reference_low: Decimal | None = None
    identifiers: frozenset[tuple[str, str]] = frozenset()
    between: tuple[float, float] | None = None  # what a value can be that was reported as above or below a limit, both ends included
    method: str = ""  # as stated, else the laboratory that performed it; empty where neither is known

    @property
    def order(self) -> tuple[datetime, bool, datetime, str, str]:
        """The later of two measurements is the greater: by moment, then amended, then later issued, then id."""
        return self.at, self.amended, self.issued or self.at, self.source, self.original


@dataclass(slots=True)
class Measured:
    """What was measured, and what was in the way."""

    measurements: list[Measurement] = field(default_factory=list)
    odd: list[Odd] = field(default_factory=list)
    unread: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    read_codes: Counter[tuple[str, str]] = field(default_factory=Counter)
    unusable: dict[str, datetime] = field(default_factory=dict)  # by fact: when the latest was made of which the value cannot be used
    #: The exact ones by fact, of which list that is, and how long it was.
    _exact: tuple[list[Measurement], int, dict[str, list[Measurement]]] | None = field(default=None, compare=False, repr=False)

    def of(self, name: str) -> list[Measurement]:
        """The exact measurements of a fact, oldest first."""
        if self._exact is None or self._exact[0] is not self.measurements or self._exact[1] != len(self.measurements):
            self._exact = self.measurements, len(self.measurements), self._by_fact()
        return list(self._exact[2].get(name, ()))

    def _by_fact(self) -> dict[str, list[Measurement]]:
        found: dict[str, list[Measurement]] = {}
        for one in sorted((m for m in self.measurements if m.state is State.EXACT), key=lambda m: m.order):
            found.setdefault(one.fact.name, []).append(one)
        return found

    def ends(self) -> tuple[Measured, ...]:
        """What was measured with every value that was reported as above or below a limit at its least, and at its greatest; itself without any."""
        if not any(m.between for m in self.measurements):
            return (self,)
        return tuple(replace(self, measurements=[_at_end(m, end) for m in self.measurements], _exact=None) for end in (0, 1))

    def finding(self, resource: Mapping[str, object], path: str, code: str, **values: str) -> None:
        """Note something odd."""
        self.odd.append(Odd(name_of(resource), path, f"facts.odd.{code}", tuple(sorted(values.items()))))

    def cannot_use(self, fact: str, at: datetime) -> None:
        """Note that a measurement was made of which the value cannot be used."""
        self.unusable[fact] = max(at, self.unusable.get(fact, at))

    def nobody_reads(self, kind: str, concept: object) -> None:
        """Note a concept that nothing reads."""
        listed = codings(concept)
        first = listed[0] if listed else Coded("", "", "")
        self.unread[(kind, first.system, first.code, text(mapping(concept).get("text")) or first.display)] += 1


def _at_end(measurement: Measurement, end: int) -> Measurement:
    if measurement.between is None:
        return measurement
    return replace(measurement, value=measurement.between[end], state=State.EXACT, reported=None)


class _UnusableError(Exception):
    def __init__(self, code: str, path: str, **values: str) -> None:
        self.code, self.path, self.values = code, path, values
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Said:
    """What one observation says: its codes that are read, and what it adds from the moment when it was made."""

    made_at: datetime | None  # None: what it adds is said at any moment
    codes: tuple[tuple[str, str], ...]
    adds: Measured
    filed_at: datetime | None = None  # when this version was filed here
    reported_at: datetime | None = None  # by its source


def measure(found: Found, at: datetime, dictionary: Dictionary, said: Callable[[Resource], Said] | None = None) -> Measured:
    """Everything that observations say of facts at or before `at`; `said` answers what one says, where somebody keeps it."""
    measured = Measured()
    born = birth_of(found.of("Patient"))
    for person in filter(is_replaced, found.of("Patient")):
        measured.finding(person, "Patient.link", "replaced")
    for resource in found.of("Observation"):
        one = said(resource) if said is not None else said_by(resource, dictionary)
        for code in one.codes:
            measured.read_codes[code] += 1
        if one.made_at is not None and (doubt := time_doubt(one.made_at, one.filed_at, born, one.reported_at)) is not None:
            measured.finding(resource, "Observation.effective", doubt)
        elif one.made_at is None or one.made_at <= at:
            measured.measurements += one.adds.measurements
            measured.odd += one.adds.odd
            measured.unread.update(one.adds.unread)
            for fact, made_at in one.adds.unusable.items():
                measured.cannot_use(fact, made_at)
    measured.measurements = _without_doubles(measured)
    return measured


def said_by(resource: Resource, dictionary: Dictionary) -> Said:
    """What one observation says of facts, whatever the moment."""
    adds = Measured()
    parts = list(_parts(resource))
    known = [(part, path, fact, code) for part, path in parts for fact, code in [_fact(part, dictionary)] if fact and code]
    made_at = taken_at(resource)
    if not known:
        _unread(resource, parts, adds, dictionary)
        called = made_at is not None and _called(resource, parts, made_at, adds, dictionary)
        return Said(made_at if called else None, (), adds, filed_at(resource))
    if made_at is None:
        adds.finding(resource, "Observation.effective", "time_unreadable")
    else:
        _read_known(resource, known, made_at, adds, dictionary)
    return Said(made_at, tuple((code.system, code.code) for _, _, _, code in known), adds, filed_at(resource), moment(resource.get("issued")))


def _parts(resource: Mapping[str, object]) -> Iterator[tuple[Resource, str]]:
    yield resource, "Observation"
    for index, component in enumerate(items(resource.get("component"))):
        yield component, f"Observation.component[{index}]"


def _fact(part: Mapping[str, object], dictionary: Dictionary) -> tuple[Fact | None, Coded | None]:
    listed = {(coded.system, coded.code): coded for coded in codings(part.get("code"))}
    return next(((fact, listed[code]) for fact, code in dictionary.named(listed)), (None, None))


def may_give(resource: Resource, names: Collection[str], dictionary: Dictionary) -> bool:
    """Whether a part of an observation is coded as one of these facts: only then can `measure` find one of them in it."""
    return any(fact is not None and fact.name in names for part, _ in _parts(resource) for fact, _code in [_fact(part, dictionary)])


def named_parts(resource: Resource, dictionary: Dictionary) -> Iterator[tuple[Resource, str, Fact, str]]:
    """The parts of an observation that name a fact, with their path and the code that is read; no code where only their words name one of the bedside."""
    for part, path in _parts(resource):
        fact, code = _fact(part, dictionary)
        if fact is not None and code is not None:
            yield part, path, fact, code.code
        elif (called := _fact_in_words(part, dictionary)) is not None:
            yield part, path, called, ""


def _unread(resource: Mapping[str, object], parts: list[tuple[Mapping[str, object], str]], measured: Measured, dictionary: Dictionary) -> None:
    treatments = dictionary.terms.treatments
    if any(c.code in treatments.response_loinc or c.system == treatments.response_system for c in codings(resource.get("code"))):
        return
    with_value = [part for part, _ in parts if any(key.startswith("value") for key in part)]
    for part in with_value or [resource]:
        measured.nobody_reads("Observation", part.get("code"))


def _read_known(
    resource: Mapping[str, object], known: list[tuple[Mapping[str, object], str, Fact, Coded]], made_at: datetime, measured: Measured, dictionary: Dictionary
) -> None:
    status = text(resource.get("status"))
    if status not in FINAL:
        measured.finding(resource, "Observation.status", "status_not_final", status=status[:30] or "-")
        for _, _, fact, _ in known if status not in GONE else ():
            measured.cannot_use(fact.name, made_at)
        return
    if any(text(item.get("url")) == DOUBTED for item in items(mapping(resource.get("meta")).get("extension"))):
        measured.finding(resource, "Observation.meta", "doubted")
        for _, _, fact, _ in known:
            measured.cannot_use(fact.name, made_at)
        return
    if any(text(focus.get("reference")) != text(mapping(resource.get("subject")).get("reference")) for focus in items(resource.get("focus"))):
        measured.finding(resource, "Observation.focus", "of_another")
        return
    unsaid = _said_twice(known)
    for part, path, fact, _ in known:
        if path in unsaid:
            measured.finding(resource, f"{path}.code", "said_twice", fact=fact.name)
            measured.cannot_use(fact.name, made_at)
            continue
        _read_part(resource, part, path, _blank(resource, fact, made_at), measured, dictionary)
    for part, path in _parts(resource):
        if path != "Observation" and _fact(part, dictionary)[0] is None:
            measured.nobody_reads("Observation", part.get("code"))
    _called(resource, list(_parts(resource)), made_at, measured, dictionary)


def _said_twice(known: Sequence[tuple[Mapping[str, object], str, Fact, Coded]]) -> set[str]:
    """The paths of parts that give one code several answers: nobody knows which holds."""
    if len(known) < 2:
        return set()
    paths: dict[tuple[str, str], list[str]] = {}
    answers: dict[tuple[str, str], list[object]] = {}
    for part, path, _fact_of, code in known:
        answer = {name: value for name, value in part.items() if name.startswith("value") or name == "dataAbsentReason"}
        if answer:
            paths.setdefault((code.system, code.code), []).append(path)
            answers.setdefault((code.system, code.code), []).append(answer)
    return {path for code, given in answers.items() if any(one != given[0] for one in given) for path in paths[code]}


def _called(resource: Mapping[str, object], parts: list[tuple[Resource, str]], made_at: datetime, measured: Measured, dictionary: Dictionary) -> bool:
    """Note parts whose code nothing reads though their words name a fact of the bedside; whether there are any."""
    found = [(fact, path) for part, path in parts for fact in [_fact_in_words(part, dictionary)] if fact is not None]
    for fact, path in found if text(resource.get("status")) not in GONE else ():
        measured.finding(resource, f"{path}.code", "code_unread", fact=fact.name)
        measured.cannot_use(fact.name, made_at)
    return bool(found)


def _fact_in_words(part: Mapping[str, object], dictionary: Dictionary) -> Fact | None:
    """The fact that the words or other codes of a part with an answer name, where no code of it is read."""
    answers = part.get("interpretation") or any(key.startswith("value") for key in part)
    if not answers or _fact(part, dictionary)[0] is not None:
        return None
    listed = codings(part.get("code"))
    return dictionary.called([*words(part.get("code")).splitlines(), *(coded.code for coded in listed)])


def taken_at(resource: Mapping[str, object]) -> datetime | None:
    """When an observation was made; the end of its period, when it was issued where it says nothing else."""
    given = _effective(resource)
    return moment(given if given else resource.get("issued"))


def last_moment(resource: Mapping[str, object]) -> datetime | None:
    """The latest instant that an observation can mean which names a day, month or year alone; None for any other."""
    given = _effective(resource)
    days = span(given) if len(text(given)) <= _DAY else None
    return start_of_day(days.last + timedelta(days=1)) - timedelta(seconds=1) if days is not None else None


_DAY = len("2026-11-30")


def _effective(resource: Mapping[str, object]) -> object:
    """What an observation itself says of when it was made."""
    period = mapping(resource.get("effectivePeriod"))
    said = (resource.get("effectiveDateTime"), resource.get("effectiveInstant"), period.get("end"), period.get("start"))
    return next((value for value in said if value), None)


def birth_of(patients: Iterable[Mapping[str, object]]) -> datetime | None:
    """The start of the day on which the patient was born; None where it is not known."""
    dates = (moment(patient.get("birthDate")) for patient in patients)
    return next((at for at in dates if at is not None), None)


def filed_at(resource: Mapping[str, object]) -> datetime | None:
    """When this version of a resource was filed here; None where it was not filed."""
    return moment(mapping(resource.get("meta")).get("lastUpdated"))


def time_doubt(at: datetime, filed: datetime | None, born: datetime | None, reported: datetime | None = None) -> str | None:
    """Why a moment cannot be that of a result of this patient, as a code; None where it can. A result is never of a time after it was reported or filed."""
    if at < _EARLIEST:
        return "time_before_1900"
    if born is not None and at < born:
        return "time_before_birth"
    if filed is not None and at > filed + AHEAD:
        return "time_ahead"
    return "time_after_report" if reported is not None and at > reported + AHEAD else None


def _blank(resource: Mapping[str, object], fact: Fact, taken_at: datetime) -> Measurement:
    identifiers = frozenset(
        (text(i.get("system")), text(i.get("value"))) for i in items(resource.get("identifier")) if text(i.get("value"))
    )
    amended = resource.get("status") in {"amended", "corrected"}
    issued = moment(resource.get("issued"))
    return Measurement(
        fact, None, taken_at, name_of(resource), amended=amended, issued=issued, identifiers=identifiers, method=_method(resource)
    )


def _method(resource: Mapping[str, object]) -> str:
    """What values that depend on the method are told apart by."""
    stated = words(resource.get("method")).strip().casefold()
    performers = (text(one.get("display")) or text(one.get("reference")) for one in items(resource.get("performer")))
    laboratory = next(filter(None, performers), "")
    return stated or (f"laboratory {laboratory}" if laboratory else "")


def _read_part(resource: Mapping[str, object], part: Mapping[str, object], path: str, blank: Measurement, measured: Measured, dictionary: Dictionary) -> None:
    try:
        measurement = _value(part, path, blank, dictionary)
    except _UnusableError as unusable:
        measured.finding(resource, unusable.path, unusable.code, fact=blank.fact.name, **unusable.values)
        measured.cannot_use(blank.fact.name, blank.at)
        return
    if measurement is None:
        return
    if measurement.state is State.IMPLAUSIBLE:
        measured.finding(resource, path, "implausible", fact=blank.fact.name, unit=blank.fact.unit or "1")
    if measurement.state is State.BOUND:
        measured.finding(resource, path, "bound", fact=blank.fact.name)
    if any(map(_is_reversed, items(part.get("referenceRange")))):
        measured.finding(resource, f"{path}.referenceRange", "range_reversed", fact=blank.fact.name)
    if measurement.state is State.PROPOSED:
        measured.finding(resource, path, "text_only", fact=blank.fact.name)
    if measurement.state in {State.IMPLAUSIBLE, State.PROPOSED}:
        measured.cannot_use(blank.fact.name, blank.at)
    measured.measurements.append(measurement)


def _without_contradiction(part: Mapping[str, object], path: str, blank: Measurement, dictionary: Dictionary) -> None:
    """Raises `_UnusableError` where a part says of itself what contradicts its value."""
    if part.get("modifierExtension"):
        raise _UnusableError("modifier_unknown", f"{path}.modifierExtension")
    if part.get("dataAbsentReason") and any(key.startswith("value") for key in part):
        raise _UnusableError("absent_and_value", f"{path}.dataAbsentReason")
    others = {other.name for other, _ in dictionary.named((coded.system, coded.code) for coded in codings(part.get("code")))} - {blank.fact.name}
    if others:
        raise _UnusableError("two_facts", f"{path}.code", attribute=sorted(others)[0])


def _value(part: Mapping[str, object], path: str, blank: Measurement, dictionary: Dictionary) -> Measurement | None:
    """The measurement of one part; None where it says no value; raises `_UnusableError` where it says one that cannot be used."""
    _without_contradiction(part, path, blank, dictionary)
    if "valueQuantity" in part:
        return _quantity(part, f"{path}.valueQuantity", blank, dictionary)
    if "valueInteger" in part:
        return _integer(part["valueInteger"], f"{path}.valueInteger", blank)
    if "valueBoolean" in part:
        return _boolean(part["valueBoolean"], f"{path}.valueBoolean", blank)
    if "valueCodeableConcept" in part:
        return _concept(part["valueCodeableConcept"], f"{path}.valueCodeableConcept", blank, dictionary)
    if "valueString" in part:
        return replace(blank, state=State.PROPOSED, original=text(part["valueString"])[:200])
    if blank.fact.type == "boolean" and part.get("interpretation"):
        return next((_concept(i, f"{path}.interpretation", blank, dictionary) for i in items(part["interpretation"])), None)
    if any(key.startswith("value") for key in part):
        raise _UnusableError("value_kind", path)
    if {coded.code for said in items(part.get("interpretation")) for coded in codings(said)} & _ABNORMAL:
        raise _UnusableError("interpretation_alone", f"{path}.interpretation")
    return None


def _quantity(part: Mapping[str, object], path: str, blank: Measurement, dictionary: Dictionary) -> Measurement:
    said = mapping(part["valueQuantity"])
    value = number(said.get("value"))
    if value is None or blank.fact.type not in {"number", "integer"}:
        raise _UnusableError("value_kind", path)
    quantity, converted = _converted(said, value, path, blank.fact, dictionary)
    high, low = (_reference(part, said, blank.fact, dictionary, side) for side in ("high", "low"))
    original = f"{text(said.get('comparator'))}{quantity}"
    read = replace(blank, original=original, reported=quantity, reference_high=high, reference_low=low)
    if said.get("comparator"):
        return _bounded(text(said["comparator"]), float(converted), read)
    return _numeric(converted, path, read)


def _bounded(comparator: str, limit: float, read: Measurement) -> Measurement:
    """A value known as above or below a limit; one beyond which nothing can be true of a living person is as little used as such a value."""
    between, fact = _between(comparator, limit, read.fact), read.fact
    if comparator in _COMPARATORS and fact.plausible is not None and (between is None or not _overlap(between, fact.plausible)):
        return replace(read, state=State.IMPLAUSIBLE)
    return replace(read, state=State.BOUND, between=between)


def _overlap(between: tuple[float, float], plausible: tuple[Decimal, Decimal]) -> bool:
    return max(between[0], float(plausible[0])) <= min(between[1], float(plausible[1]))


def _between(comparator: str, limit: float, fact: Fact) -> tuple[float, float] | None:
    """The least and the greatest value that is meant; None where the comparator is none of FHIR."""
    least = 0.0 if fact.plausible is not None and fact.plausible[0] >= 0 else -inf
    ends = {
        "<": (least, nextafter(limit, -inf)),
        "<=": (least, limit),
        ">=": (limit, inf),
        ">": (nextafter(limit, inf), inf),
    }.get(comparator)
    return ends if ends is not None and ends[0] <= ends[1] else None


def _converted(said: Mapping[str, object], value: Decimal, path: str, fact: Fact, dictionary: Dictionary) -> tuple[Quantity, Decimal]:
    written = [u for u in (text(said.get("code")), text(said.get("unit"))) if u.strip()]
    if said.get("system") not in (None, _UCUM) and len(written) > 1:
        written.reverse()
    if not written:
        if fact.unit in _UNITLESS:
            return Quantity(value, None), value
        raise _UnusableError("unit_missing", f"{path}.unit", expected=fact.unit or "1")
    read = [(unit, _in_unit_of(fact, value, unit, dictionary)) for unit in written]
    usable = [(unit, converted) for unit, converted in read if converted is not None]
    if not usable:
        raise _UnusableError("unit_unknown", f"{path}.unit", expected=fact.unit or "1", found=written[0][:40])
    if said.get("system") == _UCUM and len(written) > 1 and _contradict(read[0][1], read[1][1], written[1], dictionary):
        raise _UnusableError("units_contradict", f"{path}.unit", coded=written[0][:40], found=written[1][:40])
    unit, converted = usable[0]
    return Quantity(value, unit), converted


def _in_unit_of(fact: Fact, value: Decimal, unit: str, dictionary: Dictionary) -> Decimal | None:
    try:
        return dictionary.convert(fact.name, Quantity(value, unit))
    except UnitMismatchError:
        return None


def _contradict(by_code: Decimal | None, by_text: Decimal | None, text_of_unit: str, dictionary: Dictionary) -> bool:
    """Whether a unit's code and its text mean two things: other values, a code that is none, or a text that is another unit (and not merely words)."""
    if by_code is None:
        return True
    if by_text is None:
        return "/" in text_of_unit and dictionary.units.read(text_of_unit) is not None
    return by_code != by_text


def _reference(part: Mapping[str, object], said: Mapping[str, object], fact: Fact, dictionary: Dictionary, side: str) -> Decimal | None:
    """The `high` or `low` limit of normal that came with the result."""
    for given in items(part.get("referenceRange")):
        kinds = {c.code for c in codings(given.get("type"))}
        limit = mapping(given.get(side))
        value = number(limit.get("value"))
        if value is None or (kinds and "normal" not in kinds) or _is_reversed(given):
            continue
        units = limit if text(limit.get("code")) or text(limit.get("unit")) else said
        try:
            return _converted(units, value, "", fact, dictionary)[1]
        except _UnusableError:
            continue
    return None


def _is_reversed(limits: Mapping[str, object]) -> bool:
    """Whether the lower limit of normal lies above the upper one, in one unit or in none: nobody knows which is which."""
    low, high = mapping(limits.get("low")), mapping(limits.get("high"))
    least, most = number(low.get("value")), number(high.get("value"))
    one_unit = (text(low.get("code")) or text(low.get("unit"))) == (text(high.get("code")) or text(high.get("unit")))
    return least is not None and most is not None and one_unit and least > most


def _numeric(value: Decimal, path: str, read: Measurement) -> Measurement:
    fact = read.fact
    if fact.type == "integer" and value != value.to_integral_value():
        raise _UnusableError("value_kind", path)
    plain: Value = int(value) if fact.type == "integer" else float(value)
    state = State.EXACT if fact.is_plausible(value) else State.IMPLAUSIBLE
    return replace(read, value=plain, state=state)


def _integer(said: object, path: str, blank: Measurement) -> Measurement:
    value = number(said)
    if value is None or blank.fact.type not in {"number", "integer"}:
        raise _UnusableError("value_kind", path)
    if blank.fact.unit not in _UNITLESS:
        raise _UnusableError("unit_missing", path, expected=blank.fact.unit or "1")
    return _numeric(value, path, replace(blank, original=str(value), reported=Quantity(value, None)))


def _boolean(said: object, path: str, blank: Measurement) -> Measurement:
    if not isinstance(said, bool) or blank.fact.type != "boolean":
        raise _UnusableError("value_kind", path)
    return replace(blank, value=said, original=str(said).lower())


def _concept(said: object, path: str, blank: Measurement, dictionary: Dictionary) -> Measurement:
    listed = codings(said)
    read = replace(blank, original=(words(said) or ", ".join(c.code for c in listed))[:200])
    if not listed:
        return replace(read, state=State.PROPOSED)
    if blank.fact.type == "boolean":
        return _yes_or_no(listed, path, read, dictionary)
    if blank.fact.type == "code":
        own = [c.code for c in listed if c.code in blank.fact.values and c.system in {LOCAL, ""}]
        if own:
            return replace(read, value=own[0])
        raise _UnusableError("code_unknown", path, found=listed[0].code[:40])
    answers = [blank.fact.answers[c.code] for c in listed if c.code in blank.fact.answers]
    if answers:
        return _numeric(Decimal(str(answers[0])), path, read)
    if _answers(listed) & dictionary.terms.negative:
        return replace(read, state=State.BOUND)
    raise _UnusableError("code_unknown", path, found=listed[0].code[:40])


def _yes_or_no(listed: list[Coded], path: str, read: Measurement, dictionary: Dictionary) -> Measurement:
    said = _answers(listed)
    yes, no = bool(said & dictionary.terms.positive), bool(said & dictionary.terms.negative)
    if yes == no:
        raise _UnusableError("answer_open", path, found=listed[0].code[:40])
    return replace(read, value=yes)


def _answers(listed: list[Coded]) -> frozenset[str]:
    return frozenset(f"{c.system}|{c.code}" for c in listed)


def _without_doubles(measured: Measured) -> list[Measurement]:
    """Each measurement once; one that carries another's identifier for the same fact and moment is a double, and is told."""
    kept: list[Measurement] = []
    seen: dict[tuple[str, datetime, tuple[str, str]], Measurement] = {}
    for measurement in sorted(measured.measurements, key=lambda m: m.order, reverse=True):
        keys = [(measurement.fact.name, measurement.at, identifier) for identifier in measurement.identifiers]
        first = next((seen[key] for key in keys if key in seen), None)
        if first is not None and first.source != measurement.source:
            code = "duplicate" if first.value == measurement.value else "duplicate_differs"
            values = (("fact", measurement.fact.name), ("other", first.source))
            measured.odd.append(Odd(measurement.source, "Observation.identifier", f"facts.odd.{code}", values))
            continue
        seen.update(dict.fromkeys(keys, measurement))
        kept.append(measurement)
    return kept
