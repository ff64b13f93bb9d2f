"""Neighbours are added by a fingerprint that people compared, lose access at once when they are removed, and a brand is lifted by two persons."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from acceptance.support import Refused, World
from baybridge.base.outcome import Refusal
from baybridge.cli.main import main
from baybridge.journey.command import Actor, Role
from baybridge.ledger import keeping, log
from baybridge.ledger.witness import Judgement, Verdict
from baybridge.node.neighbours import package as packages
from baybridge.node.neighbours import register, transfers
from baybridge.node.upkeep.founding import card, found

REGIONS = ("CN", "HK", "MO")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.new(tmp_path)


def text(one: dict[str, Any]) -> bytes:
    return json.dumps(one).encode()


@pytest.fixture
def stranger(tmp_path: Path) -> dict[str, Any]:
    found(tmp_path / "nw", {"node": "nw", "organisation": "New Hospital", "jurisdiction": "CN", "kinds": ["centre"], "city": "Zhuhai"})
    return card(tmp_path / "nw", "https://nw.example")


def entries(world: World, node: str = "mo") -> list[str]:
    with world.nodes[node].storage.reading() as connection:
        return [item.entry.what for item in log.entries(connection, 0, log.size(connection)) if item.entry.kind == "neighbour"]


def codes(answer: Any) -> list[str]:
    assert isinstance(answer, Refusal)
    return [reason.code for reason in answer.reasons]


def test_neighbour_is_added_with_the_fingerprint_that_was_read_out(world: World, stranger: dict[str, Any]) -> None:
    node, right = world.nodes["mo"], register.fingerprint(stranger)
    assert codes(register.add(node, stranger, "0" * 64)) == ["neighbour.fingerprint"]
    assert "nw" not in node.neighbours
    spoken = ":".join(right.upper()[place : place + 4] for place in range(0, 64, 4))
    added = register.add(node, stranger, spoken)
    assert isinstance(added, register.Listed)
    assert (added.node, added.state, added.seen_size) == ("nw", "active", None)
    assert node.neighbours["nw"].site.city == "Zhuhai", "a running node knows it at once"
    assert entries(world) == [f"added nw {right}"]


def test_other_keys_under_a_known_name_are_refused(world: World, stranger: dict[str, Any]) -> None:
    forged = {**stranger, "node": "hk"}
    assert codes(register.add(world.nodes["mo"], forged, register.fingerprint(forged))) == ["neighbour.other_keys"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"node": "../mo"}, "neighbour.card.field"),
        ({"node": "mo"}, "neighbour.card.own"),
        ({"signing_keys": []}, "neighbour.card.field"),
        ({"signing_keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}]}, "neighbour.card.field"),
        ({"sealing_key": None}, "neighbour.card.field"),
        ({"url": "file:///etc/passwd"}, "neighbour.card.field"),
        ({"jurisdiction": "XX"}, "neighbour.card.field"),
        ({"organisation": "\x00"}, "neighbour.card.unreadable"),
    ],
)
def test_card_that_is_none(stranger: dict[str, Any], change: dict[str, Any], code: str) -> None:
    assert code in codes(register.read_card(text({**stranger, **change}), "mo", REGIONS))


def test_private_key_in_a_card_is_refused(tmp_path: Path, stranger: dict[str, Any]) -> None:
    key = {**stranger["signing_keys"][0], "d": "x"}
    assert codes(register.read_card(text({**stranger, "signing_keys": [key]}), "mo", REGIONS)) == ["neighbour.card.field"]
    assert codes(register.read_card(b"\xff", "mo", REGIONS)) == codes(register.read_card(b"[]", "mo", REGIONS)) == ["neighbour.card.unreadable"]
    assert isinstance(register.read_card(yaml.safe_dump(stranger).encode(), "mo", REGIONS), dict)


def test_removed_neighbour_loses_access_at_once(world: World) -> None:
    world.refer()
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    assert codes(register.remove(world.nodes["hk"], "mo", " ")) == ["neighbour.no_reason"]
    assert codes(register.remove(world.nodes["hk"], "nobody", "x")) == ["neighbour.unknown"]
    removed = register.remove(world.nodes["hk"], "mo", "its keys were stolen")
    assert isinstance(removed, register.Listed) and removed.state == "removed"
    assert transfers.deliver(world.nodes["mo"]) == 0, "its packages are nobody's"
    with pytest.raises(Refused) as refused:
        world.do("hk", Role.COORDINATOR, "Transfer", to_node="mo", purpose="CARE_REFERRAL")
    assert refused.value.codes == ["exchange.transfer.unknown_node"]
    assert {one.node: one.state for one in register.listed(world.nodes["hk"])} == {"gd": "active", "mo": "removed", "sh": "active"}
    again = card(world.folder / "mo", "http://127.0.0.1:1")
    register.add(world.nodes["hk"], again, register.fingerprint(again))
    assert transfers.deliver(world.nodes["mo"]) == 1
    assert [line.split()[0] for line in entries(world, "hk")] == ["removed", "added"]


def test_a_neighbour_that_is_removed_while_its_package_is_opened_has_nothing_filed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.refer()
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    hk, opened, before = world.nodes["hk"], packages.open_sealed, len(world.nodes["hk"].events(world.case_id))

    def removed_meanwhile(*given: Any) -> Any:
        found = opened(*given)
        register.remove(hk, "mo", "its keys were stolen")
        return found

    monkeypatch.setattr(packages, "open_sealed", removed_meanwhile)
    assert transfers.deliver(world.nodes["mo"]) == 0
    assert len(hk.events(world.case_id)) == before
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="gd", purpose="CARE_REFERRAL")
    register.remove(world.nodes["mo"], "gd", "parted")
    assert transfers.deliver(world.nodes["mo"]) == 0, "what waits for a neighbour that was removed does not leave"


def test_a_card_that_is_added_again_with_another_address_counts_at_once(world: World) -> None:
    hk = world.nodes["hk"]
    assert hk.neighbours["mo"].url != "http://127.0.0.1:1"
    again = card(world.folder / "mo", "http://127.0.0.1:1")
    register.add(hk, again, register.fingerprint(again))
    assert hk.neighbours["mo"].url == "http://127.0.0.1:1"


def branded(world: World, verdict: Verdict) -> None:
    node = world.nodes["mo"]
    with node.storage.writing() as connection:
        keeping.remember(connection, "hk", "note", Judgement(verdict), node.now().isoformat())


@pytest.mark.parametrize("verdict", [Verdict.FORKED, Verdict.SHRUNK])
def test_brand_is_lifted_by_two_persons_and_stays_in_the_log(world: World, verdict: Verdict) -> None:
    node = world.nodes["mo"]
    one, other = (Actor(name, Role.ADMINISTRATOR, node.site.organisation, person=f"p-{name}") for name in ("a", "b"))
    assert codes(register.clear(node, "hk", "x", one)) == ["neighbour.no_brand"]
    branded(world, verdict)
    assert {item.node: item.state for item in register.listed(node)}["hk"] == verdict.value
    nurse = Actor("n", Role.NURSE, node.site.organisation, person="p-n")
    assert codes(register.clear(node, "hk", "x", nurse)) == ["access.command"]
    assert register.clear(node, "hk", "restored from backup", one) is None
    assert codes(register.clear(node, "hk", "again", one)) == ["neighbour.same_person"]
    same_person = Actor("another account", Role.QUALITY, node.site.organisation, person="p-a")
    assert codes(register.clear(node, "hk", "again", same_person)) == ["neighbour.same_person"]
    assert codes(register.clear(node, "hk", "again", Actor("operator", Role.QUALITY, node.site.organisation))) == ["signing.no_person"]
    lifted = register.clear(node, "hk", "telephoned them", other)
    assert isinstance(lifted, register.Listed) and (lifted.state, lifted.seen_size) == ("active", None)
    assert entries(world) == [f"clearing asked hk {verdict}", f"cleared hk {verdict}"]


def test_second_person_comes_in_time_and_for_the_same_brand(world: World) -> None:
    node = world.nodes["mo"]
    one, other = (Actor(name, Role.QUALITY, node.site.organisation, person=f"p-{name}") for name in ("a", "b"))
    branded(world, Verdict.SHRUNK)
    assert register.clear(node, "hk", "x", one) is None
    world.clock.moment += timedelta(minutes=16)
    assert register.clear(node, "hk", "x", other) is None, "too late: this is a first word again"
    assert isinstance(register.clear(node, "hk", "x", one), register.Listed)


def test_neighbour_that_does_not_answer_is_unreachable(world: World) -> None:
    node = world.nodes["mo"]
    with node.storage.writing() as connection:
        keeping.remember(connection, "gd", "", Judgement(Verdict.UNPROVEN), node.now().isoformat())
    world.clock.moment += timedelta(minutes=16)
    assert {item.node: item.state for item in register.listed(node)}["gd"] == "unreachable"


def test_command_line(world: World, stranger: dict[str, Any], tmp_path: Path) -> None:
    file, folder, run = tmp_path / "card.json", str(tmp_path / "mo"), CliRunner()
    file.write_bytes(text(stranger))
    shown = run.invoke(main, ["neighbour", "add", str(file), "--node", folder, "--json"])
    assert (shown.exit_code, json.loads(shown.stdout)["added"]) == (0, False)
    right = json.loads(shown.stdout)["fingerprint"]
    wrong = run.invoke(main, ["neighbour", "add", str(file), "--node", folder, "--fingerprint", "ab", "--json"])
    assert (wrong.exit_code, json.loads(wrong.stdout)["reasons"][0]["code"]) == (1, "neighbour.fingerprint")
    added = run.invoke(main, ["neighbour", "add", str(file), "--node", folder, "--fingerprint", right, "--json"])
    assert (added.exit_code, json.loads(added.stdout)["state"]) == (0, "active")
    removed = run.invoke(main, ["neighbour", "remove", "nw", "--node", folder, "--reason", "closed", "--json"])
    assert (removed.exit_code, json.loads(removed.stdout)["state"]) == (0, "removed")
    listed = json.loads(run.invoke(main, ["neighbour", "list", "--node", folder, "--json"]).stdout)
    assert [set(row) for row in listed] == [{"node", "organisation", "fingerprint", "state", "seen_size", "last_seen"}] * 4
    assert {row["node"]: row["state"] for row in listed}["nw"] == "removed"
    own = json.loads(run.invoke(main, ["neighbour", "fingerprint", "--node", str(tmp_path / "nw"), "--json"]).stdout)
    assert own == {"node": "nw", "fingerprint": right}
