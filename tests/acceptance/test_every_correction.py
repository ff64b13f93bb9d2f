"""Every command whose entries people put right: it is given, its entry is struck through, the state is that of before, and the case goes on.

Most commands are given on the road of the demo, by its own walk; what the road does not reach is entered as an event of its kind. A new command is tried without
anybody adding it here.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from acceptance.correcting_walk import CorrectingWalk, difference
from baybridge.demo import network
from baybridge.demo.cohort import Placed, stops_of
from baybridge.demo.inprocess import transport
from baybridge.demo.patients import Invented
from baybridge.demo.walk import Ticking
from baybridge.journey.command import Role
from baybridge.journey.events import Event
from baybridge.journey.judged import Judged
from baybridge.node.commands.table import COMMANDS
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.work import Work, carry_out

PORTS = {name: 49_200 + number for number, name in enumerate(network.PROFILES)}
CORRECTED = {name: row for name, row in COMMANDS.items() if row.correction.role is not None}
#: Patients of the demo whose roads together give most commands: home, centre, last step, disease, whose money takes which way.
ROADS = (
    ("mo", "hk", "hand_over", "dlbcl", "unpaid"),
    ("gd", "gd", "refund", "dlbcl-early", "paid"),
    ("hk", "hk", "treat", "mm", ""),
    ("mo", "hk", "slot", "dlbcl", "cut"),
)
#: What the road must reach; what it does not is entered as an event.
ON_THE_ROAD = frozenset({
    "DecideEligibility", "ReferCase", "AcceptCase", "ChooseProduct", "RecogniseResults", "IssueQuote", "EnrolInAgreement", "RequestPreauthorisation", "ReserveSlot",
    "RecordPermit", "Ship", "ReceiveShipment", "StartManufacture", "TestProduct", "CheckFitness", "Lymphodeplete", "Assess", "GiveDrug", "Discharge", "AssessResponse",
    "HandOver", "AcceptFollowUp", "ScheduleFollowUp", "SubmitClaim",
})  # fmt: skip
#: What the entry does not say, so that whoever puts it right is asked for it again: what two checked by eye, a one-time code, a whole bill, a reason that was not needed.
ASKED_AGAIN = frozenset({
    "CheckBedside.birth_date_stated", "CheckBedside.name_stated", "CheckBedside.order", "CheckBedside.tocilizumab_doses", "CheckBedside.wrist_band",
    "ChooseProduct.exception_reason", "ConfirmCourier.code", "Collect.identity_checked", "Collect.planned_entry_on", "EnrolInAgreement.conditions_met",
    "IssueQuote.bill_lines", "IssueQuote.event_date", "IssueQuote.plans", "RecogniseResults.use_at", "Ship.expected_transit_h", "Thaw.chain_of_identity",
})  # fmt: skip
_START = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)


@dataclass
class Tried:
    """The network after its walks, and what came of each correction."""

    nodes: dict[str, Node]
    walk: CorrectingWalk
    found: dict[str, str] = field(default_factory=dict)
    made_up: dict[str, str] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    yield walked(tmp_path_factory.mktemp("corrections"))


def walked(folder: Path) -> Tried:
    network.found_network(folder, PORTS)
    clock, nodes = Ticking(_START), dict[str, Node]()
    through = transport(nodes)
    nodes |= {name: Node(read_config(folder / name), now=clock, transport=through) for name in network.PROFILES}
    for node in nodes.values():
        network.add_accounts(node)
    found: dict[str, str] = {}
    made_up: dict[str, str] = {}
    lost: set[str] = set()
    walks = []
    for number, (home, centre, until, disease, money) in enumerate(ROADS):
        patient = Invented(900 + number, {"mo": "MO", "hk": "HK", "gd": "CN"}[home], disease)
        placed = Placed(patient, home, centre, until, until == "treat", money)
        walk = CorrectingWalk(nodes, clock, patient, home, centre, money=money, tried=found, made_up=made_up, lost=lost)
        for stop in stops_of(placed):
            clock.moment += stop.after
            stop.step(walk)
        walks.append(walk)
    return Tried(nodes, walks[2], found, made_up, lost)


def test_the_road_reaches_what_it_should(tried: Tried) -> None:
    assert tried.found.keys() >= ON_THE_ROAD


def test_a_code_that_nothing_has_is_refused_at_its_field(tried: Tried) -> None:
    assert {path: answer for path, answer in tried.made_up.items() if answer} == {}
    assert tried.made_up.keys() >= {"ArrangeTravel.papers", "IssueQuote.bill_lines.category", "AssessResponse.criteria", "NotifyAuthority.authority"}


def test_the_form_on_which_an_entry_is_put_right_keeps_what_was_given(tried: Tried) -> None:
    assert tried.lost == ASKED_AGAIN, sorted(tried.lost ^ ASKED_AGAIN)


@pytest.mark.parametrize("name", sorted(CORRECTED))
def test_a_command_is_given_struck_through_and_given_again(tried: Tried, name: str) -> None:
    assert (tried.found[name] if name in tried.found else entered_as_event(tried, name)) == ""


def entered_as_event(tried: Tried, name: str) -> str:
    """The kind of event that a command makes, entered by somebody who gives it, struck through, and entered again."""
    walk, row = tried.walk, CORRECTED[name]
    node = walk.nodes[walk.centre]
    event = sample(next(one.event for one in row.events if not one.computed))
    before = walk.state(walk.centre)
    entered = append(node, walk, event, sorted(row.roles)[0])
    refused = walk.void(walk.centre, entered, row.roles, node.site.organisation)
    came = refused or difference(before, walk.state(walk.centre))
    if not refused:
        again = append(node, walk, event, sorted(row.roles)[0])
        assert walk.void(walk.centre, again, row.roles, node.site.organisation) == ""
    return came


def append(node: Node, walk: CorrectingWalk, event: Event, role: Role) -> Any:
    actor = walk.people(walk.centre).one(role, node.site.organisation)
    with node.unit() as unit:
        return carry_out(node, unit, Work(walk.case_id, actor, Judged((event,)), len(unit.events(walk.case_id)))).events[0]


def sample(kind: type[Event]) -> Event:
    """An event of a kind with something in each field that has no default."""
    return kind(**{item.name: value(item.type) for item in msgspec.structs.fields(kind) if item.required})


_VALUES: dict[Any, Any] = {str: "x-1", int: 1, float: 1.0, bool: True, date: _START.date(), datetime: _START + timedelta(days=1)}


def value(kind: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return value(typing.get_args(kind)[0])
    if origin is typing.Literal:
        return typing.get_args(kind)[0]
    if origin in (tuple, list, frozenset, dict):
        return origin()
    if origin in (typing.Union, types.UnionType):
        return value(typing.get_args(kind)[0])
    return _VALUES.get(getattr(kind, "__supertype__", kind), "x-1")
