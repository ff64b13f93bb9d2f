"""The case: what all events so far amount to.

Main job: `fold(events) -> Case`. A case is nothing but its entries; every property below is read from them, so that a case as of
an earlier moment is the fold of the events until then.

An entry that was corrected counts no more: `entries` holds what stands, `history` everything as it was learnt (`corrected.py`).

Events that another node told of are folded too, with their origin. Where only one value can hold (product, day of death) the one
recorded here stands, and `conflicts.py` names what was told differently.

**Units**: times aware, end in `_at`; dates end in `_on`. Elsewhere: where the case stands in `stages.py`, cells and bags in `cells.py`, grades in
`course.py`, consents and transfers in `held.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeVar, cast

from baybridge.base.ids import ProductId
from baybridge.base.time import day_of
from baybridge.journey import events as ev
from baybridge.journey.calls import Call, calls_of
from baybridge.journey.cells import Batch, Collection, Shipment, batches_of, quarantined_of, shipments_of
from baybridge.journey.corrected import Struck, settle
from baybridge.journey.course import Grade, grades_of
from baybridge.journey.entry import Entry, Unread, tells, unfold
from baybridge.journey.held import Consent, Preauthorisation, Transfer

__all__ = ["Case", "Consent", "Preauthorisation", "Transfer", "fold"]

E = TypeVar("E", bound=ev.Event)


@dataclass(frozen=True)
class Case:
    """A case as of its last entry; made by `fold` only."""

    case_id: str = ""
    entries: tuple[Entry[ev.Event], ...] = ()
    unread: tuple[Unread, ...] = ()
    history: tuple[Entry[Any], ...] = ()
    struck: tuple[Struck, ...] = ()

    # --- reading entries --------------------------------------------------------------------------------------------

    @cached_property
    def _by_type(self) -> dict[type[ev.Event], tuple[Entry[ev.Event], ...]]:
        found: dict[type[ev.Event], list[Entry[ev.Event]]] = {}
        for entry in self.entries:
            found.setdefault(type(entry.event), []).append(entry)
        return {kind: tuple(entries) for kind, entries in found.items()}

    def of(self, kind: type[E]) -> tuple[Entry[E], ...]:
        """All entries of one kind of event, in the order in which they were learnt."""
        return cast("tuple[Entry[E], ...]", self._by_type.get(kind, ()))

    def last(self, kind: type[E]) -> Entry[E] | None:
        """The last entry of a kind; one recorded here goes before one that was told."""
        entries = self.of(kind)
        own = tuple(entry for entry in entries if not entry.origin.told)
        best = own or entries
        return best[-1] if best else None

    def did(self, kind: type[ev.Event]) -> bool:
        """Whether something of this kind happened."""
        return bool(self.of(kind))

    # --- who --------------------------------------------------------------------------------------------------------

    @property
    def opened(self) -> Entry[ev.CaseOpened] | None:
        """The opening of the case."""
        return self.last(ev.CaseOpened)

    @property
    def patient_id(self) -> str | None:
        """The patient's identifier in this node's record; None where only cells are known here, not the patient."""
        named = [entry for entry in self.of(ev.CaseOpened) if entry.event.patient_id]
        own = [entry for entry in named if not entry.origin.told]
        return (own or named)[-1].event.patient_id if named else None

    @property
    def residence(self) -> str | None:
        """Where the patient lives: the code of a region, or other."""
        return self.opened.event.residence if self.opened else None

    @property
    def synthetic(self) -> bool:
        """Whether the patient is invented."""
        return self.opened is not None and self.opened.event.synthetic

    @property
    def owner_node(self) -> str | None:
        """The node that opened the case."""
        return self.opened.origin.node if self.opened else None

    @property
    def treating_node(self) -> str | None:
        """The node that accepted the case for treatment."""
        accepted = self.last(ev.CaseAccepted)
        return accepted.origin.node if accepted else None

    @property
    def plant_node(self) -> str | None:
        """The manufacturer's node of the current slot."""
        return self.slot.event.plant_node if self.slot else None

    @property
    def follow_up_node(self) -> str | None:
        """The node that follows the patient for life; the treating node until another accepts."""
        accepted = self.last(ev.FollowUpAccepted)
        return accepted.origin.node if accepted else self.treating_node

    @property
    def nodes(self) -> frozenset[str]:
        """Every node that recorded something in this case."""
        return frozenset(entry.origin.node for entry in self.entries)

    # --- deciding ---------------------------------------------------------------------------------------------------

    @property
    def product(self) -> ProductId | None:
        """The product that was chosen, else accepted, else referred for."""
        named = (self.last(ev.ProductChosen), self.last(ev.CaseAccepted), self.last(ev.CaseReferred))
        return next((ProductId(entry.event.product) for entry in named if entry is not None and entry.event.product), None)

    @property
    def eligibility(self) -> dict[str, Entry[ev.EligibilityDecided]]:
        """The last eligibility decision by policy."""
        return {entry.event.policy: entry for entry in self.of(ev.EligibilityDecided)}

    @property
    def confirmed(self) -> dict[str, Entry[ev.FindingConfirmed]]:
        """Facts that a person confirmed, by name; what was confirmed here goes before what was told."""
        return self._confirmed(self.of(ev.FindingConfirmed))

    def confirmed_until(self, at: datetime) -> dict[str, Entry[ev.FindingConfirmed]]:
        """The same of what was confirmed until a moment."""
        return self._confirmed(tuple(e for e in self.of(ev.FindingConfirmed) if e.origin.at <= at))

    @staticmethod
    def _confirmed(entries: tuple[Entry[ev.FindingConfirmed], ...]) -> dict[str, Entry[ev.FindingConfirmed]]:
        told = {e.event.fact: e for e in entries if e.origin.told}
        own = {e.event.fact: e for e in entries if not e.origin.told}
        return {**told, **own}

    @property
    def recognised(self) -> tuple[Entry[ev.ResultRecognised], ...]:
        """Outside results that serve, each by result and purpose as last judged."""
        return tuple(e for e in self._judgements if tells(e, ev.ResultRecognised))

    @property
    def repeats(self) -> tuple[Entry[ev.RepeatRequested], ...]:
        """Outside results that are to be repeated, each by result and purpose as last judged."""
        return tuple(e for e in self._judgements if tells(e, ev.RepeatRequested))

    @property
    def _judgements(self) -> tuple[Entry[ev.ResultRecognised] | Entry[ev.RepeatRequested], ...]:
        told = (e for e in self.entries if tells(e, ev.ResultRecognised) or tells(e, ev.RepeatRequested))
        return tuple({(e.event.result_id, e.event.purpose): e for e in told}.values())

    @property
    def decisions(self) -> dict[str, str]:
        """SHA-256 of every decision document that an event cites, with the policy or event it stands for."""
        return {
            sha256: getattr(e.event, "policy", getattr(e.event, "scale", type(e.event).__name__))
            for e in self.entries
            if (sha256 := getattr(e.event, "decision_sha256", ""))
        }

    @property
    def reopened(self) -> tuple[Entry[ev.DecisionReopened], ...]:
        """Decisions that were made again."""
        return self.of(ev.DecisionReopened)

    # --- consent and sharing ----------------------------------------------------------------------------------------

    @property
    def consents(self) -> tuple[Consent, ...]:
        """All consents, withdrawn ones too."""
        withdrawn: dict[str, date] = {}
        for entry in self.of(ev.ConsentWithdrawn):
            day = entry.event.withdrawn_on
            withdrawn[entry.event.consent_id] = min(day, withdrawn.get(entry.event.consent_id, day))
        return tuple(
            Consent(g.consent_id, g.kind, g.recipients, g.purposes, g.valid_until, withdrawn.get(g.consent_id), e.origin, g.given_by, g.by_document)
            for e in self.of(ev.ConsentRecorded)
            for g in (e.event,)
        )

    @property
    def bags_waiting(self) -> frozenset[str]:
        """Product bags at the centre that were not given."""
        return frozenset(self.bags_at_centre) - {entry.event.bag for entry in self.infusions}

    @property
    def emergency(self) -> Entry[ev.EmergencyRecorded] | None:
        """The emergency that this node recorded last, over or not: what another node's physicians signed stands for no consent here."""
        own = tuple(entry for entry in self.of(ev.EmergencyRecorded) if not entry.origin.told)
        return own[-1] if own else None

    @property
    def consent_overdue(self) -> bool:
        """Whether an emergency stood for the consent to care, or still does, and the patient's own is not here yet."""
        emergency = self.emergency
        if emergency is None:
            return False
        return not any(c.kind == "care" and c.withdrawn_on is None and c.holds_on(day_of(emergency.origin.at)) for c in self.consents)

    @property
    def notifications(self) -> tuple[Entry[ev.AuthorityNotified], ...]:
        """Authorities that were told."""
        return self.of(ev.AuthorityNotified)

    @property
    def transfers(self) -> tuple[Transfer, ...]:
        """Packages that this node sent, with receipts."""
        receipts = {e.event.package_id: e for e in self.of(ev.TransferReceived)}
        return tuple(Transfer(e, receipts.get(e.event.package_id)) for e in self.of(ev.TransferAllowed))

    @property
    def refused_transfers(self) -> tuple[Entry[ev.TransferRefused], ...]:
        """Transfers that were checked and not made."""
        return self.of(ev.TransferRefused)

    @property
    def packages(self) -> tuple[Entry[ev.PackageReceived], ...]:
        """Packages that came from other nodes."""
        return self.of(ev.PackageReceived)

    # --- money ------------------------------------------------------------------------------------------------------

    @property
    def quote(self) -> Entry[ev.QuoteIssued] | None:
        """The quote that was issued last."""
        return self.last(ev.QuoteIssued)

    @property
    def preauthorisations(self) -> tuple[Preauthorisation, ...]:
        """Requests to payers with the last answer of that payer for that plan."""
        answers = {(e.event.payer, e.event.plan): e for e in self.of(ev.PreauthorisationAnswered)}
        appeals = {(e.event.payer, e.event.plan): e for e in self.of(ev.PreauthorisationAppealed)}
        requests = {(e.event.payer, e.event.plan): e for e in self.of(ev.PreauthorisationRequested)}
        return tuple(Preauthorisation(e, answers.get(key), appeals.get(key)) for key, e in requests.items())

    @property
    def payments(self) -> tuple[Entry[ev.BenefitPaid], ...]:
        """Payments, one a claim."""
        return tuple({e.event.claim_id: e for e in reversed(self.of(ev.BenefitPaid))}.values())[::-1]

    @property
    def agreement(self) -> str | None:
        """The outcome agreement of the quote that was issued last."""
        return self.quote.event.agreement if self.quote else None

    def enrolled_in(self, agreement: str) -> Entry[ev.AgreementEnrolled] | None:
        """The enrolment in an outcome agreement, the first of it."""
        return next((entry for entry in self.of(ev.AgreementEnrolled) if entry.event.agreement == agreement), None)

    @property
    def settlement(self) -> Entry[ev.OutcomeSettled] | None:
        """How an outcome agreement was settled."""
        return self.last(ev.OutcomeSettled)

    # --- cells ------------------------------------------------------------------------------------------------------

    @property
    def slot(self) -> Entry[ev.SlotReserved] | None:
        """The slot that was reserved last."""
        return self.last(ev.SlotReserved)

    @property
    def chain_of_identity(self) -> str | None:
        """The chain-of-identity id of the current therapy event."""
        return self.slot.event.chain_of_identity if self.slot else None

    @property
    def chains(self) -> frozenset[str]:
        """Every chain-of-identity id of this case."""
        return frozenset(e.event.chain_of_identity for e in self.of(ev.SlotReserved))

    @property
    def permits(self) -> tuple[Entry[ev.PermitRecorded], ...]:
        """Papers for the border."""
        return self.of(ev.PermitRecorded)

    @property
    def collections(self) -> tuple[Collection, ...]:
        """Leukaphereses."""
        return tuple(Collection(e) for e in self.of(ev.CellsCollected))

    @cached_property
    def shipments(self) -> tuple[Shipment, ...]:
        """Shipments of either leg; a receipt without a known dispatch stands too."""
        return shipments_of(self.of(ev.ShipmentDispatched), self.of(ev.ShipmentReceived), self.of(ev.CourierNamed), self.of(ev.CourierConfirmed))

    def shipments_on(self, leg: ev.Leg, chain_of_identity: str | None = None) -> tuple[Shipment, ...]:
        """Shipments of one leg, of one chain of identity where given."""
        return tuple(s for s in self.shipments if s.leg == leg and chain_of_identity in (None, s.chain_of_identity))

    @cached_property
    def quarantined(self) -> frozenset[str]:
        """Bags that may not be used: in quarantine, or discarded after it."""
        return quarantined_of(self.entries)

    @cached_property
    def batches(self) -> tuple[Batch, ...]:
        """Batches, in the order in which they were started."""
        return batches_of(self.entries)

    def batch_of_bag(self, bag: str) -> Batch | None:
        """The released batch that a product bag belongs to."""
        return next((b for b in self.batches if b.released and bag in b.released.event.bags), None)

    @property
    def bags_at_centre(self) -> frozenset[str]:
        """Product bags that arrived at the centre, quarantined ones too."""
        return frozenset(bag for s in self.shipments_on("to_centre") if s.received for bag in s.received.event.bags)

    def learnt_at(self, entry: Entry[Any]) -> datetime:
        """When this node learnt of an entry: when it was recorded here, or when the package came that told it."""
        packages = (e for e in self.of(ev.PackageReceived) if e.event.package_id == entry.origin.package_id) if entry.origin.told else ()
        return next((package.origin.recorded_at for package in packages), entry.origin.recorded_at)

    @property
    def bags_at_plant(self) -> frozenset[str]:
        """Collected bags that arrived at the plant, quarantined ones too."""
        return frozenset(bag for s in self.shipments_on("to_plant") if s.received for bag in s.received.event.bags)

    # --- treatment --------------------------------------------------------------------------------------------------

    @property
    def lymphodepletion(self) -> Entry[ev.LymphodepletionStarted] | None:
        """The lymphodepletion that began last."""
        return self.last(ev.LymphodepletionStarted)

    @property
    def bedside_checks(self) -> tuple[Entry[ev.BedsideChecked], ...]:
        """Checks of patient, order and bag by two people."""
        return self.of(ev.BedsideChecked)

    @property
    def infusions(self) -> tuple[Entry[ev.Infused], ...]:
        """Infusions by their start."""
        return tuple(sorted(self.of(ev.Infused), key=lambda e: e.event.started_at))

    @property
    def infused_at(self) -> datetime | None:
        """Start of the last infusion: day 0."""
        return self.infusions[-1].event.started_at if self.infusions else None

    @property
    def infused_on(self) -> date | None:
        """The day of the last infusion as the three regions count it, however its time was written."""
        return day_of(self.infused_at)

    @property
    def assessments(self) -> tuple[Entry[ev.AssessmentRecorded], ...]:
        """Bedside assessments by time."""
        return tuple(sorted(self.of(ev.AssessmentRecorded), key=lambda e: e.event.assessed_at))

    @cached_property
    def grades(self) -> dict[str, Grade]:
        """By scale: the latest grade and the highest of the episode since the last infusion."""
        changed = {one.by.event.replaced_by: one.by.origin.recorded_at for one in self.struck if one.by_record and one.by.event.replaced_by}
        return grades_of(self.of(ev.GradeAssessed), self.of(ev.GradeConfirmed), self.infused_at, changed)

    @property
    def grades_assessed(self) -> tuple[Entry[ev.GradeAssessed], ...]:
        """Every computed grade, in the order in which they were learnt."""
        return self.of(ev.GradeAssessed)

    @cached_property
    def rapid_responses(self) -> tuple[Call, ...]:
        """Calls of the rapid response team."""
        return calls_of(self.entries)

    @property
    def open_rapid_response(self) -> Call | None:
        """A call whose team has not arrived, and that nobody closed; one that nobody took goes before one that is taken."""
        waiting = [call for call in self.rapid_responses if call.is_open]
        return min(waiting, key=lambda call: call.acknowledged is not None, default=None)

    @property
    def drugs(self) -> tuple[Entry[ev.DrugGiven], ...]:
        """Drugs given against toxicity, by time."""
        return tuple(sorted(self.of(ev.DrugGiven), key=lambda e: e.event.given_at))

    @property
    def discharge(self) -> Entry[ev.Discharged] | None:
        """The last discharge."""
        return self.last(ev.Discharged)

    @property
    def responses(self) -> dict[str, Entry[ev.ResponseAssessed]]:
        """The response by time point, as last assessed."""
        return {e.event.timepoint: e for e in self.of(ev.ResponseAssessed)}

    # --- afterwards -------------------------------------------------------------------------------------------------

    @property
    def handover(self) -> Entry[ev.HandedOver] | None:
        """The hand-over to the node that follows up."""
        return self.last(ev.HandedOver)

    @property
    def follow_up(self) -> Entry[ev.FollowUpScheduled] | None:
        """The follow-up schedule, which has no end."""
        return self.last(ev.FollowUpScheduled)

    @property
    def visits(self) -> tuple[Entry[ev.FollowUpVisited], ...]:
        """Follow-up contacts by day."""
        return tuple(sorted(self.of(ev.FollowUpVisited), key=lambda e: e.event.visited_on))

    @property
    def died_on(self) -> date | None:
        """The day of death."""
        died = self.last(ev.Died)
        return died.event.died_on if died else None

    @property
    def alive(self) -> bool:
        """Whether no death was recorded."""
        return self.died_on is None


def fold(events: Iterable[ev.Recorded], case_id: str = "") -> Case:
    """The case that these envelopes amount to; `case_id` names a case that has none yet. Same envelopes, same case."""
    envelopes = tuple(events)
    history, unread = unfold(envelopes)
    entries, struck = settle(history)
    return Case(envelopes[0].case_id if envelopes else case_id, entries, unread, history, struck)


def known_by(case: Case, moment: datetime) -> Case:
    """The case by what this node had learnt until a moment."""
    history = tuple(entry for entry in case.history if case.learnt_at(entry) <= moment)
    entries, struck = settle(history)
    return Case(case.case_id, entries, (), history, struck)
