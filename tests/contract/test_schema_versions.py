"""The schema's version: the changes come to the tables of now, another version is refused in a sentence, an upgrade killed anywhere leaves the old or the new state."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from sqlalchemy import Connection, MetaData, inspect

import databases
from baybridge.cli.main import main
from baybridge.exchange.evidence.trust import read_trust
from baybridge.exchange.evidence.verify import verify_file
from baybridge.journey.command import Actor, Command, Role
from baybridge.ledger import streams
from baybridge.node.config import Config, ConfigProblem, read_config
from baybridge.node.handle import handle
from baybridge.node.integrity import form
from baybridge.node.integrity.check import check_stored
from baybridge.node.neighbours import evidence, witnessing
from baybridge.node.node import open_node
from baybridge.node.schema import migrating, upgrading, version
from baybridge.node.steps import UPGRADE, Walk
from baybridge.node.storage import Storage
from baybridge.node.upkeep.founding import found
from killing import killed

STORED = sorted((Path(__file__).parents[1] / "stored_nodes").glob("schema_*.tar.xz"))
PROFILE = {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"]}
BEFORE_VERSIONS = ("schema_version", "told_restoration")  # tables that a database of before versions lacks
#: Tables of versions that were counted, which a stored node may lack.
LATER = ("outside_identity", "sign_in_begun", "passkey", "calendar_link", "payer_case", "notification", "notification_rule")
LATER_COLUMNS = {"session": ("provider", "strong"), "case_index": ("figures", "due_again_at", "only_told"), "task": ("urgent", "holder")}
LATER_INDEXES = ("case_index_only_told", "case_index_due_again", "task_of_holder")  # on those columns


@pytest.fixture(params=databases.KINDS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A node with one case, in the newest version."""
    found(tmp_path / "mo", PROFILE, databases.url_of(request.param, tmp_path))
    node = open_node(tmp_path / "mo")
    open_a_case(node, "case-1")
    witnessing.sign_checkpoint(node)
    node.storage.close()
    return tmp_path / "mo"


def open_a_case(node: object, case_id: str) -> None:
    actor = Actor("a", Role.COORDINATOR, "Hospital")
    handle(node, Command("OpenCase", case_id, {"patient_id": f"patient-of-{case_id}", "residence": "MO", "synthetic": True}, actor, f"open-{case_id}"))


def make_older(folder: Path) -> Config:
    """Take from the database what a version of before did not have."""
    config = read_config(folder)
    with writing(config) as connection:
        for table in BEFORE_VERSIONS:
            connection.exec_driver_sql(f"DROP TABLE {table}")
        for table in LATER:
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")
        for index in LATER_INDEXES:
            connection.exec_driver_sql(f"DROP INDEX IF EXISTS {index}")
        for table, columns in LATER_COLUMNS.items():
            there = {one["name"] for one in inspect(connection).get_columns(table)}
            for column in there.intersection(columns):
                connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.exec_driver_sql("ALTER TABLE account DROP COLUMN disabled_because")
    return config


class writing:  # noqa: N801 - reads as the storage's own
    """One transaction on a node's database, without opening the node."""

    def __init__(self, config: Config) -> None:
        self.storage = Storage(config.database)
        self.context = self.storage.writing()

    def __enter__(self) -> Connection:
        return self.context.__enter__()

    def __exit__(self, *raised: object) -> None:
        self.context.__exit__(*raised)
        self.storage.close()


def state(folder: Path) -> tuple[str | None, bool, bool, list[str]]:
    """Version, whether what was lacking is there, and the cases."""
    with writing(read_config(folder)) as connection:
        inspector = inspect(connection)
        column = "disabled_because" in {one["name"] for one in inspector.get_columns("account")}
        return version.found(connection), inspector.has_table("told_restoration"), column, list(streams.case_ids(connection))


OLD, NEW = ("0000", False, False, ["case-1"]), (version.NEWEST, True, True, ["case-1"])


# --- the tables -----------------------------------------------------------------------------------------------------


def described(connection: Connection) -> dict[str, object]:
    """Every table with its columns, keys and indexes, as the database has them."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": {one["name"]: (str(one["type"]), one["nullable"], "nextval" in str(one["default"])) for one in inspector.get_columns(table)},
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "unique": sorted(tuple(one["column_names"]) for one in inspector.get_unique_constraints(table)),
            "indexes": sorted((one["name"], tuple(one["column_names"]), bool(one["unique"])) for one in inspector.get_indexes(table)),
        }
        for table in inspector.get_table_names()
    }


@pytest.mark.parametrize("kind", databases.KINDS)
def test_changes_from_the_first_version_on_come_to_the_tables_of_now(kind: str, tmp_path: Path) -> None:
    """Where this fails, a table was changed without a change of the schema: add a file to `node/schema/migrations/versions/` and count `NEWEST` on."""
    found_by = []
    for number, make in enumerate((version.make, migrating.migrate)):
        (tmp_path / str(number)).mkdir()
        storage = Storage(databases.url_of(kind, tmp_path / str(number)))
        with storage.writing() as connection:
            make(connection)
        with storage.reading() as connection:
            found_by.append((version.found(connection), described(connection)))
            assert list(form.findings(connection)) == []
        storage.close()
    assert found_by[0][0] == found_by[1][0] == version.NEWEST
    assert found_by[0][1] == found_by[1][1]


_WRITES_ITSELF = {
    "sqlite": ["CREATE TRIGGER x AFTER INSERT ON session BEGIN DELETE FROM task; END"],
    "postgresql": [
        "CREATE FUNCTION x() RETURNS trigger AS 'BEGIN DELETE FROM task; RETURN NULL; END' LANGUAGE plpgsql",
        "CREATE TRIGGER x AFTER INSERT ON session FOR EACH ROW EXECUTE FUNCTION x()",
    ],
}


@pytest.mark.parametrize("kind", databases.KINDS)
def test_what_writes_by_itself_and_what_is_gone_is_found(kind: str, tmp_path: Path) -> None:
    storage = Storage(databases.url_of(kind, tmp_path))
    with storage.writing() as connection:
        version.make(connection)
    with storage.engine.begin() as connection:
        for statement in (*_WRITES_ITSELF[connection.dialect.name], "DROP INDEX case_index_stale", "ALTER TABLE account ALTER COLUMN language SET DEFAULT 'pt'"):
            if "ALTER COLUMN" not in statement or connection.dialect.name != "sqlite":
                connection.exec_driver_sql(statement)
    with storage.reading() as connection:
        found = {(one.kind, one.what) for one in form.findings(connection)}
    storage.close()
    assert found == {("unlogged", "form/session"), ("differs", "form/case_index"), *([("differs", "form/account")] if kind != "sqlite" else [])}


def test_every_table_is_of_one_part_and_counted_by_versions() -> None:
    whole = MetaData()
    for metadata in version.METADATAS:
        for table in metadata.sorted_tables:
            assert table.name not in whole.tables
            table.to_metadata(whole)


# --- another version ------------------------------------------------------------------------------------------------


def run(*given: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, list(given))
    return done.exit_code, done.output


@pytest.mark.parametrize("command", ["serve", "ledger check", "do", "user list", "fund reproduce"])
def test_an_older_database_is_refused_with_the_command_to_run(folder: Path, command: str) -> None:
    make_older(folder)
    given = {"do": ["do", "OpenCase", "--node"], "user list": ["user", "list", "--node"], "fund reproduce": ["fund", "reproduce"]}.get(command, command.split())
    code, said = run(*given, str(folder))
    assert code == 1
    assert f"baybridge upgrade {folder}" in said
    assert state(folder) == OLD, "looking changes nothing"


def test_a_newer_database_is_refused(folder: Path) -> None:
    with writing(read_config(folder)) as connection:
        version.write(connection, "9999")
    for given in (["serve"], ["ledger", "check"], ["upgrade"], ["upgrade", "--check"]):
        code, said = run(*given, str(folder))
        assert code == 1
        assert "9999" in said and "newer version" in said


def test_a_database_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    found(tmp_path / "mo", PROFILE)
    (tmp_path / "mo" / "node.sqlite").unlink()
    code, said = run("serve", str(tmp_path / "mo"))
    assert code == 1
    assert "baybridge restore" in said
    assert not (tmp_path / "mo" / "node.sqlite").exists()


# --- upgrading ------------------------------------------------------------------------------------------------------


def test_an_upgrade_changes_checks_and_keeps_a_copy_to_go_back_to(folder: Path) -> None:
    make_older(folder)
    code, said = run("upgrade", str(folder), "--check", "--json")
    assert (code, state(folder)) == (0, OLD)
    assert yaml.safe_load(said)["to"] == version.NEWEST
    code, said = run("upgrade", str(folder), "--json")
    done = yaml.safe_load(said)
    assert (code, state(folder)) == (0, NEW)
    assert (done["from"], done["to"]) == ("0000", version.NEWEST)
    assert check_stored(read_config(folder)).findings == []
    again = yaml.safe_load(run("upgrade", str(folder), "--json")[1])
    assert (again["steps"], again["backup"]) == ([], None)
    assert run("upgrade", str(folder), "--back", done["backup"])[0] == 0
    assert state(folder)[0] == "0000"
    assert state(folder)[3] == ["case-1"]


def test_going_back_says_what_it_loses(folder: Path) -> None:
    make_older(folder)
    copy = yaml.safe_load(run("upgrade", str(folder), "--json")[1])["backup"]
    node = open_node(folder)
    open_a_case(node, "case-2")
    node.storage.close()
    code, said = run("upgrade", str(folder), "--back", copy)
    assert code == 1
    assert "1 events" in said
    assert "case-2" in state(folder)[3]
    assert run("upgrade", str(folder), "--back", copy, "--lose-entries")[0] == 0
    assert state(folder)[3] == ["case-1"]


def test_a_ledger_that_does_not_hold_stops_the_upgrade(folder: Path) -> None:
    config = make_older(folder)
    with writing(config) as connection:
        connection.exec_driver_sql("UPDATE event SET type = 'Infused'")
    code, said = run("upgrade", str(folder))
    assert code == 1
    assert "Nothing was changed" in said
    assert state(folder) == OLD
    assert run("upgrade", str(folder), "--despite-findings")[0] == 0


def test_a_node_that_is_served_is_not_upgraded(folder: Path) -> None:
    from baybridge.node.upkeep.served import hold

    config = make_older(folder)
    with hold(config):
        code, said = run("upgrade", str(folder))
    assert code == 1
    assert "stop it first" in said
    assert state(folder) == OLD


def test_another_nodes_copy_is_not_gone_back_to(folder: Path, tmp_path: Path) -> None:
    found(tmp_path / "other", PROFILE)
    code, _ = run("upgrade", str(folder), "--back", str(tmp_path / "other" / "node.sqlite"))
    assert code == 1
    assert run("upgrade", str(folder), "--back", str(folder / "node.yaml"))[0] == 1


@pytest.mark.parametrize("step", UPGRADE)
def test_killed_at_any_step_it_leaves_the_old_or_the_new_state(folder: Path, step: str) -> None:
    config = make_older(folder)
    killed(lambda: upgrading.upgrade(config, Walk(step)))
    assert state(folder) == (NEW if step == "upgrade.standing" else OLD)
    assert run("upgrade", str(folder))[0] == 0
    assert state(folder) == NEW
    assert check_stored(read_config(folder)).findings == []


def test_killed_while_it_goes_back_it_is_the_copy(folder: Path) -> None:
    config = make_older(folder)
    copy = upgrading.upgrade(config, Walk()).copy
    assert copy is not None
    killed(lambda: upgrading.back(config, copy, Walk("upgrade.put_back")))
    assert state(folder)[0] == "0000"


# --- nodes of versions before ---------------------------------------------------------------------------------------


def test_a_node_of_the_newest_version_is_stored() -> None:
    """Where this fails, run `python tests/stored_nodes/make.py`, so that later versions are tried with this one's."""
    assert [path.name.partition(".")[0] for path in STORED][-1] == f"schema_{version.NEWEST}"


@pytest.fixture(params=STORED, ids=lambda path: path.name.partition(".")[0])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    yield tmp_path / "mo"
    shutil.rmtree(tmp_path / "mo")


def test_a_stored_node_opens_in_the_newest_version_and_its_packs_still_verify(stored: Path) -> None:
    pack, trust = (stored / "evidence.json").read_bytes(), read_trust(yaml.safe_load((stored / "trust.json").read_text("utf-8")))
    assert verify_file(pack, trust, None).ok, "the pack that was given then"
    upgrading.upgrade(read_config(stored), Walk())
    node = open_node(stored)
    with node.storage.reading() as connection:
        (case_id,) = streams.case_ids(connection)
    assert node.case(case_id) is not None
    assert verify_file(evidence.evidence_pack(node, case_id), trust, None).ok, "the pack that is given now"
    node.storage.close()
    assert check_stored(read_config(stored)).findings == []


def test_a_node_of_another_version_is_told_by_a_configuration_problem(stored: Path) -> None:
    config = make_older(stored)
    with pytest.raises(ConfigProblem, match="baybridge upgrade"):
        open_node(stored)
    upgrading.upgrade(config, Walk())
    open_node(stored).storage.close()
