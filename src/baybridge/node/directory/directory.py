"""The directory of a running node is changed by signed events.

Main job: `change(node, actor, …)`, the only way in for a change.

Changes stand in an event stream of their own, so that the log, its checkpoints and witnesses cover them as they cover cases. Other nodes do not learn of a
change by it: each site's directory is its own word. Elsewhere: how they are read in `living_documents.py`, what a change means in `node/directory/changes.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor
from baybridge.ledger import streams
from baybridge.node.directory.changes import Change, DirectoryChanged, against, lay_over
from baybridge.node.directory.living_documents import STREAM, changes

if TYPE_CHECKING:
    from baybridge.node.node import Node


def change(node: Node, actor: Actor, event: DirectoryChanged) -> Change | Refusal:
    """Append a change, or answer every reason against it; both in one transaction."""
    form = node.documents.forms.get(event.document)
    if form is None:
        known = ", ".join(sorted(node.documents.forms))
        return refuse(Reason("directory.change.unknown_document", {"known": known}, where="document"), category=Category.NOT_FOUND)
    if actor.role.value not in form.roles:
        roles = ", ".join(form.roles)
        return refuse(Reason("access.command", {"command": "DirectoryChanged", "roles": roles, "role": actor.role.value}), category=Category.FORBIDDEN)
    with node.unit() as unit:
        before = changes(unit.connection)
        mine = [one for one in before if one.event.document == event.document]
        reasons = tuple(against(form, lay_over(node.documents.beneath(form), form, mine), mine, event))
        if reasons:
            return refuse(*reasons, category=Category.INVALID)
        known_sequence = streams.last_sequence(unit.connection, STREAM)
        (recorded,) = unit.append(STREAM, [event], actor, known=known_sequence)
    return Change(recorded.event_id, recorded.at.isoformat(), recorded.node, recorded.actor, recorded.role, event)
