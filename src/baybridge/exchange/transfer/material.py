"""From a case to the transfer request of the contract: parties, consents, contracts, what the resources say of themselves.

Main job: `request_of(situation, to, purpose, resources)`. What nothing is known of stays null, and the check counts it against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from baybridge.base.time import add_months
from baybridge.consent.grants import consents_for, holds_on
from baybridge.documents.contracts import Contract, Contracts
from baybridge.documents.exchange import SpecialContent
from baybridge.exchange.transfer.content import GBA_ROUTE, ORIGIN, ORIGIN_SYSTEM, is_genomic, received_under, tagged
from baybridge.exchange.transfer.request import (
    WrittenConsents,
    WrittenContent,
    WrittenContract,
    WrittenExporter,
    WrittenImpact,
    WrittenRequest,
)
from baybridge.journey.command import Site, Situation
from baybridge.language.regions import Regions, regions_of

_PROJECTION = "urn:baybridge:projection"
_MONTHS_PER_YEAR = 12
Resource = Mapping[str, object]

#: The law whose rules of export ask where data was collected. Source: PIPL article 38.
EXPORT_LAW = "pipl"


def is_projection(resource: Mapping[str, object]) -> bool:
    """Whether a resource only renders an event; such events are told with the package and rendered again by the receiver."""
    return bool(tagged(resource, _PROJECTION))


def request_of(
    situation: Situation,
    to: Site,
    purpose: str,
    resources: Sequence[Resource],
    *,
    emergency: bool = False,
    retention_until: date | None = None,
) -> WrittenRequest:
    """The request that `check_transfer` reads."""
    directory = situation.documents.one(Contracts, "directory", "contracts")
    return {
        "transfer": {
            "at": situation.now.isoformat(),
            "purpose": purpose,
            "data_categories": sorted({str(resource["resourceType"]) for resource in resources}),
            "emergency": emergency,
            **_content(situation, purpose, resources),
            "retention_until": _text(retention_until or _retention(situation, purpose, directory)),
            "encrypted": True,  # every package is sealed to its receiver before it leaves; there is no other way out
            "recipients": _recipients(situation),
        },
        "exporter": _exporter(situation, directory),
        "importer": {"name": to.node, "jurisdiction": to.jurisdiction, "gd9": to.gd9},
        "contract": _contract_with(situation, to, purpose, directory),
        "pipia": _pipia(situation, directory),
        "consents": consents_of(situation, to, purpose),
    }


def _content(situation: Situation, purpose: str, resources: Sequence[Mapping[str, object]]) -> WrittenContent:
    rules = situation.documents.one(SpecialContent, "exchange", "content")
    regions = regions_of(situation.documents.folder)
    unsaid = _default_origin(situation)
    origins = {_origin(resource, regions, unsaid) for resource in resources} or {unsaid}
    mainland = {code for code, region in regions.items() if region.law == EXPORT_LAW}
    abroad = sorted(origins - mainland)
    systems = {name for resource in resources for name in tagged(resource, ORIGIN_SYSTEM) if name in rules.origin_systems}
    return {
        "contains_genomic": any(is_genomic(resource, rules.genomic) for resource in resources),
        "genomic_for_care": purpose in rules.genomic.for_care,
        "important_data": rules.important.notified,
        "origin": abroad[0] if abroad else min(origins),
        "mixed_with_cn_data": bool(origins & mainland),
        "received_under": GBA_ROUTE if any(GBA_ROUTE in received_under(resource) for resource in resources) else None,
        "origin_system": min(systems, default=None),
    }


def _origin(resource: Mapping[str, object], regions: Regions, unsaid: str) -> str:
    return next((code for code in tagged(resource, ORIGIN) if code in regions), unsaid)


def _default_origin(situation: Situation) -> str:
    """Where untagged data was collected: here, except that a plant holds data of the cells of the centre that collected them."""
    here = situation.site
    if "centre" in here.kinds or "plant" not in here.kinds:
        return here.jurisdiction
    centre = situation.neighbours.get(situation.case.treating_node or situation.case.owner_node or "")
    return centre.jurisdiction if centre else here.jurisdiction


def _exporter(situation: Situation, directory: Contracts) -> WrittenExporter:
    site = situation.site
    counted = next((row for row in directory.volumes if row.exporter == site.node and row.year == situation.today.year), None)
    return {
        "name": site.node,
        "jurisdiction": site.jurisdiction,
        "gd9": site.gd9,
        "ciio": site.ciio,
        "ytd_sensitive_persons": counted.sensitive_persons if counted else None,
        "ytd_other_persons": counted.other_persons if counted else None,
    }


def contract_with(situation: Situation, to: Site, purpose: str = "") -> WrittenContract | None:
    """The contract between both, best one first: in force, listing the purpose, newest."""
    return _contract_with(situation, to, purpose, situation.documents.one(Contracts, "directory", "contracts"))


def _contract_with(situation: Situation, to: Site, purpose: str, directory: Contracts) -> WrittenContract | None:
    found = [row for row in directory.contracts if {situation.site.node, to.node} == set(row.between)]

    def rank(row: Contract) -> tuple[bool, bool, date]:
        begins = row.effective_on or date.max  # one without a day is not in force
        return begins <= situation.today, purpose in row.purposes, begins

    best = max(found, key=rank, default=None)
    if best is None:
        return None
    return {
        "kind": best.kind,
        "id": best.id,
        "effective_on": _text(best.effective_on),
        "filed_on": _text(best.filed_on),
        "purposes": list(best.purposes),
    }


def _pipia(situation: Situation, directory: Contracts) -> WrittenImpact | None:
    own = [row for row in directory.pipia if row.exporter == situation.site.node]
    newest = max(own, key=lambda row: row.valid_until or date.min, default=None)
    return None if newest is None else {"id": newest.id, "valid_until": _text(newest.valid_until)}


def _retention(situation: Situation, purpose: str, directory: Contracts) -> date | None:
    years = directory.retention.years.get(purpose)
    return None if years is None else add_months(situation.today, years * _MONTHS_PER_YEAR)


def _recipients(situation: Situation) -> list[str]:
    """The nodes that the patient's standing consents name."""
    return sorted({node for consent in situation.case.consents if holds_on(consent, situation.today) for node in consent.recipients})


def consents_of(situation: Situation, to: Site, purpose: str) -> WrittenConsents:
    """The consents that stand now for sending with a purpose to a site."""
    state = consents_for(situation.case, to.node, purpose, situation.today)
    return {
        "care": state.care,
        "sensitive": state.sensitive,
        "cross_border": state.cross_border,
        "hk_sharing": state.hk_sharing,
        "mo_ground": state.mo_ground,
        "dspdp_notified": state.dspdp_notified,
        **({} if state.sharing_status is None else {"sharing_status": state.sharing_status}),  # other nodes of before do not know the word
        "withdrawn_on": _text(state.withdrawn_on),
    }


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
