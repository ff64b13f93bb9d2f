"""Tasks that persons take, give and give back, and the bell: who is told, of what, and of nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from acceptance.support import PURPOSES, Refused, World
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.journey.case_messages import PURPOSE
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import CallEscalated, CallNotified, TaskGivenBack
from baybridge.journey.held_tasks import holders
from baybridge.journey.judged import Judged
from baybridge.node import tables
from baybridge.node.clock import new_id
from baybridge.node.handle import handle
from baybridge.node.people import accounts, administration, notifications
from baybridge.node.people.account_changes import Disable
from baybridge.node.upkeep.projections import task_rows
from baybridge.node.work import Work, carry_out
from told_status import consents


@pytest.fixture(scope="module")
def _two(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World.new(tmp_path_factory.mktemp("two"))
    consents(world, status=False, purposes=[*PURPOSES, PURPOSE])
    world.deliver()
    for node in ("mo", "hk"):
        for name, role in (("ana", Role.COORDINATOR), ("bo", Role.COORDINATOR), ("chan", Role.NURSE), ("dr", Role.PHYSICIAN)):
            with world.nodes[node].storage.writing() as connection:
                accounts.add_account(connection, account=f"{name}-{node}", name=f"{name}-{node}", role=role, organisation=world.nodes[node].site.organisation,
                                     password="", password_hash="-", person_id=f"p-{name}-{node}")  # fmt: skip
    return world


@pytest.fixture
def world(_two: World, tmp_path: Path) -> World:
    return _two.copied(tmp_path)


def give(world: World, node: str, who: str, role: Role, name: str, **given: Any) -> Any:
    actor = Actor(f"{who}-{node}", role, world.nodes[node].site.organisation, person=f"p-{who}-{node}")
    done = handle(world.nodes[node], Command(name, world.case_id, given, actor, new_id()))
    if isinstance(done, Refusal):
        raise Refused(done)
    return done


def codes(world: World, node: str, who: str, role: Role, name: str, **given: Any) -> list[str]:
    with pytest.raises(Refused) as refused:
        give(world, node, who, role, name, **given)
    return refused.value.codes


def question(world: World) -> str:
    """Macao asks Hong Kong; the task of its coordinators."""
    give(world, "mo", "ana", Role.COORDINATOR, "SendMessage", to="hk", text="When is the infusion?")
    world.deliver("mo")
    return next(str(task["key"]) for task in task_rows(world.nodes["hk"], world.case_id) if task["step"] == "message")


def holder(world: World, key: str) -> str:
    return next(str(task.get("holder") or "") for task in task_rows(world.nodes["hk"], world.case_id) if task["key"] == key)


def told(world: World, node: str, who: str) -> list[str]:
    with world.nodes[node].storage.reading() as connection:
        return [one.kind for one in notifications.of_account(connection, f"{who}-{node}")]


def test_a_task_is_taken_given_and_given_back(world: World) -> None:
    key = question(world)
    give(world, "hk", "ana", Role.COORDINATOR, "ClaimTask", task=key)
    assert holder(world, key) == "ana-hk"
    assert codes(world, "hk", "ana", Role.COORDINATOR, "ClaimTask", task=key) == ["journey.task.yours"]
    assert codes(world, "hk", "bo", Role.COORDINATOR, "ClaimTask", task=key) == ["journey.task.held"]
    give(world, "hk", "ana", Role.COORDINATOR, "GiveTask", task=key, account="bo-hk")
    assert holder(world, key) == "bo-hk" and told(world, "hk", "bo") == ["task", "message"]
    give(world, "hk", "bo", Role.COORDINATOR, "GiveTaskBack", task=key)
    assert holder(world, key) == ""
    assert codes(world, "hk", "bo", Role.COORDINATOR, "GiveTaskBack", task=key) == ["journey.task.nobodys"]


def test_who_may_not_is_told_why(world: World) -> None:
    key = question(world)
    assert codes(world, "hk", "chan", Role.NURSE, "ClaimTask", task=key) == ["journey.task.other_role"]
    assert codes(world, "hk", "ana", Role.COORDINATOR, "ClaimTask", task="not-there") == ["journey.task.unknown"]
    assert codes(world, "hk", "ana", Role.COORDINATOR, "GiveTask", task=key, account="chan-hk") == ["journey.task.not_of_role"]
    assert codes(world, "hk", "ana", Role.COORDINATOR, "GiveTask", task=key, account="ana-mo") == ["journey.task.nobody"]
    assert codes(world, "hk", "chan", Role.NURSE, "GiveTask", task=key, account="ana-hk") == ["journey.task.not_yours"]
    with pytest.raises(Refused) as refused:
        world.do("hk", Role.COORDINATOR, "ClaimTask", task=key)
    assert refused.value.codes == ["journey.task.no_account"]


def test_a_claim_that_was_a_mistake_is_put_right_like_every_entry(world: World) -> None:
    key = question(world)
    done = give(world, "hk", "ana", Role.COORDINATOR, "ClaimTask", task=key)
    give(world, "hk", "bo", Role.COORDINATOR, "CorrectEntry", event_id=done.events[0].event_id, action="void", reason="wrong-value")
    assert holders(world.case("hk"), "hk") == {} and holder(world, key) == ""


def test_an_account_that_is_disabled_gives_its_tasks_back(world: World) -> None:
    key = question(world)
    give(world, "hk", "ana", Role.COORDINATOR, "ClaimTask", task=key)
    holder(world, key)
    administrator = Actor("admin", Role.ADMINISTRATOR, world.nodes["hk"].site.organisation, person="p-admin")
    assert not isinstance(administration.change(world.nodes["hk"], administrator, Disable(account="ana-hk", reason="left")), Refusal)
    assert [event.task for event in world.events("hk", TaskGivenBack)] == [key]
    assert holder(world, key) == ""
    give(world, "hk", "bo", Role.COORDINATOR, "ClaimTask", task=key)


def test_the_task_goes_when_the_question_is_answered_and_who_asked_is_told(world: World) -> None:
    key = question(world)
    give(world, "hk", "ana", Role.COORDINATOR, "ClaimTask", task=key)
    give(world, "hk", "dr", Role.PHYSICIAN, "AnswerMessage", message_id=key.partition(":")[2], text="On Monday.")
    assert [task for task in task_rows(world.nodes["hk"], world.case_id) if task["key"] == key] == []
    world.deliver("hk")
    assert told(world, "mo", "ana") == ["answer"] and told(world, "mo", "bo") == []


def test_each_is_told_of_what_concerns_them_and_only_of_what_they_want(world: World) -> None:
    with world.nodes["hk"].storage.writing() as connection:
        notifications.want(connection, "bo-hk", ["task", "call"])
    give(world, "mo", "ana", Role.COORDINATOR, "SendMessage", to="hk", text="x", for_role="physician")
    give(world, "mo", "ana", Role.COORDINATOR, "SendMessage", to="hk", text="y")
    world.deliver("mo")
    assert (told(world, "hk", "dr"), told(world, "hk", "ana"), told(world, "hk", "bo"), told(world, "hk", "chan")) == (["message"], ["message"], [], [])
    assert told(world, "mo", "ana") == []


def test_a_call_that_somebody_did_not_acknowledge_is_told_to_whoever_was_called(world: World) -> None:
    node = world.nodes["hk"]
    called = CallNotified(call_id="c", step="team", accounts=("chan-hk", "dr-hk"), channel="page")
    with node.unit() as unit:
        carry_out(node, unit, Work(world.case_id, node.system(), Judged((called, CallEscalated(call_id="c", step="next"))), len(unit.events(world.case_id))))
    assert (told(world, "hk", "chan"), told(world, "hk", "dr"), told(world, "hk", "ana")) == (["call"], ["call"], [])


def test_the_bell_counts_names_no_patient_and_is_each_persons_own(world: World) -> None:
    question(world)
    node = world.nodes["hk"]
    with node.storage.writing() as connection:
        tokens = {name: accounts.open_session(connection, name, node.now()).token for name in ("ana-hk", "chan-hk")}
        mine = connection.execute(select(tables.notification.c.notification_id).where(tables.notification.c.account == "ana-hk")).scalar()
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        of = lambda name: {"authorization": f"Bearer {tokens[name]}"}  # noqa: E731 - one line a request
        bell = client.get("/notifications/number?language=en", headers=of("ana-hk")).text
        page = client.get("/notifications?language=en", headers=of("ana-hk")).text
        assert "Notifications: 1 new" in bell and "A new message" in page and "試甲" not in page and "When is the infusion" not in page
        assert "none new" in client.get("/notifications/number?language=en", headers=of("chan-hk")).text
        assert client.post("/notifications/open", headers=of("chan-hk"), data={"notification": mine}).headers["location"] == "/notifications"
        assert "Notifications: 1 new" in client.get("/notifications/number?language=en", headers=of("ana-hk")).text
        opened = client.post("/notifications/open", headers=of("ana-hk"), data={"notification": mine})
        assert opened.headers["location"] == f"/cases/{world.case_id}/messages"
        assert "none new" in client.get("/notifications/number?language=en", headers=of("ana-hk")).text
        assert client.post("/account/notifications", headers=of("ana-hk"), data={"kind": ["task"]}).status_code == 303
        assert 'value="message">' in client.get("/account?language=en", headers=of("ana-hk")).text
    with node.storage.reading() as connection:
        assert notifications.unwanted(connection, "ana-hk") == {"message", "answer", "call"}
