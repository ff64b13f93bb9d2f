"""Terms: what codes and words mean for diagnosis, treatment and yes-or-no answers.

Main job: `Terms.from_documents(folder)` from `data/terms` (`diagnoses`, `treatments`, `answers`), as frozen values, patterns compiled.

**Source**: each document carries its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from baybridge.documents import terms as documents
from baybridge.documents.document_set import read_document


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one diagnosis code says; `certain` is false where the code alone leaves it open."""

    diagnosis: str
    family: str | None = None
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Wording:
    """A pattern that names a diagnosis, and the families of codes that it may narrow."""

    diagnosis: str
    families: frozenset[str]
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Diagnoses:
    """How a condition is read."""

    systems: Mapping[str, str]  # address of a coding system -> icd10, snomed or icd_o_3
    icd10: tuple[tuple[str, Meaning], ...]  # longest beginning first
    exact: Mapping[tuple[str, str], Meaning]
    wordings: tuple[Wording, ...]
    refuted: frozenset[str]
    unsure: frozenset[str]
    relapsed: frozenset[str]

    @classmethod
    def from_document(cls, document: documents.Diagnoses) -> Diagnoses:
        """From the document `diagnoses`."""
        listed = [(row.code, _meaning(row)) for row in document.icd10]
        coded = {"snomed": document.snomed, "icd_o_3": document.icd_o_3}
        exact = {(kind, code): _meaning(row) for kind, rows in coded.items() for code, row in rows.items()}
        return cls(
            systems={address: kind for kind, addresses in document.systems.items() for address in addresses},
            icd10=tuple(sorted(listed, key=lambda item: -len(item[0]))),
            exact=exact,
            wordings=tuple(
                Wording(row.diagnosis, frozenset(row.families), re.compile(row.pattern, re.IGNORECASE)) for row in document.text
            ),
            refuted=frozenset(document.refuted),
            unsure=frozenset(document.unsure),
            relapsed=frozenset(document.relapsed),
        )

    def meaning(self, system: str, code: str) -> Meaning | None:
        """What a code of a coding system says; None where it is no cancer that the table knows."""
        kind = self.systems.get(system)
        if kind == "icd10":
            dotted = dotted_icd10(code)
            return next((meaning for beginning, meaning in self.icd10 if dotted.startswith(beginning)), None)
        return self.exact.get((kind, code)) if kind else None


def dotted_icd10(code: str) -> str:
    """An ICD-10 code in capitals with its dot: C833 and c83.300 are C83.3 and C83.300."""
    bare = code.strip().upper().replace(".", "")
    return f"{bare[:3]}.{bare[3:]}" if len(bare) > 3 else bare


def _meaning(row: documents.CodedDiagnosis) -> Meaning:
    return Meaning(row.diagnosis, row.family, row.certain)


@dataclass(frozen=True, slots=True)
class LineRules:
    """How one line of therapy is told from the next; all in days."""

    join_days: int
    first_cycle_days: int
    dose_gap_days: int
    refractory_days: int
    maintenance_days: int
    conditioning_days: int
    lymphodepletion_days: int
    number: re.Pattern[str]
    maintenance_text: re.Pattern[str]
    bridging_text: re.Pattern[str]
    lymphodepletion_text: re.Pattern[str]
    transplant_text: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Treatments:
    """Classes of drugs, lines, responses, and the CRS episode."""

    atc_systems: frozenset[str]
    product_system: str
    response_system: str
    response_loinc: frozenset[str]
    classes: Mapping[str, tuple[str, ...]]
    lines: LineRules
    responding: frozenset[str]
    complete: frozenset[str]
    refractory: frozenset[str]
    progressing: frozenset[str]
    snomed_responses: Mapping[str, str]
    fever_at_least_cel: float
    clear_h: int

    @classmethod
    def from_document(cls, document: documents.Treatments) -> Treatments:
        """From the document `treatments`."""
        responses, episode = document.responses, document.crs_episode
        return cls(
            atc_systems=frozenset(document.atc_systems),
            product_system=document.product_system,
            response_system=document.response_system,
            response_loinc=frozenset(document.response_loinc),
            classes={name: tuple(beginnings) for name, beginnings in document.classes.items()},
            lines=_line_rules(document.lines),
            responding=frozenset(responses.responding),
            complete=frozenset(responses.complete),
            refractory=frozenset(responses.refractory),
            progressing=frozenset(responses.progressing),
            snomed_responses={code: said for code, said in responses.snomed.items() if said},
            fever_at_least_cel=episode.fever_at_least_cel,
            clear_h=episode.clear_h,
        )

    def is_class(self, atc: str, name: str) -> bool:
        """Whether an ATC code belongs to a class."""
        return atc.startswith(self.classes[name])


def _line_rules(written: documents.Lines) -> LineRules:
    return LineRules(
        join_days=written.join_days,
        first_cycle_days=written.first_cycle_days,
        dose_gap_days=written.dose_gap_days,
        refractory_days=written.refractory_days,
        maintenance_days=written.maintenance_days,
        conditioning_days=written.conditioning_days,
        lymphodepletion_days=written.lymphodepletion_days,
        number=_pattern(written.number),
        maintenance_text=_pattern(written.maintenance_text),
        bridging_text=_pattern(written.bridging_text),
        lymphodepletion_text=_pattern(written.lymphodepletion_text),
        transplant_text=_pattern(written.transplant_text),
    )


def _pattern(written: str) -> re.Pattern[str]:
    return re.compile(written, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything that reading needs to know of vocabularies."""

    diagnoses: Diagnoses
    treatments: Treatments
    positive: frozenset[str]
    negative: frozenset[str]

    @classmethod
    def from_documents(cls, folder: Mapping[str, object]) -> Terms:
        """From the documents of `data/terms` by id; raises `DocumentProblem` with every problem of one."""
        answers = read_document(documents.Answers, folder["answers"], "terms/answers")
        return cls(
            diagnoses=Diagnoses.from_document(read_document(documents.Diagnoses, folder["diagnoses"], "terms/diagnoses")),
            treatments=Treatments.from_document(read_document(documents.Treatments, folder["treatments"], "terms/treatments")),
            positive=frozenset(answers.positive),
            negative=frozenset(answers.negative),
        )
