"""Telling where a case stands: nodes that care for the patient learn what happened elsewhere, as soon as it happens and only where the patient allowed it.

Main job: `tell` sends each of them the status of the case with purpose CASE_STATUS, checked as any transfer; nothing where the status that it was told last still
holds. Without the patient's consent to it nothing is sent and nothing is noted: the pages say that it is not told. Where the consent stands and something else is
against it, the refusal is an entry, once.

**Source**: contract K10. Elsewhere: what a status holds in `journey/status.py`, the command by which somebody sends one in `exchange/transfer/sending.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baybridge.consent.grants import consents_for
from baybridge.exchange.transfer import sending
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Command, Situation
from baybridge.journey.events import AuthorityNotified, ConsentRecorded, StatusTold, TransferRefused
from baybridge.journey.proposals import waits
from baybridge.journey.status import CHANGING, carers_of
from baybridge.node.commands import judging
from baybridge.node.commands.table import COMMANDS
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.neighbours import packing
from baybridge.node.upkeep import projections

if TYPE_CHECKING:
    from baybridge.node.commands.deciding import Deciding
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_TRANSFER = "Transfer"


def tell(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Send the status of a case to every node that cares for the patient, may know it and does not."""
    case_id = consequence.case_id
    case = fold(unit.events(case_id))
    if node.site.node not in carers_of(case) or waits(case):
        return
    for to_node in sorted(carers_of(case) - {node.site.node}):
        if to_node in node.neighbours and _allowed(node, unit, case, to_node):
            _tell(node, unit, case_id, to_node)


def _allowed(node: Node, unit: Unit, case: Case, to_node: str) -> bool:
    today = unit.at.astimezone(node.site.zone).date()
    return consents_for(case, to_node, sending.STATUS, today).sharing_status is True


def _tell(node: Node, unit: Unit, case_id: str, to_node: str) -> None:
    case = unit.case(case_id)
    deciding, situation = judging.situate(node, unit, COMMANDS[_TRANSFER], case, Command(_TRANSFER, case_id, {}, node.system(), ""))
    given = sending.Transfer(to_node=to_node, purpose=sending.STATUS)
    said = sending.told_beside(situation, given)
    last = next((entry.event for entry in reversed(case.of(StatusTold)) if not entry.origin.told and entry.event.to_node == to_node), None)
    if last == said[0] or (last is None and not (said[0].steps or said[0].sums)):
        return
    judgement = sending.judge(situation, given)
    if judgement.allowed:
        _send(node, unit, situation, given, judgement, deciding, said)
    else:
        _note_refusal(node, unit, case, given, judgement, deciding)


def _send(
    node: Node, unit: Unit, situation: Situation, given: sending.Transfer, judgement: sending.Judgement, deciding: Deciding, said: tuple[StatusTold, ...]
) -> None:
    case_id = situation.case.case_id
    unit.keep_decision(case_id, deciding.made[deciding.keep(judgement.decision)])
    unit.append(case_id, said, node.system(), known=len(unit.events(case_id)))
    sent = packing.send(node, unit, case_id, sending.parcel_of(given, judgement))
    unit.append(case_id, [sent], node.system(), known=len(unit.events(case_id)))
    projections.project(unit, case_id)


def _note_refusal(node: Node, unit: Unit, case: Case, given: sending.Transfer, judgement: sending.Judgement, deciding: Deciding) -> None:
    """Note a refusal that does not stand on the case yet."""
    before = [entry.event for entry in case.of(TransferRefused) if (entry.event.to_node, entry.event.purpose) == (given.to_node, given.purpose)]
    if before and before[-1].codes == judgement.codes:
        return
    unit.keep_decision(case.case_id, deciding.made[deciding.keep(judgement.decision)])
    unit.append(case.case_id, [sending.refused_by(given, judgement)], node.system(), known=len(unit.events(case.case_id)))
    projections.project(unit, case.case_id)


TELL_STATUS = ConsequenceRow("tell-status", Lane.CASE, tell, after=CHANGING | {ConsentRecorded, AuthorityNotified})
