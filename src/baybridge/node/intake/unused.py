"""What a file brings of a fact and cannot be used: told at its place when it comes, not only to who opens the page of facts.

Main job: `tell_unused` reads each observation of a batch as the facts will read it, and tells what stands in the way of its value; `told_unused` does so of what was
written over FHIR. The result is filed all the same.

What other readers of the same files tell better is left to them: units that nobody knows (`record_units.py`), times (`record_times.py`), states and words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from baybridge.base.outcome import Reason
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.factset import Odd
from baybridge.facts.fhir import mapping
from baybridge.facts.measurement import said_by
from baybridge.node.intake.record_units import unknown_units
from baybridge.record.intake.importing import Batch, ImportProblem
from baybridge.record.intake.reading import Place, Source
from baybridge.record.store.store import Version

_CODE, _OF_NOBODY, _NO_PATIENT = "record.import.not_used", "record.import.of_nobody", ".hl7_no_patient"
_UNKNOWN_UNIT = "record.import.unknown_unit"
_MEASURED = ("number", "integer")
#: What a laboratory's file tells itself of a text in the place of a number.
_AS_TEXT = frozenset({"csv_number", "csv_no_number", "hl7_number", "hl7_repeats", "hl7_value"})
_PREFIX = "facts.odd."
_IN_WORDS = f"{_PREFIX}text_only"
#: What was expected and found, by what is odd; no value of a patient stands in it.
_SAID: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "unit_unknown": ("a unit that converts to {expected}", "{found}"),
        "unit_missing": ("a unit that converts to {expected}", "no unit"),
        "units_contradict": ("one unit, by its code and its text", "two"),
        "range_reversed": ("a lower limit of normal that is not above the upper one", "one above it; neither is used"),
        "implausible": ("what can be true of a living person, in {unit}", "a value outside of it"),
        "two_facts": ("codes that name one measurement", "codes of two"),
        "said_twice": ("one answer for each code", "several that differ"),
        "absent_and_value": ("a value, or the reason why there is none", "both"),
        "text_only": ("a number", "text"),
        "value_kind": ("a value of the kind that this measurement has", "one of another kind"),
        "code_unknown": ("a code that this finding can take", "another"),
        "answer_open": ("yes or no", "neither"),
        "interpretation_alone": ("a value", "that it is abnormal, without one"),
        "of_another": ("a result about its subject", "one about somebody or something else"),
        "modifier_unknown": ("a result that is read by rules that are known here", "a modifier extension or implicit rules"),
    }
)


def tell_unused(source: Source, batch: Batch, dictionary: Dictionary) -> None:
    """Tell each value of a fact that will not be used, and why."""
    as_text = Counter((one.line, one.entry) for one in batch.problems if one.code.rpartition(".")[2] in _AS_TEXT)
    of_nobody = {(one.line, one.entry) for one in batch.problems if one.code.endswith(_NO_PATIENT)}
    for resource, place in zip(batch.resources, batch.places, strict=True):
        for one in _unused(resource, dictionary):
            if one.odd is not None and (_told_as_unknown(one.odd, dictionary) or (one.odd.code == _IN_WORDS and _is_told(as_text, place))):
                continue
            if one.odd is None and (resource.get("subject") is not None or (place.line, place.entry) in of_nobody):
                continue
            where = ".".join(filter(None, (place.path or "Observation", one.path)))
            batch.problems.append(ImportProblem("odd", one.code, source.name, place.line, place.entry, "Observation", where, one.expected, one.found))


def told_unused(versions: Iterable[Version | None], dictionary: Dictionary) -> list[list[Reason]]:
    """What is told of each version that was written: every value of a fact that will not be used, and a result that is nobody's."""
    return [_reasons(version.resource, dictionary) if version is not None and not version.deleted else [] for version in versions]


def _reasons(resource: dict[str, object], dictionary: Dictionary) -> list[Reason]:
    units = [_Unused(_UNKNOWN_UNIT, path, "a UCUM unit", found) for path, found in unknown_units(resource, dictionary.units)]
    found = [*units, *(one for one in _unused(resource, dictionary) if one.odd is None or not _told_as_unknown(one.odd, dictionary))]
    return [Reason(one.code, {"expected": one.expected, "found": one.found}, where=".".join(filter(None, ("Observation", one.path)))) for one in found]


@dataclass(frozen=True, slots=True)
class _Unused:
    """Why something of a result is not used: the code, where, what was expected and found; `odd` is how the facts say it."""

    code: str
    path: str
    expected: str
    found: str
    odd: Odd | None = None


def _unused(resource: Mapping[str, object], dictionary: Dictionary) -> Iterator[_Unused]:
    if resource["resourceType"] != "Observation":
        return
    read = said_by(resource, dictionary)
    for odd in read.adds.odd:
        said = _SAID.get(odd.code.removeprefix(_PREFIX))
        if said is not None and not (odd.code == _IN_WORDS and dictionary[dict(odd.values)["fact"]].type not in _MEASURED):
            expected, found = (phrase.format(**dict(odd.values)) for phrase in said)
            yield _Unused(_CODE, odd.path.removeprefix("Observation").lstrip("."), expected, found, odd)
    if read.codes and (named := _nobody(resource.get("subject"))):
        yield _Unused(_OF_NOBODY, "subject", "a patient of the results", named)


def _nobody(subject: object) -> str:
    """What is named in the place of a patient; empty where a reference stands."""
    reference = str(mapping(subject).get("reference") or "")
    if reference.startswith("#"):
        return "one that stands inside the result"
    return "" if reference else "an identifier or a name alone" if subject else "nothing"


def _is_told(as_text: Counter[tuple[int | None, int | None]], place: Place) -> bool:
    """Whether a laboratory's file told of a text in the place of a number there."""
    told = as_text[place.line, place.entry] > 0
    as_text[place.line, place.entry] -= 1
    return told


def _told_as_unknown(odd: Odd, dictionary: Dictionary) -> bool:
    """Whether its unit is one that nobody knows, of whatever it is."""
    return odd.code == f"{_PREFIX}unit_unknown" and not dictionary.units.readings(dict(odd.values)["found"])
