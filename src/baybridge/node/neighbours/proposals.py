"""Cases that another node proposes: the first package of a case is held, nothing of it is filed, until a person takes the case in.

Main job: `hold` keeps a package and says so in the case; `follow_up` files or erases what was held, in the transaction of the person's answer. The sender has its receipt
from the beginning: it says that the package arrived; a refusal is told to it.

Elsewhere: what is checked at arrival in `arrivals.py`, the rules of the answer in `matching/proposals.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from baybridge.base.outcome import Reason
from baybridge.documents.telling import Whose
from baybridge.journey.case import fold
from baybridge.journey.events import CaseProposed, CaseReferred, ProposedCaseAccepted, ProposedCaseRefused, Recorded, Told
from baybridge.journey.proposals import proposal_of
from baybridge.journey.stored import event_as_json
from baybridge.node import tables
from baybridge.node.integrity import erasing
from baybridge.node.neighbours import arrivals, packing, refused_packages, telling
from baybridge.node.neighbours import package as packages

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit, Work

_CARE_REFERRAL = "CARE_REFERRAL"


def is_held(node: Node, unit: Unit, content: packages.Content) -> bool:
    """Whether a package waits for a person: its case is not known here, or is proposed."""
    events = unit.events(content.case_id)
    if not events:
        return content.from_node not in node.documents.typed.the(Whose).taken_in_from
    proposal = proposal_of(fold(events))
    return proposal is not None and proposal.state == "open"


def refused(unit: Unit, content: packages.Content) -> list[Reason]:
    """Why nothing more of this case is taken: a person refused it."""
    proposal = proposal_of(unit.case(content.case_id))
    return [Reason("federation.proposal_refused")] if proposal is not None and proposal.state == "refused" else []


def held(content: packages.Content, content_sha256: str) -> CaseProposed:
    """What the case says of a package that is held."""
    referred = [item["event"] for item in content.told if item["event"].get("type") == CaseReferred.__name__]
    return CaseProposed(
        package_id=content.package_id,
        from_node=content.from_node,
        purpose=content.purpose,
        content_sha256=content_sha256,
        resources=len(content.resources),
        product=str(referred[-1].get("product", "")) if referred else "",
    )


def follow_up(node: Node, unit: Unit, work: Work, recorded: Sequence[Recorded]) -> None:
    """File what was held where a person took the case in; erase it, and tell the sender, where not."""
    for item in recorded:
        if isinstance(item.event, ProposedCaseAccepted):
            _file_held(node, unit, work.case_id, item.event.packages)
        elif isinstance(item.event, ProposedCaseRefused):
            _erase(node, unit, work.case_id)
            _tell(node, unit, work.case_id, item, item.event)


def _file_held(node: Node, unit: Unit, case_id: str, package_ids: Sequence[str]) -> None:
    from baybridge.node.neighbours import transfers

    for package_id in package_ids:
        row = unit.connection.execute(select(tables.incoming).where(tables.incoming.c.package_id == package_id)).mappings().one()
        keys = [key for neighbour in node.neighbours.values() for key in neighbour.signing_keys]
        payload = packages.check_signed(bytes(row["signed"]), keys, packages.SIGNED_TYPE)
        content = packages.read_content(payload) if isinstance(payload, bytes) else payload
        if not isinstance(content, packages.Content):
            refused_packages.note(node, unit, case_id, row["from_node"], row["content_sha256"], content.reasons)
            continue
        reasons = arrivals.against(node, unit, content)
        if reasons:
            refused_packages.note(node, unit, case_id, content.from_node, row["content_sha256"], reasons)
            continue
        transfers.file(node, unit, packages.Opened(content, row["content_sha256"], bytes(row["signed"])))


def _erase(node: Node, unit: Unit, case_id: str) -> None:
    """The content that nobody took in goes; that it came, and its hash, stay."""
    rows = unit.connection.execute(select(tables.incoming.c.package_id).where(tables.incoming.c.case_id == case_id)).scalars().all()
    erasing.erase_packages(unit, case_id, rows, node.system(), b"a case that nobody took in")


def _tell(node: Node, unit: Unit, case_id: str, item: Recorded, event: ProposedCaseRefused) -> None:
    """Tell the sender that its case was not taken in, and why."""
    if event.from_node not in node.neighbours:
        return
    notice = telling.notice(node, unit, unit.case(case_id), event.from_node, _CARE_REFERRAL, packages.TRANSFER)
    told = Told(
        event_id=item.event_id,
        node=item.node,
        at=item.at,
        recorded_at=item.recorded_at,
        actor=item.actor,
        role=item.role,
        event=event_as_json(event),
    )
    plain = msgspec.to_builtins(packages.attest(case_id, told, node.keys.signing))
    packing.queue(node, unit, msgspec.structs.replace(notice, told=(plain,)), "")
