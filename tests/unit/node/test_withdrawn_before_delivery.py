"""A package that waits while a consent is taken back: it does not go, the case says so; what rests on no consent goes all the same."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from acceptance.support import World
from baybridge.journey.command import Role
from baybridge.journey.events import PackageReceived, TransferReceived, TransferRefused
from baybridge.node.integrity import check as checking
from baybridge.node.integrity.rows import rows_of
from baybridge.node.neighbours import transfers, witnessing


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World.new(tmp_path)
    world.refer()
    return world


def withdraw(world: World, *kinds: str) -> None:
    for consent in world.case("mo").consents:
        if consent.kind in kinds:
            world.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=consent.consent_id)


def received(world: World) -> int:
    return len(world.events("hk", PackageReceived))


def test_a_package_that_waits_does_not_go_once_its_consent_is_taken_back(world: World) -> None:
    before = received(world)
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    sent = world.case("mo").transfers[-1].sent.event
    withdraw(world, "care", "cross_border")
    transfers.deliver(world.nodes["mo"])
    refused = world.events("mo", TransferRefused)
    assert [one.to_node for one in refused] == ["hk"] and refused[0].codes
    assert sent.package_id not in {event.package_id for event in world.events("mo", TransferReceived)}
    assert sent.package_id not in {event.package_id for event in world.events("hk", PackageReceived)}
    told = received(world)
    world.clock.moment += timedelta(hours=2)
    transfers.deliver(world.nodes["mo"])
    assert received(world) == told and len(world.events("mo", TransferRefused)) == 1, "it is tried no more, and said once"
    assert told - before <= 2, "the withdrawals alone went"
    node = world.nodes["mo"]
    witnessing.sign_checkpoint(node)
    with node.storage.reading() as connection:
        assert checking.check(connection, node.config, rows_of(node.config)).findings == []


def test_a_package_goes_where_another_consent_was_taken_back(world: World) -> None:
    before = received(world)
    named = {"recipients": ["hk"], "purposes": ["CASE_STATUS"]}
    world.do("mo", Role.COORDINATOR, "RecordConsent", kind="sharing_status", notice_version="1", notice_language="zh-Hant", **named)
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    sent = next(one.sent.event for one in reversed(world.case("mo").transfers) if one.sent.event.purpose == "CARE_REFERRAL")
    withdraw(world, "sharing_status")
    world.deliver("mo")
    assert sent.package_id in {event.package_id for event in world.events("hk", PackageReceived)}
    assert received(world) > before
    assert [one for one in world.events("mo", TransferRefused) if one.purpose == "CARE_REFERRAL"] == []


def test_what_a_consent_that_ends_by_its_day_carried_does_not_go_after_it(world: World) -> None:
    withdraw(world, "care")
    world.do(
        "mo", Role.COORDINATOR, "RecordConsent", kind="care", notice_version="1", notice_language="zh-Hant",
        valid_until=(world.clock() + timedelta(days=1)).date().isoformat(),
    )  # fmt: skip
    world.deliver()
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    sent = world.case("mo").transfers[-1].sent.event
    world.clock.moment += timedelta(days=3)
    transfers.deliver(world.nodes["mo"])
    assert sent.package_id not in {event.package_id for event in world.events("hk", PackageReceived)}
    assert [one.purpose for one in world.events("mo", TransferRefused)] == ["CARE_REFERRAL"]
