"""What a form is filled in with: what clock, site and case say about the input of any command.

Main job: `FormContext`, everything that a prefill may look at, and `common(context)`, values by the name of a field whatever the command. What is
particular to one command stands in its row (`row.py`), beside its rule.

Codes that are to be scanned are known here too, so that a preview can judge them; a form leaves them empty: a code that fills itself in checks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from baybridge.documents.document_set import DocumentSet
from baybridge.documents.product import Product
from baybridge.documents.quote import QuoteDocument
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Role, Site

_NOW = (
    "started_at", "ended_at", "received_at", "dispatched_at", "checked_at", "thawed_at", "assessed_at", "given_at", "arrived_at", "use_at", "handed_at",
)  # fmt: skip
_TODAY = ("started_on", "notified_on", "discharged_on", "visited_on", "assessed_on", "withdrawn_on", "event_date", "found_on", "planned_entry_on", "valid_from")


@dataclass(frozen=True, slots=True)
class FormContext:
    """Everything that a prefill may look at.

    `now` is whole minutes in the zone of the site; `address` are the codes that the form's address names; `quote` answers the
    document of the case's last quote, where this node keeps it.
    """

    case: Case
    site: Site
    neighbours: Mapping[str, Site]
    now: datetime
    actor: Actor
    language: str
    address: Mapping[str, str]
    documents: DocumentSet
    quote: Callable[[], QuoteDocument | None]

    @property
    def product(self) -> Product | None:
        """The product of the case; None where none was chosen or the catalogue does not have it."""
        return self.documents.products.get(self.case.product) if self.case.product else None

    @property
    def payer(self) -> str | None:
        """The payer for which the reader speaks; None for everybody else."""
        return self.actor.organisation if self.actor.role is Role.PAYER else None


def common(context: FormContext) -> dict[str, object]:
    """Values by field that mean the same in every command."""
    return clock(context) | _case(context, context.case) | _cells(context.case)


def clock(context: FormContext) -> dict[str, object]:
    """Days and times that are usually now."""
    now = context.now
    found: dict[str, object] = dict.fromkeys(_NOW, now) | dict.fromkeys(_TODAY, now.date())
    return found | {
        "stay_near_until": now.date() + timedelta(weeks=4),
        "collection_on": now.date() + timedelta(days=7),
        "arrives_on": now.date() + timedelta(days=5),
        "notice_language": context.language,
    }


def _case(context: FormContext, case: Case) -> dict[str, object]:
    standing = [consent for consent in case.consents if consent.withdrawn_on is None]
    return {
        "product": case.product,
        "chain_of_identity": case.chain_of_identity,
        "order": case.chain_of_identity,
        "wrist_band": case.chain_of_identity,
        "plant_node": case.plant_node or next((site.node for site in context.neighbours.values() if "plant" in site.kinds), None),
        "consent_id": standing[-1].consent_id if standing else None,
        "leg": "to_plant" if case.treating_node == context.site.node else "to_centre",
        "currency": case.quote.event.currency if case.quote else None,
    }


def _cells(case: Case) -> dict[str, object]:
    found: dict[str, object] = {}
    for collection in case.collections:
        found |= {"bags": collection.bags, "from_bags": collection.bags}
    for batch in case.batches:
        found["batch"] = batch.batch
        if batch.released is not None:
            bags = batch.released.event.bags
            found |= {"bags": bags, "bag": bags[0] if bags else None}
    for shipment in case.shipments:
        if shipment.under_way:
            found |= {"shipment_id": shipment.shipment_id, "bags": shipment.bags}
    return found
