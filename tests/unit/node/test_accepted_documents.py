"""A node goes by the last set of its site's documents that could be put in force, and says what keeps a newer one from it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from acceptance.support import Clock
from baybridge.app import application
from baybridge.cli.main import main
from baybridge.documents.loader import packaged_data
from baybridge.journey.command import Role
from baybridge.node import accepted
from baybridge.node.config import ConfigProblem, read_config
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found

HERE = "Hospital"
GOOD, BAD = "id: cold-chain\nfresh_cells: {warmest_c: 7}\n", "id: cold-chain\nfresh_cells: {warmest_f: 46}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found(tmp_path / "node", {"node": "hk", "organisation": HERE, "jurisdiction": "HK", "kinds": ["centre", "laboratory"]})
    return tmp_path / "node"


def write(folder: Path, text: str) -> None:
    path = folder / "data" / "pathways" / "cold-chain.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def started(folder: Path) -> Node:
    return Node(read_config(folder), now=Clock())


def warmest(node: Node) -> object:
    return node.documents.folder("pathways")["cold-chain"]["fresh_cells"]["warmest_c"]


def test_first_start_with_a_set_that_cannot_be_put_in_force_is_refused_with_every_problem(folder: Path) -> None:
    write(folder, BAD)
    (folder / "data" / "products").mkdir()
    (folder / "data" / "products" / "a.yaml").write_text("id: axicabtagene-ciloleucel\nlables: []\n", encoding="utf-8")
    with pytest.raises(ConfigProblem) as refused:
        started(folder)
    assert "did you mean warmest_c?" in str(refused.value)
    assert "did you mean labels?" in str(refused.value)


def test_start_after_commands_that_only_opened_the_folder_is_a_first_start(folder: Path) -> None:
    started(folder)
    write(folder, BAD)
    with pytest.raises(ConfigProblem):
        started(folder)


def test_restart_goes_on_with_the_last_set(folder: Path) -> None:
    write(folder, GOOD)
    started(folder)
    write(folder, BAD)
    node = started(folder)
    assert warmest(node) == 7
    assert (node.site_documents.barred, [problem.field for problem in node.site_documents.problems]) == (True, ["fresh_cells.warmest_f"])
    write(folder, GOOD.replace("7", "6"))
    again = started(folder)
    assert (warmest(again), again.site_documents.barred) == (6, False)


def test_running_node_reads_again_what_was_written(folder: Path) -> None:
    node = started(folder)
    assert (warmest(node), node.read_documents_again()) == (8, False)
    write(folder, GOOD)
    assert (node.read_documents_again(), warmest(node), node.read_documents_again()) == (True, 7, False)
    write(folder, BAD)
    assert (node.read_documents_again(), warmest(node), node.site_documents.barred) == (False, 7, True)
    write(folder, GOOD)
    assert (node.read_documents_again(), warmest(node), node.site_documents.barred) == (False, 7, False)


@pytest.mark.parametrize("before", ["never any", "taken away"])
def test_node_that_worked_with_ours_alone_goes_on_with_ours(folder: Path, before: str) -> None:
    if before == "taken away":
        write(folder, GOOD)
        started(folder)
        (folder / "data" / "pathways" / "cold-chain.yaml").unlink()
    node = started(folder)
    write(folder, BAD)
    node.read_documents_again()
    for each in (node, started(folder)):
        told = [problem.field for problem in each.site_documents.problems]
        assert (warmest(each), each.site_documents.barred, told) == (8, True, ["fresh_cells.warmest_f"])
    documents, problems = accepted.documents_in_force(folder)
    assert (documents.folder("pathways")["cold-chain"]["fresh_cells"]["warmest_c"], len(problems)) == (8, 1)
    write(folder, GOOD)
    assert (node.read_documents_again(), warmest(node), node.site_documents.barred) == (True, 7, False)


def test_running_node_does_not_see_a_file_half_written(folder: Path) -> None:
    write(folder, GOOD)
    node = started(folder)
    write(folder, "id: cold-ch")
    assert warmest(node) == 7


def test_policies_and_facts_of_a_new_set_are_in_force(folder: Path) -> None:
    node = started(folder)
    assert node.dictionary["ldh"].plausible is not None
    before = node.policies.get("easix").sha256
    facts, policy = folder / "data" / "facts" / "own.yaml", folder / "data" / "policies" / "easix.yaml"
    for path in (facts, policy):
        path.parent.mkdir(parents=True)
    facts.write_text("ldh:\n  plausible: [1, 2]\n", encoding="utf-8")
    ours = (packaged_data() / "policies" / "scores" / "easix.yaml").read_text(encoding="utf-8")
    policy.write_text(ours.replace('version: "1"', 'version: "own"'), encoding="utf-8")
    assert node.read_documents_again()
    assert [float(bound) for bound in node.dictionary["ldh"].plausible or ()] == [1, 2]
    assert node.policies.get("easix").sha256 != before


def test_folder_that_is_gone_is_told_and_an_empty_one_is_meant(folder: Path) -> None:
    write(folder, GOOD)
    started(folder)
    (folder / "data").rename(folder / "aside")
    node = started(folder)
    assert (warmest(node), node.site_documents.barred) == (7, True)
    (folder / "data").mkdir()
    node = started(folder)
    assert (warmest(node), node.site_documents.barred) == (8, False)


@pytest.mark.parametrize("step", ["copy", "point"])
def test_process_that_ends_while_it_accepts_leaves_the_set_before(folder: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, GOOD)
    started(folder)
    write(folder, GOOD.replace("7", "6"))

    def ends(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as ending, pytest.raises(KeyboardInterrupt):
        ending.setattr(accepted, f"_{step}", ends)
        started(folder)
    kept = accepted._kept(folder)
    assert kept is not None
    assert "7" in (kept / "pathways" / "cold-chain.yaml").read_text(encoding="utf-8")
    assert warmest(started(folder)) == 6


def test_administrator_and_quality_see_what_is_not_in_force_and_nobody_else(folder: Path) -> None:
    write(folder, GOOD)
    node = started(folder)
    tokens = {}
    with node.storage.writing() as connection:
        for role in (Role.ADMINISTRATOR, Role.QUALITY, Role.NURSE):
            accounts.add_account(connection, account=role.value, name=role.value, role=role, organisation=HERE, password="-", patient_id=None)
            tokens[role] = accounts.open_session(connection, role.value, node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1") as client:

        def page(role: Role, language: str = "en") -> str:
            return client.get("/policies", headers={"cookie": f"baybridge={tokens[role]}; language={language}"}).text

        assert not any("fresh_cells" in page(role) for role in tokens)
        write(folder, BAD)
        node.read_documents_again()
        for role in tokens:
            assert ("pathways/cold-chain.yaml:2: fresh_cells.warmest_f" in page(role)) is (role is not Role.NURSE)
        assert str(folder) not in page(Role.QUALITY)
        assert "未生效" in page(Role.ADMINISTRATOR, "zh-Hant")
        write(folder, GOOD)
        node.read_documents_again()
        assert not any("fresh_cells" in page(role) for role in tokens)


def test_a_command_reads_the_set_that_is_in_force_and_says_where_the_last_is_not(folder: Path) -> None:
    given = folder / "facts.json"
    given.write_text('{"ecog": 2}')
    command = ["decide", "fitness-treatment", "--facts", str(given), "--node", str(folder)]
    ours = next(packaged_data().rglob("fitness-treatment.yaml")).read_text("utf-8")
    own_file = folder / "data" / "policies" / "own.yaml"
    own_file.parent.mkdir()
    own_file.write_text(ours.replace("ecog < 2", "ecog < 3"), "utf-8")
    started(folder)
    own = CliRunner().invoke(main, command)
    own_file.write_text("id: fitness-treatment\nshape: of-nothing\n", "utf-8")
    kept = CliRunner().invoke(main, command)
    assert (own.exit_code, kept.exit_code, own.stdout) == (0, 0, kept.stdout)
    assert CliRunner().invoke(main, command[:-2]).stdout != own.stdout
    assert (own.stderr, kept.stderr.count("\n")) == ("", 1)
    shutil.rmtree(folder / "accepted")
    none = CliRunner().invoke(main, command)
    assert (none.exit_code, none.stdout) == (1, "") and "own.yaml:" in none.stderr


def test_pages_say_of_each_value_whose_it_is(folder: Path) -> None:
    write(folder, GOOD)
    node = started(folder)
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="n", name="n", role=Role.NURSE, organisation=HERE, password="-", patient_id=None)
        token = accounts.open_session(connection, "n", node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", cookies={"baybridge": token}) as client:
        page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get("/documents/pathways/cold-chain").text))
        assert "fresh_cells.warmest_c 7 this site&#39;s own" in page
        assert "fresh_cells.coldest_c 2 as Baybridge has it" in page
        assert 'href="/documents/pathways/cold-chain"' in client.get("/documents").text
        assert client.get("/documents/translations/en").status_code == client.get("/documents/pathways/none").status_code == 404


@pytest.mark.parametrize("text", ["id: HK\norder: four\n", "id: HK\ntime_zone: Nowhere/City\n", "id: [\n", "id: XA\norder: 1\n", "- HK\n"])
def test_restart_with_a_region_that_cannot_be_put_in_force_goes_on_with_the_last_set(folder: Path, text: str) -> None:
    write(folder, GOOD)
    started(folder)
    region = folder / "data" / "regions" / "hk.yaml"
    region.parent.mkdir()
    region.write_text(text, encoding="utf-8")
    node = started(folder)
    assert (str(node.site.zone), warmest(node), node.site_documents.barred) == ("Asia/Hong_Kong", 7, True)


def test_a_region_of_a_barred_set_changes_no_clock(folder: Path) -> None:
    write(folder, GOOD)
    started(folder)
    write(folder, BAD)
    region = folder / "data" / "regions" / "hk.yaml"
    region.parent.mkdir()
    region.write_text("id: HK\ntime_zone: Pacific/Auckland\n", encoding="utf-8")
    assert str(started(folder).site.zone) == "Asia/Hong_Kong"


def test_first_start_and_founding_with_a_wrong_region_say_each_problem(folder: Path, tmp_path: Path) -> None:
    for data in (folder / "data", tmp_path / "new" / "data"):
        (data / "regions").mkdir(parents=True)
        (data / "regions" / "a.yaml").write_text("id: HK\norder: four\n", encoding="utf-8")
    with pytest.raises(ConfigProblem, match=r"order, found four"):
        read_config(folder)
    done = CliRunner().invoke(main, ["init", str(tmp_path / "new"), "--organisation", "H", "--jurisdiction", "HK"])
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert "order, found four" in done.output
