"""The bedside form: vital signs and neurological findings, each a fact of the dictionary, each with "none seen" apart from "not looked".

Main job: `rows(asked, given, problems, field)` makes the groups of fields, `read(texts, name)` the findings of a form.

An empty field is not looked at, hence unknown; "none" is a finding. The ICE score is the sum of its five items where they are given (`facts/sums.py`).

**Source**: Lee DW et al. ASTCT consensus 2019, Tables 2, 5 and 6; the dictionary `data/facts/bedside.yaml`, `vital_signs.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from baybridge.base.ids import ProductId
from baybridge.journey.case import Case
from baybridge.supply.manufacture import GENERIC_SPECIFICATION
from baybridge.web.forms.choices import Option, Options, coded
from baybridge.web.forms.field import Field
from baybridge.web.page.page import Reader

if TYPE_CHECKING:
    from baybridge.facts.dictionary import Fact
    from baybridge.http.doors import Asked

#: The items of the ICE score, in the order in which they are asked. Source: Lee 2019, Table 5.
ICE_ITEMS = ("ice_orientation", "ice_naming", "ice_command", "ice_writing", "ice_attention")

#: Facts of the form by group, in the order in which a nurse finds them.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("vital_signs", ("temperature", "fever_attributable", "fever_suppressed", "heart_rate", "systolic_pressure", "respiratory_rate", "oxygen_saturation", "weight")),
    ("circulation", ("hypotension", "vasopressors", "vasopressin", "vasopressor_exchange", "hypotension_attributable")),
    ("oxygen", ("oxygen_device", "oxygen_flow", "oxygen_reason", "hypoxia_attributable")),
    ("mind", (*ICE_ITEMS, "ice_score", "arousal", "sedated")),
    (
        "nerves",
        (
            "seizure", "deep_focal_motor_weakness", "cerebral_edema", "raised_icp_sign", "intracranial_hemorrhage", "tremor", "headache",
        ),
    ),
)  # fmt: skip

_KINDS = {"boolean": "boolean", "integer": "integer", "number": "number", "code": "code", "date": "date"}


def rows(asked: Asked, given: Mapping[str, object], problems: Mapping[str, tuple[str, ...]]) -> tuple[tuple[Field, ...], ...]:
    """The groups of fields, each with what stands against its fact; the first of each is its heading. What was given beside them has a group of its own."""
    made = []
    asked_for = {name for _, names in GROUPS for name in names}
    beside = tuple(name for name in given if name not in asked_for)
    for group, names in (*GROUPS, *([("others", beside)] if beside else [])):
        heading = Field(f"group.{group}", group, "heading")
        known = [name for name in names if name in asked.node.dictionary]
        shown = [field_of(asked, name, f"findings.{name}", given.get(name), problems.get(name, ())) for name in known]
        made.append((heading, *shown))
    return tuple(made)


def field_of(asked: Asked, fact_name: str, name: str, value: object, problems: tuple[str, ...] = ()) -> Field:
    """The field called `name` that asks for a fact: of its kind, with its codes, label and unit, and what stands against it."""
    fact = asked.node.dictionary[fact_name]
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    kind, options = ("code", _points(fact)) if fact_name in ICE_ITEMS else (_KINDS.get(fact.type, "text"), coded(asked, fact.values))
    return Field(name, fact_name, kind, options=options, value=text, label=fact.label(asked.language), unit=fact.unit or "", problems=problems)


def _points(fact: Fact) -> Options:
    """Each number of points of an item, the most first."""
    most = int(fact.plausible[1]) if fact.plausible else 0
    return tuple(Option(str(points), f"{points} / {most}") for points in range(most, -1, -1))


def read(texts: Mapping[str, list[str]], name: str) -> dict[str, str]:
    """Findings as fact to text."""
    return {key.removeprefix(f"{name}."): values[0] for key, values in texts.items() if key.startswith(f"{name}.")}


def attributes(asked: Asked, case: Case | None) -> Options:
    """The attributes that the specification of the case's product names; of the generic one where it has none of its own."""
    product = asked.node.documents.typed.products.get(ProductId((case.product if case else None) or ""))
    policy = asked.node.policies.get((product.specification if product else None) or GENERIC_SPECIFICATION)
    dictionary = asked.node.dictionary
    unit = Reader(asked).unit
    known = [dictionary[fact] for fact in policy.fact_names if fact in dictionary]
    return tuple(Option(fact.name, _with_unit(fact.label(asked.language), unit(fact.unit))) for fact in known)


def _with_unit(label: str, unit: str) -> str:
    return f"{label} ({unit})" if unit else label
