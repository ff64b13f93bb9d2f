"""What a node takes in from another: once, signed, sealed to it, and never over what it is itself the source of."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from acceptance.support import World, read_resource, resource_of
from baybridge.base.outcome import Category, Refusal
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.node import tables
from baybridge.node.clock import new_id
from baybridge.node.commands.done import Done
from baybridge.node.neighbours import package as packages
from baybridge.node.neighbours import transfers
from hostile_packages import checked


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.new(tmp_path)
    made.refer()
    return made


def sealed(world: World, node: str = "mo") -> bytes:
    with world.nodes[node].storage.reading() as connection:
        return bytes(connection.execute(tables.outgoing.select().order_by(tables.outgoing.c.created_at)).mappings().first()["sealed"])  # type: ignore[index]


def content_of(world: World) -> packages.Content:
    hk = world.nodes["hk"]
    senders = {name: one.signing_keys for name, one in hk.neighbours.items()}
    opened = packages.open_sealed(sealed(world), hk.config.sealing_key, senders, "hk")
    assert isinstance(opened, packages.Opened)
    return opened.content


def again(world: World, signer: str = "mo", to: str = "hk", **changes: Any) -> bytes:
    """The package that Macao sent, changed, sealed anew by a signer."""
    content = msgspec.structs.replace(content_of(world), **changes)
    receiver = world.nodes["mo"].neighbours[to].sealing_key
    return packages.seal(packages.content_bytes(content), world.nodes[signer].config.signing_key, receiver)


def codes(answer: bytes | Refusal) -> list[str]:
    assert isinstance(answer, Refusal)
    return [reason.code for reason in answer.reasons]


def test_same_package_again_answers_the_same_receipt_and_files_nothing(world: World) -> None:
    before = len(world.nodes["hk"].events(world.case_id))
    first, second = (transfers.receive(world.nodes["hk"], sealed(world)) for _ in range(2))
    assert isinstance(first, bytes) and first == second
    assert len(world.nodes["hk"].events(world.case_id)) == before


def test_other_content_under_a_known_id_is_a_conflict(world: World) -> None:
    answer = transfers.receive(world.nodes["hk"], again(world, purpose="RESULT_RECOGNITION"))
    assert codes(answer) == ["federation.package_differs"]
    assert isinstance(answer, Refusal) and answer.category is Category.CONFLICT


@pytest.mark.parametrize("place", [0, 40, 400, -1])
def test_changed_byte_is_refused(world: World, place: int) -> None:
    body = bytearray(sealed(world))
    body[place] = ord("A") if body[place] != ord("A") else ord("B")
    assert codes(transfers.receive(world.nodes["hk"], bytes(body)))[0].startswith("federation.")


def test_signed_by_another_node_in_its_name(world: World) -> None:
    assert codes(transfers.receive(world.nodes["hk"], again(world, signer="gd", package_id=new_id()))) == ["federation.sender_mismatch"]


def test_sealed_to_another_node_and_addressed_to_another(world: World) -> None:
    assert codes(transfers.receive(world.nodes["gd"], sealed(world))) == ["federation.not_sealed_to_us"]
    assert codes(transfers.receive(world.nodes["gd"], again(world, to="gd", package_id=new_id()))) == ["federation.not_for_us"]


def test_kind_that_is_none_and_events_beyond_the_purpose_are_both_told(world: World) -> None:
    told = (*content_of(world).told, {**content_of(world).told[0], "event_id": "x", "event": {"type": "ProductReleased"}})
    answer = transfers.receive(world.nodes["hk"], again(world, package_id=new_id(), kind="gift", purpose="RESULT_RECOGNITION", told=told))
    assert {"federation.unknown_kind", "federation.told_beyond_purpose", "federation.told_by_wrong_kind"} <= set(codes(answer))


def test_withdrawal_may_tell_consents_and_nothing_else(world: World) -> None:
    told = content_of(world).told
    assert any(item["event"]["type"] == "CaseOpened" for item in told)
    answer = transfers.receive(world.nodes["hk"], again(world, package_id=new_id(), kind=packages.WITHDRAWAL, resources=(), decision={}))
    assert set(codes(answer)) == {"federation.told_beyond_purpose"}


def test_a_copy_that_comes_back_does_not_overwrite_its_source(world: World) -> None:
    """Hong Kong sends Macao's own result back, changed: Macao keeps its own."""
    world.board()
    world.do("hk", Role.PHYSICIAN, "AcceptCase", product="axicabtagene-ciloleucel")
    ecog = resource_of(world.bundle(), "-a-ecog")
    name = f"Observation/{ecog['id']}"
    before = read_resource(world.nodes["mo"], name)
    content, made = content_of(world), checked(world, "hk", "mo", {"kept": [name], "subject": world.case_id})
    forged = packages.seal(
        packages.content_bytes(
            msgspec.structs.replace(
                content,
                package_id=new_id(),
                from_node="hk",
                to_node="mo",
                kind=packages.CORRECTION,
                corrected=(name,),
                gone=(name,),
                told=(),
                decision=made,
                route=made["route"],
                codes=tuple(made["codes"]),
                resources=(msgspec.json.encode({**ecog, "valueInteger": 4}).decode(),),
            )
        ),
        world.nodes["hk"].config.signing_key,
        world.nodes["hk"].neighbours["mo"].sealing_key,
    )
    assert isinstance(transfers.receive(world.nodes["mo"], forged), bytes)
    assert read_resource(world.nodes["mo"], name) == before


def test_receipt_of_a_stranger_is_not_believed(world: World) -> None:
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="gd", purpose="CARE_REFERRAL")
    node = world.nodes["mo"]
    honest = node.transport
    node.transport = lambda *_: (200, b"no receipt")
    assert transfers.deliver(node) == 0
    with node.storage.reading() as connection:
        waiting = connection.execute(tables.outgoing.select().where(tables.outgoing.c.receipt.is_(None))).mappings().all()
    assert [(row["attempts"], row["last_problem"]) for row in waiting] == [(1, "receipt")]
    node.transport = honest
    assert world.deliver("mo") == 1
    assert len(world.events("gd", ev.PackageReceived)) == 1


def test_many_at_once_are_numbered_one_by_one_and_none_is_lost(world: World) -> None:
    """Threads that give commands on one case, each twice."""
    answers: dict[str, Any] = {}

    def give(number: int) -> None:
        for _ in range(2):
            given = {"kind": "care", "notice_version": str(number), "notice_language": "en"}
            answers[f"{number}"] = world.do("mo", Role.COORDINATOR, "RecordConsent", f"id-{number}", **given)

    threads = [threading.Thread(target=give, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(answer, Done) for answer in answers.values()) and len(answers) == 12
    found = world.nodes["mo"].events(world.case_id)
    assert [item.sequence for item in found] == list(range(1, len(found) + 1))
    versions = [e.notice_version for e in world.events("mo", ev.ConsentRecorded) if e.notice_version.isdigit()]
    assert sorted(versions, key=int) == [str(number) for number in range(12)]
