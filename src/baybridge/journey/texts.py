"""What the text of a command's field is: a person's note, or one of a closed set that the documents in force name.

Main job: `Note` and `OneOf`, for the inputs beside the rules; `judge(row, situation, given)` runs a rule and adds what lies outside its closed sets.

A field of plain text is neither: a number on a label, the id of something on the case, an amount. A house test lists those. A closed set is the same at
every door, because the rule's verdict asks for it and not the form.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, get_args, get_origin

from msgspec import Meta, Struct
from msgspec.structs import fields

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Situation, Verdict

if typing.TYPE_CHECKING:
    from baybridge.journey.row import CommandRow

#: Most characters of a note. Source: convention of this project.
MOST = 4000
#: What a person wrote in words of their own.
Note = Annotated[str, Meta(max_length=MOST)]


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field whose text is one of a closed set, by the documents in force."""

    known: Callable[[Situation], Collection[str]]


def judge(row: CommandRow, situation: Situation, given: object) -> Verdict:
    """The verdict of the row's rule; refused where a field lies outside its closed set, with the rule's own reasons beside."""
    outside = tuple(outside_sets(situation, given)) if isinstance(given, Struct) else ()
    verdict = row.rule(situation, given)
    if not outside:
        return verdict
    spoken_for = {reason.where for reason in outside}
    others = verdict.reasons if isinstance(verdict, Refusal) else ()
    return refuse(*outside, *(reason for reason in others if reason.where not in spoken_for), category=Category.INVALID)


def outside_sets(situation: Situation, given: Struct, path: str = "") -> Iterator[Reason]:
    """Each text of an input that its closed set does not have; an empty one is left to the rule."""
    for item in fields(given):
        where, value = f"{path}{item.name}", getattr(given, item.name)
        one_of = next(_sets_in(item.type), None)
        for place, one in _each(where, value):
            if isinstance(one, Struct):
                yield from outside_sets(situation, one, f"{place}.")
            elif one_of is not None and isinstance(one, str) and one.strip() and one not in (known := one_of.known(situation)):
                said: Mapping[str, str | tuple[str, ...]] = {"field": item.name, "found": one.strip()[:40], "known": ", ".join(sorted(known))}
                yield Reason("command.not_in_set", said, where=place)


def _each(where: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, tuple | list):
        yield from ((f"{where}[{place}]", one) for place, one in enumerate(value))
    else:
        yield where, value


def _sets_in(kind: object) -> Iterator[OneOf]:
    """The closed set that a field's type names, inside a tuple or an optional too."""
    if get_origin(kind) is Annotated:
        yield from (one for one in get_args(kind)[1:] if isinstance(one, OneOf))
    for inner in get_args(kind):
        if get_origin(inner) is not None:
            yield from _sets_in(inner)
