"""Commands, and the situation in which one is judged.

Main job: the values that every rule of every part receives. A part's rule is a pure function

    def collect(situation: Situation, given: Collect) -> Verdict

that answers the events that follow, or a refusal with every reason. `node/commands/table.py` is the table that names each command
with its roles and its rule; `node/handle.py` is the only caller.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol
from zoneinfo import ZoneInfo

from baybridge.base.ids import ProductId
from baybridge.base.outcome import Reason, Refusal
from baybridge.base.resource import Resource
from baybridge.base.time import CHINA
from baybridge.documents.document_set import DocumentSet
from baybridge.documents.limits import Limits
from baybridge.documents.product import Product
from baybridge.documents.quote import QuoteDocument
from baybridge.journey.case import Case
from baybridge.journey.drug_history import DrugHistory
from baybridge.journey.events import Event, MediaType, Signature
from baybridge.journey.granted import Grant
from baybridge.journey.judged import Judged
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.decide import Decision

if TYPE_CHECKING:
    from baybridge.journey.corrections.correcting import Making
    from baybridge.journey.held_slots import HeldSlot
    from baybridge.journey.labels import Label

#: How a person proved who it is: by the session in which something was done, or once more for this.
Method = Literal["session", "password", "code", "passkey"]

Verdict = tuple[Event, ...] | Judged | Refusal


class Role(StrEnum):
    """What a person is to a case; access and tasks name these."""

    COORDINATOR = "coordinator"
    PHYSICIAN = "physician"
    NURSE = "nurse"
    PHARMACIST = "pharmacist"
    LABORATORY = "laboratory"
    MANUFACTURER = "manufacturer"
    QUALITY = "quality"
    PAYER = "payer"
    ALLIANCE = "alliance"
    PATIENT = "patient"
    CAREGIVER = "caregiver"  # who helps one patient, as far as the patient allowed it
    ADMINISTRATOR = "administrator"
    NODE = "node"  # another node, by its signature
    SYSTEM = "system"  # this node's own worker


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an opaque account, the role in which, and the organisation.

    `person` is whose account it is, empty where nobody signed in; `also` are further roles of the account; `method` is how the person last proved who it is,
    `via` where the command was given if not on a page or service.
    """

    account: str
    role: Role
    organisation: str
    patient_id: str | None = None  # set for roles patient and caregiver: whose record this account may read
    person: str = ""
    also: frozenset[Role] = frozenset()
    method: Method = "session"
    via: Literal["", "shell"] = ""

    @property
    def roles(self) -> frozenset[Role]:
        """Every role of the account."""
        return self.also | {self.role}

    def acting(self, allowed: Collection[Role]) -> Actor:
        """The same person in a role that is allowed, where the account has one; else unchanged."""
        if self.role in allowed:
            return self
        other = next((role for role in Role if role in self.also and role in allowed), None)
        return self if other is None else replace(self, role=other, also=self.roles - {other})


@dataclass(frozen=True, slots=True)
class Site:
    """The node where a command is judged, or a neighbour."""

    node: str
    organisation: str
    jurisdiction: str  # the code of a region
    city: str | None
    kinds: frozenset[str]  # centre, laboratory, plant, payer
    gd9: bool = False
    ciio: bool = False
    zone: ZoneInfo = CHINA
    notify_before_transfer: str | None = None  # authority that is told before personal data leave this region


@dataclass(frozen=True, slots=True)
class Command:
    """One request to do something; `command_id` makes a repeat harmless."""

    name: str
    case_id: str
    given: Mapping[str, object]
    actor: Actor
    command_id: str


class Decide(Protocol):
    """Answers the decision of a policy over the facts of the case with the given ones laid over, as of now or of `at`."""

    def __call__(self, policy_id: str, facts: Mapping[str, Value], *, at: datetime | None = None) -> Decision:
        """Raises `UnknownPolicyError`, or `FactsError` when a fact is not of its type."""


@dataclass(frozen=True, slots=True)
class CardIssuer:
    """By which address and key this node signs cards that patients carry; without an address it signs none."""

    issuer: str | None
    kid: str


#: What came of a one-time code that somebody said: right, wrong, over (too late), said wrongly too often, or none was made.
CodeState = Literal["right", "wrong", "over", "tries", "none"]


@dataclass(frozen=True, slots=True)
class Received:
    """A file that came for a case: what it is by its content, its size in bytes, and whether a scanner has to look at it before anybody opens it."""

    media_type: MediaType
    bytes: int
    scan: Literal["waiting", "none"]


@dataclass(frozen=True, slots=True)
class ProposedValue:
    """What a machine read in an attachment that stands and may be opened: which, and the fact that the value would be of."""

    attachment: str
    fact: str


@dataclass(frozen=True, slots=True)
class FromRecord:
    """What a rule asked the record for, by the `needs` of its row; what it did not ask for is empty.

    `same_person` says by the id of another Patient whether it is this one (None: a person must look).
    """

    resources: Sequence[Resource] = ()
    observations: Sequence[Resource] = ()
    of_others: frozenset[str] = frozenset()  # of the resources (Type/id), those that hold data of another person too
    same_person: Mapping[str, bool | None] = field(default_factory=dict)
    quote: QuoteDocument | None = None
    grants: Sequence[Grant] = ()
    card: CardIssuer | None = None
    making: Making | None = None
    cases_of: Callable[[str], Sequence[Case]] | None = None  # of a patient
    slots_on: Callable[[date], Sequence[HeldSlot]] | None = None  # held on a day, of every case known here
    labels_elsewhere: Callable[[frozenset[Label]], frozenset[Label]] | None = None  # which of these another case has
    drugs: DrugHistory | None = None
    courier_code: Callable[[str, str], CodeState] | None = None  # of a shipment; asking is a try
    proposed: Callable[[str], ProposedValue | None] | None = None  # the proposal of this id
    unfit: Callable[[str, str, str], Sequence[Reason]] | None = None  # what is wrong with a value in a unit for a fact
    received: Callable[[str], Received | None] | None = None  # the file of this SHA-256 that came for the case
    tasks: Mapping[str, str] = field(default_factory=dict)  # the open tasks of the case at this node, by key, with the role of each
    staff: Mapping[str, frozenset[str]] = field(default_factory=dict)  # the accounts of this organisation that sign in, with their roles
    erasable: Callable[[Sequence[str], str], Sequence[Reason]] | None = None  # why these entries and resources are not erased for a reason in law
    put_right: Callable[[str, datetime], bool] | None = None  # whether an entry or resource of the patient was put right; a resource, since a moment
    caregivers: frozenset[str] = frozenset()  # the persons who have an account as a caregiver of the patient

    def only(self, names: frozenset[str], over: FromRecord | None = None) -> FromRecord:
        """These parts alone; the others as in `over`, empty without it."""
        return replace(over or FromRecord(), **{name: getattr(self, name) for name in names})


GateName = Literal["accept", "slot", "collection", "lymphodepletion", "infusion", "discharge"]


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate before a command: its name, and what stands there now whatever the command's input and whatever was signed.

    `of_input` are codes that depend on the command's input: a physician may sign them beside those that stand. `of_moment` are codes that stood at the moment for
    which something is entered and may stand no more: what was done then is signed for afterwards.
    """

    name: GateName
    standing: Callable[[Situation], Iterator[Reason]]
    of_input: frozenset[str] = frozenset()
    of_moment: frozenset[str] = frozenset()

    @property
    def beside(self) -> frozenset[str]:
        """Every code that may be signed though it does not stand now."""
        return self.of_input | self.of_moment


def _nothing_found(_: datetime) -> Mapping[str, Value]:
    return {}


#: A finding of the bedside, its value, and when it was found.
FoundAt = tuple[str, bool | int | float | str, datetime]


def _nothing_before(_: str, __: datetime) -> tuple[FoundAt, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Bedside:
    """The patient as seen at the bedside now: every value that a monitor or a ward sent counts as it stands, one that its sender calls preliminary too.

    Signs, grades and calls are judged by it, whoever asks; eligibility, fitness and money by the final values of `Situation.facts`.
    """

    facts: Mapping[str, Value]
    decide: Decide
    found_at: Callable[[datetime], Mapping[str, Value]] = _nothing_found  # by fact, what others found at just that moment, the worse of what differs
    before: Callable[[str, datetime], tuple[FoundAt, ...]] = _nothing_before  # of the findings that a policy reads, those that were found before a moment
    read_at: Callable[[datetime], Bedside] | None = None  # the same by what had been found until a moment, as far as is known now

    def as_of(self, moment: datetime) -> Bedside:
        """The patient by what had been found until a moment."""
        return self.read_at(moment) if self.read_at is not None else self


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that a rule may look at; nothing in it changes while the rule thinks.

    `facts` maps fact names to values as of `now` (None and absent are unknown). `documents` are the documents in force as typed values, with the site's
    own laid over ours. `new_id` answers fresh identifiers.
    """

    case: Case
    facts: Mapping[str, Value]
    now: datetime
    actor: Actor
    site: Site
    neighbours: Mapping[str, Site]
    decide: Decide
    documents: DocumentSet
    new_id: Callable[[], str]
    record: FromRecord = FromRecord()
    signed_by: tuple[Signature, ...] = ()  # who signed so far, where the row of the command asks for it
    gates: Mapping[str, Gate] = field(default_factory=dict)  # the gates of the road, by name
    watch: Bedside | None = None
    decide_at: Callable[[datetime], Decide] | None = None  # deciding on what was true at a moment, as far as is known now

    def as_of(self, moment: datetime) -> Decide:
        """Deciding on the patient as of a moment: what is entered late is judged by how things were then, and by all that is known of it now."""
        return self.decide_at(moment) if self.decide_at is not None and moment < self.now else self.decide

    @property
    def bedside(self) -> Bedside:
        """The patient as seen at the bedside; `facts` where nothing else was read."""
        return self.watch or Bedside(self.facts, self.decide)

    def seen_until(self, moment: datetime) -> Situation:
        """The same, with the patient as seen at the bedside until a moment."""
        return replace(self, watch=self.bedside.as_of(moment))

    @property
    def today(self) -> date:
        """The date at this node."""
        return self.now.astimezone(self.site.zone).date()

    @property
    def products(self) -> Mapping[ProductId, Product]:
        """The catalogue."""
        return self.documents.products

    @property
    def product(self) -> Product | None:
        """The product of the case; None where none was chosen or the catalogue does not have it."""
        return self.products.get(self.case.product) if self.case.product else None

    @property
    def limits(self) -> Limits:
        """Limits of the cold chain and at the bedside."""
        return self.documents.limits

    @property
    def quote(self) -> QuoteDocument | None:
        """The document of the case's last quote, where the rule asked for it and this node keeps it."""
        return self.record.quote
