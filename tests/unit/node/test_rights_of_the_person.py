"""A person's copy, restriction and erasure: complete, by two persons, never against a hold or a law, and with a log that stays sound."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from acceptance.support import World, resource_of
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.cli.main import main
from baybridge.consent.grants import holds_on
from baybridge.documents.loader import Documents
from baybridge.exchange.evidence.verify import verify_file
from baybridge.journey import events as ev
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import EVENT_TYPES
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.intake import importing, reports
from baybridge.node.integrity import check as checking
from baybridge.node.integrity.rows import RowLog
from baybridge.node.neighbours import evidence, witnessing
from baybridge.node.node import Node
from baybridge.node.people import accounts, copying, erasure, reads
from baybridge.record.fhir.definitions import resource_types


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.new(tmp_path / "network")
    made.file("mo", made.bundle())
    made.consent()
    return made


def quality(world: World, name: str) -> Actor:
    return Actor(name, Role.QUALITY, world.nodes["mo"].site.organisation, person=name)


def codes(answer: Any) -> list[str]:
    assert isinstance(answer, Refusal), answer
    return [reason.code for reason in answer.reasons]


def erased(world: World, *what: str, basis: str = "PIPL article 47 (1)") -> Any:
    """Both persons ask."""
    wanted = erasure.Wanted(world.patient, what, basis)
    first = erasure.erase(world.nodes["mo"], wanted, quality(world, "anna"))
    return first if isinstance(first, Refusal) else erasure.erase(world.nodes["mo"], wanted, quality(world, "bela"))


def sound(world: World) -> list[str]:
    node = world.nodes["mo"]
    witnessing.sign_checkpoint(node)
    with node.storage.reading() as connection:
        found = checking.check(connection, node.config, RowLog(node.site, node.pseudonym, node.now))
    return [f"{one.kind} {one.what}" for one in found.findings]


def event_id(world: World, kind: type) -> str:
    return next(item.event_id for item in world.nodes["mo"].events(world.case_id) if isinstance(item.event, kind))


# --- erasure --------------------------------------------------------------------------------------------------------


def test_a_result_is_erased_by_two_persons_and_the_log_stays_sound(world: World) -> None:
    name = f"Observation/{resource_of(world.bundle(), '-a-plt')['id']}"
    done = erased(world, name)
    assert isinstance(done, erasure.Erased)
    assert (done.state, done.resources) == ("erased", (name,))
    assert sound(world) == []
    assert b'"value":142' not in (world.folder / "mo" / "node.sqlite").read_bytes()
    with world.nodes["mo"].storage.reading() as connection:
        rows = connection.execute(tables.seal.select()).all()
        versions = connection.exec_driver_sql("SELECT count(*) FROM resource_version WHERE id LIKE '%-a-plt' AND length(body) > 0").scalar()
    assert (versions, rows is not None) == (0, True)
    assert world.nodes["mo"].facts(world.case("mo")).values.get("platelets") is None


def test_what_was_sent_is_erased_here_too_and_nothing_erased_goes_out_afterwards(world: World) -> None:
    node = world.nodes["mo"]
    world.do("mo", Role.PHYSICIAN, "DecideEligibility")
    world.do("mo", Role.COORDINATOR, "ReferCase", to_node="hk", product="axicabtagene-ciloleucel")
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    with node.storage.reading() as connection:
        (row,) = connection.execute(tables.outgoing.select()).mappings().all()
    name = next(one for one in json.loads(bytes(row["resources"])) if one.startswith("Observation/") and erasable(world, one))
    assert codes(erased(world, name)) == ["person.erase.on_its_way"]
    assert world.deliver("mo") == 1
    assert isinstance(erased(world, name), erasure.Erased)
    with node.storage.reading() as connection:
        kept = {one["package_id"]: one for one in connection.execute(tables.outgoing.select()).mappings()}[row["package_id"]]
    assert (bytes(kept["sealed"]), kept["content_sha256"], bool(kept["receipt"])) == (b"", row["content_sha256"], True)
    assert sound(world) == []


def test_reports_of_files_say_no_more_of_what_was_erased(world: World) -> None:
    node = world.nodes["mo"]
    odd = resource_of(world.bundle(), "-a-plt") | {"id": "no-value", "valueQuantity": {"value": "many"}}
    kept = resource_of(world.bundle(), "-dx") | {"id": "no-code", "clinicalStatus": 1}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in (resource_of(world.bundle(), "-a-plt"), odd, kept)]}
    importing.import_upload(node, Actor("c", Role.COORDINATOR, node.site.organisation), "CHAN Tai Man.json", json.dumps(bundle).encode())
    assert "CHAN" in said_of_files(world) and "Observation" in said_of_files(world)
    before = [(one["file_sha256"], one["problem_count"]) for one in reports_of(world)]
    assert isinstance(erased(world, f"Observation/{resource_of(world.bundle(), '-a-plt')['id']}"), erasure.Erased)
    assert "CHAN" not in said_of_files(world) and "Observation" not in said_of_files(world)
    assert "Condition" in said_of_files(world), "what is said of other things stays"
    assert [(one["file_sha256"], one["problem_count"]) for one in reports_of(world)] == before
    assert sound(world) == []


def reports_of(world: World) -> list[reports.KeptReport]:
    with world.nodes["mo"].storage.reading() as connection:
        return reports.reports(connection, world.case_id)


def said_of_files(world: World) -> str:
    return json.dumps(reports_of(world))


def erasable(world: World, name: str) -> bool:
    """Whether nothing but the package keeps it: no decision that stands was made on it."""
    answer = erasure.erase(world.nodes["mo"], erasure.Wanted(world.patient, (name,), "PIPL article 47 (1)"), quality(world, "anna"))
    return set(codes(answer)) <= {"person.erase.on_its_way"} if isinstance(answer, Refusal) else True


def test_one_person_alone_erases_nothing_and_the_second_comes_within_a_quarter_of_an_hour(world: World) -> None:
    name = f"Observation/{resource_of(world.bundle(), '-a-plt')['id']}"
    node, wanted = world.nodes["mo"], erasure.Wanted(world.patient, (name,), "asked")
    assert erasure.erase(node, wanted, quality(world, "anna")) == erasure.Erased("asked")
    assert codes(erasure.erase(node, wanted, quality(world, "anna"))) == ["person.erase.same_person"]
    world.clock.moment += timedelta(minutes=16)
    assert erasure.erase(node, wanted, quality(world, "bela")) == erasure.Erased("asked"), "the first one asked too long ago"
    nurse = Actor("n", Role.NURSE, node.site.organisation)
    assert codes(erasure.erase(node, wanted, nurse)) == ["access.command"]


def test_an_erased_event_leaves_that_it_was_there_and_the_case_goes_on(world: World) -> None:
    name = event_id(world, ev.AuthorityNotified)
    before = len(world.nodes["mo"].events(world.case_id))
    assert isinstance(erased(world, name), erasure.Erased)
    events = world.nodes["mo"].events(world.case_id)
    assert len(events) == before
    assert not world.events("mo", ev.AuthorityNotified)
    assert sound(world) == []
    world.do("mo", Role.PHYSICIAN, "DecideEligibility")
    assert sound(world) == []
    assert codes(erased(world, name)) == ["person.erase.not_theirs"], "erased already"


def test_a_pack_of_before_still_verifies_what_it_holds(world: World, tmp_path: Path) -> None:
    node = world.nodes["mo"]
    pack = evidence.evidence_pack(node, world.case_id)
    assert verify_file(pack, None, None).ok
    assert isinstance(erased(world, event_id(world, ev.AuthorityNotified)), erasure.Erased)
    assert verify_file(pack, None, None).ok
    assert verify_file(evidence.evidence_pack(node, world.case_id), None, None).ok
    del tmp_path


def test_a_pack_shows_the_entries_of_decisions_and_receipts(world: World) -> None:
    world.do("mo", Role.PHYSICIAN, "DecideEligibility")
    world.do("mo", Role.COORDINATOR, "ReferCase", to_node="hk", product="axicabtagene-ciloleucel")
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    world.deliver("mo")
    report = verify_file(evidence.evidence_pack(world.nodes["mo"], world.case_id), None, None)
    said = {check.detail.code: check.detail.values for check in report.checks}
    assert report.ok, report.problems
    assert said["ledger.verify.receipts.logged"] == {"count": 1}
    claimed = said["ledger.verify.claimed.by"]
    assert (claimed["kept"], claimed["receipts"], claimed["absent"]) == (0, 0, 0)
    assert int(said["ledger.verify.basis.held"]["count"]) > 0


def test_pages_show_a_case_of_which_something_was_erased(world: World) -> None:
    from starlette.testclient import TestClient

    assert isinstance(erased(world, event_id(world, ev.AuthorityNotified)), erasure.Erased)
    node = world.nodes["mo"]
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="acc", name="c", role=Role.COORDINATOR, organisation=node.site.organisation, password="a right password")
        token = accounts.open_session(connection, "acc", node.now()).token
    with TestClient(application(node, workers=False)) as client:
        for tab in ("", "/timeline", "/facts", "/sharing", "/funding"):
            answer = client.get(f"/cases/{world.case_id}{tab}", headers={"authorization": f"Bearer {token}", "accept": "text/html"})
            assert answer.status_code in (200, 404), (tab, answer.status_code)


def test_what_a_decision_rests_on_what_opened_the_case_and_what_is_anothers_stay(world: World) -> None:
    world.do("mo", Role.PHYSICIAN, "DecideEligibility")
    diagnosis = f"Condition/{resource_of(world.bundle(), '-dx')['id']}"
    assert codes(erased(world, diagnosis)) == ["person.erase.rested_on"]
    assert codes(erased(world, event_id(world, ev.CaseOpened))) == ["person.erase.opens_the_case", "person.erase.others_rest"]
    assert codes(erased(world, "Observation/nobody", "x")) == ["person.erase.not_theirs"] * 2
    assert codes(erased(world, basis=" ")) == ["person.erase.nothing", "person.erase.no_basis"]


def test_an_entry_that_a_standing_decision_was_made_on_stays_until_the_decision_does_not_stand(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    world.refer()
    world.accept()
    node = world.nodes["hk"]
    world.do("hk", Role.PHYSICIAN, "ConfirmFinding", fact="ecog", value="1", basis="seen")
    world.do("hk", Role.PHYSICIAN, "CheckFitness", step="collection")
    name = next(item.event_id for item in node.events(world.case_id) if isinstance(item.event, ev.FindingConfirmed))
    wanted = erasure.Wanted(world.patient, (name,), "PIPL article 47 (1)")
    people = [Actor(one, Role.QUALITY, node.site.organisation, person=one) for one in ("anna", "bela")]
    assert codes(erasure.erase(node, wanted, people[0])) == ["person.erase.rested_on"]
    with node.storage.writing() as connection:
        read = select(tables.decision_source.c.sha256).where(tables.decision_source.c.resource == f"Event/{name}")
        (made,) = connection.execute(read).scalars().all()
        connection.execute(tables.decision.update().where(tables.decision.c.sha256 == made).values(superseded_by="0" * 64))
    assert erasure.erase(node, wanted, people[0]) == erasure.Erased("asked")
    done = erasure.erase(node, wanted, people[1])
    assert isinstance(done, erasure.Erased)
    assert (done.state, done.earlier_decisions) == ("erased", 1), "how many earlier decisions it was erased in is told"


def test_what_an_earlier_decision_read_is_erased_with_it_and_the_log_and_packs_stay_sound(tmp_path: Path) -> None:
    """A decision that was made again holds no value of what was erased; that it was made stays, and so do the packs of before and after."""
    world = World.new(tmp_path)
    world.refer()
    world.accept()
    node = world.nodes["hk"]
    world.do("hk", Role.PHYSICIAN, "CheckFitness", step="collection")
    name, before = f"Observation/{resource_of(world.bundle(), '-a-plt')['id']}", evidence.evidence_pack(node, world.case_id)
    table, source = tables.decision, tables.decision_source
    with node.storage.writing() as connection:
        (earlier,) = connection.execute(select(source.c.sha256).where(source.c.resource == name)).scalars().all()
        connection.execute(table.update().where(table.c.sha256 == earlier).values(superseded_by="0" * 64))
    wanted = erasure.Wanted(world.patient, (name,), "PIPL article 47 (1)")
    people = [Actor(one, Role.QUALITY, node.site.organisation, person=one) for one in ("anna", "bela")]
    assert erasure.erase(node, wanted, people[0]) == erasure.Erased("asked")
    done = erasure.erase(node, wanted, people[1])
    assert isinstance(done, erasure.Erased), done
    assert done.earlier_decisions == 1
    with node.storage.reading() as connection:
        left = connection.execute(select(table).where(table.c.sha256 == earlier)).mappings().one()
    assert [bytes(left[column]) for column in ("document", "facts", "given")] == [b"", b"", b""]
    witnessing.sign_checkpoint(node)
    with node.storage.reading() as connection:
        found = checking.check(connection, node.config, RowLog(node.site, node.pseudonym, node.now)).findings
    assert [one.reason.code for one in found] == ["ledger.check.superseded_differs"], "what this test wrote itself, and nothing that the erasure left"
    for pack in (before, evidence.evidence_pack(node, world.case_id)):
        report = verify_file(pack, None, None)
        assert report.ok, report.problems


def test_what_was_taken_back_does_not_count_again_by_an_erasure(world: World) -> None:
    """A withdrawal goes with its consent, a correction with what it struck out, and nothing goes on which later entries rest."""
    consent = next(one for one in world.case("mo").consents if one.kind == "cross_border")
    world.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=consent.consent_id)
    withdrawal = event_id(world, ev.ConsentWithdrawn)
    given = next(item.event_id for item in world.nodes["mo"].events(world.case_id) if getattr(item.event, "consent_id", "") == consent.consent_id)
    assert codes(erased(world, withdrawal)) == ["person.erase.counts_again"]
    assert not holds_on(next(one for one in world.case("mo").consents if one.kind == "cross_border"), world.clock().date())
    world.do("mo", Role.PHYSICIAN, "ConfirmFinding", fact="ecog", value="1", basis="seen at the bedside")
    finding = event_id(world, ev.FindingConfirmed)
    world.do("mo", Role.PHYSICIAN, "CorrectEntry", event_id=finding, action="void", reason="wrong-patient")
    assert codes(erased(world, event_id(world, ev.EntryCorrected))) == ["person.erase.counts_again"]
    assert isinstance(erased(world, finding, event_id(world, ev.EntryCorrected)), erasure.Erased)
    assert isinstance(erased(world, given, withdrawal), erasure.Erased)
    assert [one.kind for one in world.case("mo").consents if one.kind == "cross_border"] == []
    world.do("mo", Role.PHYSICIAN, "StateCapacity", can_decide=False, seen_at=world.clock().isoformat(), note="delirious")
    assert codes(erased(world, event_id(world, ev.CapacityStated))) == ["person.erase.counts_again"]
    assert sound(world) == []


def test_an_entry_that_says_a_standing_decision_or_that_others_rest_on_stays(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    world.refer()
    world.accept()
    assert codes(erased(world, event_id(world, ev.EligibilityDecided))) == ["person.erase.rested_on"]
    node = world.nodes["hk"]
    board = next(item.event_id for item in node.events(world.case_id) if isinstance(item.event, ev.BoardDecided))
    answer = erasure.erase(node, erasure.Wanted(world.patient, (board,), "asked"), Actor("anna", Role.QUALITY, node.site.organisation, person="anna"))
    assert codes(answer) == ["person.erase.others_rest"]


def test_nothing_erased_stays_in_a_file_of_the_database(world: World) -> None:
    changed = resource_of(world.bundle(), "-a-plt") | {"note": [{"text": "words to be erased"}]}
    world.file("mo", [changed])
    files = list((world.folder / "mo").glob("node.sqlite*"))
    assert any(b"words to be erased" in file.read_bytes() for file in files)
    assert isinstance(erased(world, f"Observation/{changed['id']}"), erasure.Erased)
    assert [file.name for file in files if file.exists() and b"words to be erased" in file.read_bytes()] == []


def test_a_hold_and_the_law_are_named(world: World) -> None:
    node, name = world.nodes["mo"], f"Observation/{resource_of(world.bundle(), '-a-plt')['id']}"
    assert erasure.hold(node, world.patient, "court file 7", quality(world, "anna")) is True
    assert erasure.hold(node, world.patient, "court file 7", quality(world, "anna")) is False
    assert codes(erased(world, name)) == ["person.erase.legal_hold"]
    assert erasure.hold(node, world.patient, "closed", quality(world, "anna"), lift=True) is True
    world.do("mo", Role.COORDINATOR, "ReferCase", to_node="hk", product="axicabtagene-ciloleucel")
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    answer = erased(world, event_id(world, ev.TransferAllowed))
    assert codes(answer) == ["person.erase.kept_by_law"]
    assert answer.reasons[0].values["rule"] == "transfer-records-3-years"
    assert codes(erased(world, name)) == ["person.erase.on_its_way"], "what is erased must not go out afterwards"
    world.deliver("mo")
    assert isinstance(erased(world, name), erasure.Erased)
    world.deliver("mo")
    assert [event.resource for event in world.events("hk", ev.CorrectionReceived)] == [name], "whoever has it is told"


def test_every_rule_names_events_and_types_that_there_are() -> None:
    for document in Documents().folder("retention").values():
        for rule in document["rules"]:
            assert set(rule.get("events", ())) <= {*EVENT_TYPES, "all"}, rule["id"]
            assert set(rule.get("resources", ())) <= {*resource_types(), "all"}, rule["id"]


def test_a_refused_proposal_leaves_a_sound_log(world: World) -> None:
    world.do("mo", Role.COORDINATOR, "ReferCase", to_node="hk", product="axicabtagene-ciloleucel")
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    from baybridge.node.neighbours import transfers

    transfers.deliver(world.nodes["mo"])
    world.do("hk", Role.COORDINATOR, "RefuseProposedCase", reason="no place")
    node = world.nodes["hk"]
    witnessing.sign_checkpoint(node)
    with node.storage.reading() as connection:
        found = checking.check(connection, node.config, RowLog(node.site, node.pseudonym, node.now))
    assert found.findings == []


# --- restriction and copy -------------------------------------------------------------------------------------------


def test_a_restricted_record_is_kept_and_not_used_until_it_is_lifted(world: World) -> None:
    node = world.nodes["mo"]
    assert erasure.restrict(node, world.patient, "asked by letter", quality(world, "anna")) is True
    with node.storage.reading() as connection:
        assert reads.is_restricted(connection, world.patient)
    assert codes(erasure.restrict(node, "nobody", " ", quality(world, "anna"))) == ["person.unknown", "person.no_reason"]
    assert erasure.restrict(node, world.patient, "asked again", quality(world, "anna"), lift=True) is True
    with node.storage.reading() as connection:
        assert not reads.is_restricted(connection, world.patient)
    assert sound(world) == []


def test_a_copy_holds_everything_of_the_person_and_nothing_of_others(world: World, tmp_path: Path) -> None:
    node = world.nodes["mo"]
    world.do("mo", Role.PHYSICIAN, "DecideEligibility")
    world.file("mo", [resource_of(world.bundle(), "-a-plt") | {"id": "of-two", "focus": [{"reference": "Patient/other"}]}])
    node.record_access(quality(world, "anna"), world.case_id, "overview", "quality")
    done = copying.copy(node, world.patient, tmp_path / "out", "zh-Hant", quality(world, "anna"))
    assert isinstance(done, copying.Copied)
    assert done.left_out == 1
    assert {one["path"] for one in done.files} == {"record.json", "events.json", "decisions.json", "who-looked.json", "copy.html"}
    bundle = json.loads((tmp_path / "out" / "record.json").read_bytes())
    ids = {entry["resource"]["id"] for entry in bundle["entry"]}
    assert {entry["resource"]["id"] for entry in world.bundle()["entry"]} <= ids and "of-two" not in ids
    assert len(json.loads((tmp_path / "out" / "events.json").read_bytes())) == len(node.events(world.case_id))
    assert "試甲" in (tmp_path / "out" / "record.json").read_text() and "閣下" in (tmp_path / "out" / "copy.html").read_text()
    assert stat.S_IMODE((tmp_path / "out" / "record.json").stat().st_mode) == 0o600
    with node.storage.reading() as connection:
        assert "copy" in {one.what for one in reads.looked(connection, world.patient, world.case_id)}
    for name, of_staff in (("who-looked.json", {"account", "person"}), ("events.json", {"account", "person"})):
        said = json.loads((tmp_path / "out" / name).read_bytes())
        assert said and of_staff.isdisjoint(keys_of(said)), name
    assert codes(copying.copy(node, world.patient, tmp_path / "out", "en", quality(world, "anna"))) == ["person.copy.folder_not_empty"]
    assert codes(copying.copy(node, "nobody", tmp_path / "two", "en", quality(world, "anna"))) == ["person.unknown"]


def keys_of(value: Any) -> set[str]:
    """Every name of a field in a value."""
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    return {*value, *set().union(*map(keys_of, value.values()))} if isinstance(value, dict) else set()


def test_a_copy_names_staff_where_the_sites_document_says_so(world: World, tmp_path: Path) -> None:
    node = world.nodes["mo"]
    (node.config.folder / "data" / "access").mkdir(parents=True)
    (node.config.folder / "data" / "access" / "people.yaml").write_text("id: people\nwho_looked: {staff_names: true}\n", encoding="utf-8")
    again = Node(read_config(node.config.folder), now=world.clock)
    again.record_access(quality(world, "anna"), world.case_id, "overview", "quality")
    assert isinstance(copying.copy(again, world.patient, tmp_path / "out", "en", quality(world, "anna")), copying.Copied)
    assert {one["account"] for one in json.loads((tmp_path / "out" / "who-looked.json").read_bytes())} == {"anna"}


def test_the_commands_do_all_of_it(world: World, tmp_path: Path) -> None:
    node, folder = world.nodes["mo"], str(world.folder / "mo")
    with node.storage.writing() as connection:
        for name in ("anna", "bela"):
            accounts.add_account(connection, account=name, name=name, role=Role.QUALITY, organisation=node.site.organisation, password="a right password")
    node.storage.close()
    name = f"Observation/{resource_of(world.bundle(), '-a-plt')['id']}"
    run = CliRunner()
    copied = run.invoke(main, ["person", "copy", world.patient, "--node", folder, "--out", str(tmp_path / "out"), "--json"])
    assert (copied.exit_code, json.loads(copied.stdout)["patient"]) == (0, world.patient), copied.output
    restricted = run.invoke(main, ["person", "restrict", world.patient, "--node", folder, "--reason", "letter", "--json"])
    assert json.loads(restricted.stdout) == {"patient": world.patient, "state": "restricted", "changed": True}
    ask = ["person", "erase", world.patient, "--node", folder, "--what", name, "--basis", "asked", "--json", "--account"]
    wrong = run.invoke(main, [*ask, "anna"], env={"BAYBRIDGE_PASSWORD": "wrong password"})
    assert wrong.exit_code == 1
    states = [json.loads(run.invoke(main, [*ask, who], env={"BAYBRIDGE_PASSWORD": "a right password"}).stdout)["state"] for who in ("anna", "bela")]
    assert states == ["asked", "erased"]
    checked = run.invoke(main, ["ledger", "check", folder, "--json"])
    assert (checked.exit_code, json.loads(checked.stdout)["problems"]) == (0, []), checked.output
