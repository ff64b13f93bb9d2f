"""The words and codes by which facts are read: `data/terms`.

Main job: `Answers`, `Diagnoses`, `Treatments`, `Units`, `Glossary`, `Regimens`, `Drugs`, `Choices`, `FactGroups`.

**Units**: UCUM; days, hours and degrees Celsius as the names say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, field

from baybridge.documents.heading import EMPTY, Days, Exact, Heading, Hours, Part, Translated


class Answers(Heading, frozen=True, kw_only=True):
    """Codes that say yes or no."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]


class CodedDiagnosis(Part, frozen=True, kw_only=True):
    """What a code says of the disease."""

    diagnosis: str
    family: str | None = None
    certain: bool = True


class PrefixDiagnosis(CodedDiagnosis, frozen=True, kw_only=True):
    """What a code and those below it say of the disease."""

    code: str


class WordedDiagnosis(Part, frozen=True, kw_only=True):
    """What a text says of the disease."""

    diagnosis: str
    pattern: str
    families: tuple[str, ...] = ()


class Diagnoses(Heading, frozen=True, kw_only=True):
    """How a diagnosis is read."""

    systems: Mapping[str, tuple[str, ...]]
    icd10: tuple[PrefixDiagnosis, ...]
    snomed: Mapping[str, CodedDiagnosis]
    icd_o_3: Mapping[str, CodedDiagnosis]
    text: tuple[WordedDiagnosis, ...]
    refuted: tuple[str, ...]
    unsure: tuple[str, ...]
    relapsed: tuple[str, ...]


class Lines(Part, frozen=True, kw_only=True):
    """When courses of treatment make one line, and the words that say so."""

    join_days: Days
    first_cycle_days: Days
    dose_gap_days: Days
    refractory_days: Days
    maintenance_days: Days
    conditioning_days: Days
    lymphodepletion_days: Days
    number: str
    maintenance_text: str
    bridging_text: str
    lymphodepletion_text: str
    transplant_text: str


class Responses(Part, frozen=True, kw_only=True):
    """What each answer to treatment counts as."""

    responding: tuple[str, ...]
    complete: tuple[str, ...]
    refractory: tuple[str, ...]
    progressing: tuple[str, ...]
    snomed: Mapping[str, str | None]


class CrsEpisode(Part, frozen=True, kw_only=True):
    """When an episode of fever begins and ends."""

    fever_at_least_cel: Annotated[float, Meta(ge=30, le=45)]
    clear_h: Hours


class Treatments(Heading, frozen=True, kw_only=True):
    """How treatment is read."""

    atc_systems: tuple[str, ...]
    product_system: str
    response_system: str
    response_loinc: tuple[str, ...]
    classes: Mapping[str, tuple[str, ...]]
    lines: Lines
    responses: Responses
    crs_episode: CrsEpisode


class UnitFactor(Part, frozen=True, kw_only=True):
    """From one unit to another."""

    from_: str = field(name="from")
    to: str
    factor: Exact


class Units(Heading, frozen=True, kw_only=True):
    """How units are read and shown."""

    telling_annotations: Mapping[str, tuple[str, ...]] | tuple[str, ...]
    factors: tuple[UnitFactor, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = EMPTY
    lettered: Mapping[str, tuple[str, ...]] = EMPTY
    spellings: Mapping[str, tuple[str, ...]]
    exact: Mapping[str, tuple[str, ...]] = EMPTY
    shown: Mapping[str, str]
    worded: Mapping[str, str]


class Glossary(Heading, frozen=True, kw_only=True):
    """All words."""

    terms: Mapping[str, Mapping[str, str]]


class Regimen(Part, frozen=True, kw_only=True):
    """One regimen of lymphodepletion: its names by language and the spellings by which it is written, in small letters."""

    names: Translated
    spellings: tuple[str, ...] = ()


class Regimens(Heading, frozen=True, kw_only=True):
    """All regimens, by code."""

    regimens: Mapping[str, Regimen]


class DoseUnit(Part, frozen=True, kw_only=True):
    """A unit of doses: its milligrams where it is a mass, whether it counts for each kilogram, how it is shown, and what else is written for it."""

    mg: float | None = None
    per_kg: bool = False
    shown: str | None = None
    spellings: tuple[str, ...] = ()


class Drug(Part, frozen=True, kw_only=True):
    """A drug of the bedside: names by language, others that people write, codes of ways of giving and of units (any where none is named), usual milligrams."""

    names: Translated
    also: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    usual_mg: tuple[float, float] | None = None


class Drugs(Heading, frozen=True, kw_only=True):
    """Drugs by ATC code; ways of giving by their code in HL7 table 0162; units of doses by their UCUM code; what asks no question of any drug."""

    routes: Mapping[str, Translated]
    dose_units: Mapping[str, DoseUnit]
    any_usual_mg: tuple[float, float]
    drugs: Mapping[str, Drug]
    usual_source: str = ""


class Choice(Part, frozen=True, kw_only=True):
    """One code of a closed set; names only where the translations have none."""

    names: Translated | None = None


class FactGroup(Part, frozen=True, kw_only=True):
    """Facts that stand together on a page, under a name."""

    names: Mapping[str, str]
    facts: tuple[str, ...]


class FactGroups(Heading, frozen=True, kw_only=True):
    """In which groups a page lists facts, in order; a fact of none stands at the end."""

    groups: Mapping[str, FactGroup]


class ResponseCriteria(Part, frozen=True, kw_only=True):
    """Criteria of response: the name that stands in the record, spellings in small letters, and the categories that they know."""

    name: str
    spellings: tuple[str, ...] = ()
    diagnoses: tuple[str, ...] = ()  # whose answer they read; any where none is named
    categories: tuple[str, ...]
    source: str


class Choices(Heading, frozen=True, kw_only=True):
    """What fields with a closed set can be."""

    travel_papers: Mapping[str, Choice]
    bill_categories: Mapping[str, Choice]
    response_criteria: Mapping[str, ResponseCriteria]
