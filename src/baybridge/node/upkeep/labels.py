"""The labels on cells that this node knows of, over all its cases.

Main job: `elsewhere(connection, case_id, labels)`, read within the transaction in which a label is entered or told: a writer holds the node's one lock, so that two
cases cannot both take one.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from sqlalchemy import Connection

from baybridge.journey.events import PackageReceived
from baybridge.journey.labels import LABELLING, Label, labels_in
from baybridge.ledger import streams
from baybridge.node.people import reads

_KINDS = (*(kind.__name__ for kind in LABELLING), PackageReceived.__name__)


def elsewhere(connection: Connection, case_id: str, labels: Iterable[Label]) -> frozenset[Label]:
    """Those of these labels that stand in another case; only cases are folded in which an event names one."""
    wanted = frozenset(labels)
    if not wanted:
        return frozenset()
    written = [orjson.dumps(label.text)[1:-1].decode() for label in wanted]
    stored = streams.of_types(connection, _KINDS, having=_KINDS, since="")
    cases = dict.fromkeys(one.case_id for one in stored if one.case_id != case_id and _names_any(one.body.decode().casefold(), written))
    return frozenset(label for other in cases for label in labels_in(reads.fold_case(connection, other)) & wanted)


def _names_any(body: str, written: Iterable[str]) -> bool:
    return any(text in body for text in written)
