"""A key is replaced by a command: neighbours believe the new one that the old one signs, what that signed stays valid, and a kill leaves the old or the new state."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from click.testing import CliRunner
from sqlalchemy import select
from starlette.testclient import TestClient

from acceptance.support import World
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.cli.main import main
from baybridge.exchange.evidence.trust import read_trust
from baybridge.exchange.evidence.verify import verify_file
from baybridge.journey.command import Role
from baybridge.ledger.tables import log_entry
from baybridge.node.config import read_config
from baybridge.node.integrity.check import check_stored
from baybridge.node.neighbours import key_changes, key_rotation, register, transfers, witnessing
from baybridge.node.neighbours import package as packages
from baybridge.node.neighbours.evidence import evidence_pack
from baybridge.node.neighbours.key_changes import KeyChange, What, Written
from baybridge.node.neighbours.own_keys import read_own
from baybridge.node.neighbours.package import new_keys, public_jwk
from baybridge.node.node import Node
from baybridge.node.steps import ROTATE
from baybridge.node.upkeep.founding import card
from baybridge.web.site.log_pages import trusted

WHATS: tuple[What, ...] = ("signing", "sealing", "card")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.new(tmp_path)
    made.refer()
    return made


def rotate(world: World, what: What, node: str = "mo", *, lost: bool = False) -> key_rotation.Rotated:
    done = key_rotation.rotate(world.nodes[node], what, "as every year", register.operator(world.nodes[node]), lost=lost)
    assert isinstance(done, key_rotation.Rotated)
    return done


def learned(world: World, node: str = "hk") -> None:
    key_changes.learn(world.nodes[node], "mo")


def sound(world: World, node: str = "mo") -> bool:
    witnessing.sign_checkpoint(world.nodes[node])
    return check_stored(world.nodes[node].config).findings == []


def send(world: World) -> None:
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")


def logged(node: Node, kind: str) -> list[str]:
    with node.storage.reading() as connection:
        return list(connection.execute(select(log_entry.c.what).where(log_entry.c.kind == kind).order_by(log_entry.c.position)).scalars())


@pytest.mark.parametrize("what", WHATS)
def test_neighbours_believe_the_new_key_and_both_sides_read_the_same_fingerprint(world: World, what: What) -> None:
    done = rotate(world, what)
    assert (done.number, done.before != done.kid) == (1, True)
    learned(world)
    neighbour, own = world.nodes["hk"].neighbours["mo"], world.nodes["mo"].keys
    assert neighbour.key_change == own.number == 1
    assert (neighbour.signing_keys, neighbour.sealing_key, neighbour.card_keys) == (own.shown.signing_keys, own.shown.sealing_key, own.shown.card_keys)
    theirs = next(one for one in register.listed(world.nodes["hk"]) if one.node == "mo")
    assert theirs.fingerprint == register.fingerprint(card(world.folder / "mo", ""))
    assert sum(entry.startswith("keys changed mo") for entry in logged(world.nodes["hk"], "neighbour")) == 1
    learned(world)
    assert sum(entry.startswith("keys changed mo") for entry in logged(world.nodes["hk"], "neighbour")) == 1, "a change counts once"
    send(world)
    assert transfers.deliver(world.nodes["mo"]) == 1
    world.do("hk", Role.COORDINATOR, "Transfer", to_node="mo", purpose="CARE_REFERRAL")
    assert transfers.deliver(world.nodes["hk"]) == 1
    assert sound(world) and sound(world, "hk")


def test_keys_are_replaced_again_and_again_and_a_neighbour_that_was_away_learns_all_at_once(world: World) -> None:
    for what in (*WHATS, *WHATS, "signing", "signing"):
        rotate(world, what)
    learned(world)
    neighbour = world.nodes["hk"].neighbours["mo"]
    assert (neighbour.key_change, len(neighbour.signing_keys), len(neighbour.card_keys)) == (8, 5, 3)
    assert all("valid_until" in jwk for jwk in neighbour.signing_keys[1:])
    send(world)
    assert transfers.deliver(world.nodes["mo"]) == 1
    assert sound(world)


@pytest.mark.parametrize("what", WHATS)
def test_what_is_under_way_while_a_key_is_replaced_arrives(world: World, what: What) -> None:
    send(world)
    rotate(world, what)
    rotate(world, what, "hk")
    learned(world)
    key_changes.learn(world.nodes["mo"], "hk")
    assert transfers.deliver(world.nodes["mo"]) == 1


def test_a_package_of_a_key_that_is_not_known_yet_is_refused_and_arrives_once_it_is(world: World) -> None:
    rotate(world, "signing")
    send(world)
    assert transfers.deliver(world.nodes["mo"]) == 0
    learned(world)
    assert transfers.deliver(world.nodes["mo"]) == 1


@pytest.mark.parametrize(("lost", "days", "arrives"), [(False, 29, 1), (False, 31, 0), (True, 0, 0)])
def test_what_a_replaced_key_signed_arrives_for_some_days_and_not_at_all_where_it_was_lost(world: World, lost: bool, days: int, arrives: int) -> None:
    send(world)
    rotate(world, "signing", lost=lost)
    learned(world)
    world.clock.moment += timedelta(days=days)
    assert transfers.deliver(world.nodes["mo"]) == arrives


def test_a_pack_from_before_and_one_from_after_are_verified_by_the_keys_of_today(world: World) -> None:
    witnessing.watch(world.nodes["hk"])
    before = evidence_pack(world.nodes["mo"], world.case_id)
    rotate(world, "signing")
    at_once = evidence_pack(world.nodes["mo"], world.case_id)
    learned(world)
    after = evidence_pack(world.nodes["mo"], world.case_id)
    trust = read_trust(orjson.loads(orjson.dumps(trusted(world.nodes["hk"]))))
    for pack in (before, at_once, after):
        assert verify_file(pack, trust).problems == ()
        assert verify_file(pack).problems == (), "by itself too: neighbours vouched for the entry of the new key before it signed"


def test_a_running_node_signs_with_the_new_key_at_once_and_shows_every_key(world: World) -> None:
    node = world.nodes["mo"]
    old = node.keys.signing_key.kid
    done = CliRunner().invoke(main, ["key", "rotate", "signing", "--node", str(world.folder / "mo"), "--reason", "as every year"])
    assert done.exit_code == 0, done.output
    assert "backup" in done.output
    assert node.keys.signing_key.kid not in ("", old)
    with TestClient(application(node, workers=False)) as client:
        shown = client.get("/.well-known/baybridge.json").json()
        assert [jwk["kid"] for jwk in shown["signing_keys"]] == [node.keys.signing_key.kid, old]
        assert shown["key_change"] == 1
        assert {jwk["kid"] for jwk in client.get("/.well-known/jwks.json").json()["keys"]} >= {old}
        assert len(client.get("/log/keys").json()["changes"]) == 1
        assert client.get("/log/keys?after=1").json()["changes"] == []
        assert client.get("/log/keys?after=x").status_code == 200
    listed = CliRunner().invoke(main, ["key", "list", "--node", str(world.folder / "mo"), "--json"])
    assert [row["lost"] for row in orjson.loads(listed.stdout)] == [False] * 4
    assert CliRunner().invoke(main, ["key", "rotate", "signing", "--node", str(world.folder / "mo"), "--reason", " "]).exit_code == 1
    old_private = [path.name for path in (world.folder / "mo" / "keys").iterdir() if "signing" in path.name]
    assert old_private == ["signing.pem"], "who steals the folder later has no old key to sign with"


# --- what is not believed -------------------------------------------------------------------------------------------


def change_of(world: World, **changes: Any) -> tuple[KeyChange, str, str]:
    """A change of Macao's keys, with the PEM of the old and of the new signing key."""
    own, (new, _) = world.nodes["mo"].keys, new_keys()
    at = world.clock.moment
    keys = msgspec.structs.replace(own.shown, signing_keys=(public_jwk(new), key_changes.replaced(own.shown.signing_keys[0], at, lost=False)))
    plain = KeyChange(node="mo", number=1, at=at.isoformat(), what="signing", keys=keys, previous="")
    return msgspec.structs.replace(plain, **changes), own.signing, new


def judged(world: World, one: Written) -> KeyChange | str:
    return key_changes.followed("mo", world.nodes["hk"].neighbours["mo"], one, world.clock.moment, {"taken"})


def test_a_change_that_follows_is_believed(world: World) -> None:
    change, old, new = change_of(world)
    assert judged(world, key_changes.written(change, old, new)) == change


def hostile(world: World, how: str) -> Written:
    change, old, new = change_of(world)
    keys, other = change.keys, new_keys()[0]
    current, before = keys.signing_keys
    changed: dict[str, KeyChange] = {
        "of another node": msgspec.structs.replace(change, node="gd"),
        "out of its order": msgspec.structs.replace(change, number=2),
        "taken back": msgspec.structs.replace(change, number=0),
        "from tomorrow": msgspec.structs.replace(change, at=(world.clock.moment + timedelta(days=1)).isoformat()),
        "without the key before": msgspec.structs.replace(change, keys=msgspec.structs.replace(keys, signing_keys=(current,))),
        "over at another moment": msgspec.structs.replace(
            change, keys=msgspec.structs.replace(keys, signing_keys=(current, before | {"valid_until": "2030-01-01T00:00:00+00:00"}))
        ),
        "two in use": msgspec.structs.replace(change, keys=msgspec.structs.replace(keys, signing_keys=(current, world.nodes["mo"].keys.shown.signing_keys[0]))),
        "a private key": msgspec.structs.replace(change, keys=msgspec.structs.replace(keys, sealing_key=keys.sealing_key | {"d": "AA"})),
        "another id": msgspec.structs.replace(change, keys=msgspec.structs.replace(keys, signing_keys=(current | {"kid": "x"}, before))),
        "a moment that is none": msgspec.structs.replace(
            change, keys=msgspec.structs.replace(keys, signing_keys=(*keys.signing_keys, public_jwk(other) | {"valid_until": "x"}))
        ),
        "replaced tomorrow": msgspec.structs.replace(
            change, keys=msgspec.structs.replace(keys, signing_keys=(*keys.signing_keys, public_jwk(other) | {"valid_until": "9999-12-31T23:59:59+00:00"}))
        ),
        "no key at all": msgspec.structs.replace(change, keys=msgspec.structs.replace(keys, signing_keys=())),
    }
    if how in changed:
        return key_changes.written(changed[how], old, new)
    one = key_changes.written(change, old, new)
    return {
        "by a stranger": key_changes.written(change, other, new),
        "by the new key alone": key_changes.written(change, new, new),
        "a new key of somebody else": key_changes.written(change, old, other),
        "a new key that signed nothing": Written(statement=one.statement),
        "no signature": Written(statement="a.b.c", proof="a.b.c"),
        "nothing": Written(statement=""),
        "another kind": Written(statement=one.statement.replace(".", "..", 1), proof=one.proof),
    }[how]


HOW = (
    "of another node", "out of its order", "taken back", "from tomorrow", "without the key before", "over at another moment", "two in use", "a private key", "another id",
    "a moment that is none", "replaced tomorrow", "no key at all", "by a stranger",
    "by the new key alone", "a new key of somebody else", "a new key that signed nothing", "no signature", "nothing", "another kind",
)  # fmt: skip


@pytest.mark.parametrize("how", HOW)
def test_a_change_that_does_not_follow_is_not_believed(world: World, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = hostile(world, how)
    assert isinstance(judged(world, bad), str)
    node, before = world.nodes["hk"], (world.folder / "hk" / "neighbours" / "mo.yaml").read_bytes()
    monkeypatch.setattr(node, "transport", lambda *_: (200, orjson.dumps({"changes": [msgspec.to_builtins(bad)]})))
    learned(world)
    assert (world.folder / "hk" / "neighbours" / "mo.yaml").read_bytes() == before


def test_a_key_of_another_neighbour_is_not_taken_over(world: World) -> None:
    change, old, new = change_of(world)
    theirs = world.nodes["hk"].neighbours["gd"].signing_keys[0]
    keys = msgspec.structs.replace(change.keys, signing_keys=(theirs, change.keys.signing_keys[1]))
    one = key_changes.written(msgspec.structs.replace(change, keys=keys), old, new)
    assert key_changes.followed("mo", world.nodes["hk"].neighbours["mo"], one, world.clock.moment, {str(theirs["kid"])}) == "it names a key of another node"


def test_an_answer_of_before_takes_no_key_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rotate(world, "sealing")
    first = world.nodes["mo"].keys.changes
    rotate(world, "sealing")
    learned(world)
    monkeypatch.setattr(world.nodes["hk"], "transport", lambda *_: (200, orjson.dumps({"changes": msgspec.to_builtins(first)})))
    learned(world)
    assert world.nodes["hk"].neighbours["mo"].sealing_key == world.nodes["mo"].keys.shown.sealing_key


@pytest.mark.parametrize("answer", [(200, b"no"), (200, b'{"changes": 3}'), (404, b""), (200, b"[" * 2_000_000)])
def test_a_neighbour_that_answers_something_else_hides_no_other(world: World, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, bytes]) -> None:
    monkeypatch.setattr(world.nodes["hk"], "transport", lambda *_: answer)
    witnessing.watch(world.nodes["hk"])
    assert world.nodes["hk"].neighbours["mo"].key_change == 0


def test_a_change_brings_no_neighbour_back_that_was_removed(world: World) -> None:
    rotate(world, "signing")
    one = world.nodes["mo"].keys.changes[0]
    register.remove(world.nodes["hk"], "mo", "parted")
    learned(world)
    register.change_keys(world.nodes["hk"], "mo", key_changes.change_in(one), one)
    assert "mo" not in world.nodes["hk"].neighbours


def test_a_neighbour_is_added_by_the_card_of_after_and_follows_from_there(world: World) -> None:
    rotate(world, "signing")
    register.remove(world.nodes["hk"], "mo", "to compare anew")
    fresh = card(world.folder / "mo", "http://127.0.0.1:1")
    assert isinstance(register.add(world.nodes["hk"], fresh | {"key_change": 7}, register.fingerprint(fresh)), Refusal), "the number is read out too"
    assert isinstance(register.add(world.nodes["hk"], fresh, register.fingerprint(fresh)), register.Listed)
    rotate(world, "signing")
    learned(world)
    assert world.nodes["hk"].neighbours["mo"].key_change == 2


def test_a_card_whose_first_key_is_a_replaced_one_is_refused(world: World) -> None:
    rotate(world, "signing")
    turned = card(world.folder / "mo", "http://127.0.0.1:1")
    turned["signing_keys"] = list(reversed(turned["signing_keys"]))  # type: ignore[call-overload]
    read = register.read_card(orjson.dumps(turned), "hk", ("CN", "HK", "MO"))
    assert isinstance(read, Refusal) and read.reasons[0].where == "signing_keys"
    turned["signing_keys"] = [*reversed(turned["signing_keys"])]
    turned["signing_keys"][1] = turned["signing_keys"][1] | {"valid_until": "soon"}
    read = register.read_card(orjson.dumps(turned), "hk", ("CN", "HK", "MO"))
    assert isinstance(read, Refusal), "or a package of anybody could not be looked at"


# --- killed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("what", "step"), [*(("signing", step) for step in ROTATE), ("sealing", "rotate.changes_written"), ("card", "rotate.decided")])
def test_killed_at_any_step_it_is_the_old_or_the_new_state(tmp_path: Path, what: What, step: str) -> None:
    world = World.new(tmp_path)
    folder, old = tmp_path / "mo", read_own(tmp_path / "mo")
    for node in world.nodes.values():
        node.storage.close()
    command = [sys.executable, "-m", "baybridge", "key", "rotate", what, "--node", str(folder), "--reason", "as every year"]
    killed = subprocess.run(command, check=False, capture_output=True, env={**os.environ, "BAYBRIDGE_HALT_AT": step})
    assert killed.returncode == -9, killed.stderr
    node = Node(read_config(folder))
    decided = step not in ("rotate.logged", "rotate.staged")
    assert not (folder / "keys" / key_rotation.STAGED).exists()
    assert len(logged(node, key_rotation.ENTRY)) == node.keys.number == int(decided)
    assert (node.keys.shown.in_use != old.shown.in_use) is decided
    assert public_jwk(node.keys.signing)["kid"] == node.keys.shown.in_use[0]
    witnessing.sign_checkpoint(node)
    assert check_stored(node.config).findings == []
    assert isinstance(key_rotation.rotate(node, what, "again", register.operator(node)), key_rotation.Rotated)
    assert node.keys.number == 1 + decided
    neighbour = Node(read_config(tmp_path / "hk"), transport=lambda *_: (200, orjson.dumps({"changes": msgspec.to_builtins(node.keys.changes)})))
    key_changes.learn(neighbour, "mo")
    assert neighbour.neighbours["mo"].key_change == node.keys.number




def test_a_package_as_large_as_any_names_its_signer(world: World) -> None:
    node = world.nodes["mo"]
    signed = packages.sign(b"x" * 1_000_000, node.keys.signing, "package+jws")
    assert packages.signer_of(signed) == packages.public_jwk(node.keys.signing)["kid"]
