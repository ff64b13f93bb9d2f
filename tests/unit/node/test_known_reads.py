"""Readings whose decision is remembered: answered and noted as every other, and decided anew as soon as anything changes that the decision rests on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from acceptance.support import record
from baybridge.api.fhir_reading import Reading
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Role
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.fhir import interactions
from baybridge.node.fhir.interactions import Interaction
from baybridge.node.fhir.known_reads import KnownReads
from baybridge.node.intake.importing import import_upload
from baybridge.node.integrity.check import check_stored
from baybridge.node.node import Node
from baybridge.node.outage import StorageProblem
from baybridge.node.people import accounts, reads
from readers_house import HERE, House, opened

PHYSICIAN = Actor("physician", Role.PHYSICIAN, HERE)


@dataclass
class Readings:
    """Readings over FHIR in such a house; `observation` is one of the patient's results."""

    house: House
    observation: str

    @property
    def node(self) -> Node:
        return self.house.node

    @property
    def case_id(self) -> str:
        return self.house.case_id

    @property
    def tokens(self) -> dict[str, str]:
        return self.house.tokens

    def get(self, who: str, path: str, **headers: str) -> Any:
        return self.house.get(who, f"/fhir/{path}", **headers)

    def quick(self, who: str, path: str) -> bool:
        """Whether this reading would be answered by a decision that is remembered."""
        known = KnownReads(self.node)
        try:
            return isinstance(known.find(self.tokens[who], *path.split("/")), tuple)
        finally:
            known.close()

    def looked(self) -> list[tuple[str, str, str]]:
        with self.node.storage.reading() as connection:
            return [(one.account, one.what, one.ground) for one in reads.looked(connection, "own", self.case_id)]

    def write(self, *changes: Interaction) -> Any:
        done = interactions.write(self.node, PHYSICIAN, changes)
        assert not isinstance(done, Refusal), done
        return done


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Readings]:
    with opened(tmp_path / "node") as made:
        import_upload(made.node, Actor("first", Role.COORDINATOR, HERE), "r.json", json.dumps(record("other", made.node.now())).encode())
        entries = made.get("nurse", "/fhir/Observation?patient=own&_count=1").json()["entry"]
        yield Readings(made, f"Observation/{entries[0]['resource']['id']}")


def observation(of: str, logical_id: str = "", method: str = "PUT", **more: Any) -> Interaction:
    body = {
        "resourceType": "Observation", "status": "final", "subject": {"reference": f"Patient/{of}"}, "code": {"text": "a note"},
        "effectiveDateTime": "2026-01-05T09:00:00+08:00", "valueString": "as before", **({"id": logical_id} if logical_id else {}), **more,
    }  # fmt: skip
    return Interaction(method, "Observation", logical_id, body)  # type: ignore[arg-type]


def test_a_remembered_reading_is_answered_as_the_first_one_and_noted_as_often(house: Readings) -> None:
    conditional = house.get("nurse", house.observation, **{"if-none-match": 'W/"999"'})  # by the door
    before = len(house.looked())
    answers = [house.get("nurse", house.observation) for _ in range(3)]
    assert house.quick("nurse", house.observation)
    for answer in answers:
        assert (answer.status_code, answer.content) == (200, conditional.content)
        same = {"etag", "last-modified", "content-type", "content-length", "x-content-type-options", "content-security-policy"}
        assert {name: answer.headers[name] for name in same} == {name: conditional.headers[name] for name in same}
        assert len(answer.headers["x-request-id"]) == 32
    noted = house.looked()
    assert len(noted) == before + 3
    assert {("nurse", "read Observation", "relation")} <= set(noted)
    assert {one.what for one in check_stored(house.node.config).findings} <= {"no_checkpoint"}


ONE_OF_TWO = "Observation/two"
WAYS_TO_TWO = [
    ONE_OF_TWO, f"{ONE_OF_TWO}?_format=json", f"{ONE_OF_TWO}/_history/1", f"{ONE_OF_TWO}/_history", "Observation?_id=two",
    "Patient?_id=own&_revinclude=Observation:subject", "Patient/own/$everything",
]  # fmt: skip


def of_two(house: Readings, names: dict[str, Any]) -> dict[str, list[str]]:
    """The readings of an observation in the record of one person that names another, by whose list they stand in."""
    house.write(observation("own", "two", **names))
    with house.node.storage.reading() as connection:
        return {one: [read.what for read in reads.looked(connection, one, "-")] for one in ("own", "other")}


@pytest.mark.parametrize("way", WAYS_TO_TWO)
@pytest.mark.parametrize("names", [{"focus": [{"reference": "Patient/other"}]}, {"derivedFrom": [{"reference": "Observation/of-other"}]}])
def test_everybody_whose_data_a_resource_holds_has_each_reading_in_the_list(house: Readings, way: str, names: dict[str, Any]) -> None:
    house.write(observation("other", "of-other"))
    before = of_two(house, names)
    for _ in range(2):  # decided, and remembered
        assert house.get("nurse", way).status_code == 200
    assert house.quick("nurse", ONE_OF_TWO) == (way == ONE_OF_TWO)
    after = of_two(house, names)
    for one in ("own", "other"):
        assert len(after[one]) == len(before[one]) + 2, one


def test_a_history_is_noted_for_who_stands_in_the_versions_that_it_shows(house: Readings) -> None:
    house.write(observation("other", "moved", focus=[{"reference": "Patient/own"}]))
    house.write(observation("own", "moved"))
    before = of_two(house, {})
    assert len(house.get("nurse", "Observation/moved/_history").json()["entry"]) == 1
    after = of_two(house, {})
    assert {one: after[one][:len(after[one]) - len(before[one])] for one in after} == {"own": ["history Observation"], "other": []}


def test_what_is_noted_names_its_request(house: Readings) -> None:
    answer = house.get("nurse", house.observation)
    from baybridge.node import asking

    with house.node.storage.reading() as connection:
        entries = asking.entries(connection, answer.headers["x-request-id"])
    assert [(one.entry.kind, one.entry.actor, one.entry.what) for one in entries] == [("access", "nurse", "read Observation")]


def sign_out(house: Readings) -> None:
    with house.node.storage.writing() as connection:
        accounts.close_session(connection, house.tokens["nurse"], house.node.now())


def disable(house: Readings) -> None:
    with house.node.storage.writing() as connection:
        connection.execute(update(tables.account).where(tables.account.c.account == "nurse").values(disabled=True))


def change_role(house: Readings) -> None:
    with house.node.storage.writing() as connection:
        connection.execute(update(tables.account).where(tables.account.c.account == "nurse").values(role=Role.PAYER.value))


def pass_time(house: Readings) -> None:
    house.house.clock.moment += timedelta(days=2)


def delete(house: Readings) -> None:
    house.write(Interaction("DELETE", "Observation", house.observation.partition("/")[2], None, reason="wrong-patient"))


@pytest.mark.parametrize("change", [sign_out, disable, change_role, pass_time, delete])
def test_a_reading_is_refused_at_once_after(house: Readings, change: Callable[[Readings], None]) -> None:
    assert house.get("nurse", house.observation).status_code == 200
    assert house.quick("nurse", house.observation)
    change(house)
    assert not house.quick("nurse", house.observation)
    assert house.get("nurse", house.observation).status_code in (401, 403, 410)
    assert not house.quick("nurse", house.observation)


def test_a_change_by_another_process_counts_at_once(house: Readings) -> None:
    assert house.get("nurse", house.observation).status_code == 200
    other = Node(read_config(house.node.config.folder), now=house.house.clock)
    with other.storage.writing() as connection:
        connection.execute(update(tables.account).where(tables.account.c.account == "nurse").values(disabled=True))
    other.storage.close()
    assert house.get("nurse", house.observation).status_code == 401


def test_a_result_that_moves_to_another_patient_is_decided_anew_for_whoever_read_it(house: Readings) -> None:
    house.write(observation("own", "moving"))
    assert house.get("patient", "Observation/moving").status_code == 200
    assert house.quick("patient", "Observation/moving")
    house.write(observation("other", "moving"))
    assert not house.quick("patient", "Observation/moving")
    assert house.get("patient", "Observation/moving").status_code in (403, 404)


def test_what_a_resource_names_may_come_later_and_be_anothers(house: Readings) -> None:
    house.write(observation("own", "naming", hasMember=[{"reference": "Observation/to-come"}]))
    assert house.get("patient", "Observation/naming").status_code == 200
    assert house.quick("patient", "Observation/naming")
    house.write(observation("other", "to-come"))
    assert not house.quick("patient", "Observation/naming")
    assert house.get("patient", "Observation/naming").status_code in (403, 404)


def test_a_new_resource_under_an_id_of_our_own_changes_nobodys_decision(house: Readings) -> None:
    assert house.get("nurse", house.observation).status_code == 200
    with house.node.storage.reading() as connection:
        before = house.node.storage.access_stamp(connection)
    house.write(observation("own", method="POST"))
    with house.node.storage.reading() as connection:
        assert house.node.storage.access_stamp(connection) == before
    assert house.quick("nurse", house.observation)


@pytest.mark.parametrize("who", ["plant", "payer", "stranger"])
def test_what_is_refused_or_shown_in_part_is_not_remembered(house: Readings, who: str) -> None:
    house.get(who, house.observation)
    house.get(who, "Patient/own")
    assert not house.quick(who, house.observation)
    assert not house.quick(who, "Patient/own")


def test_an_emergency_access_is_decided_each_time_and_ends_by_the_clock(house: Readings) -> None:
    headers = {"authorization": f"Bearer {house.tokens['stranger']}"}
    assert house.house.client.post(f"/emergency/{house.case_id}", headers=headers, data={"reason": "unconscious in our emergency room"}).status_code == 303
    assert house.get("stranger", "Patient/own").status_code == 200
    assert not house.quick("stranger", "Patient/own")
    house.house.clock.moment += timedelta(hours=5)
    assert house.get("stranger", "Patient/own").status_code == 403


def test_a_reading_by_cookie_with_conditions_or_parameters_is_the_doors(house: Readings) -> None:
    house.get("nurse", house.observation)
    assert house.get("nurse", f"{house.observation}?_summary=nonsense").status_code == 400
    etag = house.get("nurse", house.observation).headers["etag"]
    assert house.get("nurse", house.observation, **{"if-none-match": etag}).status_code == 304
    assert house.house.client.get(f"/fhir/{house.observation}", cookies={"baybridge": house.tokens["nurse"]}).status_code == 200
    assert house.house.client.get(f"/fhir/{house.observation}").status_code == 401


def test_where_the_database_takes_no_note_the_reserve_does(house: Readings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert house.get("nurse", house.observation).status_code == 200
    before = len(house.looked())

    def full(*_given: object, **_more: object) -> None:
        raise StorageProblem("full")

    monkeypatch.setattr(house.node.storage, "writing", full)
    assert house.get("nurse", house.observation).status_code == 200
    monkeypatch.undo()
    assert len(house.looked()) == before
    assert house.node.reserve.bring_in(house.node) == 1
    assert len(house.looked()) == before + 1


def test_the_stamp_changes_with_every_table_that_is_not_named_as_beside(house: Readings) -> None:
    file = house.node.storage.engine.url.database
    assert file
    with closing(sqlite3.connect(file)) as connection:
        before = connection.execute("PRAGMA user_version").fetchone()[0]
        with house.node.storage.writing() as writing:
            writing.execute(update(tables.task).values(case_id=tables.task.c.case_id))
        assert connection.execute("PRAGMA user_version").fetchone()[0] == before
        with house.node.storage.writing() as writing:
            writing.execute(update(tables.case_index).values(updated_at="2026-01-01T00:00:00+00:00"))
        assert connection.execute("PRAGMA user_version").fetchone()[0] == before + 1


def test_nothing_is_remembered_inside_a_write(house: Readings) -> None:
    with house.node.storage.writing() as connection:
        assert house.node.storage.access_stamp(connection) is None
        assert house.node.access.at(connection).standing is None


def test_the_reading_leaves_every_other_request_to_the_doors(house: Readings) -> None:
    import asyncio

    async def asked(**changes: Any) -> bool:
        scope = {"type": "http", "method": "GET", "path": f"/fhir/{house.observation}", "query_string": b"", "headers": [(b"authorization", b"Bearer x")], **changes}
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        reading = Reading(house.node)
        found = await reading.answered(scope, send)
        reading.close()
        assert bool(sent) == found
        return found

    authorised = [(b"authorization", f"Bearer {house.tokens['nurse']}".encode())]
    assert asyncio.run(asked(headers=authorised))
    for changes in (
        {}, {"method": "HEAD", "headers": authorised}, {"method": "DELETE", "headers": authorised}, {"query_string": b"_format=json", "headers": authorised},
        {"headers": [*authorised, (b"range", b"bytes=0-1")]}, {"headers": [*authorised, *authorised]}, {"headers": []},
        {"path": "/fhir/Observation", "headers": authorised},
        {"path": f"/fhir/{house.observation}/_history", "headers": authorised}, {"headers": [(b"authorization", b"Basic x")]},
        {"path": "/fhir/Observation/nothing", "headers": authorised}, {"headers": [*authorised, (b"content-length", b"2")]},
    ):  # fmt: skip
        assert not asyncio.run(asked(**changes)), changes
