"""One invented patient on the road: what the demo does goes through the product's own commands, imports and deliveries.

Main job: `Walk` carries out one thing at a node as somebody would; `Ticking` is the clock that the demo moves. Elsewhere: the steps in `history.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import orjson

from baybridge.base.outcome import Refusal
from baybridge.demo.network import PAYER
from baybridge.demo.patients import HOSPITAL, Bundle, Invented
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import ConfirmationAsked
from baybridge.journey.proposals import waits
from baybridge.node.clock import new_id
from baybridge.node.commands import courier_codes
from baybridge.node.commands.done import Done
from baybridge.node.handle import handle
from baybridge.node.intake.importing import import_upload
from baybridge.node.neighbours import transfers
from baybridge.node.node import Node
from baybridge.node.people import accounts


class Refused(Exception):
    """A step of the demo was refused; the message names step and reasons."""


@dataclass(frozen=True, slots=True)
class Colleagues:
    """Those who have an account at a node."""

    actors: Sequence[Actor]

    @classmethod
    def of(cls, node: Node) -> Colleagues:
        """Everybody of a node."""
        with node.storage.reading() as connection:
            found = (accounts.open_actor(connection, account, node.now()) for account in accounts.names(connection))
            return cls([actor for actor in found if actor is not None])

    def one(self, role: Role, organisation: str) -> Actor:
        """Somebody of a role and organisation; where nobody has an account, as the operator would give it."""
        found = (actor for actor in self.actors if actor.role is role and actor.organisation == organisation)
        return next(found, Actor(f"demo-{role.value}", role, organisation))

    def another(self, first: Actor, roles: Sequence[Role]) -> Actor:
        """Another person in one of these roles, of the first one's own role before others: who tested a product does not release it; StopIteration where nobody is."""
        found = (one for one in self.actors if one.role in roles and one.person != first.person and one.organisation == first.organisation)
        return next(iter(sorted(found, key=lambda one: one.role is not first.role)))


@dataclass
class Walk:
    """One patient on the road: home node, treating node, plant, and the shared clock."""

    nodes: Mapping[str, Node]
    clock: Ticking
    patient: Invented
    home: str
    centre: str
    plant: str = "sh"
    money: str = ""
    case_id: str = ""
    bags: list[str] = field(default_factory=list)
    _people: dict[str, Colleagues] = field(default_factory=dict)

    @property
    def crosses(self) -> bool:
        """Whether home and treating centre are different nodes."""
        return self.home != self.centre

    def case(self, node: str) -> Case:
        """The case as a node knows it."""
        return self.nodes[node].case(self.case_id) or Case(self.case_id)

    def today(self, node: str) -> date:
        """The day at a node: that of its own zone, as its people write it."""
        return self.clock().astimezone(self.nodes[node].site.zone).date()

    def do(self, node: str, role: Role, name: str, /, **given: object) -> None:
        """Carry out one command at a node."""
        self.do_for(node, role, PAYER if role is Role.PAYER else self.nodes[node].site.organisation, name, **given)

    def do_for(self, node: str, role: Role, organisation: str, name: str, /, **given: object) -> None:
        """Carry out one command at a node as somebody of an organisation."""
        actor = self.people(node).one(role, organisation)
        done = self._give(node, name, given, actor)
        asked = next((item.event for item in done.events if isinstance(item.event, ConfirmationAsked)), None)
        if asked is not None:
            self.clock.advance(seconds=40)
            second = self.people(node).another(actor, [Role(role) for role in asked.roles])
            self._give(node, "ConfirmEntry", {"confirmation_id": asked.confirmation_id, "agrees": True}, second)

    def courier_code(self, node: str, role: Role, shipment_id: str) -> str:
        """The one-time code of a courier, as it is shown to whoever hands over."""
        made = courier_codes.make(self.nodes[node], self.people(node).one(role, self.nodes[node].site.organisation), self.case_id, shipment_id)
        if isinstance(made, Refusal):
            raise Refused(f"courier code at {node}: " + "; ".join(reason.code for reason in made.reasons))
        return made.code

    def people(self, node: str) -> Colleagues:
        """Who works at a node."""
        if node not in self._people:
            self._people[node] = Colleagues.of(self.nodes[node])
        return self._people[node]

    def _give(self, node: str, name: str, given: Mapping[str, object], actor: Actor) -> Done:
        done = handle(self.nodes[node], Command(name, self.case_id, given, actor, new_id(self.clock)))
        if isinstance(done, Refusal):
            raise Refused(f"{name} at {node}: " + "; ".join(f"{reason.code} {dict(reason.values)}" for reason in done.reasons))
        return done

    def send(self, node: str, to_node: str, purpose: str) -> None:
        """Transfer to another node and deliver at once; where the case is new, a coordinator there takes it in."""
        self.do(node, Role.COORDINATOR, "Transfer", to_node=to_node, purpose=purpose)
        transfers.deliver(self.nodes[node])
        if waits(self.case(to_node)):
            self.do(to_node, Role.COORDINATOR, "AcceptProposedCase")

    def file(self, node: str, bundle: Bundle) -> None:
        """Import a bundle at a node, as its coordinator; the home hospital's system names its patients by addresses of its own, others as the node does."""
        base = HOSPITAL if node == self.home else ""
        bundle = {**bundle, "entry": [{**entry, "fullUrl": f"{base}{entry['request']['url']}"} for entry in bundle["entry"]]}
        target = self.nodes[node]
        actor = self.people(node).one(Role.COORDINATOR, target.site.organisation)
        answer = import_upload(target, actor, "synthetic.json", orjson.dumps(bundle))
        if isinstance(answer, Refusal):
            raise Refused(f"import at {node}: " + "; ".join(reason.code for reason in answer.reasons))
        self.case_id = self.case_id or answer.cases[self.patient.id]


@dataclass
class Ticking:
    """A clock that the demo moves; it never goes back."""

    moment: datetime

    def __call__(self) -> datetime:
        """The present moment of the demo."""
        self.moment += timedelta(milliseconds=40)
        return self.moment

    def advance(self, **span: float) -> None:
        """Move on."""
        self.moment += timedelta(**span)
