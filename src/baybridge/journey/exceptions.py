"""The exception by which a physician passes a gate, and the decision of a board.

Main job: the rules of `SignException` and `RecordBoardDecision`. An exception names every code that stands at the gate, no more and no less: whoever signs has
read all of it. It is valid for a day, for these codes and this product or therapy event, and stands in the record, in the evidence and with the alliance.

**Source**: design of the gates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.journey.checks import Unusual, alive, asked_once, happened, local_day, said, treating_here
from baybridge.journey.command import GateName, Role, Situation, Verdict
from baybridge.journey.events import BoardDecided, GateExceptionSigned
from baybridge.journey.fhir import gates as rendering
from baybridge.journey.gates import VALID, about, gate_ahead, is_ahead, marks, signable
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, Second, reads, roles, told_in
from baybridge.journey.texts import Note


class SignException(Struct, frozen=True, kw_only=True):
    """A physician passes a gate, naming every reason that stands there."""

    gate: GateName
    codes: Annotated[tuple[str, ...], Meta(description="every code that stands at the gate")]
    note: Annotated[Note, Meta(description="why this patient passes all the same")]


class RecordBoardDecision(Struct, frozen=True, kw_only=True):
    """A board of this centre decided whether this patient is treated with a product."""

    product: str
    decision: Literal["treat", "do_not_treat"]
    decided_on: date
    unusual: Unusual = False
    note: Annotated[Note, Meta(description="what the board rested it on")]


def exception_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against any exception: no gate lies ahead at which anything stands."""
    yield from alive(situation)
    ahead = [gate for gate in situation.gates.values() if is_ahead(situation, gate.name)]
    if not any(gate.of_input or signable(gate.standing(situation), gate.name) for gate in ahead):
        yield Reason("journey.exception.none_ahead")


def sign_exception(situation: Situation, given: SignException) -> Verdict:
    """The exception stands for a day, or every reason against it."""
    here = () if given.gate == "accept" else treating_here(situation)
    against = (*alive(situation), *here, *_codes(situation, given), *_note(given.note))
    if against:
        return refuse(*against)
    subject = about(situation.case, given.gate)
    standing = (reason for reason in situation.gates[given.gate].standing(situation) if reason.code in given.codes)
    event = GateExceptionSigned(
        gate=given.gate, codes=tuple(sorted(set(given.codes))), regarding=subject, note=given.note.strip(), valid_until=situation.now + VALID,
        stood=tuple(sorted({mark for reason in standing for mark in marks(reason)})),
    )  # fmt: skip
    return (event,)


def _codes(situation: Situation, given: SignException) -> Iterator[Reason]:
    """The codes given are those that stand; what no signature passes is said as well."""
    gate = situation.gates[given.gate]
    reasons = tuple(gate.standing(situation))
    standing = signable(reasons, given.gate)
    if not is_ahead(situation, given.gate):
        yield Reason("journey.exception.not_now", {"gate": given.gate}, where="gate")
    if not standing and not set(given.codes) & gate.beside:
        yield Reason("journey.exception.nothing_stands", where="gate")
    if unknown := set(given.codes) - standing - gate.beside:
        yield Reason("journey.exception.not_standing", {"codes": ", ".join(sorted(unknown))}, where="codes")
    left = [reason for reason in reasons if reason.code not in given.codes]
    if any(reason.code in standing for reason in left):
        yield Reason("journey.exception.not_all", where="codes")
    yield from left


def _note(note: str) -> Iterator[Reason]:
    if not said(note):
        yield Reason("journey.exception.no_note", where="note")


def record_board_decision(situation: Situation, given: RecordBoardDecision) -> Verdict:
    """The board's decision stands for this product until the board decides again."""
    against = [*alive(situation), *happened(situation, decided_on=given.decided_on), *_note(given.note)]
    if given.product not in situation.products:
        against.append(Reason("journey.board.product_unknown", {"product": given.product}, where="product"))
    against.extend(asked_once(_before_the_case(situation, given.decided_on), unusual=given.unusual))
    if against:
        return refuse(*against)
    return (BoardDecided(product=given.product, decision=given.decision, decided_on=given.decided_on, note=given.note.strip()),)


def _before_the_case(situation: Situation, decided_on: date) -> Iterator[Reason]:
    """A board that decided before anybody opened the case knew nothing of this illness as it stands here."""
    opened = situation.case.opened
    day = local_day(situation, opened.origin.at) if opened is not None else None
    if day is not None and decided_on < day:
        yield Reason("journey.board.before_case", {"decided": decided_on.isoformat(), "day": day.isoformat()}, where="unusual")


#: What two physicians sign: infecting markers that are missing or too old, and lymphodepletion of a patient whose cells are not here.
_TWO = frozenset({
    "gate.collection.marker_missing", "gate.collection.marker_expired", "gate.lymphodepletion.not_received", "gate.lymphodepletion.before_receipt",
    "gate.lymphodepletion.bags_missing", "gate.lymphodepletion.all_given",
})  # fmt: skip


def asks_two(_: Situation, given: SignException) -> bool:
    """Whether a second physician signs."""
    return two_sign(given.gate, given.codes)


def two_sign(gate: str, codes: Sequence[str]) -> bool:
    """Whether two physicians sign an exception: always before the infusion, elsewhere for the gravest codes."""
    return gate == "infusion" or bool(_TWO & set(codes))


def from_the_gate(context: FormContext) -> Mapping[str, object]:
    """The gate that the form's address names, else the one ahead; its codes are read by whoever signs, and chosen."""
    return {"gate": context.address.get("gate") or gate_ahead(context.case), "decision": None}


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        SignException, sign_exception, roles(Role.PHYSICIAN),
        (EventRow(GateExceptionSigned, rendering.exception, told_in("CARE_REFERRAL", "QUALITY_REGISTRY"), only_from="centre"),),
        page="overview",
        correction=CLINICAL,
        blocked=exception_blocked,
        place=60,
        second=Second("decided", entered="decided", when=asks_two),
        signed="decided",
        needs=reads("drugs"),
        prefill=from_the_gate,
        choices={"codes": "gate_codes"},
    ),
    CommandRow(
        RecordBoardDecision, record_board_decision, roles(Role.PHYSICIAN),
        (EventRow(BoardDecided, rendering.board, told_in("CARE_REFERRAL", "QUALITY_REGISTRY"), only_from="centre"),),
        page="eligibility",
        correction=CLINICAL,
        place=30,
        signed="decided",
    ),
)
