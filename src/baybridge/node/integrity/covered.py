"""Which tables are covered row by row, and how: by entries of the log, or by the node's seals; of every other table, what covers it or why nothing need.

Main job: `COVERED` and `OTHERWISE`. Every table of a node stands in one of the two; a test holds them against the schema and the page on what the log covers.

*Logged* are rows that stand for a right or a tie: each change is an entry, so that nobody can take it back. *Sealed* are the many rows that the node works out or
reads in by itself: a keyed hash over each, and one over all of a table, made with a secret that is not in the database. A seal shows what was changed, put there or
taken away, and lets go of what the node changed itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Table

from baybridge.ledger import tables as ledger
from baybridge.node import tables
from baybridge.record.store import tables as record


class Way(StrEnum):
    """How the rows of a table are covered."""

    LOGGED = "logged"
    SEALED = "sealed"


@dataclass(frozen=True, slots=True)
class Covered:
    """A covered table.

    `fades`: its rows end by themselves, so that one which is gone means nothing. `standing`: which rows count at a moment (ISO 8601). `only`: the columns that are
    bound, where another check has the rest. `derived`: the node makes the rows again from what is covered, so that what it has written anew is sound again.
    """

    table: Table
    way: Way = Way.LOGGED
    fades: bool = False
    derived: bool = False
    standing: Callable[[Table, str], ColumnElement[bool]] | None = None
    only: tuple[str, ...] = ()


def _by_name(rows: Iterable[Covered]) -> Mapping[str, Covered]:
    return {one.table.name: one for one in rows}


COVERED: Mapping[str, Covered] = _by_name(
    (
        Covered(tables.account),
        Covered(tables.person),
        Covered(tables.invitation),
        Covered(tables.recovery_code),
        Covered(tables.second_factor),
        Covered(tables.session, fades=True, standing=lambda table, at: table.c.expires_at > at),
        Covered(tables.broken_glass),
        Covered(tables.restriction),
        Covered(tables.legal_hold),
        Covered(tables.breach_entry),
        Covered(tables.identity_pair),
        Covered(tables.code_mapping),
        Covered(tables.duty),
        Covered(tables.known_device, fades=True),
        Covered(tables.outside_identity),
        Covered(tables.passkey),
        Covered(tables.calendar_link),
        Covered(tables.trial),
        Covered(tables.trial_review),
        Covered(tables.account_change_asked),
        Covered(tables.erasure_asked),
        Covered(tables.neighbour_clearing),
        Covered(tables.courier_code),
        Covered(tables.ledger_finding),
        Covered(ledger.event, Way.SEALED, only=("case_id", "sequence", "command_id", "command_part")),
        Covered(ledger.witness, Way.SEALED),
        Covered(record.source_id, Way.SEALED),
        Covered(record.source_address, Way.SEALED),
        Covered(tables.command_given, Way.SEALED),
        Covered(tables.confirmation, Way.SEALED),
        Covered(tables.consequence, Way.SEALED),
        Covered(tables.import_report, Way.SEALED),
        Covered(tables.kept_form, Way.SEALED),
        Covered(tables.outgoing, Way.SEALED, only=("package_id", "sealed")),
        Covered(tables.projection_failure, Way.SEALED),
        Covered(tables.refused_package, Way.SEALED),
        Covered(tables.rendered, Way.SEALED),
        Covered(tables.backup, Way.SEALED),
        Covered(tables.restoration, Way.SEALED),
        Covered(tables.told_restoration, Way.SEALED),
        Covered(tables.call_board, Way.SEALED, derived=True),
        Covered(tables.identity_key, Way.SEALED, derived=True),
        Covered(tables.screening, Way.SEALED, derived=True),
        Covered(tables.screening_facts, Way.SEALED, derived=True),
        Covered(tables.spared_test, Way.SEALED, derived=True),
        Covered(tables.task, Way.SEALED, derived=True),
        Covered(tables.payer_case, Way.SEALED, derived=True),
    )
)

#: Of every other table: what covers it, or why nothing need.
OTHERWISE: Mapping[str, str] = {
    "log_entry": "hashed into the tree, whose root is signed and witnessed",
    "log_node": "computed again from the entries",
    "content_salt": "what stands is hashed again with its salt; one that is missing is named; the subject beside it is read by nothing",
    "checkpoint": "its signatures are verified, and its root is computed again",
    "resource_version": "each version has its entry; its columns are compared with its body",
    "resource_current": "compared with the newest version of each resource",
    "search_value": "made again from each current version",
    "record_read": "each reading has its entry",
    "decision": "the document and what it was made on have an entry each; what took its place is compared with the events",
    "decision_source": "bound, with the case, by the entry of what its decision was made on",
    "policy_text": "bound by the entries of the decisions that were made by it",
    "incoming": "the package and its receipt have an entry each",
    "case_index": "computed again from the events of each case; its tasks are worked out again within two hours, whatever it says of them",
    "seal": "a seal that fits no row and a row without its seal are findings, and one seal stands over all of a table",
    "sign_in_attempt": "nothing is let in by it: who empties it tries more passwords, who fills it makes somebody wait for the longest wait at most",
    "sign_in_begun": "each row is sealed with a key that is not in the database: none can be made up; who takes one away makes somebody begin again",
    "entries_of_request": "it says which request wrote an entry, for whoever looks for a fault; nothing is decided or shown by it",
    "notification": "it says a kind and a case, and leads to entries that stand on it; who takes one away hides no task and no call, which stand on their own pages,"
    " and who adds one opens nothing: access to the case is decided again when it is shown",
    "notification_rule": "it says what its owner wants to be told of; tasks and calls are shown whatever it says",
    "live_event": "it tells pages to load again what they then read elsewhere; a page that hears nothing asks by itself",
}
