"""A package that waits and rested on a consent that does not stand any more is not sent.

Main job: `stopped(node, package_id, case_id)`, asked before each try: the check that let the package go is made again with the consents of now and all else as it was. A
refusal is an event of the case, and the package is tried no more. Corrections and notices of a withdrawal rest on no consent and always go, and so does what was sent in
an emergency, as the check has it.

**Source**: PIPL article 15: after a withdrawal nothing is done any more that rested on the consent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.consent.grants import holds_on
from baybridge.exchange.transfer import sending
from baybridge.exchange.transfer.check import check_transfer
from baybridge.exchange.transfer.material import consents_of
from baybridge.facts.fhir import mapping
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Command
from baybridge.journey.events import TransferAllowed, TransferRefused
from baybridge.journey.judged import Judged
from baybridge.node import kept_decisions, tables
from baybridge.node.commands import judging
from baybridge.node.commands.table import COMMANDS
from baybridge.node.work import Work, carry_out

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

#: What became of the last try of a package that is tried no more.
STOPPED = "stopped"


def stopped(node: Node, package_id: str, case_id: str) -> bool:
    """Whether a package that waits may not go any more; then it is tried no more, and the case says so."""
    case = node.case(case_id)
    sent = _sent(case, package_id) if case is not None else None
    today = node.now().astimezone(node.site.zone).date()
    if case is None or sent is None or all(holds_on(consent, today) for consent in case.consents):
        return False
    with node.unit() as unit:
        against = _against(node, unit, case_id, sent)
        if against is None:
            return False
        event, document = against
        carry_out(node, unit, Work(case_id, node.system(), Judged((event,), (document,)), len(unit.events(case_id))))
        where = tables.outgoing.c.package_id == package_id
        unit.connection.execute(update(tables.outgoing).where(where).values(last_problem=STOPPED))
    return True


def _sent(case: Case, package_id: str) -> TransferAllowed | None:
    """The event of a package that rested on consents."""
    found = next((one.sent.event for one in case.transfers if one.sent.event.package_id == package_id), None)
    return found if found is not None and not found.corrects else None


def _against(node: Node, unit: Unit, case_id: str, sent: TransferAllowed) -> tuple[TransferRefused, dict[str, object]] | None:
    """The refusal of the same transfer under the consents of now, with its document; None where it may go."""
    kept = kept_decisions.documents(unit.connection, [sent.decision_sha256]).get(sent.decision_sha256, {})
    request, to = mapping(kept.get("request")), node.neighbours.get(sent.to_node)
    if not request or to is None:
        return None
    kind = COMMANDS[sending.Transfer.__name__]
    _, situation = judging.situate(node, unit, kind, fold(unit.events(case_id)), Command(kind.name, case_id, {}, node.system(), ""))
    now = {**request, "consents": consents_of(situation, to.site, sent.purpose)}
    decision = check_transfer(now, sending.rules_for(situation))
    if decision.allowed:
        return None
    document: dict[str, object] = {**kept, **decision.as_json(), "request": now}
    sha256 = sha256_hex(canonical_bytes(document))
    refused = TransferRefused(to_node=sent.to_node, purpose=sent.purpose, route=decision.route or "", codes=decision.codes, decision_sha256=sha256)
    return refused, document
