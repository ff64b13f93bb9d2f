"""The bedside form: vital signs and neurological findings, each a fact of the dictionary, each with "none seen" apart from "not looked".

Main job: `rows(asked, given, problems, field)` makes the groups of fields, `read(texts, name)` the findings of a form.

An empty field is not looked at, hence unknown; "none" is a finding. The ICE score is the sum of its five items where they are given (`facts/sums.py`).

**Source**: Lee DW et al. ASTCT consensus 2019, Tables 2, 5 and 6; the dictionary `data/facts/bedside.yaml`, `vital_signs.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from baybridge.base.ids import ProductId
from baybridge.bedside.as_before import Before, offered
from baybridge.documents.escalation import UnusualSigns
from baybridge.journey.case import Case
from baybridge.policy.language.types import Value
from baybridge.supply.manufacture import GENERIC_SPECIFICATION
from baybridge.web.forms.choices import Option, Options, coded
from baybridge.web.forms.field import Field
from baybridge.web.page.page import Reader

if TYPE_CHECKING:
    from baybridge.facts.dictionary import Fact
    from baybridge.http.doors import Asked

#: The items of the ICE score, in the order in which they are asked. Source: Lee 2019, Table 5.
ICE_ITEMS = ("ice_orientation", "ice_naming", "ice_command", "ice_writing", "ice_attention")

#: All points of each item. Source: Lee 2019, Table 5.
_WHOLE_ICE = dict(zip(ICE_ITEMS, ("4", "3", "1", "1", "1"), strict=True))

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


@dataclass(frozen=True, slots=True)
class Round:
    """What a round asks at a bedside: first what the grade lacks, then as usual; what may be affirmed as before; a child's score where age or development ask for it."""

    missing: tuple[str, ...] = ()
    offered: Mapping[str, Before] = field(default_factory=dict)
    affirmed: tuple[str, ...] = ()  # what was ticked when the form came back
    by_ice: bool | None = True  # None: nobody can tell by which score


#: A round about which nothing is known.
ANY_ROUND = Round()
#: The name in the form by which every item of ICE has all of its points.
_ALL_OF_ICE = "ice_all"


def round_of(case: Case, facts: Mapping[str, Value], now: datetime, node: str, limits: UnusualSigns) -> Round:
    """What a round at this node asks of a patient; `facts` are those of the bedside."""
    grades = [grade.latest for grade in case.grades.values() if grade.latest.origin.node == node]
    missing = tuple(dict.fromkeys(name for latest in grades if latest.event.grade_min != latest.event.grade_max for name in latest.event.missing))
    age, delayed = facts.get("age"), facts.get("developmental_delay")
    by_ice = False if delayed is True or (isinstance(age, int) and age < _ICE_FROM_AGE) else True if isinstance(age, int) else None
    return Round(missing, offered(case, facts, now, limits), (), by_ice)


#: From this age ICE is asked, below it CAPD. Source: Lee 2019, Tables 6 and 7.
_ICE_FROM_AGE = 12


def rows(
    asked: Asked, given: Mapping[str, object], problems: Mapping[str, tuple[str, ...]], at_bedside: Round = ANY_ROUND
) -> tuple[tuple[Field, ...], ...]:
    """The groups of fields, each with what stands against its fact; the first of each is its heading. What was given beside them has a group of its own."""
    made: list[tuple[Field, ...]] = []
    asked_for = {name for _, names in GROUPS for name in (*names, "capd_score")}
    beside = tuple(name for name in given if name not in asked_for)
    missing = tuple(name for name in at_bedside.missing if name in asked_for)
    for group, names in (*([("missing", missing)] if missing else []), *GROUPS, *([("others", beside)] if beside else [])):
        known = [name for name in _scored(names, at_bedside) if name in asked.node.dictionary and (group == "missing" or name not in missing)]
        shown = [field_of(asked, name, f"findings.{name}", given.get(name), problems.get(name, ())) for name in known]
        heading = Field(f"group.{group}", group, "heading", problems=problems.get("as_before", ()) if not made else ())
        made.append((heading, *shown, *_beside(asked, known, at_bedside)))
    made.extend(_all_as_before(asked, made, at_bedside))
    left = tuple(name for name in at_bedside.affirmed if name not in at_bedside.offered)
    kept = [(Field("group.others", "others", "heading"), _kept(asked, left))] if left else []
    return tuple(row for row in (*made, *kept) if len(row) > 1)


def _all_as_before(asked: Asked, made: list[tuple[Field, ...]], at_bedside: Round) -> Iterator[tuple[Field, ...]]:
    """After the groups, one tick for all that is as before; where it was ticked, those of the groups are not, so that one tick takes it out."""
    places = [(place, one) for place, row in enumerate(made) for one in row if one.key == "as_before"]
    if len(places) < _GROUPS_FOR_ALL:
        return
    names = tuple(name for _, one in places for name in one.options[0].value.split(","))
    ticked = set(names) <= set(at_bedside.affirmed)
    for place, _ in places if ticked else ():
        made[place] = tuple(replace(one, value="") if one.key == "as_before" else one for one in made[place])
    yield Field("group.all_as_before", "all_as_before", "heading"), _affirms(asked, names, at_bedside)


#: From so many groups with something to affirm there is one tick for all of them.
_GROUPS_FOR_ALL = 2


def _kept(asked: Asked, names: Sequence[str]) -> Field:
    """What was affirmed in an entry that is put right, or came back and is offered no more: it stays ticked until somebody takes it out."""
    reader, known = Reader(asked), asked.node.dictionary
    words = reader.t("page.semicolon").join(known[name].label(asked.language) if name in known else name for name in names)
    value = ",".join(names)
    return Field("as_before", "as_before", "tick", value=value, label=reader.t("findings.as_before", what=words), options=(Option(value, ""),))


def _scored(names: Sequence[str], at_bedside: Round) -> tuple[str, ...]:
    """ICE for who is old enough, CAPD for a child, both where nobody can tell."""
    ice = {*ICE_ITEMS, "ice_score"}
    if at_bedside.by_ice is not False:
        return tuple(names) if at_bedside.by_ice or not ice & set(names) else (*names, "capd_score")
    kept = [name for name in names if name not in ice]
    return ("capd_score", *kept) if ice & set(names) else tuple(kept)


def _beside(asked: Asked, names: Sequence[str], at_bedside: Round) -> Iterator[Field]:
    """Beside a group: all of ICE at one tap, and what of it was found before and is the same, with its age."""
    if set(ICE_ITEMS) <= set(names):
        yield Field(f"findings.{_ALL_OF_ICE}", _ALL_OF_ICE, "tick", label=Reader(asked).t("findings.ice_all"))
    same = [name for name in names if name in at_bedside.offered]
    if same:
        yield _affirms(asked, same, at_bedside)


def _affirms(asked: Asked, names: Sequence[str], at_bedside: Round) -> Field:
    """A tick that affirms findings, each in words with its age."""
    reader, value = Reader(asked), ",".join(names)
    words = reader.t("page.semicolon").join(_was(reader, asked, name, at_bedside.offered[name]) for name in names)
    ticked = value if set(names) <= set(at_bedside.affirmed) else ""
    return Field("as_before", "as_before", "tick", value=ticked, label=reader.t("findings.as_before", what=words), options=(Option(value, ""),))


def _was(reader: Reader, asked: Asked, name: str, before: Before) -> str:
    """A finding of before in words, with its age."""
    what, value = asked.node.dictionary[name].label(asked.language), reader.value(before.value)
    return reader.t("findings.was", what=what, value=value, ago=_ago(reader, asked, before.seen_at))


def _ago(reader: Reader, asked: Asked, at: datetime) -> str:
    minutes = max(0, int((asked.node.now() - at).total_seconds() // 60))
    return reader.t("findings.minutes_ago", minutes=minutes) if minutes < 60 else reader.t("findings.hours_ago", hours=minutes // 60)


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
    """Findings as fact to text. Where all of ICE was right, each item has all of its points, and an item or a score beside it that says otherwise contradicts."""
    found = {key.removeprefix(f"{name}."): values[0] for key, values in texts.items() if key.startswith(f"{name}.")}
    if found.pop(_ALL_OF_ICE, ""):
        found = {**_WHOLE_ICE, "ice_score": "10", **found}
    return found


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
