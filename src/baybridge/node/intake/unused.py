"""What a file brings of a fact and cannot be used: told at its place when it comes, not only to who opens the page of facts.

Main job: `tell_unused` reads each observation of a batch as the facts will read it, and tells what stands in the way of its value. The result is filed all the same.

What other readers of the same files tell better is left to them: units that nobody knows (`record_units.py`), times (`record_times.py`), states and words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from baybridge.facts.dictionary import Dictionary
from baybridge.facts.factset import Odd
from baybridge.facts.measurement import said_by
from baybridge.record.intake.importing import Batch, ImportProblem
from baybridge.record.intake.reading import Place, Source

_CODE = "record.import.not_used"
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
    as_text = Counter((one.line, one.entry) for one in batch.problems if one.found.endswith("kept as text"))  # a laboratory's file tells these itself
    for resource, place in zip(batch.resources, batch.places, strict=True):
        if resource["resourceType"] != "Observation":
            continue
        for odd in said_by(resource, dictionary).adds.odd:
            said = _SAID.get(odd.code.removeprefix(_PREFIX))
            if said is None or _told_as_unknown(odd, dictionary) or (odd.code == _IN_WORDS and _is_told_in_words(odd, dictionary, as_text, place)):
                continue
            expected, found = (phrase.format(**dict(odd.values)) for phrase in said)
            path = odd.path.removeprefix("Observation").lstrip(".")
            where = ".".join(filter(None, (place.path or "Observation", path)))
            batch.problems.append(ImportProblem("odd", _CODE, source.name, place.line, place.entry, "Observation", where, expected, found))


def _is_told_in_words(odd: Odd, dictionary: Dictionary, as_text: Counter[tuple[int | None, int | None]], place: Place) -> bool:
    """Whether words are what its fact is answered with, or its laboratory's file told of a text in the place of a number there."""
    if dictionary[dict(odd.values)["fact"]].type not in ("number", "integer"):
        return True
    told = as_text[place.line, place.entry] > 0
    as_text[place.line, place.entry] -= 1
    return told


def _told_as_unknown(odd: Odd, dictionary: Dictionary) -> bool:
    """Whether its unit is one that nobody knows, of whatever it is."""
    return odd.code == f"{_PREFIX}unit_unknown" and not dictionary.units.readings(dict(odd.values)["found"])
