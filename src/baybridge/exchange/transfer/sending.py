"""Sending part of a patient's record to another node: chosen, checked, minimised, or refused with every reason.

Main job: the rule of `Transfer`, by `judge(situation, given) -> Judgement`; a node packs, seals and delivers the parcel that it lets go. `mark_received` is the other
end: every resource that came says where its data was collected, under which route it came, and who signed for it.

What came under the GBA contract does not go on outside the area: it is left out when everything fitting is sent, and refused with DT-031
when it is asked for by name. **Source**: policy reference B; exchange contract. Elsewhere: check in `check.py`, fields in `profiles.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.organisations import Holidays
from baybridge.exchange.transfer import rendering
from baybridge.exchange.transfer.check import ALL_MET, CHECK_POLICY_ID, TransferRules, check_transfer, rules_of
from baybridge.exchange.transfer.content import GBA_ROUTE, ORIGIN, RECEIVED_UNDER, SIGNED, received_under, tagged
from baybridge.exchange.transfer.facts import unknown_days
from baybridge.exchange.transfer.material import contract_with, is_projection, request_of
from baybridge.exchange.transfer.profiles import Dropped, minimise, reference_of
from baybridge.exchange.transfer.request import WrittenRequest
from baybridge.facts.fhir import items, mapping
from baybridge.journey.case_messages import PURPOSE as MESSAGES
from baybridge.journey.command import Role, Site, Situation, Verdict
from baybridge.journey.events import StatusTold, TransferAllowed, TransferRefused
from baybridge.journey.judged import Judged, Parcel
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, never_blocked, reads, roles, told_in
from baybridge.journey.status import parts_of, status_of
from baybridge.language.regions import Regions, regions_of
from baybridge.policy.one_case.ground import GroundDocument

Resource = Mapping[str, object]
_PSEUDONYM_LENGTH = 32
#: The purpose with which a node tells where the case stands and who pays how much. Source: contract K10.
STATUS = "CASE_STATUS"


class Transfer(Struct, frozen=True, kw_only=True):
    """Send part of this patient's record to another node."""

    to_node: str
    purpose: Annotated[str, Meta(description="CARE_REFERRAL, RESULT_RECOGNITION, COI_LOGISTICS, CLAIM, OBA_OUTCOME, …")]
    resources: Annotated[tuple[str, ...], Meta(description="Type/id of what is sent; none: everything that the purpose needs")] = ()
    emergency: Annotated[bool, Meta(description="to protect life or health; a review task follows")] = False
    retention_until: Annotated[date | None, Meta(description="the schedule of the directory where left out")] = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a transfer: the decision document, what goes along, what does not, and every reason against."""

    allowed: bool
    route: str
    codes: tuple[str, ...]
    decision: Mapping[str, object]
    kept: tuple[dict[str, object], ...]
    dropped: tuple[Dropped, ...]
    reasons: tuple[Reason, ...]


def judge(situation: Situation, given: Transfer, rules: TransferRules | None = None) -> Judgement:
    """Whether this transfer may be made now, with what; every reason where not. `rules` are this site's, where the caller has read them."""
    rules = rules or rules_for(situation)
    to = situation.neighbours.get(given.to_node)
    material = tuple(situation.record.resources)
    invalid = _invalid(situation, given, rules, material)
    if invalid or to is None:
        nothing = _document(situation, {"outcome": "deny", "route": None, "codes": []}, (), ())
        return Judgement(allowed=False, route="", codes=(), decision=nothing, kept=(), dropped=(), reasons=tuple(invalid))
    others = situation.record.of_others
    named = [(reference_of(one), one) for one in material]
    chosen, left_out = choose([one for name, one in named if name not in others], given, to, rules)
    left_out = [*left_out, *(Dropped(name, "exchange.minimise.other_person") for name, _ in named if name in others)]
    return judge_of(situation, given, to, chosen, left_out, rules)


def judge_of(
    situation: Situation, given: Transfer, to: Site, chosen: Sequence[Resource], left_out: Sequence[Dropped], rules: TransferRules
) -> Judgement:
    """Whether these resources may go to a node now; what was left out before is said in the decision."""
    minimised = minimise([r for r in chosen if not is_projection(r)], given.purpose, rules.profiles, pseudonym(situation, given))
    request = transfer_request(situation, to, given, chosen)
    decision = check_transfer(request, rules)
    dropped = (*left_out, *minimised.dropped)
    kept = minimised.kept if decision.allowed else ()
    return Judgement(
        allowed=decision.allowed,
        route=decision.route or "",
        codes=decision.codes,
        decision=_document(situation, {**decision.as_json(), "request": request}, kept, dropped),
        kept=kept,
        dropped=dropped,
        reasons=() if decision.allowed else tuple(_reason(reason, to) for reason in decision.reasons if _counts(reason)),
    )


def transfer(situation: Situation, given: Transfer) -> Verdict:
    """The rule of the command: a parcel, or a refusal with every reason that stands in the case; input that names what is not there leaves no trace."""
    rules = rules_for(situation)
    invalid = _invalid(situation, given, rules, situation.record.resources)
    if given.purpose == MESSAGES:
        invalid.append(Reason("exchange.transfer.by_message", where="purpose"))
    if invalid:
        return refuse(*invalid, category=Category.INVALID)
    judgement = judge(situation, given, rules)
    if judgement.allowed:
        return Judged(told_beside(situation, given), (judgement.decision,), (parcel_of(given, judgement),))
    return Judged((refused_by(given, judgement),), (judgement.decision,), refusal=refuse(*judgement.reasons))


def told_beside(situation: Situation, given: Transfer) -> tuple[StatusTold, ...]:
    """What is said anew for a purpose before its package is made: where the case stands, for who is to know it.

    What came from a node under the contract of the Bay Area goes on to nobody outside it: there, only what this site recorded is told.
    """
    if given.purpose != STATUS:
        return ()
    case, here, to = situation.case, situation.site.node, situation.neighbours[given.to_node]
    inside = in_bay_area(to, regions_of(situation.documents.folder))
    sources = {here, *parts_of(case)} if inside else {here}
    return (status_of(case, given.to_node, situation.site.zone, sources),)


def parcel_of(given: Transfer, judgement: Judgement) -> Parcel:
    """What an allowed transfer sends."""
    sha256 = sha256_hex(canonical_bytes(judgement.decision))
    return Parcel(given.to_node, given.purpose, judgement.route, judgement.codes, judgement.kept, judgement.decision, sha256)


def refused_by(given: Transfer, judgement: Judgement) -> TransferRefused:
    """The event of a transfer that may not be made."""
    sha256 = sha256_hex(canonical_bytes(judgement.decision))
    return TransferRefused(to_node=given.to_node, purpose=given.purpose, route=judgement.route, codes=judgement.codes, decision_sha256=sha256)


def refusal_of(event: TransferRefused) -> Refusal:
    """What was answered when the transfer was refused, read from the event."""
    return refuse(*(Reason(f"exchange.code.{code}", {"code": code, "node": event.to_node}) for code in event.codes))


def rules_for(situation: Situation) -> TransferRules:
    """The rules of transfer from this site's documents."""
    return rules_of(situation.decide, situation.documents)


def transfer_request(situation: Situation, to: Site, given: Transfer, resources: Sequence[Mapping[str, object]]) -> WrittenRequest:
    """The request of the contract for these resources, from case, consents and directory."""
    return request_of(situation, to, given.purpose, resources, emergency=given.emergency, retention_until=given.retention_until)


def unknown_days_to(situation: Situation, to: Site) -> tuple[Reason, ...]:
    """What of the calendar is not known by which the filing of the contract with a neighbour is counted."""
    holidays = situation.documents.one(Holidays, "directory", "holidays").jurisdictions
    return tuple(unknown_days(situation.site.jurisdiction, contract_with(situation, to), situation.today, holidays))


def _invalid(situation: Situation, given: Transfer, rules: TransferRules, material: Sequence[Mapping[str, object]]) -> list[Reason]:
    reasons = []
    if given.to_node not in situation.neighbours:
        known = ", ".join(sorted(situation.neighbours))
        reasons.append(Reason("exchange.transfer.unknown_node", {"node": given.to_node, "known": known}, where="to_node"))
    if given.purpose not in rules.purposes:
        said: dict[str, str | int] = {"purpose": given.purpose, "known": ", ".join(rules.purposes)}
        reasons.append(Reason("exchange.transfer.unknown_purpose", said, where="purpose"))
    there = {reference_of(resource) for resource in material} if given.resources else set()
    missing = len([name for name in given.resources if name not in there])
    if missing:
        reasons.append(Reason("exchange.transfer.unknown_resource", {"count": missing}, where="resources"))
    return reasons


def choose(
    material: Sequence[Mapping[str, object]], given: Transfer, to: Site, rules: TransferRules
) -> tuple[list[Resource], list[Dropped]]:
    """What is asked for by name, or everything that the purpose needs and may go to this receiver."""
    if given.resources:
        return [resource for resource in material if reference_of(resource) in given.resources], []
    allowed = set(rules.profiles.purposes[given.purpose].types)
    fitting = [resource for resource in material if resource["resourceType"] in allowed]
    if in_bay_area(to, rules.regions):
        return fitting, []
    bound = [resource for resource in fitting if GBA_ROUTE in received_under(resource)]
    names = {reference_of(resource) for resource in bound}
    left_out = [Dropped(name, "exchange.minimise.onward") for name in sorted(names)]
    return [resource for resource in fitting if reference_of(resource) not in names], left_out


def in_bay_area(site: Site, regions: Regions) -> bool:
    """Whether a site lies in the area of the GBA contract: in a region that lies in it whole, or in one of the cities of it."""
    region = regions.get(site.jurisdiction)
    return region is not None and (region.data_area is None or (bool(region.data_area) and site.gd9))


def pseudonym(situation: Situation, given: Transfer) -> str:
    """One name for the patient per case, receiver and purpose; who does not know the case cannot tell whose it is."""
    named = ["pseudonym", situation.case.case_id, given.to_node, given.purpose]
    return sha256_hex(canonical_bytes(named))[:_PSEUDONYM_LENGTH]


def _counts(reason: GroundDocument) -> bool:
    return reason.get("holds") is True and "severity" in reason and reason["criterion"] != ALL_MET


def _reason(reason: GroundDocument, to: Site) -> Reason:
    code = reason["criterion"]
    return Reason(f"exchange.code.{code}", {"code": code, "node": to.node}, source=reason["source"])


def _document(
    situation: Situation, answer: Mapping[str, object], kept: Sequence[Mapping[str, object]], dropped: Sequence[Dropped]
) -> dict[str, object]:
    """The decision document: the answer with its request, so that anyone can check it again, and what became of each resource."""
    return {
        **answer,
        "policy": CHECK_POLICY_ID,
        "subject": situation.case.case_id,
        "as_of": situation.now.isoformat(),
        "kept": sorted(reference_of(resource) for resource in kept),
        "dropped": [{"resource": item.resource, "reason": item.reason} for item in dropped],
    }


def mark_received(resource: Mapping[str, object], site: Site, route: str) -> dict[str, object]:
    """A resource as it is filed here: collected where (kept if it says so), under which route it came, signed for by which node."""
    meta = mapping(resource.get("meta"))
    tags = [tag for tag in items(meta.get("tag")) if tag.get("system") not in (SIGNED, RECEIVED_UNDER)]
    if not tagged(resource, ORIGIN):
        tags.append({"system": ORIGIN, "code": site.jurisdiction})
    routes = sorted({*received_under(resource), *([route] if route else [])})
    tags += [{"system": RECEIVED_UNDER, "code": name} for name in routes]
    tags.append({"system": SIGNED, "code": site.node})
    return {**resource, "meta": {**meta, "tag": tags}}


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        Transfer, transfer, roles(Role.COORDINATOR, Role.PHYSICIAN, Role.LABORATORY, Role.MANUFACTURER),
        (
            EventRow(TransferAllowed, rendering.allowed),
            EventRow(TransferRefused, rendering.refused, refuses=refusal_of),
            EventRow(StatusTold, rendering.status, told_in(STATUS), computed=True),
        ),
        page="sharing",
        correction=Correction(None),
        kinds=ANYWHERE,
        step="transfer",
        purpose="transfer",
        needs=reads("resources", "of_others"),
        blocked=never_blocked,
        button=None,
        choices={"purpose": "transfer_purpose"},
    ),
)
