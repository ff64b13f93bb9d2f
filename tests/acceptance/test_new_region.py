"""A fourth region and a fifth language are added by documents alone, and a network with them starts and works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.cli.main import main
from baybridge.exchange.transfer.sending import in_bay_area
from baybridge.journey.command import Role
from baybridge.node.config import read_config
from baybridge.node.node import Node, open_node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import introduce

REGION = """
id: XA
order: 4
names: {en: "Example Islands", zh-Hans: "示例群岛", zh-Hant: "示例群島", pt: "Ilhas Exemplo"}
time_zone: Pacific/Auckland
currency: USD
languages: [fr, en]
city: Port Example
country_codes: [XA]
registry_names: [Example Islands]
identity_systems: ["urn:xa:id"]
law: none-known
data_area: []
next_door: null
notify_before_transfer: null
"""
LANGUAGE = """
id: fr
order: 5
name: Français
locale: fr_FR
tags: [fr]
"""
WORDS = 'menu.tasks: "Tâches"\ncode.XA: "Îles Exemple"\n'


def documents_of_a_new_region(folder: Path) -> None:
    for name, text in {"regions/XA.yaml": REGION, "languages/fr.yaml": LANGUAGE, "translations/fr/site.yaml": WORDS}.items():
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def init(folder: Path, jurisdiction: str) -> None:
    done = CliRunner().invoke(main, ["init", str(folder), "--organisation", f"Hospital {jurisdiction}", "--jurisdiction", jurisdiction, "--json"])
    assert done.exit_code == 0, done.output


@pytest.fixture
def network(tmp_path: Path) -> dict[str, Node]:
    """A hospital of the new region and one of Hong Kong, which both know the region's documents."""
    for name, region in (("xa", "XA"), ("hk", "HK")):
        documents_of_a_new_region(tmp_path / name)
        init(tmp_path / name, region)
    introduce([(tmp_path / "xa", "http://127.0.0.1:1"), (tmp_path / "hk", "http://127.0.0.1:2")])
    return {name: open_node(tmp_path / name) for name in ("xa", "hk")}


def signed_in(node: Node) -> TestClient:
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="c", name="c", role=Role.COORDINATOR, organisation=node.site.organisation, password="-", language="fr")
        token = accounts.open_session(connection, "c", node.now()).token
    return TestClient(application(node, workers=False), cookies={"baybridge": token}, follow_redirects=False)


def test_an_unknown_region_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["init", str(tmp_path / "n"), "--organisation", "H", "--jurisdiction", "XA"])
    assert done.exit_code == 2
    assert "CN, HK, MO" in done.output
    assert not (tmp_path / "n").exists()


def test_a_site_of_a_new_region_has_its_clock_and_is_known_to_its_neighbour(network: dict[str, Node]) -> None:
    assert str(network["xa"].site.zone) == "Pacific/Auckland"
    assert network["hk"].neighbours["xa"].site.jurisdiction == "XA"
    assert not in_bay_area(network["xa"].site, network["hk"].regions)
    assert in_bay_area(network["hk"].site, network["hk"].regions)


def test_pages_speak_the_new_language_and_offer_the_new_region(network: dict[str, Node]) -> None:
    client = signed_in(network["xa"])
    page = client.get("/").text
    assert "Tâches" in page and 'lang="fr"' in page and "Français" in page
    form = client.get("/do/OpenCase?language=en").text if client.get("/do/OpenCase").status_code == 200 else ""
    assert not form or 'value="XA"' in form


def test_a_case_of_the_new_region_is_opened_and_an_unknown_one_refused(network: dict[str, Node], tmp_path: Path) -> None:
    given = tmp_path / "given.json"
    for residence, code in (("XA", 0), ("ZZ", 1)):
        given.write_text(json.dumps({"patient_id": f"p-{residence}", "residence": residence, "synthetic": True}))
        done = CliRunner().invoke(main, ["do", "OpenCase", "--node", str(network["xa"].config.folder), "--input", str(given), "--json"])
        assert done.exit_code == code, done.output
    assert "CN, HK, MO, XA, other" in done.output


def test_data_of_the_new_region_has_no_route_by_itself(network: dict[str, Node], tmp_path: Path) -> None:
    """What its law allows is nobody's guess: without a rule for it, nothing leaves."""
    request = {
        "transfer": {"at": "2026-11-21T08:00:00+08:00", "purpose": "CARE_REFERRAL", "data_categories": ["Observation"]},
        "exporter": {"name": "xa", "jurisdiction": "XA"},
        "importer": {"name": "hk", "jurisdiction": "HK"},
        "contract": None,
        "pipia": None,
        "consents": {"care": True},
    }
    file = tmp_path / "request.json"
    file.write_text(json.dumps(request))
    done = CliRunner().invoke(main, ["transfer", "check", str(file), "--node", str(network["xa"].config.folder), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["outcome"] in ("deny", "hold")


def test_a_closed_node_reads_its_region_again(network: dict[str, Node]) -> None:
    assert read_config(network["xa"].config.folder).site.jurisdiction == "XA"
