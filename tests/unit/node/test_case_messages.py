"""Messages between organisations: asked, answered, read, made a task; each wrong receiver, document and package with its own answer."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from acceptance.support import PURPOSES, Refused, World, read_resource
from attachment_files import PDF, TEXT
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.exchange.evidence.verify import verify_file
from baybridge.journey.attachments import attached
from baybridge.journey.case_messages import PURPOSE, message_of, messages_of, route_of, threads_of
from baybridge.journey.command import Role
from baybridge.journey.events import (
    CaseMessageRead,
    CaseMessageSent,
    DocumentReceived,
    PackageReceived,
    PreauthorisationRequested,
    TransferRefused,
)
from baybridge.journey.judged import Judged
from baybridge.node import tables
from baybridge.node.attachments import files, receiving
from baybridge.node.clock import new_id
from baybridge.node.integrity import check as checking
from baybridge.node.neighbours import package as packages
from baybridge.node.neighbours import transfers, witnessing
from baybridge.node.neighbours.evidence import evidence_pack
from baybridge.node.people import accounts
from baybridge.node.upkeep.projections import task_rows
from baybridge.node.work import Work, carry_out
from baybridge.record.store.tables import resource_current
from told_status import consents


@pytest.fixture(scope="module")
def _two(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A patient of Macao whom Hong Kong treats, who allowed messages."""
    world = World.new(tmp_path_factory.mktemp("two"))
    consents(world, status=False, purposes=[*PURPOSES, PURPOSE])
    world.deliver()
    return world


@pytest.fixture
def world(_two: World, tmp_path: Path) -> World:
    return _two.copied(tmp_path)


def ask(world: World, text: str = "How was the fever treated?", node: str = "mo", to: str = "hk", **more: Any) -> str:
    done = world.do(node, Role.COORDINATOR, "SendMessage", to=to, text=text, **more)
    (event,) = (item.event for item in done.events if isinstance(item.event, CaseMessageSent))
    return event.message_id


def attach(world: World, node: str, content: bytes = PDF, kind: str = "report") -> str:
    done = receiving.receive(world.nodes[node], world.actor(node, Role.COORDINATOR), world.case_id, kind, content)
    assert not isinstance(done, Refusal), done
    return done.attachment.id


def refused(world: World, node: str, role: Role, name: str, **given: Any) -> list[str]:
    with pytest.raises(Refused) as found:
        world.do(node, role, name, **given)
    return found.value.codes


def task_steps(world: World, node: str) -> list[str]:
    return [str(task["step"]) for task in task_rows(world.nodes[node], world.case_id) if str(task["step"]).startswith("message")]


# --- what crosses ------------------------------------------------------------------------------------------------------


def test_a_question_is_asked_read_and_answered_over_the_border(world: World) -> None:
    question = ask(world, for_role="physician")
    assert message_of(world.case("mo"), question).left.receipt is None  # type: ignore[union-attr]
    world.deliver("mo")
    assert message_of(world.case("mo"), question).left.receipt is not None  # type: ignore[union-attr]
    (task,) = (task for task in task_rows(world.nodes["hk"], world.case_id) if task["step"] == "message")
    assert task["role"] == "physician" and task["due_at"] is not None and task_steps(world, "mo") == []
    world.do("hk", Role.PHYSICIAN, "ReadMessage", message_id=question)
    world.deliver("hk")
    assert message_of(world.case("mo"), question).read is not None  # type: ignore[union-attr]
    world.do("hk", Role.PHYSICIAN, "AnswerMessage", message_id=question, text="With paracetamol.")
    assert task_steps(world, "hk") == []
    world.deliver("hk")
    (thread,) = threads_of(world.case("mo"))
    assert [one.entry.event.text for one in thread.messages] == ["How was the fever treated?", "With paracetamol."]
    assert not thread.open and thread.messages[1].entry.origin.node == "hk"


def test_a_document_goes_along_and_stands_on_the_case_there(world: World) -> None:
    document = attach(world, "mo")
    question = ask(world, attachments=[document])
    world.deliver("mo")
    (came,) = attached(world.case("hk"))
    assert isinstance(came.entry.event, DocumentReceived)
    assert (came.entry.event.sha256, came.entry.event.from_node) == (sha256(PDF).hexdigest(), "mo")
    assert files.found(world.nodes["hk"].config.folder, world.case_id, came.entry.event.sha256) == PDF
    assert message_of(world.case("hk"), question).entry.event.files[0].sha256 == came.entry.event.sha256  # type: ignore[union-attr]
    node = world.nodes["hk"]
    witnessing.sign_checkpoint(node)
    with node.storage.reading() as connection:
        assert [one.reason.code for one in checking.check(connection, node.config, node.storage.rows).findings] == []


def test_a_neighbour_that_is_away_gets_it_later_and_the_sender_sees_that_it_waits(world: World) -> None:
    def away(*_: object) -> tuple[int, bytes]:
        raise OSError("nobody there")

    macao = world.nodes["mo"]
    through, macao.transport = macao.transport, away
    question = ask(world)
    world.deliver("mo")
    waits = message_of(world.case("mo"), question)
    assert waits is not None and waits.left is not None and waits.left.receipt is None
    assert "it has not arrived yet" in page(world, "mo", Role.COORDINATOR)
    macao.transport = through
    world.deliver("mo")
    assert message_of(world.case("hk"), question) is not None


def test_it_is_told_to_its_receiver_and_nobody_else(world: World) -> None:
    ask(world)
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    second = ask(world, "And the second one?")
    world.deliver("mo")
    told = [item.event.get("type") for event in world.events("hk", PackageReceived) if event.purpose != PURPOSE for item in event.told]
    assert "CaseMessageSent" not in told
    letters = [event for event in world.events("hk", PackageReceived) if event.purpose == PURPOSE]
    assert [sum(item.event["type"] == "CaseMessageSent" for item in event.told) for event in letters] == [1, 1]
    assert message_of(world.case("hk"), second) is not None


def test_a_withdrawn_consent_ends_it_with_its_reason_and_reading_stays_possible(world: World) -> None:
    question = ask(world)
    world.deliver("mo")
    given = next(one for one in world.case("mo").consents if one.kind == "care")
    world.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=given.consent_id)
    world.deliver("mo")
    assert "exchange.code.DT-011" in refused(world, "mo", Role.COORDINATOR, "SendMessage", to="hk", text="One more")
    assert [event.purpose for event in world.events("mo", TransferRefused)] == [PURPOSE]
    assert "One more" not in str(world.events("mo"))
    world.do("hk", Role.PHYSICIAN, "ReadMessage", message_id=question)
    world.deliver("hk")
    assert world.events("hk", CaseMessageRead) and message_of(world.case("mo"), question).read is None  # type: ignore[union-attr]


# --- what is refused where it is written --------------------------------------------------------------------------------


def test_whom_and_what_is_refused_with_every_reason(world: World) -> None:
    say = lambda **given: refused(world, "mo", Role.COORDINATOR, "SendMessage", **{"to": "hk", "text": "x", **given})  # noqa: E731 - one line a case
    assert say(to="mo") == ["exchange.message.to_self"]
    assert say(to="nowhere") == ["exchange.message.unknown_receiver"]
    assert say(to="sh") == ["exchange.message.to_plant"]
    assert say(text=" \n ") == ["exchange.message.empty"]
    assert say(to="mo", text="") == ["exchange.message.to_self", "exchange.message.empty"]
    assert say(attachments=["not-there"]) == ["attachment.unknown"]
    assert say(thread="not-there") == ["exchange.message.unknown"]
    assert say(for_role="king") == ["command.not_in_set"]
    assert say(text="x" * 1_048_576) == ["command.bad_field"]
    assert refused(world, "mo", Role.PATIENT, "SendMessage", to="hk", text="x") != []
    assert refused(world, "mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose=PURPOSE) == ["exchange.transfer.by_message"]
    assert messages_of(world.case("mo")) == {}


def test_a_neighbour_without_a_part_is_not_written_to(world: World) -> None:
    world.file("hk", [{"resourceType": "Patient", "id": "another", "name": [{"text": "乙 (synthetic)"}], "birthDate": "1950-01-01"}])
    other = next(case for case in _cases(world, "hk") if case != world.case_id)
    alone = World(world.folder, world.clock, case_id=other, nodes=world.nodes)
    assert refused(alone, "hk", Role.COORDINATOR, "SendMessage", to="gd", text="x") == ["exchange.message.no_part"]


def _cases(world: World, node: str) -> list[str]:
    with world.nodes[node].storage.reading() as connection:
        return list(connection.execute(tables.case_index.select().with_only_columns(tables.case_index.c.case_id)).scalars())


def test_a_document_of_another_case_is_no_document_of_this_one(world: World) -> None:
    world.file("mo", [{"resourceType": "Patient", "id": "another", "name": [{"text": "乙 (synthetic)"}], "birthDate": "1950-01-01"}])
    other = next(case for case in _cases(world, "mo") if case != world.case_id)
    foreign = attach(World(world.folder, world.clock, case_id=other, nodes=world.nodes), "mo")
    assert refused(world, "mo", Role.COORDINATOR, "SendMessage", to="hk", text="x", attachments=[foreign]) == ["attachment.unknown"]


def test_what_nobody_looked_at_yet_does_not_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(world.nodes["mo"].config.settings, "BAYBRIDGE_SCAN", "/bin/false-not-run")  # type: ignore[arg-type]
    held = attach(world, "mo")
    assert refused(world, "mo", Role.COORDINATOR, "SendMessage", to="hk", text="x", attachments=[held]) == ["attachment.held"]


def test_only_who_was_asked_answers_and_reads(world: World) -> None:
    question, note = ask(world), ask(world, "For your information.", asks=False)
    for name, more in (("AnswerMessage", {"text": "x"}), ("ReadMessage", {})):
        assert "exchange.message.unknown" in refused(world, "mo", Role.COORDINATOR, name, message_id=question, **more)
    world.deliver("mo")
    assert refused(world, "hk", Role.PHYSICIAN, "AnswerMessage", message_id=note, text="x") == ["exchange.message.no_question"]
    assert refused(world, "hk", Role.PHYSICIAN, "AnswerMessage", message_id=question, text="") == ["exchange.message.empty"]
    world.do("hk", Role.PHYSICIAN, "ReadMessage", message_id=note)
    assert refused(world, "hk", Role.PHYSICIAN, "ReadMessage", message_id=note) == ["exchange.message.already_read"]


def test_a_message_becomes_a_task_that_ends_with_what_was_done(world: World) -> None:
    note = ask(world, "The patient comes on Monday.", asks=False)
    world.deliver("mo")
    assert task_steps(world, "hk") == []
    assert refused(world, "hk", Role.PHYSICIAN, "MakeMessageTask", message_id=note, for_role="nurse", due_on="2020-01-01") == ["exchange.message.due_before"]
    world.do("hk", Role.PHYSICIAN, "MakeMessageTask", message_id=note, for_role="nurse")
    assert task_steps(world, "hk") == ["message_task"] and task_steps(world, "mo") == []
    assert refused(world, "hk", Role.PHYSICIAN, "MakeMessageTask", message_id=note, for_role="nurse") == ["exchange.message.is_task"]
    assert refused(world, "hk", Role.NURSE, "EndMessageTask", message_id=note, note=" ") == ["exchange.message.no_note"]
    world.do("hk", Role.NURSE, "EndMessageTask", message_id=note, note="A bed is kept.")
    assert task_steps(world, "hk") == []
    assert refused(world, "hk", Role.NURSE, "EndMessageTask", message_id=note, note="again") == ["exchange.message.no_task"]


# --- the contract of the Bay Area ---------------------------------------------------------------------------------------


def test_what_came_under_the_contract_of_the_bay_area_goes_on_to_nobody_outside(world: World) -> None:
    node, secret = world.nodes["mo"], "The patient was seen in Guangzhou last week."
    about = {"attachment": "came", "kind": "report", "sha256": sha256(TEXT).hexdigest(), "media_type": "text/plain", "bytes": len(TEXT), "scan": "none"}
    came = DocumentReceived(**about, from_node="gd", received_under="R5")
    files.put(node.config.folder, world.case_id, TEXT)
    told = {"event_id": new_id(), "node": "gd", "at": world.clock().isoformat(), "recorded_at": world.clock().isoformat(), "actor": "a", "role": "physician"}
    parties = {"from_organisation": "GD", "to_node": "mo", "to_organisation": node.site.organisation, "for_role": ""}
    heard = CaseMessageSent(message_id="m-gd", **parties, asks=True, answers="", thread="", text=secret, files=())
    body = msgspec.convert({**told, "event": msgspec.to_builtins(heard)}, packages.Told)
    package = PackageReceived(package_id="p-gd", from_node="gd", purpose=PURPOSE, route="R5", content_sha256="", resources=1, told=(body,))
    with node.unit() as unit:
        carry_out(node, unit, Work(world.case_id, node.system(), Judged((package, came)), len(unit.events(world.case_id))))
    assert route_of(world.case("mo"), messages_of(world.case("mo"))["m-gd"]) == "R5"
    node.neighbours["hk"] = outside(node.neighbours["hk"])
    assert "exchange.code.DT-031" in refused(world, "mo", Role.COORDINATOR, "SendMessage", to="hk", text="Here it is.", attachments=["came"])
    assert "exchange.code.DT-031" in refused(world, "mo", Role.COORDINATOR, "SendMessage", to="hk", text=f"They wrote: {secret.upper()}")
    assert ask(world, "May we send you the report?")


def outside(neighbour: Any) -> Any:
    """The same neighbour, in a city of the mainland that is not of the Bay Area."""
    from dataclasses import replace

    return replace(neighbour, site=replace(neighbour.site, jurisdiction="CN", gd9=False))


# --- what comes from a neighbour that is not honest ---------------------------------------------------------------------


def sent_package(world: World) -> packages.Content:
    """The last package that Macao sent."""
    with world.nodes["mo"].storage.reading() as connection:
        sealed = bytes(connection.execute(tables.outgoing.select().order_by(tables.outgoing.c.created_at.desc())).mappings().first()["sealed"])  # type: ignore[index]
    hk = world.nodes["hk"]
    opened = packages.open_sealed(sealed, hk.keys.sealing, {name: one.signing_keys for name, one in hk.neighbours.items()}, "hk")
    assert isinstance(opened, packages.Opened)
    return opened.content


def forged(world: World, content: packages.Content, **changes: Any) -> set[str]:
    """What Hong Kong answers to this content, changed and signed by Macao itself."""
    made = msgspec.structs.replace(content, package_id=new_id(), **changes)
    macao = world.nodes["mo"]
    answer = transfers.receive(world.nodes["hk"], packages.seal(packages.content_bytes(made), macao.keys.signing, macao.neighbours["hk"].sealing_key))
    return {reason.code for reason in answer.reasons} if isinstance(answer, Refusal) else set()


def with_event(content: packages.Content, **changes: Any) -> dict[str, Any]:
    """The told events with another message."""
    changed = ({**item, "event_id": new_id(), "event": {**item["event"], **changes}} for item in content.told if item["event"]["type"] == "CaseMessageSent")
    return {"told": (*(item for item in content.told if item["event"]["type"] != "CaseMessageSent"), *changed)}


def with_payload(content: packages.Content, payload: list[dict[str, Any]]) -> dict[str, Any]:
    letter = json.loads(content.resources[0])
    return {"resources": (orjson.dumps({**letter, "payload": payload}).decode(),)}


def test_a_forged_message_is_not_taken(world: World) -> None:
    first = ask(world)
    world.deliver("mo")
    ask(world, "Another", attachments=[attach(world, "mo")])
    content = sent_package(world)
    told, letter = with_event(content), json.loads(content.resources[0])
    before = len(world.events("hk"))
    assert forged(world, content, **with_event(content, text="Something else")) == {"federation.message_differs"}
    assert forged(world, content, **with_event(content, from_organisation="Another hospital")) == {"federation.message_of_another"}
    assert forged(world, content, **with_event(content, to_node="gd")) == {"federation.message_elsewhere"}
    assert forged(world, content, **with_event(content, answers=first)) == {"federation.message_unknown"}
    assert "federation.message_of_another" in forged(world, content, **with_event(content, message_id=first))
    assert forged(world, content, **told, **with_payload(content, [letter["payload"][0]])) == {"federation.message_differs"}
    other = {"contentAttachment": {**letter["payload"][1]["contentAttachment"], "data": b64encode(TEXT).decode()}}
    assert forged(world, content, **told, **with_payload(content, [letter["payload"][0], other])) == {"federation.message_differs"}
    more = [*letter["payload"], {"contentString": "and a hidden line"}]
    assert forged(world, content, **told, **with_payload(content, more)) == {"federation.message_differs"}
    assert len(world.events("hk")) == before and attached(world.case("hk")) == ()


def test_a_word_about_a_message_that_was_never_written_is_not_taken(world: World) -> None:
    ask(world)
    content = sent_package(world)
    at = world.clock().isoformat()
    event = {"type": "CaseMessageRead", "message_id": "x", "to_node": "hk"}
    word = {"event_id": new_id(), "node": "mo", "at": at, "recorded_at": at, "actor": "a", "role": "nurse", "event": event}
    assert "federation.message_unknown" in forged(world, content, told=(*content.told, word))


def test_a_message_about_a_case_that_is_not_known_is_not_held_as_a_proposal(world: World) -> None:
    ask(world)
    content = sent_package(world)
    decision = {**content.decision, "subject": "unknown-case"}
    assert "federation.no_case" in forged(world, content, case_id="unknown-case", decision=decision)


def test_the_same_package_again_changes_nothing(world: World) -> None:
    ask(world, attachments=[attach(world, "mo")])
    world.deliver("mo")
    with world.nodes["mo"].storage.reading() as connection:
        sealed = bytes(connection.execute(tables.outgoing.select().order_by(tables.outgoing.c.created_at.desc())).mappings().first()["sealed"])  # type: ignore[index]
    before = len(world.events("hk"))
    assert isinstance(transfers.receive(world.nodes["hk"], sealed), bytes)
    assert len(world.events("hk")) == before and len(attached(world.case("hk"))) == 1


# --- evidence, FHIR, pages ----------------------------------------------------------------------------------------------


def test_evidence_shows_what_a_message_says_only_where_it_was_attached(world: World) -> None:
    question = ask(world, "A sentence of its own")
    world.deliver("mo")
    for node in ("mo", "hk"):
        pack = evidence_pack(world.nodes[node], world.case_id)
        assert b"A sentence of its own" not in pack and verify_file(pack, None, None).ok
    for node in ("mo", "hk"):
        world.do(node, Role.COORDINATOR, "ShowMessage", message_id=question)
        pack = evidence_pack(world.nodes[node], world.case_id)
        assert b"A sentence of its own" in pack and verify_file(pack, None, None).ok


def test_it_reads_in_fhir_as_a_communication_with_its_words_and_without_the_content_of_files(world: World) -> None:
    question = ask(world, "How was the fever treated?", attachments=[attach(world, "mo")])
    world.deliver("mo")
    for node in ("mo", "hk"):
        with world.nodes[node].storage.reading() as connection:
            names = connection.execute(select(resource_current.c.id).where(resource_current.c.type == "Communication")).scalars().all()
        found = [read_resource(world.nodes[node], f"Communication/{name}") for name in names]
        (one,) = (resource for resource in found if resource["identifier"][0]["value"] == question)
        text, document = one["payload"]
        assert text == {"contentString": "How was the fever treated?"} and "data" not in document["contentAttachment"]
        assert (one["sender"]["identifier"]["value"], one["recipient"][0]["identifier"]["value"]) == ("mo", "hk")


def page(world: World, node: str, role: Role, path: str = "/messages", organisation: str = "") -> str:
    there, name = world.nodes[node], new_id(world.clock)
    with there.storage.writing() as connection:
        accounts.add_account(
            connection, account=name, name=name, role=role, organisation=organisation or world.actor(node, role).organisation, password="", password_hash="-"
        )
        token = accounts.open_session(connection, name, there.now()).token
    with TestClient(application(there, workers=False), base_url="http://127.0.0.1") as client:
        return client.get(f"/cases/{world.case_id}{path}?language=en", headers={"authorization": f"Bearer {token}"}).text


def test_the_page_says_that_it_leaves_the_region_who_wrote_and_what_is_open_and_runs_no_script(world: World) -> None:
    ask(world, "<script>alert(1)</script> first line\nsecond line", for_role="physician")
    written = page(world, "mo", Role.COORDINATOR)
    assert "This leaves the region: Hong Kong" in written and "waits for an answer" in written and "it has not arrived yet" in written
    assert "<script>alert" not in written and "&lt;script&gt;alert(1)&lt;/script&gt; first line\nsecond line" in written
    world.deliver("mo")
    there = page(world, "hk", Role.PHYSICIAN)
    assert "Mark as read" in there and "Answer" in there and world.nodes["mo"].site.organisation in there
    form = page(world, "mo", Role.COORDINATOR, "/do/SendMessage")
    assert "This leaves the region: to" in form and "leaves the region: Hong Kong" in form


def test_a_payer_of_this_site_asks_the_hospital_and_sees_its_own_messages_alone(world: World) -> None:
    node, payer = world.nodes["hk"], world.actor("hk", Role.PAYER)
    asked = PreauthorisationRequested(plan="p", payer=payer.organisation, quote_sha256="0" * 64, amount_minor=100, currency="CNY")
    with node.unit() as unit:
        carry_out(node, unit, Work(world.case_id, node.system(), Judged((asked,)), len(unit.events(world.case_id))))
    between = ask(world, "Between hospitals", node="hk", to="mo")
    done = world.do("hk", Role.PAYER, "SendMessage", to="hk", text="Which report shows it?")
    question = done.events[0].event.message_id
    asked_back = ask(world, "Under which policy?", node="hk", to=payer.organisation)
    assert "Answer the hospital" in page(world, "hk", Role.PAYER, "/funding")
    world.do("hk", Role.PAYER, "AnswerMessage", message_id=asked_back, text="The usual one.")
    assert refused(world, "hk", Role.PAYER, "SendMessage", to="mo", text="x") == ["exchange.message.no_part"]
    assert refused(world, "hk", Role.PAYER, "ReadMessage", message_id=between) == ["exchange.message.unknown"]
    assert refused(world, "hk", Role.PAYER, "AnswerMessage", message_id=between, text="x") != []
    assert task_steps(world, "hk") == ["message"]
    document, hidden = attach(world, "hk"), attach(world, "hk", TEXT, "letter")
    world.do("hk", Role.COORDINATOR, "AnswerMessage", message_id=question, text="This one.", attachments=[document])
    assert task_steps(world, "hk") == []
    seen = page(world, "hk", Role.PAYER)
    assert "This one." in seen and "Between hospitals" not in seen and f"/messages/files/{document}" in seen
    assert page(world, "hk", Role.PAYER, f"/messages/files/{document}") == PDF.decode()
    assert TEXT.decode() not in page(world, "hk", Role.PAYER, f"/messages/files/{hidden}")
    assert "Which report" not in page(world, "hk", Role.PAYER, organisation="another-payer")
