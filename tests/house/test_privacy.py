"""Canaries: unmistakable names, numbers and birth dates go in; they come out nowhere but on the pages of those who care for the patient.

Looked through: what the process writes to its outputs, the log's entries, columns of packages, failures and accounts of them, addresses in pages,
errors over HTTP and on the command line.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from acceptance.support import Clock, World, record
from acceptance.support_processes import Server, free_ports
from baybridge.demo import network
from baybridge.journey.command import Role
from baybridge.ledger import log
from baybridge.node import clock, tables
from baybridge.node.people import accounts
from baybridge.web.page import pages

NAME, LATIN, IDENTITY, BORN, PHONE, STREET, OUTSIDE_ID = (
    "金絲雀甲", "Kanarienvogel", "C4NARY77(7)", "1931-07-29", "+853-6CANARY9", "Rua do Canario 4711", "kanarien-77",
)
CANARIES = (NAME, LATIN, IDENTITY, BORN, PHONE, STREET)


def planted(at: Any) -> dict[str, Any]:
    made = record(OUTSIDE_ID, at)
    patient = next(entry["resource"] for entry in made["entry"] if entry["resource"]["resourceType"] == "Patient")
    patient |= {
        "name": [{"text": NAME}, {"family": LATIN, "given": [LATIN]}],
        "identifier": [{"system": "urn:mo:bir", "value": IDENTITY}],
        "birthDate": BORN,
        "telecom": [{"system": "phone", "value": PHONE}],
        "address": [{"country": "MO", "line": [STREET]}],
    }
    return made


def spoilt(at: Any) -> dict[str, Any]:
    """The same with everything wrong beside the canaries, so that errors have something to quote."""
    made = planted(at)
    for entry in made["entry"]:
        one = entry["resource"]
        if one["resourceType"] == "Patient":
            one |= {"birthDate": f"{BORN}T{NAME}", "gender": NAME, "telecom": PHONE, "managingOrganization": {"reference": f"Organization/{LATIN}"}}
        elif one["resourceType"] == "Observation":
            one |= {"status": NAME, "effectiveDateTime": f"{BORN} {NAME}", "valueString": NAME, "subject": {"reference": f"Patient/{LATIN}"}}
    return made


def canaries_in(text: str, more: tuple[str, ...] = ()) -> list[str]:
    return [one for one in (*CANARIES, *more) if one in text or one.encode("unicode_escape").decode() in text]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Imported, consented, decided, sent; one import and one transfer went wrong."""
    folder = tmp_path_factory.mktemp("canaries")
    ports = dict(zip(network.PROFILES, free_ports(4), strict=True))
    network.found_network(folder, ports)
    made = World(folder, Clock(clock.now()))
    made.open()
    made.file("mo", planted(made.clock()))
    made.consent()
    made.do("mo", Role.PHYSICIAN, "DecideEligibility")
    made.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    made.deliver("mo")
    return made


def test_log_entries_hold_no_personal_data(world: World) -> None:
    for name in ("mo", "hk"):
        with world.nodes[name].storage.reading() as connection:
            entries = log.entries(connection, 0, log.size(connection))
        assert len(entries) > 10
        for item in entries:
            assert canaries_in(item.body.decode(), (OUTSIDE_ID, world.case_id)) == []


def test_events_and_columns_of_the_node_hold_no_personal_data(world: World) -> None:
    for name in ("mo", "hk"):
        node = world.nodes[name]
        for item in node.events(world.case_id):
            assert canaries_in(repr(item)) == []
        with node.storage.reading() as connection:
            for table in tables.metadata.sorted_tables:
                if table.name == "import_report":  # told to the people who imported; looked at below
                    continue
                for row in connection.execute(select(table)).mappings():
                    told = " ".join(value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in row.values())
                    assert canaries_in(told) == [], table.name


def test_sealed_package_is_unreadable_on_the_way(world: World) -> None:
    with world.nodes["mo"].storage.reading() as connection:
        sealed = connection.execute(select(tables.outgoing.c.sealed)).scalars().all()
    assert sealed and all(canaries_in(body.decode(errors="replace"), (OUTSIDE_ID,)) == [] for body in sealed)


def test_import_report_quotes_nobody(world: World) -> None:
    answer = world.file("mo", spoilt(world.clock()))
    assert answer.report.problem_count > 5
    told = json.dumps([problem.as_json() for problem in answer.report.problems], ensure_ascii=False)
    assert canaries_in(told) == []


def test_names_of_files_and_addresses_of_pages_hold_none(world: World, walked: tuple[str, list[tuple[str, str]]]) -> None:
    _, answers = walked
    pages_read = [(path, text) for path, text in answers if text.startswith("<!doctype html>")]
    assert len(pages_read) > 10
    for path, text in pages_read:
        for address in re.findall(r'(?:href|action|src)="([^"]*)"', text):
            own = () if address.startswith("/fhir/") else (OUTSIDE_ID,)  # FHIR's own addresses carry the logical id
            assert canaries_in(address, own) == [], f"{path} links to {address}"


def test_case_page_shows_the_name_to_those_who_care(walked: tuple[str, list[tuple[str, str]]]) -> None:
    """Else the other tests would pass on an empty page."""
    _, answers = walked
    assert any(NAME in text for _, text in answers)


def test_process_writes_none_to_its_outputs(world: World, walked: tuple[str, list[tuple[str, str]]]) -> None:
    output, answers = walked
    assert "baybridge.access" in output, "the access log is on"
    assert canaries_in(output, (OUTSIDE_ID,)) == []
    assert len(answers) > 35


def test_errors_over_http_quote_none(walked: tuple[str, list[tuple[str, str]]]) -> None:
    _, answers = walked
    errors = [(path, text) for path, text in answers if path.startswith("error ")]
    assert len(errors) > 5
    for path, text in errors:
        assert [one for one in canaries_in(text) if one not in path] == [], path  # what stands in the address was typed by the asker


@pytest.fixture(scope="module")
def walked(world: World) -> tuple[str, list[tuple[str, str]]]:
    """Every page and service of a served node asked by a coordinator, rightly and wrongly: its outputs, and the answers."""
    node = world.nodes["mo"]
    with node.storage.writing() as connection:
        accounts.add_account(
            connection, account="c", name="c", role=Role.COORDINATOR, organisation=node.site.organisation, password="-"
        )
        session = accounts.open_session(connection, "c", clock.now())
    server = Server(world.folder / "mo", next(neighbour_port(world)))
    server.start()
    answers: list[tuple[str, str]] = []
    headers = {"authorization": f"Bearer {session.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as client:
        for door in pages.DOORS:
            if "GET" in door.methods and door.path != "/live":  # a stream without an end
                _ask(client, answers, "GET", _filled(door.path, world))
        for path in ("/fhir/Patient", f"/fhir/Patient/{OUTSIDE_ID}", f"/fhir/Patient/{OUTSIDE_ID}/$everything", "/fhir/Observation?code=718-7"):
            _ask(client, answers, "GET", path)
        _ask(client, answers, "GET", f"/fhir/Patient?name={LATIN}&identifier={IDENTITY}&birthdate={BORN}")
        for path in (f"/cases/{LATIN}", f"/fhir/Patient/{LATIN}", f"/fhir/{LATIN}/1", f"/nowhere/{LATIN}", f"/policies/{LATIN}"):
            _ask(client, answers, "GET", path)
        wrong = {"resourceType": "Patient", "id": "x", "birthDate": f"{BORN}x", "gender": NAME, "telecom": IDENTITY}
        _ask(client, answers, "POST", "/fhir/Patient", json=wrong)
        _ask(client, answers, "PUT", "/fhir/Patient/x", json=wrong)
        _ask(client, answers, "POST", "/do/RecordConsent", json={"case": world.case_id, "given": {"kind": NAME, "valid_until": BORN + NAME}})
        _ask(client, answers, "POST", "/do/OpenCase", json={"given": {"patient_id": 7, "residence": IDENTITY, "synthetic": NAME}})
        _ask(client, answers, "POST", "/decide/crs-astct-2019", json={"temperature": NAME, "hypotension": IDENTITY})
        _ask(client, answers, "POST", "/session", json={"name": NAME, "password": IDENTITY})
        _ask(client, answers, "POST", "/fhir", json={"resourceType": "Bundle", "type": "batch", "entry": [{"resource": wrong}]})
        _ask(client, answers, "POST", "/fhir/Patient", content=f'{{"name": "{LATIN}'.encode())
    server.kill()
    return server.output.read_text(encoding="utf-8"), answers


def neighbour_port(world: World) -> Any:
    yield int(world.nodes["hk"].neighbours["mo"].url.rsplit(":", 1)[1])


def _filled(path: str, world: World) -> str:
    values = {"case_id": world.case_id, "command": "RecordConsent", "policy_id": "axi-cel-lbcl-3l-cn"}
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda match: values.get(match[1], "x"), path)


def _ask(client: httpx.Client, answers: list[tuple[str, str]], method: str, path: str, **more: Any) -> None:
    answer = client.request(method, path, **more)
    assert answer.status_code != 500, f"{method} {path}: {answer.text[:300]}"
    wrong = "error " if answer.status_code >= 400 else ""
    answers.append((f"{wrong}{method} {path}", answer.text))


def test_command_line_quotes_none(world: World, tmp_path: Path) -> None:
    import subprocess
    import sys

    for one in world.nodes.values():
        one.storage.close()
    bad = tmp_path / "records.json"
    bad.write_text(json.dumps(spoilt(world.clock()), ensure_ascii=False), encoding="utf-8")
    broken = tmp_path / "broken.ndjson"
    broken.write_text(f'{{"resourceType": "Patient", "name": "{LATIN} {NAME}\n', encoding="utf-8")
    given = tmp_path / "given.json"
    given.write_text(json.dumps({"kind": NAME, "valid_until": IDENTITY}, ensure_ascii=False), encoding="utf-8")
    folder = str(world.folder / "mo")
    for arguments in (
        ["import", folder, str(bad), str(broken)],
        ["do", "RecordConsent", "--node", folder, "--case", world.case_id, "--input", str(given)],
        ["facts", LATIN, "--node", folder],
        ["ledger", "check", folder],
    ):
        done = subprocess.run([str(Path(sys.executable).parent / "baybridge"), *arguments], capture_output=True, text=True, check=False)
        assert canaries_in(done.stderr) == [], f"{arguments[0]}: {done.stderr[-500:]}"
        assert "Traceback" not in done.stderr
