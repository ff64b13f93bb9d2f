"""Two persons release a batch: what they sign is what follows, and a result that their decision rests on is not taken back under it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import case_world as w
from acceptance.support import Clock
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import ConfirmationAsked, ProductRejected, ProductReleased, ProductTested
from baybridge.node.clock import new_id
from baybridge.node.commands.done import Done
from baybridge.node.config import read_config
from baybridge.node.handle import handle
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found

CASE, PLANT = "case-1", "Shanghai Plant"
PEOPLE = {"quality": Role.QUALITY, "quality-2": Role.QUALITY, "maker": Role.MANUFACTURER, "laboratory": Role.LABORATORY}


class House:
    def __init__(self, folder: Path) -> None:
        found(folder, {"node": "sh", "organisation": PLANT, "jurisdiction": "CN", "city": "Shanghai", "kinds": ["plant"]})
        self.world, self.clock = w.at_plant().walk(w.START_BATCH), Clock()
        self.clock.moment = self.world.now + timedelta(hours=1)
        self.node = Node(read_config(folder), now=self.clock)
        with self.node.unit() as unit:
            unit.append(CASE, [item.event for item in self.world.events], Actor("test", Role.SYSTEM, PLANT), known=0)
        with self.node.storage.writing() as connection:
            for account, role in PEOPLE.items():
                accounts.add_account(connection, account=account, name=account, role=role, organisation=PLANT, password="three plain words")
        self.release_input = w.RELEASE.input(self.world)
        self.first = self.test(**w.GOOD_RESULTS)

    def give(self, account: str, name: str, given: dict[str, Any]) -> Done | Refusal:
        with self.node.storage.reading() as connection:
            actor = accounts.open_actor(connection, account, self.clock())
        assert actor is not None
        return handle(self.node, Command(name, CASE, given, actor, new_id()))

    def ask_release(self) -> ConfirmationAsked:
        done = self.give("quality", "Release", self.release_input)
        assert isinstance(done, Done), done
        (asked,) = done.events
        assert isinstance(asked.event, ConfirmationAsked)
        return asked.event

    def test(self, **results: str) -> str:
        done = self.give("laboratory", "TestProduct", {"batch": "batch-1", "results": [[name, value, "-"] for name, value in results.items()]})
        assert isinstance(done, Done), done
        return next(item.event_id for item in done.events if isinstance(item.event, ProductTested))

    def confirm(self, account: str, asked: ConfirmationAsked) -> Done | Refusal:
        return self.give(account, "ConfirmEntry", {"confirmation_id": asked.confirmation_id, "agrees": True})

    def of(self, kind: type) -> list[Any]:
        return [item.event for item in self.node.events(CASE) if isinstance(item.event, kind)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "sh")
    yield made
    made.node.storage.close()


def codes(answer: Done | Refusal) -> list[str]:
    return sorted(reason.code for reason in answer.reasons) if isinstance(answer, Refusal) else []


def test_a_release_says_released_and_approved(house: House) -> None:
    assert codes(house.confirm("maker", house.ask_release())) == []
    (released,) = house.of(ProductReleased)
    assert [one.meaning for one in released.signed_by] == ["released", "approved"]


def test_nobody_s_approval_becomes_a_rejection_when_a_result_comes_in_between(house: House) -> None:
    approving = house.ask_release()
    house.test(endotoxin="9.5")
    rejecting = house.ask_release()
    assert rejecting.confirmation_id != approving.confirmation_id, "the same input is another question now"
    assert codes(house.confirm("maker", approving)) == ["signing.confirm.changed"]
    assert (house.of(ProductReleased), house.of(ProductRejected)) == ([], [])
    assert codes(house.confirm("maker", rejecting)) == []
    (rejected,) = house.of(ProductRejected)
    assert [one.meaning for one in rejected.signed_by] == ["rejected", "approved_rejection"]


def test_a_failed_result_on_which_a_rejection_rests_is_not_taken_back_under_it(house: House) -> None:
    failed = house.test(endotoxin="9.5")
    assert codes(house.confirm("maker", house.ask_release())) == []
    void = {"event_id": failed, "action": "void", "reason": "wrong-value", "note": "another sample"}
    assert codes(house.give("laboratory", "CorrectEntry", void)) == ["correction.depends"]
    right = {"batch": "batch-1", "results": [["endotoxin", "0.1", "-"]]}
    assert codes(house.give("laboratory", "CorrectEntry", {**void, "action": "replace", "given": right})) == ["correction.depends"]


def test_one_result_of_several_on_which_a_release_rests_is_not_taken_back_under_it(house: House) -> None:
    again = house.test(sterility_negative="true")
    assert codes(house.confirm("maker", house.ask_release())) == []
    void = {"action": "void", "reason": "wrong-value", "note": "another sample"}
    assert codes(house.give("quality", "CorrectEntry", {**void, "event_id": house.first})) == ["correction.depends"]
    asked = house.give("laboratory", "CorrectEntry", {**void, "event_id": again})
    assert codes(asked) == [], "the first entry holds the same result"


def test_of_two_who_take_back_a_result_one_is_of_quality(house: House) -> None:
    failed = house.test(endotoxin="9.5")
    done = house.give("laboratory", "CorrectEntry", {"event_id": failed, "action": "void", "reason": "wrong-value", "note": "another sample"})
    assert isinstance(done, Done)
    asked = done.events[0].event
    assert isinstance(asked, ConfirmationAsked)
    assert asked.roles == ("quality",)
    assert codes(house.confirm("maker", asked)) == ["signing.confirm.role"]
    assert codes(house.confirm("quality-2", asked)) == []


def test_an_answer_that_names_another_case_answers_none(house: House) -> None:
    asked = house.ask_release()
    with house.node.unit() as unit:
        unit.append("case-2", [item.event for item in w.at_plant().events], Actor("test", Role.SYSTEM, PLANT), known=0)
    with house.node.storage.reading() as connection:
        actor = accounts.open_actor(connection, "maker", house.clock())
    assert actor is not None
    answer = handle(house.node, Command("ConfirmEntry", "case-2", {"confirmation_id": asked.confirmation_id, "agrees": True}, actor, new_id()))
    assert codes(answer) == ["signing.confirm.unknown"]
    assert house.of(ProductReleased) == []
