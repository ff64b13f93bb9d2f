"""One result in words, where it does not stand on the tests page: on a card, or as an example.

Main job: `value_of(asked, observation)`: number with comparator and unit, a coded answer as positive or negative or by its own words, else text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from baybridge.documents.terms import Answers
from baybridge.facts.fhir import items, mapping
from baybridge.web.page.page import Reader

if TYPE_CHECKING:
    from baybridge.http.doors import Asked



def value_of(asked: Asked, observation: Mapping[str, object]) -> str:
    """The value in the reader's words; a dash where there is none."""
    quantity = mapping(observation.get("valueQuantity"))
    if quantity:
        value = Reader(asked).quantity(str(quantity.get("value")), str(quantity.get("code") or quantity.get("unit") or ""))
        return f"{quantity.get('comparator', '')}{value}"
    coded = mapping(observation.get("valueCodeableConcept"))
    if coded:
        return _coded(asked, coded)
    plain = (observation.get(name) for name in ("valueInteger", "valueBoolean", "valueString", "valueDateTime"))
    found = next((value for value in plain if value is not None), None)
    return Reader(asked).value(found) if isinstance(found, bool | int) else str(found) if found is not None else "–"


def _coded(asked: Asked, concept: Mapping[str, object]) -> str:
    answers = asked.node.documents.typed.the(Answers)
    codes = [str(coding.get("code")) for coding in items(concept.get("coding")) if coding.get("code")]
    for sign, said in (("positive", answers.positive), ("negative", answers.negative)):
        known = {item.rsplit("|", 1)[-1] for item in said}
        if known & set(codes):
            return Reader(asked).t(f"tests.{sign}")
    words = (coding.get("display") for coding in items(concept.get("coding")))
    return str(concept.get("text") or next(filter(None, words), None) or next(iter(codes), "–"))
