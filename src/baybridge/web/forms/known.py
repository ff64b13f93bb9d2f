"""What a case already says about a command's input.

Main job: `known(asked, kind, case)` answers values by field: what means the same in every form (`journey/prefill.py`), and over it what the command's row
says. Codes that are to be scanned are known here, so that a preview can judge them, but a form leaves them empty (`CommandRow.scanned`).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from baybridge.documents.quote import QuoteDocument
from baybridge.journey.case import Case
from baybridge.journey.command import Role
from baybridge.journey.prefill import FormContext, clock, common
from baybridge.journey.row import CommandRow
from baybridge.node.node import quote_document
from baybridge.node.people import access, helping

if TYPE_CHECKING:
    from baybridge.http.doors import Asked


def known(asked: Asked, kind: CommandRow, case: Case | None) -> dict[str, object]:
    """Values by field, as far as clock, node and case say them; of the case nothing in general to somebody who helps and is not shown everything."""
    context = context_of(asked, case)
    found = clock(context) if case is None else {**(common(context) if _sees_case(asked, case) else clock(context)), **kind.prefill(context)}
    return {name: value for name, value in found.items() if name in kind.form and value not in (None, "", ())}


def _sees_case(asked: Asked, case: Case) -> bool:
    return asked.person.role is not Role.CAREGIVER or access.shows("case.sharing", helping.opened_to(asked.node, asked.actor, case))


def context_of(asked: Asked, case: Case | None) -> FormContext:
    """What a form is filled in with, for this reader, now."""
    node = asked.node

    def quote() -> QuoteDocument | None:
        with node.storage.reading() as connection:
            return quote_document(connection, case) if case else None

    return FormContext(
        case=case or Case(),
        site=node.site,
        neighbours={name: neighbour.site for name, neighbour in node.neighbours.items()},
        now=node.now().astimezone(node.site.zone).replace(second=0, microsecond=0),
        actor=asked.person,
        language=asked.language,
        address=asked.query,
        documents=node.documents.typed,
        quote=quote,
    )


def as_text(value: object, asked: Asked) -> str:
    """A value as a form field shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(asked.node.site.zone).strftime("%Y-%m-%dT%H:%M")
    if isinstance(value, list | tuple):
        return "\n".join(str(item) for item in value)
    return str(value)
