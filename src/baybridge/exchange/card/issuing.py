"""A laboratory signs results that the patient carries.

Main job: the rule of `IssueHealthCard`. Only final results that this node's own laboratory performed are signed: a card is the word of
who measured, never of who passed a result on.

**Source**: SMART Health Cards Framework 1.4 (issuer). Elsewhere: the card itself in `health_card.py`, key and storage in `node/intake/cards.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, Refusal, refuse
from baybridge.base.resource import Resource
from baybridge.facts.measurement import FINAL
from baybridge.journey.command import Role, Situation
from baybridge.journey.events import Event, HealthCardIssued
from baybridge.journey.fhir.writer import Writer
from baybridge.journey.row import ANYWHERE, CLINICAL, CommandRow, EventRow, reads, roles
from baybridge.recognition.recognising import RecogniseResults, setting_of
from baybridge.recognition.results import laboratory_of

_SOURCE = "SMART Health Cards Framework 1.4"


class IssueHealthCard(Struct, frozen=True, kw_only=True):
    """Sign results as a SMART Health Card."""

    results: Annotated[tuple[str, ...], Meta(description="ids of observations that this node's laboratory performed")]


def issue_health_card(situation: Situation, given: IssueHealthCard) -> tuple[Event, ...] | Refusal:
    """The card that is to be made, or every reason against it."""
    offered = {str(item["id"]): item for item in own_results(situation)}
    known = {str(item.get("id")): item for item in situation.record.observations}
    reasons = [*no_cards(situation)]
    if not given.results:
        reasons.append(Reason("exchange.card.no_results", where="results"))
    for number, name in enumerate(given.results):
        if name in offered:
            continue
        code = "unknown_result" if name not in known else "not_final" if known[name].get("status") not in FINAL else "not_ours"
        reasons.append(Reason(f"exchange.card.{code}", source=_SOURCE, where=f"results.{number}"))
    signer = situation.record.card
    if reasons or signer is None:
        return refuse(*reasons)
    results = tuple(dict.fromkeys(given.results))
    return (HealthCardIssued(card=situation.new_id(), issuer=signer.issuer or "", kid=signer.kid, results=results),)


def no_cards(situation: Situation) -> Iterator[Reason]:
    """Why this node issues no cards at all."""
    signer = situation.record.card
    if signer is None or not (signer.issuer or "").startswith("https://"):
        yield Reason("exchange.card.no_issuer", source=_SOURCE)


def own_results(situation: Situation) -> list[Resource]:
    """Final results that this node's own laboratory performed, the newest first."""
    setting = setting_of(situation, RecogniseResults(purpose="ELIGIBILITY"))
    own = [item for item in situation.record.observations if item.get("status") in FINAL and laboratory_of(item, setting).get("node") == situation.site.node]
    return sorted(own, key=lambda item: str(item.get("effectiveDateTime") or ""), reverse=True)


def _card(event: HealthCardIssued, writer: Writer) -> None:
    targets = [{"reference": f"Observation/{name}"} for name in event.results]
    writer.provenance(targets, f"signed as SMART Health Card by {event.issuer}")


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        IssueHealthCard, issue_health_card, roles(Role.PHYSICIAN, Role.LABORATORY, Role.PATIENT),
        (EventRow(HealthCardIssued, _card),),
        page="card",
        correction=CLINICAL,
        kinds=ANYWHERE,
        step="card",
        needs=reads("card", "observations", "resources"),
        blocked=no_cards,
        button=None,
    ),
)
