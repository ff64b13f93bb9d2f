"""The dictionary: every fact's name, type, unit, codes, plausible range, and how it is read.

Main job: `Dictionary.from_documents(facts, terms)` from the parsed documents of `data/facts` and `data/terms`; look-ups by name and code.

**Source**: shared facts contract; each fact carries its own. **Units**: UCUM. Elsewhere: unit spellings and conversion in `units.py`, the
vocabulary of diagnoses and treatments in `terms.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from functools import cached_property

from baybridge.base.quantity import Quantity
from baybridge.documents.document_set import read_document
from baybridge.documents.fact import FactConversion, FactEntry
from baybridge.documents.fact_reading import Explains, Latest, Reading, ReferenceLimit, Windowed
from baybridge.documents.heading import Exact
from baybridge.documents.problems import DocumentProblem
from baybridge.documents.terms import Units
from baybridge.facts.terms import Terms
from baybridge.facts.units import Conversion, UnitTable, convert
from baybridge.policy.language.types import FACT_KINDS, FactKind, FactType

LOINC = "http://loinc.org"
LOCAL = "urn:baybridge:observation"
#: Kinds of code in the dictionary's documents that stand for one coding system; `icd10` and `snomed` are matched by `terms.py`.
_SYSTEMS = {"loinc": LOINC, "local": LOCAL}

_A_DAY_H = 24


class DictionaryProblem(ValueError):
    """A document of the dictionary that cannot be used; the message says where, what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: what it is called and measured in, and how it is read. `max_age_h` None means that it does not grow old."""

    name: str
    type: FactKind
    unit: str | None = None
    values: tuple[str, ...] = ()
    codes: tuple[tuple[str, str], ...] = ()
    conditions: tuple[tuple[str, str], ...] = ()
    answers: Mapping[str, int | str | bool] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    plausible: tuple[Decimal, Decimal] | None = None
    conversions: Mapping[str, Conversion] = field(default_factory=dict)
    read: Reading = field(default_factory=Latest)
    cost: float = 1
    source: str = ""
    confidence: str = "high"
    stated_by: tuple[str, ...] = ()  # roles whose word stands for it; nobody's where it is computed or entered by its own command
    also_called: tuple[str, ...] = ()  # words and codes of other systems that name it and are not read
    kept: str = ""  # why it is read where no rule, form or other document does
    general: str = ""  # a fact whose code may stand beside one of these and says less

    @property
    def how(self) -> str:
        """The way in which it is read."""
        return self.read.how

    @property
    def max_age_h(self) -> float | None:
        """Hours for which a value is used."""
        return self.read.max_age_h if isinstance(self.read, Latest) else None

    @property
    def of_the_moment(self) -> bool:
        """Whether it says how a patient is now: what is used for a day at most. Convention of this project."""
        return self.max_age_h is not None and self.max_age_h <= _A_DAY_H

    def label(self, language: str) -> str:
        """Its name for people, in English where the language has none."""
        return self.labels.get(language) or self.labels.get("en") or self.name

    def is_plausible(self, value: Decimal) -> bool:
        """Whether a value in `unit` can be true of a living person."""
        return self.plausible is None or self.plausible[0] <= value <= self.plausible[1]


@dataclass(frozen=True)
class Dictionary:
    """All facts, with the units and terms by which they are read."""

    facts: Mapping[str, Fact]
    terms: Terms
    units: UnitTable
    _by_code: Mapping[tuple[str, str], Fact]

    @classmethod
    def from_documents(cls, facts: Mapping[str, object], terms: Mapping[str, object]) -> Dictionary:
        """The dictionary of the documents of `data/facts` (by document, or already one mapping of facts) and `data/terms`.

        Raises `DictionaryProblem` or `DocumentProblem` with every problem of the first entry or document that cannot be used.
        """
        found: dict[str, Fact] = {}
        by_code: dict[tuple[str, str], Fact] = {}
        for where, name, spec in _specifications(facts):
            if name in found:
                raise DictionaryProblem(f"{where}: the fact {name} is defined twice")
            fact = found[name] = _fact(where, name, spec)
            for code in fact.codes:
                if code in by_code:
                    raise DictionaryProblem(f"{where}: {code[1]} of {name} already reads {by_code[code].name}")
                by_code[code] = fact
        return cls(found, Terms.from_documents(terms), UnitTable.from_document(read_document(Units, terms["units"], "terms/units")), by_code)

    def __contains__(self, name: object) -> bool:
        return name in self.facts

    def __getitem__(self, name: str) -> Fact:
        return self.facts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.facts)

    def by_code(self, system: str, code: str) -> Fact | None:
        """The fact that a code of an observation stands for."""
        return self._by_code.get((system, code))

    def named(self, codes: Iterable[tuple[str, str]]) -> list[tuple[Fact, tuple[str, str]]]:
        """The facts for which these codes of one observation stand, with the code; without one that another of them names more exactly."""
        found = [(fact, code) for code in codes if (fact := self.by_code(*code)) is not None]
        less = {fact.general for fact, _ in found}
        return [(fact, code) for fact, code in found if fact.name not in less]

    @cached_property
    def _called(self) -> Mapping[str, Fact]:
        """By a name in small letters: the facts that say how else they are called, by their labels too, and by their own codes under another or a misspelt system."""
        called = [fact for fact in self.facts.values() if fact.also_called]
        return {_plain(name): fact for fact in called for name in (*(code for _, code in fact.codes), *fact.labels.values(), *fact.also_called)}

    def called(self, names: Iterable[str]) -> Fact | None:
        """The fact that words, or a code of another system, name; None where it is none of those of which that matters."""
        return next((self._called[name] for name in map(_plain, names) if name in self._called), None)

    @cached_property
    def sums(self) -> Mapping[str, tuple[str, ...]]:
        """The scores that are the sum of their items, with the items."""
        return {name: fact.read.sum_of for name, fact in self.facts.items() if isinstance(fact.read, Latest) and fact.read.sum_of}

    @cached_property
    def explaining(self) -> Mapping[str, Explains]:
        """By the name of a fact: which of its answers make less of which findings."""
        return {name: fact.read.explains for name, fact in self.facts.items() if isinstance(fact.read, Latest) and fact.read.explains}

    @cached_property
    def also_read(self) -> Mapping[str, tuple[Fact, ...]]:
        """By the name of a fact: the facts that are the same measurement used for another time (`of`)."""
        return _grouped((fact.read.of, fact) for fact in self.facts.values() if isinstance(fact.read, Latest) and fact.read.of)

    @cached_property
    def limits_of(self) -> Mapping[str, tuple[Fact, ...]]:
        """By the name of a fact: the facts that are limits of normal given with it."""
        return _grouped((fact.read.of, fact) for fact in self.facts.values() if isinstance(fact.read, ReferenceLimit))

    @cached_property
    def windowed(self) -> tuple[Fact, ...]:
        """The facts that are read over a window of time."""
        return tuple(fact for fact in self.facts.values() if isinstance(fact.read, Windowed))

    def close_to(self, name: str) -> str | None:
        """The fact whose name is most like one that does not exist."""
        close = get_close_matches(name, self.facts, n=1)
        return close[0] if close else None

    def types(self) -> dict[str, FactType]:
        """Every fact as the rule language sees it."""
        return {f.name: FactType(f.name, f.type, f.unit, f.values, f.cost) for f in self.facts.values()}

    def convert(self, name: str, quantity: Quantity) -> Decimal:
        """A quantity in the unit of a fact; `UnitMismatchError` where the units do not fit."""
        fact = self.facts[name]
        return convert(quantity, fact.unit, fact.conversions, self.units)


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _grouped(pairs: Iterable[tuple[str, Fact]]) -> Mapping[str, tuple[Fact, ...]]:
    found: dict[str, tuple[Fact, ...]] = {}
    for name, fact in pairs:
        found[name] = (*found.get(name, ()), fact)
    return found


def _specifications(folder: Mapping[str, object]) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    for key in folder:
        document = folder[key]
        if not isinstance(document, Mapping):
            continue
        if isinstance(document.get("type"), str):
            yield key, key, document
            continue
        for name, spec in document.items():
            if isinstance(spec, Mapping) and "type" in spec:
                yield key, name, spec


def _fact(where: str, name: str, spec: Mapping[str, object]) -> Fact:
    if spec["type"] not in FACT_KINDS:
        raise DictionaryProblem(f"{where}: {name}: expected a type of {', '.join(FACT_KINDS)}, found {spec['type']!r}")
    try:
        entry = read_document(FactEntry, spec, f"{where}: {name}")
    except DocumentProblem as problem:
        raise DictionaryProblem(str(problem)) from None
    codes = [item for code in entry.codes for item in code.items()]
    return Fact(
        name=name,
        type=entry.type,
        unit=entry.unit,
        values=tuple(str(value) for value in entry.values),
        codes=tuple((_SYSTEMS[kind], code) for kind, code in codes if kind in _SYSTEMS),
        conditions=tuple((kind, code) for kind, code in codes if kind not in _SYSTEMS),
        answers=entry.answers,
        labels=entry.labels,
        plausible=(Decimal(str(entry.plausible[0])), Decimal(str(entry.plausible[1]))) if entry.plausible else None,
        conversions={unit: _conversion(given) for unit, given in entry.conversions.items()},
        read=entry.reading(),
        cost=entry.cost,
        source=entry.source,
        confidence=entry.confidence or "high",
        stated_by=entry.stated_by,
        also_called=entry.also_called,
        kept=entry.kept or "",
        general=entry.general or "",
    )


def _conversion(given: Exact | FactConversion) -> Conversion:
    if not isinstance(given, FactConversion):
        return Conversion(Fraction(str(given)))
    factor = 1 / Fraction(str(given.divide)) if given.divide is not None else Fraction(str(given.factor))
    return Conversion(factor, {Fraction(str(value)): Fraction(str(limit)) for value, limit in given.published.items()}, given.decimals)
