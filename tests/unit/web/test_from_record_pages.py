"""Reviews and scores beside the label: what they say of the facts now, what they ask for, and how it is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from starlette.testclient import TestClient

from acceptance.support import Clock, record
from baybridge.app import application
from baybridge.journey.command import Actor, Role
from baybridge.node.config import read_config
from baybridge.node.intake.importing import import_upload
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found

HERE = "Hospital"


@dataclass
class Site:
    client: TestClient
    case: str
    sessions: dict[Role, accounts.Session]

    def get(self, role: Role, path: str, language: str = "en") -> str:
        headers = {"cookie": f"baybridge={self.sessions[role].token}; language={language}"}
        return re.sub(r"\s+", " ", self.client.get(f"/cases/{self.case}{path}", headers=headers).text)

    def confirm(self, **given: str) -> int:
        session = self.sessions[Role.PHYSICIAN]
        sent = {"csrf": session.csrf, "basis": "ward round", **given}
        return self.client.post(f"/cases/{self.case}/do/ConfirmFinding", data=sent, headers={"cookie": f"baybridge={session.token}"}).status_code


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A centre with one lymphoma patient."""
    folder = tmp_path_factory.mktemp("record") / "node"
    found(folder, {"node": "hk", "organisation": HERE, "jurisdiction": "HK", "kinds": ["centre"]})
    node = Node(read_config(folder), now=Clock())
    imported = import_upload(node, Actor("first", Role.COORDINATOR, HERE), "record.json", json.dumps(record("one", node.now())).encode())
    sessions = {}
    with node.storage.writing() as connection:
        for role in (Role.PHYSICIAN, Role.COORDINATOR):
            accounts.add_account(connection, account=role, name=role, role=role, organisation=HERE, password="-", patient_id=None)
            sessions[role] = accounts.open_session(connection, role, node.now())
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield Site(client, next(iter(imported.cases.values())), sessions)  # type: ignore[union-attr]


def row_of(page: str, title: str) -> str:
    """The text of the table row that a document has."""
    found = re.search(rf"<tr>(?:(?!</tr>).)*{re.escape(title)}.*?</tr>", page)
    assert found, f"{title} is not on the page"
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))


def test_what_is_missing_is_a_way_to_the_answer_for_who_may_give_it(site: Site) -> None:
    asked = f'/cases/{site.case}/do/ConfirmFinding?fact=caregiver_available"'
    assert asked in site.get(Role.PHYSICIAN, "/eligibility")
    assert asked not in site.get(Role.COORDINATOR, "/eligibility")


def test_a_score_is_told_with_its_bounds_until_everything_is_known(site: Site) -> None:
    before = row_of(site.get(Role.PHYSICIAN, "/eligibility"), "CAR-HEMATOTOX")
    assert re.search(r"undetermined.*score \d to \d, as long as something is missing", before), before
    for fact, value in {"platelets": "60", "neutrophils": "2", "hemoglobin": "100", "crp": "5", "ferritin": "300"}.items():
        assert site.confirm(fact=fact, value=value) == 303
    assert "high score 2" in row_of(site.get(Role.PHYSICIAN, "/eligibility"), "CAR-HEMATOTOX")


def test_a_computed_value_is_shown_with_two_decimals_as_the_language_writes_them(site: Site) -> None:
    for fact, value in {"ldh": "300", "creatinine": "97", "platelets": "142"}.items():
        assert site.confirm(fact=fact, value=value) == 303
    assert "EASIX: 2.32 " in row_of(site.get(Role.PHYSICIAN, "/eligibility"), "EASIX, modified")
    assert "EASIX: 2,32 " in row_of(site.get(Role.PHYSICIAN, "/eligibility", "pt"), "EASIX")


def test_a_finding_is_told_in_words_in_four_languages(site: Site) -> None:
    assert site.confirm(fact="cns_disease", value="active") == 303
    for language, words in (
        ("en", "active disease of the central nervous system"),
        ("zh-Hans", "活动性中枢神经系统病变"),
        ("zh-Hant", "活動性中樞神經系統病變"),
        ("pt", "doença ativa do sistema nervoso central"),
    ):
        assert words in site.get(Role.PHYSICIAN, "/eligibility", language)


def test_a_score_of_one_diagnosis_is_not_shown_for_another(site: Site) -> None:
    assert "MyCARe" not in site.get(Role.PHYSICIAN, "/eligibility")
    assert site.confirm(fact="diagnosis", value="mm") == 303
    assert "MyCARe" in site.get(Role.PHYSICIAN, "/eligibility")


@pytest.mark.parametrize(
    ("fact", "field"),
    [
        ("active_infection", r'type="radio" name="value" value="true" required'),
        ("cns_disease", r'<select id="f-value" name="value" required>.*value="treated"'),
        ("crp", r'<input id="f-value" name="value" required value="" type="number" step="any">'),
        ("ecog", r'<input id="f-value" name="value" required value="" type="number">'),
    ],
)
def test_a_finding_is_asked_for_as_it_is_measured(site: Site, fact: str, field: str) -> None:
    page = site.get(Role.PHYSICIAN, f"/do/ConfirmFinding?fact={fact}")
    assert re.search(field, page), page[page.index("<form") :][:3000]
    assert ('name="outside_range"' in page) is (fact in {"crp", "ecog"})
