"""A clinician decides otherwise: accepts a result that would be repeated, or has one repeated that would be recognised.

Main job: the rule of `OverrideRecognition`; `parallel_tests(case)`, the tests that an emergency left to be done beside the treatment.

Only where the reasons allow it, with a reason code of the direction, by a physician, twice signed where external assessment is missing
or suspended. What is refused says MR-090 and every code that stands in the way. **Source**: policy reference A3; exchange contract.
A correction of the result ends an override: it rested on what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, Refusal, refuse
from baybridge.journey.case import Case
from baybridge.journey.checks import alive, said
from baybridge.journey.command import Role, Situation
from baybridge.journey.events import RepeatRequested, ResultRecognised
from baybridge.journey.judged import Judged
from baybridge.recognition.outcome import EMERGENCY, REFUSED
from baybridge.recognition.places import Clearing, remedies
from baybridge.recognition.recognise import Recognition, recognise
from baybridge.recognition.recognising import JudgedResult, RecogniseResults, against, document_of, events_of, rules_for, setting_of
from baybridge.recognition.results import request_for
from baybridge.recognition.rules import RecognitionRules

_SOURCE = "policy reference A3, override"
#: Roles of a case as the contract names clinicians; a laboratory's account does not say that its holder is a physician.
_CLINICIAN: Mapping[Role, str] = {Role.PHYSICIAN: "physician"}


class SecondSignature(Struct, frozen=True, kw_only=True):
    """Who signs beside the physician."""

    account: str
    role: Literal["laboratory_physician", "quality_manager"]


class OverrideRecognition(Struct, frozen=True, kw_only=True):
    """Accept or repeat a result against what the rules say."""

    result: Annotated[str, Meta(description="id of the observation")]
    purpose: str
    direction: Literal["accept", "repeat"]
    code: Annotated[str, Meta(description="accept: MR-091 to MR-093; repeat: MR-070 to MR-075")]
    note: Annotated[str, Meta(description="why, in a sentence")]
    use_at: Annotated[datetime, Meta(tz=True, description="when the result is needed; now where left out")] | None = None
    receiver: Annotated[str | None, Meta(description="the node that will use it; this one where left out")] = None
    second: Annotated[SecondSignature | None, Meta(description="needed where external assessment is missing or suspended")] = None


def override_recognition(situation: Situation, given: OverrideRecognition) -> Judged | Refusal:
    """The decision with its override, or every reason against it."""
    asked = RecogniseResults(purpose=given.purpose, use_at=given.use_at, receiver=given.receiver)
    observation = _observation(situation, given.result)
    reasons = [*alive(situation), *against(situation, asked), *_form(situation, given)]
    if observation is None:
        reasons.append(Reason("recognition.override.result_unknown", where="result"))
    if reasons or observation is None:
        return refuse(*reasons)
    plain = request_for(observation, setting_of(situation, asked))
    request = {**plain, "request": {**plain["request"], "override": _override(situation, given)}}
    rules = rules_for(situation)
    answer = recognise(request, rules)
    stands = [*_refused(answer, request, given, rules), *_needless(plain, given, rules)]
    if stands:
        return refuse(*stands)
    judged = JudgedResult(observation, request, answer)
    document = {**document_of(judged, situation), "override": _signed(situation, given)}
    return Judged(events_of(judged, document, given.purpose), (document,))


def _observation(situation: Situation, result_id: str) -> Mapping[str, Any] | None:
    return next((item for item in situation.record.get("observations") or () if item.get("id") == result_id), None)


def _form(situation: Situation, given: OverrideRecognition) -> Iterator[Reason]:
    """What is wrong with the override itself, whatever the result."""
    known = situation.documents("recognition")["overriding"]["codes"][given.direction]
    if situation.actor.role not in _CLINICIAN:
        yield Reason("recognition.override.not_a_clinician", source=_SOURCE)
    if given.code not in known:
        yield Reason("recognition.override.code_of_other_direction", {"code": given.code, "known": ", ".join(known)}, _SOURCE, "code")
    if not said(given.note):
        yield Reason("recognition.override.no_note", where="note")
    if given.second is not None and (not said(given.second.account) or _same(given.second.account, situation.actor.account)):
        yield Reason("recognition.override.same_person", source=_SOURCE, where="second")


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _override(situation: Situation, given: OverrideRecognition) -> dict[str, Any]:
    second = given.second.role if given.second else None
    return {"direction": given.direction, "code": given.code, "role": _CLINICIAN[situation.actor.role], "second_sign_off": second}


def _signed(situation: Situation, given: OverrideRecognition) -> dict[str, Any]:
    """Who decided and why, kept in the decision document."""
    second = {"account": given.second.account.strip(), "role": given.second.role} if given.second else None
    first = {"account": situation.actor.account, "role": _CLINICIAN[situation.actor.role], "note": given.note.strip()}
    return {**first, "second": second, "signed_at": situation.now.isoformat()}


def _refused(answer: Recognition, request: Mapping[str, Any], given: OverrideRecognition, rules: RecognitionRules) -> Iterator[Reason]:
    """MR-090 with the codes in the way, or the signature that is missing."""
    if REFUSED not in answer.codes:
        return
    found = remedies(request, answer.reasons, rules)
    never = _codes(item for item in found if not item.overridable)
    twice = _codes(item for item in found if item.second_sign_off)
    if not never and twice and given.second is None:
        yield Reason("recognition.override.second_needed", {"codes": twice}, _SOURCE, "second")
    else:
        yield Reason("recognition.override.refused", {"codes": never or twice}, _SOURCE)


def _codes(found: Iterator[Clearing]) -> str:
    return ", ".join(item.code for item in found)


def _needless(plain: Mapping[str, Any], given: OverrideRecognition, rules: RecognitionRules) -> Iterator[Reason]:
    if given.direction == "accept" and recognise(plain, rules).serves:
        yield Reason("recognition.override.nothing_to_accept", where="direction")


def parallel_tests(case: Case) -> tuple[RepeatRequested, ...]:
    """Tests that an emergency asked for beside the treatment, until a result of the analyte serves for the purpose without one."""
    asked: dict[tuple[str, str], RepeatRequested] = {}
    for entry in case.entries:
        event = entry.event
        if isinstance(event, RepeatRequested) and EMERGENCY in event.codes:
            asked[(event.loinc, event.purpose)] = event
        elif isinstance(event, ResultRecognised) and EMERGENCY not in event.codes:
            asked.pop((event.loinc, event.purpose), None)
    return tuple(asked.values())
