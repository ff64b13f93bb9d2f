"""Release tests as a certificate has them: one line for each attribute of the specification, answered as it is measured, with its limit beside.

Main job: `rows(asked, case, name, given)`. The names are those of the input (`results.0.1` is the value of the first row), so that it is read back as any table;
a line without a value is a test that was not made, and is not sent. What was given for an attribute that the specification does not name stands below as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from baybridge.base.ids import ProductId
from baybridge.journey.case import Case
from baybridge.rulebook import view as policy_view
from baybridge.supply.manufacture import GENERIC_SPECIFICATION
from baybridge.web.forms import findings
from baybridge.web.forms.field import Field
from baybridge.web.page.page import saying_of

if TYPE_CHECKING:
    from baybridge.http.doors import Asked


def rows(asked: Asked, case: Case | None, name: str, given: Sequence[Sequence[str]], problems: Mapping[str, tuple[str, ...]]) -> tuple[tuple[Field, ...], ...]:
    """The lines of the specification with what was given for each, then what was given beyond it."""
    left = {row[0]: row for row in given if row and row[0]}
    limits, known = _limits(asked, case), [option.value for option in findings.attributes(asked, case)]
    attributes = sorted(known, key=list(limits).index) if set(known) <= set(limits) else known  # as the specification has them
    named = [
        _line(asked, f"{name}.{place}.", left.pop(attribute, (attribute, "", "")), limits.get(attribute, ""), problems.get(attribute, ()))
        for place, attribute in enumerate(attributes)
    ]
    others = (_other(asked, f"{name}.{place}.", row, problems.get(row[0], ())) for place, row in enumerate(left.values(), len(named)))
    return (*named, *others)


def _line(asked: Asked, prefix: str, row: Sequence[str], limit: str, problems: tuple[str, ...]) -> tuple[Field, ...]:
    attribute, value, unit = row
    own = asked.node.dictionary[attribute].unit or "-"
    shown = findings.field_of(asked, attribute, f"{prefix}1", value, problems)
    return (
        Field(f"{prefix}0", "attribute", "hidden", value=attribute),
        replace(shown, open=True, limit=limit),
        Field(f"{prefix}2", "unit", "hidden", value=own if unit in ("", "-") else unit),  # another unit that was sent stays, and is refused in words
    )


def _other(asked: Asked, prefix: str, row: Sequence[str], problems: tuple[str, ...]) -> tuple[Field, ...]:
    attribute, value, unit = row
    fact = asked.node.dictionary.facts.get(attribute)
    label = fact.label(asked.language) if fact is not None else attribute
    return (
        Field(f"{prefix}0", "attribute", "hidden", value=attribute),
        Field(f"{prefix}1", "value", "text", value=value, label=label, unit="" if unit == "-" else unit, open=True, problems=problems),
        Field(f"{prefix}2", "unit", "hidden", value=unit),
    )


def _limits(asked: Asked, case: Case | None) -> Mapping[str, str]:
    """The limit of each attribute in words."""
    product = asked.node.documents.typed.products.get(ProductId((case.product if case else None) or ""))
    policy = asked.node.policies.get((product.specification if product else None) or GENERIC_SPECIFICATION)
    return {name: row.text or row.words for name, row in policy_view.rows(policy, saying_of(asked)).items()}
