"""Gates of the road: what must hold before a step, and the exception by which a physician passes most of them.

Main job: `unsigned(situation, gate, reasons)` leaves out what a standing exception covers. Elsewhere: `Gate` itself beside the situation, in `command.py`.

An exception covers the codes that stood when it was signed, for the product or therapy event that it was about, for `VALID`; a code that was not signed
stands again, and so does one under which by now something else stands, or more: another drug, marker or scale, a higher grade. A code that was signed though
it did not stand, for a step of an earlier moment, covers nothing that stands by now: nobody read it.

Reasons that no signature passes (another patient, another bag, a product that failed, death, consent, data law) carry codes without `gate.`.

**Source**: design of the gates; the time an exception is valid is a convention of this project. **Units**: codes are `gate.<gate>.<what>`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from baybridge.base.outcome import Reason
from baybridge.journey.case import Case
from baybridge.journey.command import Gate, GateName, Situation
from baybridge.journey.conditions import discharged, therapy_event_open
from baybridge.journey.entry import Entry
from baybridge.journey.events import GateExceptionSigned

#: How long a signed exception is valid. Convention of this project.
VALID = timedelta(hours=24)

#: Gates that are about a product; the others are about the therapy event.
_OF_PRODUCT = frozenset({"accept", "slot"})


def about(case: Case, gate: GateName) -> str:
    """What an exception at this gate is about: the product, or the chain of identity of the current therapy event."""
    return (case.product if gate in _OF_PRODUCT else case.chain_of_identity) or ""


def exceptions(situation: Situation, gate: GateName, subject: str) -> tuple[GateExceptionSigned, ...]:
    """The exceptions of this node that are valid now at a gate for a product or therapy event."""
    signed = (e for e in situation.case.of(GateExceptionSigned) if not e.origin.told)
    return tuple(
        e.event for e in signed if (e.event.gate, e.event.regarding) == (gate, subject) and e.origin.at <= situation.now < e.event.valid_until
    )


def standing_exceptions(case: Case, now: datetime) -> tuple[Entry[GateExceptionSigned], ...]:
    """Every exception of the case that is valid at a moment, own or told, about the product or therapy event that the case is at."""
    return tuple(e for e in case.of(GateExceptionSigned) if e.origin.at <= now < e.event.valid_until and e.event.regarding == about(case, e.event.gate))


def gate_ahead(case: Case) -> GateName:
    """The gate before the next step of a case."""
    if case.treating_node is None:
        return "accept"
    if case.slot is None:
        return "slot"
    if not any(c.chain_of_identity == case.chain_of_identity for c in case.collections):
        return "collection"
    if case.infused_at is not None and any(e.event.chain_of_identity == case.chain_of_identity for e in case.infusions):
        return "discharge"
    return "infusion" if case.lymphodepletion is not None else "lymphodepletion"


def is_ahead(situation: Situation, gate: GateName) -> bool:
    """Whether the step behind a gate can come next for this patient: it was not taken, and what it rests on was."""
    case, here = situation.case, situation.case.treating_node == situation.site.node
    collected = any(c.chain_of_identity == case.chain_of_identity for c in case.collections)
    waits = not case.infusions or therapy_event_open(case) or bool(case.bags_waiting)
    return {
        "accept": not here,
        "slot": here and not therapy_event_open(case),
        "collection": here and therapy_event_open(case) and not any(b.released and b.chain_of_identity == case.chain_of_identity for b in case.batches),
        "lymphodepletion": here and collected and waits,
        "infusion": here and collected and waits,
        "discharge": here and bool(case.infusions) and not discharged(case),
    }[gate]


def unsigned(situation: Situation, gate: GateName, reasons: Iterable[Reason], subject: str | None = None) -> Iterator[Reason]:
    """The reasons that no valid exception covers; `subject` is the product or therapy event, the case's own where left out."""
    signed = exceptions(situation, gate, about(situation.case, gate) if subject is None else subject)
    yield from (reason for reason in reasons if not _covered(situation, gate, reason, signed))


def signed_codes(situation: Situation, gate: GateName) -> frozenset[str]:
    """The codes at a gate that a valid exception names now."""
    return frozenset(code for exception in exceptions(situation, gate, about(situation.case, gate)) for code in exception.codes)


def _covered(situation: Situation, gate: GateName, reason: Reason, signed: Iterable[GateExceptionSigned]) -> bool:
    """Whether the code was signed, and no more stands under it than did then.

    One that was signed though it did not stand is covered whole where it depends on what is entered, or stood at an earlier moment and stands no more.
    """
    naming = [exception for exception in signed if reason.code in exception.codes]
    stood = [{mark for mark in exception.stood if mark.partition(" ")[0] == reason.code} for exception in naming]
    if naming and marks(reason) <= set().union(*stood):
        return True
    return any(not marks_then for marks_then in stood) and not _stands_by_now(situation, gate, reason.code)


def _stands_by_now(situation: Situation, gate: GateName, code: str) -> bool:
    """Whether a code that depends on the moment stands now: whoever signed it before it stood has not read what it says."""
    row = situation.gates.get(gate)
    return row is not None and code in row.of_moment and any(reason.code == code for reason in row.standing(situation))


#: Values of a reason that say what it is about, several of them with commas between, and how far it goes.
_WHICH = ("scale", "marker", "drug", "atc", "codes", "facts", "pairs", "bags", "criteria")
_HOW_FAR = ("grade", "lacking")


def marks(reason: Reason) -> frozenset[str]:
    """What stands under the code of a reason, so that more of it is told from the same: each thing that it names, at each step up to how far it goes."""
    things = [f"{reason.code} {name}={one}" for name in _WHICH for one in str(reason.values.get(name, "")).split(", ") if one] or [f"{reason.code} "]
    far = next((value for name in _HOW_FAR if isinstance(value := reason.values.get(name), int)), None)
    return frozenset(things if far is None else (f"{thing} {step}" for thing in things for step in range(1, far + 1)))


def standing_at(situation: Situation, gate: Gate) -> Iterator[Reason]:
    """What stands at a gate and was not signed: for the button, before any input."""
    yield from unsigned(situation, gate.name, gate.standing(situation))


def signable(reasons: Iterable[Reason], gate: GateName) -> frozenset[str]:
    """The codes among these reasons that an exception at this gate can cover."""
    return frozenset(reason.code for reason in reasons if reason.code.startswith(f"gate.{gate}."))

