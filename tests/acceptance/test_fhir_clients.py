"""A FHIR client that nobody here wrote (fhirpy) works against a served node, over HTTP, with imported records."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound

from baybridge.journey.command import Role
from baybridge.node.node import open_node
from baybridge.node.people import accounts
from shared_data import shared

BAYBRIDGE = Path(sys.executable).with_name("baybridge")
PASSWORD = "correct horse battery staple"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "mo"
    files = [shared("cart", "hk-dlbcl-early-relapse.json"), shared("cart", "mo-hgbl-three-lines.json.gz")]
    subprocess.run([BAYBRIDGE, "init", folder, "--organisation", "Macao Hospital", "--jurisdiction", "MO"], check=True)
    subprocess.run([BAYBRIDGE, "import", folder, *files], check=True)
    node = open_node(folder)
    with node.storage.writing() as connection:
        accounts.add_account(
            connection, account="a1", name="physician", role=Role.PHYSICIAN, organisation="Macao Hospital", password=PASSWORD
        )
    node.storage.close()
    port = free_port()
    process = subprocess.Popen([BAYBRIDGE, "serve", folder, "--port", str(port)], stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"
    yield wait_for(url, process)
    process.terminate()
    process.wait(20)


def wait_for(url, process):
    for _ in range(200):
        if process.poll() is not None:
            pytest.fail(f"the node did not start: {process.stderr.read().decode()[-2000:]}")
        try:
            if httpx.get(f"{url}/fhir/metadata").status_code == 200:
                return url
        except httpx.TransportError:
            time.sleep(0.1)
    process.kill()
    return pytest.fail("the node did not answer within 20 s")


@pytest.fixture(scope="module")
def token(address):
    answer = httpx.post(f"{address}/session", json={"name": "physician", "password": PASSWORD})
    return answer.json()["token"]


@pytest.fixture(scope="module")
def client(address, token):
    return SyncFHIRClient(f"{address}/fhir", authorization=f"Bearer {token}", extra_headers={"X-Baybridge-Reason": "entered-twice"})


def test_reading_what_was_imported(client):
    patient = client.reference("Patient", "hk-dlbcl-early-relapse").to_resource()
    assert patient["birthDate"] == "1968-04-09"
    results = client.resources("Observation").search(patient="hk-dlbcl-early-relapse").limit(10).fetch_all()
    file = json.loads(shared("cart", "hk-dlbcl-early-relapse.json").read_bytes())
    sent = {e["resource"]["id"] for e in file["entry"] if e["resource"]["resourceType"] == "Observation"}
    assert {result["id"] for result in results if "projection" not in json.dumps(result.get("meta", {}))} == sent


def test_the_imported_file_compared_with_what_is_served(address, token):
    file = json.loads(gzip.decompress(shared("cart", "mo-hgbl-three-lines.json.gz").read_bytes()), parse_float=str)
    headers = {"authorization": f"Bearer {token}"}
    for entry in file["entry"]:
        sent = entry["resource"]
        served = json.loads(httpx.get(f"{address}/fhir/{sent['resourceType']}/{sent['id']}", headers=headers).content, parse_float=str)
        for stamp in ("versionId", "lastUpdated"):
            served["meta"].pop(stamp)
        assert {**served, "meta": served["meta"] or None} == {**sent, "meta": sent.get("meta")}


def test_creating_changing_and_deleting(client):
    made = client.resource("Observation", status="final", code={"text": "note"}, valueString="seen")
    made.save()
    assert made.id
    made["status"] = "amended"
    made.save()
    again = client.resources("Observation").search(_id=made.id).first()
    assert (again["status"], again["meta"]["versionId"]) == ("amended", "2")
    made.delete()
    with pytest.raises((ResourceNotFound, OperationOutcome)):
        client.reference("Observation", made.id).to_resource()


def test_a_faulty_resource_is_refused_with_the_reasons(client):
    with pytest.raises(OperationOutcome) as refused:
        client.resource("Observation", status="nonsense", code={"text": "x"}).save()
    assert "record.invalid.code" in json.dumps(refused.value.resource)


def test_the_asynchronous_client_searches(address, token):
    async def found():
        client = AsyncFHIRClient(f"{address}/fhir", authorization=f"Bearer {token}")
        return await client.resources("Patient").search(birthdate__ge="1960").sort("birthdate").fetch()

    assert [patient["id"] for patient in asyncio.run(found())] == ["hk-dlbcl-early-relapse", "mo-hgbl-three-lines"]


def test_the_case_is_read_through_fhir(client):
    cases = client.resources("EpisodeOfCare").search(patient="hk-dlbcl-early-relapse").fetch_all()
    assert [case["status"] for case in cases] == ["planned"]
    assert {"system": "urn:baybridge:projection", "code": "CaseOpened"} in cases[0]["meta"]["tag"]
