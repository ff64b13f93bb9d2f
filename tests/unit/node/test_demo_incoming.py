"""What comes to the demo from outside: somebody to identify, codes to map, a card to show."""

from __future__ import annotations

from pathlib import Path

from acceptance.support import Clock
from baybridge.demo import history, inprocess, network
from baybridge.demo.incoming import outside_results, sign_card
from baybridge.demo.patients import Invented
from baybridge.demo.walk import Ticking, Walk
from baybridge.journey.events import HealthCardIssued
from baybridge.journey.identities import identities_of
from baybridge.node.config import read_config
from baybridge.node.intake import cards, codes
from baybridge.node.node import Node


def test_a_message_asks_whose_it_is_and_brings_codes_and_a_card_is_signed(tmp_path: Path) -> None:
    network.found_network(tmp_path, {name: 49_100 + number for number, name in enumerate(network.PROFILES)})
    ticking = Ticking(Clock().moment)
    nodes: dict[str, Node] = {}
    through = inprocess.transport(nodes)
    nodes |= {name: Node(read_config(tmp_path / name), now=ticking, transport=through) for name in network.PROFILES}
    walk = Walk(nodes, ticking, Invented(7, "MO", "dlbcl"), "mo", "hk")
    history.records(walk)
    outside_results(walk)
    sign_card(walk)
    (identity,) = identities_of(walk.case("mo"))
    assert (identity.state, identity.asked.event.reasons) == ("open", ("name.same", "birth.same", "sex.same"))
    waiting = codes.waiting(nodes["mo"])
    assert {row.code: row.suggestions[0].fact for row in waiting} == {"CRE": "creatinine", "FER": "ferritin", "TRI": "triglyceride"}
    (issued,) = walk.case("mo").of(HealthCardIssued)
    kept = cards.kept(nodes["mo"], issued.event.card)
    assert kept is not None and cards.checked(nodes["hk"], kept[0]).ok
