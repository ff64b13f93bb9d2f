"""A clinician decides otherwise: accepts a result that would be repeated, or has one repeated that would be recognised.

Main job: the rules of `OverrideRecognition` and `CountersignOverride`; `waiting(case)`, the overrides that a second person has not signed yet.

Only where the reasons allow it, with a reason code of the direction, by a physician. Where external assessment is missing or suspended a second
person signs with an account of their own: until then nothing holds. What is refused says MR-090 and every code that stands in the way.
**Source**: policy reference A3; exchange contract. A correction of the result ends an override: it rested on what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, Refusal, refuse
from baybridge.base.resource import Resource
from baybridge.documents.recognition import Overriding
from baybridge.journey.case import Case
from baybridge.journey.checks import alive, said
from baybridge.journey.command import Role, Situation
from baybridge.journey.entry import Entry, tells
from baybridge.journey.events import OverrideDeclined, OverrideProposed, RepeatRequested, ResultRecognised
from baybridge.journey.judged import Judged
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, reads, roles
from baybridge.journey.texts import Note
from baybridge.recognition import rendering
from baybridge.recognition.outcome import CLINICIAN, REFUSED
from baybridge.recognition.places import Clearing, remedies
from baybridge.recognition.recognise import Recognition, recognise
from baybridge.recognition.recognising import (
    REPEAT_REQUESTED,
    RESULT_RECOGNISED,
    JudgedResult,
    RecogniseResults,
    against,
    document_of,
    events_of,
    rules_for,
    setting_of,
)
from baybridge.recognition.results import code_of, request_for
from baybridge.recognition.rules import RecognitionRules
from baybridge.recognition.written import WrittenOverride, WrittenRequest

_SOURCE = "policy reference A3, override"
#: Roles of a case as the contract names clinicians; a laboratory's account does not say that its holder is a physician.
_CLINICIAN: Mapping[Role, str] = {Role.PHYSICIAN: "physician"}
#: Who may sign second, as the contract names them.
_SECOND: Mapping[Role, str] = {Role.QUALITY: "quality_manager"}


class OverrideRecognition(Struct, frozen=True, kw_only=True):
    """Accept or repeat a result against what the rules say."""

    result: Annotated[str, Meta(description="id of the observation")]
    purpose: str
    direction: Literal["accept", "repeat"]
    code: Annotated[str, Meta(description="accept: MR-091 to MR-093; repeat: MR-070 to MR-075")]
    note: Annotated[Note, Meta(description="why, in a sentence")]
    use_at: Annotated[datetime, Meta(tz=True, description="when the result is needed; now where left out")] | None = None
    receiver: Annotated[str | None, Meta(description="the node that will use it; this one where left out")] = None


class CountersignOverride(Struct, frozen=True, kw_only=True):
    """Sign, or do not sign, an override that needs a second person."""

    result: Annotated[str, Meta(description="id of the observation")]
    purpose: str
    agrees: Annotated[bool, Meta(description="true signs; false leaves the result to be repeated")]
    note: Annotated[Note, Meta(description="why, in a sentence")]


def override_recognition(situation: Situation, given: OverrideRecognition) -> Judged | Refusal:
    """The decision with its override, a proposal where a second person must sign, or every reason against it."""
    asked = RecogniseResults(purpose=given.purpose, use_at=given.use_at, receiver=given.receiver)
    observation = _observation(situation, given.result)
    reasons = [*alive(situation), *against(situation, asked), *_form(situation, given)]
    if observation is None:
        reasons.append(Reason("recognition.override.result_unknown", where="result"))
    if reasons or observation is None:
        return refuse(*reasons)
    plain = request_for(observation, setting_of(situation, asked))
    override: WrittenOverride = {"direction": given.direction, "code": given.code, "role": _CLINICIAN[situation.actor.role], "second_sign_off": None}
    request: WrittenRequest = {**plain, "request": {**plain["request"], "override": override}}
    rules = rules_for(situation)
    answer = recognise(request, rules)
    in_the_way = _in_the_way(answer, request, rules)
    stands = [*in_the_way, *_needless(plain, given, rules)]
    if stands:
        return refuse(*stands)
    if REFUSED in answer.codes:  # nothing but the second signature is missing
        return Judged((_proposed(situation, given, observation, recognise(plain, rules).codes),), ())
    return _judged(situation, JudgedResult(observation, request, answer), given.purpose, _first(situation, given.note, None))


def _proposed(situation: Situation, given: OverrideRecognition, observation: Resource, codes: tuple[str, ...]) -> OverrideProposed:
    return OverrideProposed(
        result_id=given.result,
        loinc=code_of(observation) or "",
        purpose=given.purpose,
        direction=given.direction,
        code=given.code,
        note=given.note.strip(),
        use_at=given.use_at or situation.now,
        receiver=given.receiver or situation.site.node,
        codes=codes,
    )


def _judged(situation: Situation, judged: JudgedResult, purpose: str, signed: Mapping[str, object]) -> Judged:
    document = {**document_of(judged, situation), "override": dict(signed)}
    return Judged(events_of(judged, document, purpose), (document,))


def _observation(situation: Situation, result_id: str) -> Resource | None:
    return next((item for item in situation.record.observations if item.get("id") == result_id), None)


def _form(situation: Situation, given: OverrideRecognition) -> Iterator[Reason]:
    """What is wrong with the override itself, whatever the result."""
    codes = situation.documents.one(Overriding, "recognition", "overriding").codes
    known = codes.accept if given.direction == "accept" else codes.repeat
    if situation.actor.role not in _CLINICIAN:
        yield Reason("recognition.override.not_a_clinician", source=_SOURCE)
    if given.code not in known:
        yield Reason("recognition.override.code_of_other_direction", {"code": given.code, "known": ", ".join(known)}, _SOURCE, "code")
    if not said(given.note):
        yield Reason("recognition.override.no_note", where="note")


def _first(situation: Situation, note: str, second: Mapping[str, object] | None) -> dict[str, object]:
    """Who decided and why, kept in the decision document."""
    account = {"account": situation.actor.account, "role": _CLINICIAN[situation.actor.role], "note": note.strip()}
    return {**account, "signed_at": situation.now.isoformat(), "second": second}


def _in_the_way(answer: Recognition, request: WrittenRequest, rules: RecognitionRules) -> Iterator[Reason]:
    """MR-090 with every code that nobody may pass."""
    if REFUSED in answer.codes:
        never = _codes(item for item in remedies(request, answer.standing, rules) if not item.overridable)
        if never:
            yield Reason("recognition.override.refused", {"codes": never}, _SOURCE)


def _codes(found: Iterator[Clearing]) -> str:
    return ", ".join(item.code for item in found)


def _needless(plain: Mapping[str, object], given: OverrideRecognition, rules: RecognitionRules) -> Iterator[Reason]:
    """Why a result is not to be accepted at all: it serves as it is, or its value cannot be true."""
    answer = recognise(plain, rules)
    if given.direction == "accept":
        yield from answer.set_aside
    if given.direction == "accept" and answer.serves:
        yield Reason("recognition.override.nothing_to_accept", where="direction")


# --- the second signature -------------------------------------------------------------------------------------------


def waiting(case: Case) -> tuple[Entry[OverrideProposed], ...]:
    """Overrides that wait for a second signature: proposed, and neither signed, declined nor judged anew since."""
    open_now: dict[tuple[str, str], Entry[OverrideProposed]] = {}
    for entry in case.entries:
        event = entry.event
        if tells(entry, OverrideProposed):
            open_now[entry.event.result_id, entry.event.purpose] = entry
        elif isinstance(event, OverrideDeclined | ResultRecognised | RepeatRequested):
            open_now.pop((event.result_id, event.purpose), None)
    return tuple(open_now.values())


def none_to_countersign(situation: Situation) -> Iterator[Reason]:
    """No override waits for a second signature."""
    yield from alive(situation)
    if not waiting(situation.case):
        yield Reason("recognition.countersign.none_waiting")


def countersign_override(situation: Situation, given: CountersignOverride) -> Judged | Refusal:
    """The decision that now holds, the refusal to sign as an event, or every reason against it."""
    proposed = next((entry for entry in waiting(situation.case) if _names(entry.event, given)), None)
    observation = _observation(situation, given.result)
    reasons = [*alive(situation), *_against_signing(situation, given, proposed)]
    if observation is None:
        reasons.append(Reason("recognition.override.result_unknown", where="result"))
    if reasons or proposed is None or observation is None:
        return refuse(*reasons)
    if not given.agrees:
        return Judged((OverrideDeclined(result_id=given.result, purpose=given.purpose, note=given.note.strip()),), ())
    first = proposed.event
    plain = request_for(observation, setting_of(situation, RecogniseResults(purpose=given.purpose, use_at=first.use_at, receiver=first.receiver)))
    second = _SECOND[situation.actor.role]
    override: WrittenOverride = {"direction": first.direction, "code": first.code, "role": "physician", "second_sign_off": second}
    request: WrittenRequest = {**plain, "request": {**plain["request"], "override": override}}
    rules = rules_for(situation)
    answer = recognise(request, rules)
    if answer.outcome != CLINICIAN:
        return refuse(*(*_in_the_way(answer, request, rules), Reason("recognition.countersign.changed", source=_SOURCE)))
    signed_second = {"account": situation.actor.account, "role": second, "note": given.note.strip(), "signed_at": situation.now.isoformat()}
    signed = {
        "account": proposed.origin.actor,
        "role": "physician",
        "note": first.note,
        "signed_at": proposed.origin.at.isoformat(),
        "second": signed_second,
    }
    return _judged(situation, JudgedResult(observation, request, answer), given.purpose, signed)


def _names(event: OverrideProposed, given: CountersignOverride) -> bool:
    return (event.result_id, event.purpose) == (given.result, given.purpose)


def _against_signing(situation: Situation, given: CountersignOverride, proposed: Entry[OverrideProposed] | None) -> Iterator[Reason]:
    if proposed is None:
        yield Reason("recognition.countersign.none_waiting", where="result")
    elif proposed.origin.is_of(situation.actor.account, situation.actor.person):
        yield Reason("recognition.override.same_person", source=_SOURCE)
    if situation.actor.role not in _SECOND:
        yield Reason("recognition.countersign.role", source=_SOURCE)
    if not said(given.note):
        yield Reason("recognition.override.no_note", where="note")


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        OverrideRecognition, override_recognition, roles(Role.PHYSICIAN),
        (EventRow(OverrideProposed, rendering.override_proposed), RESULT_RECOGNISED, REPEAT_REQUESTED),
        page="tests",
        correction=CLINICAL,
        needs=reads("observations", "resources"),
        button=None,
        choices={"purpose": "recognition_purpose", "result": "result", "code": "override_code"},
    ),
    CommandRow(
        CountersignOverride, countersign_override, roles(Role.QUALITY),
        (EventRow(OverrideDeclined, rendering.override_declined), RESULT_RECOGNISED, REPEAT_REQUESTED),
        page="tests",
        correction=CLINICAL,
        needs=reads("observations", "resources"),
        blocked=none_to_countersign,
        button=None,
        choices={"purpose": "recognition_purpose", "result": "waiting_result"},
    ),
)
