"""Attention: what people must look at again because something changed behind their back.

Main job: `attention(case, site)`: a task for each decision whose answer a correction changed, for each correction that came without its content, for each
consent that was withdrawn while others hold data or this node does, for each test that an emergency left to be done in parallel, for each override that waits
for a second signature, and for each emergency access that nobody has looked at yet. A task ends when somebody of this node has decided again, or answered.

`messages(case, site, within)`: what other organisations asked, and messages that became tasks.
`overbooked(case, site, …)`: a task where more slots are held of a day than centre or plant can take, because two centres that knew nothing of each other reserved it.

`persons_requests(case, site, documents)`: what the person asked of the own data, with its clock.

Elsewhere: planned steps and clocks in `journey/pathway.py` and `journey/alarms.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from baybridge.base.time import start_of_day
from baybridge.bedside.incidents import open_incidents
from baybridge.consent.deciding import Deciding, doubtful, to_confirm
from baybridge.consent.emergency_access import unreviewed
from baybridge.consent.requests import clock_of, open_requests
from baybridge.documents.document_set import DocumentSet
from baybridge.exchange.messages.writing import WRITERS
from baybridge.followup.letters import unanswered
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.case_messages import Message, messages_of, questions_to
from baybridge.journey.command import Role, Site
from baybridge.journey.corrections.money import changed_under
from baybridge.journey.custody import SCANNED, STORAGE
from baybridge.journey.entry import Entry
from baybridge.journey.events import Event
from baybridge.journey.held_slots import held_slot
from baybridge.journey.identities import identities_of
from baybridge.journey.proposals import proposal_of
from baybridge.journey.task import Level, Task
from baybridge.node.commands.table import COMMANDS
from baybridge.recognition.overriding import waiting
from baybridge.recognition.parallel import open_parallel_tests
from baybridge.supply.couriers import unconfirmed
from baybridge.supply.slots import SlotsOn, held_too_often

#: Acting again on a decision: event that cites it -> the command that makes it, for the task's button.
_AGAIN: Mapping[type[ev.Event], str] = {
    ev.EligibilityDecided: "DecideEligibility",
    ev.FitnessChecked: "CheckFitness",
    ev.ResultRecognised: "RecogniseResults",
    ev.RepeatRequested: "RecogniseResults",
}
#: Sources of tasks that follow from recognition.
_EMERGENCY, _OVERRIDE = "policy reference A3, MR-080", "policy reference A3, override"
_BY_MACHINE = (Role.SYSTEM.value, Role.NODE.value)


def attention(case: Case, site: Site) -> Iterator[Task]:
    """Every such task at this node."""
    yield from _proposed(case, site)
    yield from _reopened(case, site)
    yield from _without_content(case, site)
    yield from _withdrawn(case, site)
    yield from _parallel(case, site)
    yield from _countersign(case, site)
    yield from _whose(case, site)
    yield from _break_glass(case, site)
    yield from _incidents(case, site)
    yield from _couriers(case, site)
    yield from _causes(case, site)
    yield from _money(case, site)
    yield from _malignancy(case, site)
    yield from _letters(case, site)


def overbooked(case: Case, site: Site, slots_on: SlotsOn, documents: DocumentSet, today: date) -> Iterator[Task]:
    """Whoever holds more slots of a day than the directory allows agrees on another day, before cells are on their way."""
    slot = held_slot(case)
    if slot is None or site.node not in (slot.centre, slot.plant) or slot.on < today or case.bags_at_plant:
        return
    for reason in held_too_often(case, slots_on, documents):
        if reason.values["node"] != site.node:
            continue
        role = Role.MANUFACTURER if reason.code == "supply.slot.plant_full" else Role.COORDINATOR
        values: dict[str, str | int] = {name: value for name, value in reason.values.items() if isinstance(value, str | int)}
        values["held"] = int(values["held"]) + 1
        yield _task(site, "overbooked", role, slot.on.isoformat(), values=values, commands=("CorrectEntry",), level="red", source=reason.source)


def persons_requests(case: Case, site: Site, documents: DocumentSet) -> Iterator[Task]:
    """What the person asked of the own data: the privacy role answers in time; whoever may put an entry right looks at those that are said to be wrong."""
    for one in open_requests(case):
        if one.entry.origin.node != site.node:
            continue
        made, clock = one.entry.event, clock_of(documents, site.jurisdiction, one.entry.event, site.zone)
        due_at, source = (clock.due_at, clock.rule.source) if clock is not None else (None, "")
        yield _task(site, "request", Role.QUALITY, one.id, values={"right": made.right}, commands=("AnswerRequest",), due_at=due_at, source=source)
        for role in sorted({_who_corrects(case, what) for what in one.named if not _is_struck(case, what)}):
            yield _task(site, "request_correct", role, f"{one.id}:{role}", commands=("CorrectEntry",), due_at=due_at, source=source)


def _is_struck(case: Case, what: str) -> bool:
    return any(one.entry.origin.event_id == what for one in case.struck)


def _who_corrects(case: Case, what: str) -> Role:
    """The role that puts such an entry right; of a resource of the record, and of what no role does, a physician."""
    entry = next((one for one in case.history if one.origin.event_id == what), None)
    return _CORRECTS.get(type(entry.event), Role.PHYSICIAN) if entry is not None else Role.PHYSICIAN


_CORRECTS: Mapping[type[ev.Event], Role] = {
    row.event: command.correction.role for command in COMMANDS.values() for row in command.events if command.correction.role is not None
}


def _proposed(case: Case, site: Site) -> Iterator[Task]:
    """A case that another node proposes: a person takes it in, or not."""
    proposal = proposal_of(case)
    if proposal is None or proposal.state != "open":
        return
    first, sent = proposal.held[0].event, sum(entry.event.resources for entry in proposal.held)
    values: dict[str, str | int] = {"node": first.from_node, "purpose": first.purpose, "resources": sent}
    role = Role.COORDINATOR if "plant" not in site.kinds else Role.MANUFACTURER
    yield _task(site, "proposed", role, first.package_id[:12], values=values, commands=("AcceptProposedCase", "RefuseProposedCase"))


def _reopened(case: Case, site: Site) -> Iterator[Task]:
    """A decision that a correction turned: a physician looks, and decides again."""
    for place, entry in enumerate(case.entries):
        event = entry.event
        if not isinstance(event, ev.DecisionReopened) or not event.outcome_changed or event.entry or entry.origin.node != site.node:
            continue  # an entry that a person put right reads as if it had always been so: the steps themselves look at the new answer
        command = _command(case, event.decision_sha256)
        if _acted(case.entries[place + 1 :], site, (command, "ChooseProduct")):
            continue
        yield _task(site, "reopened", Role.PHYSICIAN, event.decision_sha256[:12], commands=(command,) if command else (), level="red")


def _command(case: Case, sha256: str) -> str:
    cited = (entry.event for entry in case.entries if getattr(entry.event, "decision_sha256", None) == sha256)
    return next((_AGAIN[type(event)] for event in cited if type(event) in _AGAIN), "")


def _acted(later: Sequence[Entry[Event]], site: Site, commands: Sequence[str]) -> bool:
    """Whether a person of this node gave one of the commands since."""
    kinds: tuple[type[ev.Event], ...] = (*(kind for kind, command in _AGAIN.items() if command in commands), ev.ProductChosen)
    return any(isinstance(e.event, kinds) and e.origin.node == site.node and e.origin.role not in _BY_MACHINE for e in later)


def _without_content(case: Case, site: Site) -> Iterator[Task]:
    """A correction that was told and did not come: somebody asks its source."""
    came = {entry.event.package_id for entry in case.packages if entry.event.resources}
    asked = {entry.event.package_id: entry for entry in case.of(ev.CorrectionReceived) if entry.event.package_id not in came}
    for package_id, entry in asked.items():
        later = case.packages
        answered = any(p.event.from_node == entry.event.from_node and p.event.resources and p.origin.at > entry.origin.at for p in later)
        if entry.origin.node == site.node and not answered:
            yield _task(site, "correction", Role.COORDINATOR, package_id, values={"node": entry.event.from_node}, level="red")


def _withdrawn(case: Case, site: Site) -> Iterator[Task]:
    """A withdrawn consent whose data this node received: nothing more may rest on it, until a new consent stands."""
    received = {entry.event.from_node for entry in case.packages if entry.origin.node == site.node}
    for consent in case.consents:
        renewed = any(other.kind == consent.kind and other.withdrawn_on is None for other in case.consents)
        if consent.withdrawn_on is None or renewed or not received:
            continue
        values = {"kind": consent.kind, "day": consent.withdrawn_on.isoformat()}
        yield _task(site, "withdrawn", Role.COORDINATOR, consent.consent_id, values=values, level="red")


def _parallel(case: Case, site: Site) -> Iterator[Task]:
    """A test to take beside the treatment after an emergency, until its result is in and compared."""
    for test in open_parallel_tests(case):
        if test.asked[0].origin.node == site.node:
            values: dict[str, str | int] = {"loinc": test.event.loinc, "purpose": test.event.purpose, "times": len(test.asked)}
            yield _task(site, "parallel_test", Role.PHYSICIAN, test.key, values=values, commands=("CompareParallelTest",), source=_EMERGENCY)


def _countersign(case: Case, site: Site) -> Iterator[Task]:
    """An override that holds only once a second person signed it."""
    for entry in waiting(case):
        if entry.origin.node == site.node:
            values: dict[str, str | int] = {"loinc": entry.event.loinc, "purpose": entry.event.purpose, "code": entry.event.code}
            key = f"{entry.event.result_id}:{entry.event.purpose}"
            yield _task(site, "countersign", Role.QUALITY, key, values=values, commands=("CountersignOverride",), source=_OVERRIDE)


#: How long a question whose record it is may wait that shows no sign. Convention of this project.
_IDENTITY_WITHIN = timedelta(days=1)


def _whose(case: Case, site: Site) -> Iterator[Task]:
    """Another record may be this patient's: somebody looks at the documents and says so, at once where that record shows a sign."""
    signs = {entry.event.resource: entry.origin.recorded_at for entry in case.of(ev.FindingAsked) if entry.event.why == "identity"}
    for item in identities_of(case):
        if item.state == "open" and item.asked.origin.node == site.node:
            at = signs.get(item.question)
            due_at = at if at is not None else item.asked.origin.recorded_at + _IDENTITY_WITHIN
            yield _task(site, "identity", Role.COORDINATOR, item.question[:12], due_at=due_at, level="red" if at is not None else "amber")


def _break_glass(case: Case, site: Site) -> Iterator[Task]:
    """Somebody read the case in an emergency: the privacy role looks at it."""
    for entry in unreviewed(case):
        if entry.origin.node == site.node:
            yield _task(site, "break_glass", Role.QUALITY, entry.origin.event_id, commands=("ReviewBreakGlass",), level="red", source="contract K17")


def _causes(case: Case, site: Site) -> Iterator[Task]:
    """A call whose cause was withdrawn: a physician closes it or keeps it."""
    for call in case.rapid_responses:
        if call.asks and call.called.origin.node == site.node:
            yield _task(site, "call_cause", Role.PHYSICIAN, call.call_id, commands=("CloseCall", "KeepCall"), level="red", source="contract K1")


def _money(case: Case, site: Site) -> Iterator[Task]:
    """An enrolment, a claim or a settlement of this node that was computed from an entry which was put right since: it is made again."""
    changed = changed_under(case)
    for entry in case.entries if changed else ():
        kind = _MADE_AGAIN.get(type(entry.event))
        if kind is not None and entry.origin.event_id in changed and entry.origin.node == site.node:
            yield _task(site, "money_again", Role.COORDINATOR, entry.origin.event_id, values={"kind": kind}, level="red", source="contract K2")


#: Money that is made again, with its name in `code.*`; a quote stays as issued, and is marked where it is shown.
_MADE_AGAIN: Mapping[type[ev.Event], str] = {ev.AgreementEnrolled: "enrolment", ev.ClaimSubmitted: "claim", ev.OutcomeSettled: "settlement"}


def _couriers(case: Case, site: Site) -> Iterator[Task]:
    """Bags that left from here and whose courier is not named or did not confirm, and bags that came here under another seal."""
    role = Role.MANUFACTURER if "plant" in site.kinds else Role.COORDINATOR
    for shipment in unconfirmed(case, site):
        step, command = ("courier", "HandToCourier") if shipment.courier is None else ("courier_code", "ConfirmCourier")
        yield _task(site, step, role, shipment.shipment_id, commands=(command,), level="red", source=SCANNED)
    for shipment in case.shipments:
        received = shipment.received
        found = {"seal_other": shipment.other_seal, "seal_unread": shipment.seal_unread}  # where the courier's seal became known after the arrival
        for step in [step for step, stands in found.items() if stands and received is not None and step not in received.event.findings]:
            if received is not None and received.origin.node == site.node:
                yield _task(site, step, Role.QUALITY, shipment.shipment_id, level="red", source=STORAGE)


def _incidents(case: Case, site: Site) -> Iterator[Task]:
    """Somebody said that this system was wrong: quality looks at it."""
    for entry in open_incidents(case):
        if entry.origin.node == site.node:
            yield _task(site, "incident", Role.QUALITY, entry.event.incident_id, values={"about": entry.event.about}, commands=("AnswerIncident",), level="red")


def _letters(case: Case, site: Site) -> Iterator[Task]:
    """The patient wrote: with a sign to watch for, a nurse calls the patient at once; else the coordinator answers."""
    for one in unanswered(case):
        if one.entry.origin.node == site.node:
            step, role = ("letter_signs", Role.NURSE) if one.entry.event.watched else ("letter", Role.COORDINATOR)
            level: Level = "red" if one.entry.event.watched else "amber"
            yield _task(site, step, role, one.entry.event.letter_id, commands=("AnswerPatient",), level=level)


def _malignancy(case: Case, site: Site) -> Iterator[Task]:
    """A visit said that there is a new cancer: a physician reports it, with what is known of it."""
    for place, entry in enumerate(case.entries):
        event = entry.event
        if not isinstance(event, ev.FollowUpVisited) or not event.new_malignancy or entry.origin.node != site.node:
            continue
        if any(isinstance(later.event, ev.SecondMalignancyReported) for later in case.entries[place + 1 :]):
            continue
        values: dict[str, str | int] = {"visit": event.visit}
        yield _task(site, "malignancy", Role.PHYSICIAN, entry.origin.event_id, values=values, commands=("ReportSecondMalignancy",), level="red")


def others_consents(case: Case, site: Site, today: date, now: Deciding) -> Iterator[Task]:
    """Consents that somebody else gave, now that the patient decides: the patient is asked, where it was taken and where the patient is treated."""
    for consent in to_confirm(case, today, now):
        if site.node in (consent.origin.node, case.treating_node):
            values: dict[str, str | int] = {"kind": consent.kind, "given_by": consent.given_by}
            yield _task(site, "own_consent", Role.COORDINATOR, consent.consent_id, values=values, commands=("RecordConsent", "WithdrawConsent"))


def doubtful_withdrawals(case: Case, site: Site, now: Deciding) -> Iterator[Task]:
    """Consents that the patient took back while unable to decide: whoever decides is asked, where it was taken or withdrawn and where the patient is treated."""
    for consent in doubtful(case, now):
        withdrawn_at = {entry.origin.node for entry in case.of(ev.ConsentWithdrawn) if entry.event.consent_id == consent.consent_id}
        if site.node in (*withdrawn_at, consent.origin.node, case.treating_node):
            values: dict[str, str | int] = {"kind": consent.kind}
            commands = ("WithdrawConsent", "RecordConsent")
            yield _task(site, "doubtful_withdrawal", Role.COORDINATOR, consent.consent_id, values=values, commands=commands, level="red")


def messages(case: Case, site: Site, within: timedelta) -> Iterator[Task]:
    """Questions of other organisations that wait for this one, each with its clock, and messages that became tasks."""
    for one in questions_to(case, site.node, site.organisation):
        event, since = one.entry.event, _came(case, one)
        role = next((role for role in WRITERS if role.value == event.for_role), Role.COORDINATOR)
        yield _task(site, "message", role, one.id, values={"payer": event.from_organisation}, commands=("AnswerMessage",), due_at=since + within, source="contract K10")
    for one in messages_of(case).values():
        if one.task is not None and one.task.origin.node == site.node:
            made = one.task.event
            due = start_of_day(made.due_on + timedelta(days=1), site.zone) if made.due_on else None
            values: dict[str, str | int] = {"payer": one.entry.event.from_organisation}
            yield _task(site, "message_task", Role(made.for_role), one.id, values=values, commands=("EndMessageTask",), due_at=due, source="contract K10")


def _came(case: Case, message: Message) -> datetime:
    """When a message came here: with its package, or when it was written at this node."""
    package = message.entry.origin.package_id
    came = (entry.origin.recorded_at for entry in case.packages if entry.event.package_id == package)
    return next(came, message.entry.origin.recorded_at)


def _task(
    site: Site,
    step: str,
    role: Role,
    key: str,
    *,
    values: Mapping[str, str | int] | None = None,
    commands: tuple[str, ...] = (),
    due_at: datetime | None = None,
    level: Level = "amber",
    source: str = "",
) -> Task:
    return Task(
        key=f"{step}:{key}",
        step=step,
        role=role.value,
        site=site.node,
        title=f"node.task.{step}",
        values=dict(values or {}),
        commands=commands,
        due_at=due_at.astimezone(UTC) if due_at is not None else None,
        level=level,
        source="data law reference B" if step == "withdrawn" else source,
    )
