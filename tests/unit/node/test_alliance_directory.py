"""The directory of the alliance is taken where a known neighbour signed it, never an older one or one that is over; it shows what differs and joins nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner
from sqlalchemy import select

from acceptance.support import World
from baybridge.base.canonical import canonical_bytes
from baybridge.base.outcome import Refusal
from baybridge.cli.main import main
from baybridge.ledger.tables import log_entry
from baybridge.node.neighbours import alliance_directory, key_changes, key_rotation, register
from baybridge.node.neighbours.alliance_directory import Compared, Directory, compared, kept, make, take
from baybridge.node.neighbours.package import new_keys, sign


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.new(tmp_path)
    mo = made.nodes["mo"]
    mo.config = replace(mo.config, url=made.nodes["hk"].neighbours["mo"].url)
    return made


def taken(world: World, signed: bytes, by: str = "mo") -> Directory:
    said = take(world.nodes["hk"], signed, by)
    assert isinstance(said, Directory), said
    return said


def codes(world: World, signed: bytes, by: str = "mo") -> list[str]:
    said = take(world.nodes["hk"], signed, by)
    return [reason.code for reason in said.reasons] if isinstance(said, Refusal) else []


def rows(world: World, said: Directory) -> dict[str, Compared]:
    return {row.node: row for row in compared(world.nodes["hk"], said)}


def signed_with(world: World, key: str = "", **changes: Any) -> bytes:
    """A directory of Macao with something changed, signed by its key or another one."""
    plain = json.loads(alliance_directory.check_signed(make(world.nodes["mo"], 30), world.nodes["hk"].neighbours["mo"].signing_keys, alliance_directory.DIRECTORY_TYPE))  # type: ignore[arg-type]
    return sign(canonical_bytes(plain | changes), key or world.nodes["mo"].keys.signing, alliance_directory.DIRECTORY_TYPE)


def neighbours_of(world: World) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((world.folder / "hk" / "neighbours").glob("*.yaml*"))}


def test_it_is_taken_shown_and_joins_nobody(world: World) -> None:
    hk, before = world.nodes["hk"], neighbours_of(world)
    found_new(world)
    said = taken(world, make(world.nodes["mo"], 30))
    shown = rows(world, said)
    assert (shown["gd"].state, shown["mo"].state, shown["nw"].state) == ("same", "same", "not-joined")
    assert shown["hk"].state == "same", "what the alliance says of this node itself is compared too"
    assert neighbours_of(world) == before
    assert "nw" not in hk.neighbours
    assert kept(hk) == said
    with hk.storage.reading() as connection:
        assert list(connection.execute(select(log_entry.c.what).where(log_entry.c.kind == "directory")).scalars()) == ["taken mo 1"]


def found_new(world: World) -> None:
    """A node that only Macao knows."""
    from baybridge.node.upkeep.founding import card, found

    found(world.folder / "nw", {"node": "nw", "organisation": "New Hospital", "jurisdiction": "CN", "kinds": ["centre"], "city": "Zhuhai"})
    fresh = card(world.folder / "nw", "https://nw.example")
    assert isinstance(register.add(world.nodes["mo"], fresh, register.fingerprint(fresh)), register.Listed)


def test_what_differs_is_named_field_by_field(world: World) -> None:
    path = world.folder / "hk" / "neighbours" / "gd.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"url": "https://elsewhere.example", "organisation": "Another name"}))
    key_rotation.rotate(world.nodes["sh"], "signing", "as every year", register.operator(world.nodes["sh"]))
    key_changes.learn(world.nodes["mo"], "sh")
    register.remove(world.nodes["mo"], "gd", "parted")
    first = rows(world, taken(world, make(world.nodes["mo"], 30)))
    assert first["gd"].state == "not-listed"
    assert first["sh"].state == "other-keys"
    again = yaml.safe_load((world.folder / "mo" / "neighbours" / "gd.yaml.removed").read_text())
    register.add(world.nodes["mo"], again, register.fingerprint(again))
    second = rows(world, taken(world, make(world.nodes["mo"], 30)))
    assert (second["gd"].state, sorted(name for name, _, _ in second["gd"].differs)) == ("differs", ["organisation", "url"])
    register.remove(world.nodes["hk"], "gd", "parted")
    assert rows(world, taken(world, make(world.nodes["mo"], 30)))["gd"].state == "removed"


def test_a_directory_of_before_is_refused_and_the_same_again_is_not(world: World) -> None:
    first, second = make(world.nodes["mo"], 30), make(world.nodes["mo"], 30)
    assert taken(world, second).version == 2
    assert codes(world, first) == ["neighbour.directory.older"]
    assert taken(world, second).version == 2
    assert codes(world, signed_with(world, version=2)) == ["neighbour.directory.older"], "another of the same number"
    now = kept(world.nodes["hk"])
    assert now is not None and now.version == 2


def test_one_that_is_over_is_refused_and_one_that_was_taken_says_so(world: World) -> None:
    signed = make(world.nodes["mo"], 1)
    taken(world, signed)
    world.clock.moment += timedelta(days=2)
    assert codes(world, signed) == ["neighbour.directory.over"]


ODD: list[tuple[dict[str, Any], str]] = [
    ({"by": "gd"}, "neighbour.directory.of_another"),
    ({"made_at": "2031-01-01T00:00:00+00:00", "expires_at": "2031-02-01T00:00:00+00:00"}, "neighbour.directory.times"),
    ({"expires_at": "2040-01-01T00:00:00+00:00"}, "neighbour.directory.times"),
    ({"made_at": "2026-03-01T00:00:00"}, "neighbour.directory.unreadable"),
    ({"version": 0}, "neighbour.directory.unreadable"),
    ({"version": "2"}, "neighbour.directory.unreadable"),
    ({"nodes": []}, "neighbour.directory.unreadable"),
    ({"extra": 1}, "neighbour.directory.unreadable"),
]
LISTED = {"node": "nw", "organisation": "New", "jurisdiction": "CN", "kinds": ["centre"], "url": "https://nw.example", "fingerprint": "0" * 64}
ODD += [
    ({"nodes": [LISTED, LISTED]}, "neighbour.directory.twice"),
    ({"nodes": [LISTED | {"jurisdiction": "ZZ"}]}, "neighbour.directory.region"),
    ({"nodes": [LISTED | {"organisation": "New\x1b[2J"}]}, "neighbour.directory.unreadable"),
    ({"nodes": [LISTED | {"url": "javascript:alert(1)"}]}, "neighbour.directory.unreadable"),
    ({"nodes": [LISTED | {"node": "../mo"}]}, "neighbour.directory.unreadable"),
    ({"nodes": [LISTED | {"fingerprint": "0"}]}, "neighbour.directory.unreadable"),
]


@pytest.mark.parametrize(("changes", "code"), ODD)
def test_what_is_wrong_with_it_is_told(world: World, changes: dict[str, Any], code: str) -> None:
    assert codes(world, signed_with(world, **changes)) == [code]
    assert kept(world.nodes["hk"]) is None


def test_only_the_named_neighbour_signs_and_nothing_was_changed_on_the_way(world: World) -> None:
    signed = make(world.nodes["mo"], 30)
    assert codes(world, signed, "gd") == ["neighbour.directory.signature"]
    assert codes(world, signed, "nobody") == ["neighbour.unknown"]
    assert codes(world, signed_with(world, key=new_keys()[0])) == ["neighbour.directory.signature"]
    head, body, signature = signed.split(b".")
    assert codes(world, b".".join((head, body[:-4] + b"AAAA", signature))) == ["neighbour.directory.signature"]
    assert codes(world, b"") == codes(world, b"x" * 2_000_000) == ["neighbour.directory.signature"]
    package = sign(canonical_bytes(msgspec.to_builtins(taken(world, signed))), world.nodes["mo"].keys.signing, "baybridge-package+jws")
    assert codes(world, package) == ["neighbour.directory.signature"], "something else that it signed"
    register.remove(world.nodes["hk"], "mo", "parted")
    assert codes(world, signed) == ["neighbour.unknown"], "a removed one says nothing any more"


def test_the_command_line(world: World, tmp_path: Path) -> None:
    mo, hk, out = str(world.folder / "mo"), str(world.folder / "hk"), tmp_path / "alliance.jws"
    run = CliRunner().invoke
    assert run(main, ["neighbour", "directory", "show", "--node", hk]).exit_code == 1
    with (world.folder / "mo" / "node.yaml").open("a", encoding="utf-8") as file:
        file.write("\nurl: https://mo.example\n" if "url:" not in (world.folder / "mo" / "node.yaml").read_text() else "")
    assert run(main, ["neighbour", "directory", "make", str(out), "--node", mo, "--days", "30"]).exit_code == 0
    done = run(main, ["neighbour", "directory", "take", str(out), "--node", hk, "--by", "mo", "--json"])
    assert done.exit_code == 0, done.output
    assert {row["node"] for row in json.loads(done.stdout)["nodes"]} == {"gd", "hk", "mo", "sh"}
    assert "mo, number 1" in run(main, ["neighbour", "directory", "show", "--node", hk]).output
    assert run(main, ["neighbour", "directory", "take", str(out), "--node", hk, "--by", "gd"]).exit_code == 1
