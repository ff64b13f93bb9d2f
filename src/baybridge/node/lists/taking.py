"""Taking a list along: decided like its page, written whole, noted before anybody has it.

Main job: `take(node, actor, wanted, form, language, out)`. Every case in the file gets a line in its patient's list "who looked"; every file
stands in the log with what it was. A file is written to `out` first, so that one that cannot be finished is a refusal and never half a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

from baybridge.base.canonical import canonical_bytes
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.spreadsheet import MOST_LETTERS, MOST_ROWS, Form, TooLargeError, write
from baybridge.consent.reading import Ground
from baybridge.journey.command import Actor, Role
from baybridge.language.texts import Texts
from baybridge.node.lists.lists import LISTS, Taking, Wanted
from baybridge.node.people import access, reads

if TYPE_CHECKING:
    from baybridge.node.node import Node

_NOTED_AT_ONCE = 200  # readings in one transaction, so that a large list holds up no other writer
_GROUNDS = {Role.PATIENT: Ground.OWN, Role.CAREGIVER: Ground.HELPS, Role.PAYER: Ground.PAYER}


def take(node: Node, actor: Actor, wanted: Wanted, form: Form, language: str, out: IO[bytes]) -> Refusal | None:
    """Write a list to `out`, or say why not; who may take a list of one case is decided before, as for its page."""
    kind = LISTS[wanted.name]
    if actor.role is not Role.SYSTEM and (refusal := access.may(kind.action, actor, node.site)) is not None:
        return refusal
    try:
        with node.storage.reading() as connection:
            taking = Taking(node, connection, actor, Texts(node.documents), language, wanted)
            write(kind.sheet(taking), form, out, node.config.folder)
    except TooLargeError as problem:
        limit = {"rows": MOST_ROWS - 1, "letters": MOST_LETTERS}[problem.what]
        return refuse(Reason(f"lists.too_many_{problem.what}", {"limit": limit}), category=Category.INVALID)
    _note(node, actor, wanted, form, list(dict.fromkeys(taking.shown)))
    return None


def _note(node: Node, actor: Actor, wanted: Wanted, form: Form, shown: Sequence[str]) -> None:
    """The file in the log, and a reading of each case that stands in it."""
    what, purpose = f"list.{wanted.name}", reads.purpose_of(node, LISTS[wanted.name].action, actor)
    said = canonical_bytes({"list": wanted.name, "form": form, "stage": wanted.stage, "case": wanted.case_id, "cases": len(shown)})

    with node.unit(even_restored=True) as unit:
        unit.log("access", "", what, said, actor, purpose)
    for portion in _portions(shown):
        node.note_readings(actor, portion, what, purpose, _GROUNDS.get(actor.role, Ground.RELATION))


def _portions(shown: Sequence[str]) -> list[Sequence[str]]:
    return [shown[start : start + _NOTED_AT_ONCE] for start in range(0, len(shown), _NOTED_AT_ONCE)]
