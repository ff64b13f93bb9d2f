"""The check of a transfer that another node made, made again where the package arrives.

Main job: `against(said, request, arrival, rules)` gives every reason why what the sender says of its check does not hold: its own facts, answered by our policies, do not
let the data go, or a fact is not what we see ourselves: who sends and receives, when, what the records say of themselves, the contract between both, what the patient
allowed. What only the sender can know (its assessment of the impact, how many persons it counted, until when we are to keep) is taken from its word.

**Source**: exchange contract, "transfer check". Elsewhere: the check itself in `check.py`, its request in `material.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from baybridge.base.outcome import Reason
from baybridge.base.time import parse_instant
from baybridge.consent.grants import consents_for, holds_on
from baybridge.documents.contracts import Contract
from baybridge.documents.exchange import SpecialContent
from baybridge.documents.requests import FormError
from baybridge.exchange.transfer.check import TransferDecision, TransferRules, check_transfer
from baybridge.exchange.transfer.content import GBA_ROUTE, ORIGIN, ORIGIN_SYSTEM, is_genomic, received_under, tagged
from baybridge.exchange.transfer.material import EXPORT_LAW
from baybridge.exchange.transfer.request import TransferRequest, day_of, known_day, read
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.command import Site
from baybridge.journey.entry import Entry, tells

Resource = Mapping[str, object]

#: The consents that a request names, by the events of a case that say so.
_CONSENTS = ("care", "sensitive", "cross_border", "hk_sharing", "mo_ground", "dspdp_notified", "sharing_status")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A package as the receiver sees it: who sent it to whom and when, its records, the case with what it tells, and the kinds of event that its purpose tells."""

    sender: Site
    here: Site
    sent_at: datetime
    resources: Sequence[Resource]
    case: Case
    told: Collection[str]
    contracts: Sequence[Contract]
    content: SpecialContent
    clock: timedelta  # how far the clocks of both nodes may differ


def against(said: Mapping[str, object], request: object, arrival: Arrival, rules: TransferRules) -> Iterator[Reason]:
    """Every reason why the check of the sender does not hold here."""
    try:
        asked = read(request, rules.purposes, tuple(rules.regions))
    except FormError:
        yield _differs("request")
        return
    made = check_transfer(request, rules)
    if not made.allowed:
        yield from (Reason(f"exchange.code.{code}", {"code": code, "node": arrival.here.node}, where="decision") for code in made.codes)
    parts = [*_answer(said, made), *_parties(asked, arrival), *_data(asked, arrival, rules), *_contract(asked, arrival), *_allowed(asked, arrival)]
    if parts:
        yield _differs(", ".join(parts))


def _differs(parts: str) -> Reason:
    return Reason("federation.check_differs", {"parts": parts}, where="decision")


def _answer(said: Mapping[str, object], made: TransferDecision) -> Iterator[str]:
    """The route is asked of our policies; the codes where both nodes went by the same policy."""
    if not made.allowed:
        yield "outcome"
    if (said.get("route") or None) != made.route:
        yield "route"
    if said.get("policy_sha256") == made.policy_sha256 and (said.get("outcome"), said.get("codes")) != (made.outcome, list(made.codes)):
        yield "codes"


def _parties(asked: TransferRequest, arrival: Arrival) -> Iterator[str]:
    sender, here = arrival.sender, arrival.here
    exporter, importer = asked.exporter, asked.importer
    if (exporter.get("name"), exporter["jurisdiction"], exporter.get("gd9"), exporter.get("ciio")) != (sender.node, sender.jurisdiction, sender.gd9, sender.ciio):
        yield "exporter"
    if (importer.get("name"), importer["jurisdiction"], importer.get("gd9")) != (here.node, here.jurisdiction, here.gd9):
        yield "importer"
    if abs(parse_instant(asked.transfer["at"]) - arrival.sent_at) > arrival.clock:
        yield "at"


def _data(asked: TransferRequest, arrival: Arrival, rules: TransferRules) -> Iterator[str]:
    """What the records say of themselves and the request does not; it may say more, because what was left out counts too."""
    said, resources = asked.transfer, arrival.resources
    if {str(one.get("resourceType")) for one in resources} - set(said.get("data_categories") or ()):
        yield "data_categories"
    if any(is_genomic(one, arrival.content.genomic) for one in resources) and not said.get("contains_genomic"):
        yield "contains_genomic"
    if said.get("genomic_for_care") and said["purpose"] not in arrival.content.genomic.for_care:
        yield "genomic_for_care"
    if any(GBA_ROUTE in received_under(one) for one in resources) and said.get("received_under") != GBA_ROUTE:
        yield "received_under"
    systems = {name for one in resources for name in tagged(one, ORIGIN_SYSTEM) if name in arrival.content.origin_systems}
    if systems and said.get("origin_system") not in systems:
        yield "origin_system"
    mainland = {code for code, region in rules.regions.items() if region.law == EXPORT_LAW}
    if any(mainland & set(tagged(one, ORIGIN)) for one in resources) and not said.get("mixed_with_cn_data"):
        yield "mixed_with_cn_data"


def _contract(asked: TransferRequest, arrival: Arrival) -> Iterator[str]:
    """A contract has two parties: one of which we know nothing, or other days and purposes, is none, unless we know of no contract with the sender at all."""
    said = asked.contract
    known = [one for one in arrival.contracts if {arrival.sender.node, arrival.here.node} == set(one.between)]
    if said is None or not known:
        return
    ours = next((one for one in known if one.id == said.get("id")), None)
    if ours is None or (said.get("kind"), known_day(said.get("effective_on"))) != (ours.kind, ours.effective_on) or set(said.get("purposes") or ()) - set(ours.purposes):
        yield "contract"


def _as_their_takers_say(case: Case) -> Case:
    """The case without withdrawals that were said to another node than the one that took the consent: the sender may not know of them, and care goes on meanwhile."""
    takers = {entry.event.consent_id: entry.origin.node for entry in case.of(ev.ConsentRecorded)}

    def is_theirs(entry: Entry[ev.Event]) -> bool:
        return not tells(entry, ev.ConsentWithdrawn) or takers.get(entry.event.consent_id, entry.origin.node) == entry.origin.node

    return replace(case, entries=tuple(entry for entry in case.entries if is_theirs(entry)))


def _allowed(asked: TransferRequest, arrival: Arrival) -> Iterator[str]:
    """What the request says the patient allowed, and neither this node knows of nor the package tells."""
    on, case = day_of(asked.transfer["at"]), _as_their_takers_say(arrival.case)
    ours = consents_for(case, arrival.here.node, asked.transfer["purpose"], on)
    said = cast("Mapping[str, object]", asked.consents)
    for name in _CONSENTS:
        found = getattr(ours, name)
        event = ev.AuthorityNotified if name == "dspdp_notified" else ev.ConsentRecorded
        if said.get(name) is True and (found is False or (found is None and event.__name__ in arrival.told)):
            yield f"consents.{name}"
    if ours.withdrawn_on is not None and known_day(asked.consents.get("withdrawn_on")) is None:
        yield "consents.withdrawn_on"
    named = {node for consent in case.consents if holds_on(consent, on) for node in consent.recipients}
    said_so = arrival.here.node in (asked.transfer.get("recipients") or ())
    if said_so and arrival.here.node not in named and ev.ConsentRecorded.__name__ in arrival.told:
        yield "recipients"
