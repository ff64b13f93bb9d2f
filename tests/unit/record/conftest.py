"""A node with FHIR over HTTP and people who are signed in there, for every test of this folder that has none of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from baybridge.api import fhir
from baybridge.http.doors import routes
from baybridge.journey.command import Role
from baybridge.node.node import open_node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found
from baybridge.record.store import store

T0 = datetime(2026, 3, 8, 9, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.at = T0

    def __call__(self):
        self.at += timedelta(seconds=1)
        return self.at


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("node") / "mo"
    found(folder, {"node": "mo", "organisation": "Macao Hospital", "jurisdiction": "MO", "kinds": ["centre"]})
    return open_node(folder, now=Clock())


@pytest.fixture
def server(node):
    with node.storage.writing() as connection:
        for table in (store.resource_version, store.resource_current, store.search_value):
            connection.execute(table.delete())
    return Starlette(routes=routes(node, fhir.DOORS, fhir.refused))


@pytest.fixture
def sign_in(node, server):
    def as_role(role, patient_id=None):
        with node.storage.writing() as connection:
            name = f"{role}-{node.now().isoformat()}"
            token = session(connection, node, name, role, patient_id)
        client = TestClient(server, base_url="http://node.example")
        client.headers["authorization"] = f"Bearer {token}"
        return client

    return as_role


def session(connection, node, name, role, patient_id):
    accounts.add_account(
        connection,
        account=name,
        name=name,
        password="a long enough password",
        role=Role(role),
        organisation="Macao Hospital",
        patient_id=patient_id,
    )
    return accounts.open_session(connection, name, node.now()).token


@pytest.fixture
def client(sign_in):
    return sign_in("physician")
