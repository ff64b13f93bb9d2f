"""Calls of a node, for lists and for the banner of every page of a patient.

Main job: `calls_of_node(node)`: each call made here, the latest last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from baybridge.journey import events as ev
from baybridge.journey.calls import CallState, call_as_json
from baybridge.ledger import streams
from baybridge.node.watch import roster

if TYPE_CHECKING:
    from baybridge.node.node import Node


def calls_of_node(node: Node, *, only_open: bool = False) -> list[CallState]:
    """Every call that was made here, as JSON without names, by when it was made."""
    with node.storage.reading() as connection:
        case_ids = streams.cases_with(connection, [ev.RapidResponseCalled.__name__])
        names = roster.sign_in_names(connection)
    found = [(case_id, call) for case_id in case_ids for case in [node.case(case_id)] if case is not None for call in case.rapid_responses]
    own = [(case_id, call) for case_id, call in found if call.called.origin.node == node.site.node and (call.is_open or not only_open)]
    return [named(call_as_json(case_id, call), names) for case_id, call in sorted(own, key=lambda item: (item[1].called.event.called_at, item[1].call_id))]


def named(call: CallState, names: Mapping[str, str]) -> CallState:
    """The accounts of each step as people who run the node name them."""
    return {**call, "steps": [{**step, "to": [names.get(account, account) for account in step["to"]]} for step in call["steps"]]}
