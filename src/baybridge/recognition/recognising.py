"""The rule of the command: every outside result of the patient against one purpose of a receiver.

Main job: `recognise_results(situation, given)`: for each analyte that the purpose asks for, the newest result that serves, else why
the newest does not. Each answer is an event that cites its decision document; the document carries its request, so that anyone can make
it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, cast

from msgspec import Meta, Struct

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.resource import Resource
from baybridge.base.time import parse_instant
from baybridge.documents.document_set import DocumentSet
from baybridge.documents.recognition import Requests
from baybridge.facts.fhir import mapping, text
from baybridge.journey.command import Role, Situation
from baybridge.journey.events import Event, RepeatRequested, ResultRecognised
from baybridge.journey.judged import Judged
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, reads, roles, told_in
from baybridge.recognition import rendering
from baybridge.recognition.outcome import EMERGENCY
from baybridge.recognition.recognise import Recognition, recognise
from baybridge.recognition.request import PURPOSES
from baybridge.recognition.results import Setting, code_of, newest_first, request_for
from baybridge.recognition.rules import POLICY_ID, RecognitionRules, settings_of
from baybridge.recognition.savings import spared_of
from baybridge.recognition.windows import ANY
from baybridge.recognition.written import LaboratoryRow, WrittenCosts, WrittenRequest


class RecogniseResults(Struct, frozen=True, kw_only=True):
    """Judge the outside results of this patient for a purpose."""

    purpose: Annotated[str, Meta(description="ELIGIBILITY, APH_IDM, APH_FITNESS, LD_FITNESS, INFUSION_DAY, TOX_MONITOR, RESPONSE, …")]
    use_at: Annotated[datetime | None, Meta(description="when the results are needed; now where left out")] = None
    receiver: Annotated[str | None, Meta(description="the node that will use them; this one where left out")] = None
    results: Annotated[tuple[str, ...], Meta(description="ids of observations; none: every analyte that the purpose asks for")] = ()
    emergency: Annotated[bool, Meta(description="act on the best that is available, repeat in parallel")] = False


@dataclass(frozen=True, slots=True)
class JudgedResult:
    """One observation with the answer about it."""

    observation: Resource
    request: WrittenRequest
    answer: Recognition


def recognise_results(situation: Situation, given: RecogniseResults) -> Judged | Refusal:
    """Events and decision documents, or why nothing can be judged."""
    wrong = against(situation, given)
    if wrong:
        return refuse(*wrong, category=Category.INVALID)
    setting = setting_of(situation, given)
    rules = rules_for(situation)
    judged = [best_of(group, setting, rules) for group in groups(situation, given, rules)]
    if not judged:
        return refuse(Reason("recognition.recognise.nothing"))
    documents = [document_of(item, situation) for item in judged]
    told = [(events_of(item, document, given.purpose), document) for item, document in zip(judged, documents, strict=True)]
    fresh = [(events, document) for events, document in told if not all(_is_known(event, situation) for event in events)]
    return Judged(tuple(event for events, _ in fresh for event in events), tuple(document for _, document in fresh))


def rules_for(situation: Situation) -> RecognitionRules:
    """The rules from this site's documents."""
    return RecognitionRules(lambda facts: situation.decide(POLICY_ID, facts), settings_of(situation.documents))


def setting_of(situation: Situation, given: RecogniseResults) -> Setting:
    """For whom and when, with what the directory and the case know."""
    laboratories = laboratories_of(situation.documents)
    infused_at = situation.case.infused_at
    return Setting(
        receiver=_receiver(situation, given.receiver or situation.site.node, laboratories),
        purpose=given.purpose,
        use_at=given.use_at or situation.now,
        patient_id=situation.case.patient_id,
        laboratories=laboratories,
        resources=tuple(situation.record.resources),
        reading=situation.documents.one(Requests, "recognition", "reading"),
        infused_on=infused_at.astimezone(situation.site.zone).date() if infused_at else None,
        drugs=tuple((entry.event.atc, entry.event.given_at) for entry in situation.case.drugs),
        emergency=given.emergency,
        same_person=situation.record.same_person,
    )


def laboratories_of(documents: DocumentSet) -> Sequence[LaboratoryRow]:
    """The laboratories of the directory, with what was changed of them."""
    return cast("Sequence[LaboratoryRow]", documents.written("directory")["laboratories"]["laboratories"])


def costs_of(documents: DocumentSet) -> WrittenCosts:
    """Prices and turnaround of tests, with what was changed of them."""
    return cast("WrittenCosts", documents.written("recognition")["costs"])


def _receiver(situation: Situation, node: str, laboratories: Sequence[LaboratoryRow]) -> LaboratoryRow:
    site = situation.site if node == situation.site.node else situation.neighbours[node]
    row = next((row for row in laboratories if row.get("node") == node), LaboratoryRow())
    jurisdiction, city = row.get("jurisdiction", site.jurisdiction), row.get("city", site.city)
    return {**row, "id": row.get("id", node), "jurisdiction": jurisdiction, "city": city}


def against(situation: Situation, given: RecogniseResults) -> list[Reason]:
    """What is wrong with purpose, receiver and moment of use."""
    known = sorted({situation.site.node, *situation.neighbours})
    reasons = []
    if given.purpose not in PURPOSES:
        said: dict[str, str | int] = {"purpose": given.purpose, "known": ", ".join(PURPOSES)}
        reasons.append(Reason("recognition.recognise.unknown_purpose", said, where="purpose"))
    if given.receiver is not None and given.receiver not in known:
        values: dict[str, str | int] = {"node": given.receiver, "known": ", ".join(known)}
        reasons.append(Reason("recognition.recognise.unknown_receiver", values, where="receiver"))
    if given.use_at is not None and given.use_at.tzinfo is None:
        reasons.append(Reason("recognition.recognise.without_offset", where="use_at"))
    return reasons


def groups(situation: Situation, given: RecogniseResults, rules: RecognitionRules) -> Iterator[list[Resource]]:
    """Observations, own and outside, by analyte, the newest first: those that were asked for, else all that the purpose names."""
    wanted = {code for row in rules.settings.windows.rows if row.purpose in (given.purpose, ANY) for code in row.loinc}
    found: dict[str, list[Resource]] = {}
    for observation in situation.record.observations:
        code = code_of(observation)
        chosen = observation.get("id") in given.results if given.results else code in wanted
        if chosen:
            found.setdefault(code or str(observation.get("id")), []).append(observation)
    for code in sorted(found):
        yield sorted(found[code], key=newest_first)


def best_of(observations: Sequence[Resource], setting: Setting, rules: RecognitionRules) -> JudgedResult:
    """The newest observation that serves, else the newest."""
    first = None
    for observation in observations:
        request = request_for(observation, setting)
        judged = JudgedResult(observation, request, recognise(request, rules))
        if judged.answer.serves:
            return judged
        first = first or judged
    if first is None:
        raise ValueError("expected at least one observation")
    return first


def document_of(judged: JudgedResult, situation: Situation) -> dict[str, object]:
    """The decision document: the answer with its request, the resource that it rests on, and what it spared at the prices of today."""
    answer = judged.answer
    costs = costs_of(situation.documents)
    return {
        **answer.as_json(),
        "subject": situation.case.case_id,
        "as_of": judged.request["request"].get("use_at"),
        "resource": f"Observation/{judged.observation.get('id')}",
        "request": dict(judged.request),
        "spared": spared_of(judged.request, answer.outcome, answer.direction, answer.codes, costs, situation.today),
    }


def judge_again(situation: Situation, document: Mapping[str, object]) -> dict[str, object] | None:
    """The decision document that the record gives now for what an earlier one judged; None where its observation is gone."""
    name, asked = str(document["resource"]), mapping(mapping(document["request"]).get("request"))
    observation = next((o for o in situation.record.observations if f"Observation/{o.get('id')}" == name), None)
    if observation is None:
        return None
    laboratories = laboratories_of(situation.documents)
    site = text(asked.get("receiver_site"))
    node = next((node for row in laboratories if row["id"] == site and (node := row.get("node"))), site)
    known = node if node == situation.site.node or node in situation.neighbours else None
    given = RecogniseResults(
        purpose=text(asked.get("purpose")), use_at=parse_instant(asked.get("use_at")), receiver=known, emergency=bool(asked.get("emergency"))
    )
    setting = setting_of(situation, given)
    again = document_of(best_of([observation], setting, rules_for(situation)), situation)
    priced = again["spared"] is not None and document.get("spared") is not None
    return {**again, "spared": document["spared"]} if priced else again  # a price that changed since is no reason to decide again


def events_of(judged: JudgedResult, document: Mapping[str, object], purpose: str) -> tuple[Event, ...]:
    """What the answer means for the case; in an emergency the repeat is asked for beside it."""
    answer = judged.answer
    result_id, loinc = str(judged.observation.get("id")), code_of(judged.observation) or ""
    sha256 = sha256_hex(canonical_bytes(dict(document)))
    repeat = RepeatRequested(result_id=result_id, loinc=loinc, purpose=purpose, codes=answer.codes, decision_sha256=sha256)
    if not answer.serves:
        return (repeat,)
    recognised = ResultRecognised(
        result_id=result_id,
        loinc=loinc,
        purpose=purpose,
        outcome=answer.outcome,
        codes=answer.codes,
        decision_sha256=sha256,
        valid_until=answer.valid_until,
    )
    return (repeat, recognised) if EMERGENCY in answer.codes else (recognised,)


def _is_known(event: Event, situation: Situation) -> bool:
    return any(entry.event == event for entry in situation.case.of(type(event)))


RESULT_RECOGNISED = EventRow(ResultRecognised, rendering.recognised, told_in("CARE_REFERRAL"))

REPEAT_REQUESTED = EventRow(RepeatRequested, rendering.repeat, told_in("CARE_REFERRAL"))

#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        RecogniseResults, recognise_results, roles(Role.COORDINATOR, Role.PHYSICIAN, Role.LABORATORY),
        (RESULT_RECOGNISED, REPEAT_REQUESTED),
        page="tests",
        correction=CLINICAL,
        step="recognition",
        needs=reads("observations", "resources"),
        button=None,
        choices={"purpose": "recognition_purpose"},
    ),
)
