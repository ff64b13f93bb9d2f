"""`baybridge doctor`: what is well with a node and what is to be mended, on a sound node and with one thing broken at a time."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec import structs

from acceptance.test_serving import certify
from baybridge.cli.main import main
from baybridge.node.config import read_config
from baybridge.node.keeping import downtime, standing
from baybridge.node.neighbours import key_rotation, register
from baybridge.node.node import Node
from baybridge.node.upkeep import doctor
from baybridge.node.upkeep.founding import found

CONTRACT = {
    "clock", "disk", "permissions", "database", "schema", "log", "keys", "certificate", "neighbours", "backup", "mail", "documents", "worker", "roster",
    "test_settings",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found(tmp_path / "hk", {"node": "hk", "organisation": "Hong Kong Centre", "jurisdiction": "HK", "city": "Hong Kong", "kinds": ["centre"]})
    Node(read_config(tmp_path / "hk")).storage.close()
    return tmp_path / "hk"


def findings(folder: Path) -> dict[str, doctor.Finding]:
    return {one.check: one for one in doctor.examine(folder)}


def test_a_new_node_lacks_a_backup_a_check_and_a_roster_and_nothing_else(folder: Path) -> None:
    states = {name: one.state for name, one in findings(folder).items()}
    assert set(states) >= CONTRACT
    assert {name for name, state in states.items() if state not in ("ok", "skip")} - {"disk", "time_server"} == {"backup", "downtime", "log", "roster"}
    assert all(one.remedy for one in findings(folder).values() if one.state in ("fail", "warn"))


@pytest.mark.parametrize(("state", "told"), [("gap", "fail"), ("unknown", "fail"), ("accepted", "ok"), ("clean", "ok")])
def test_a_restored_node_that_takes_nothing_in_is_told(folder: Path, state: standing.State, told: str) -> None:
    assert findings(folder)["restored"].state == "skip"
    node = Node(read_config(folder))
    made, then = "2026-11-30T11:00:00+00:00", "2026-11-30T12:00:00+00:00"
    said = standing.Standing(restored_at=then, backup_sha256="0" * 64, backup_made_at=made, log_size=1, root="", state=state, neighbours=())
    with node.unit(even_restored=True) as unit:
        standing.keep(unit.connection, said)
    node.storage.close()
    found = findings(folder)["restored"]
    assert found.state == told
    assert bool(found.remedy) == (told == "fail")


def test_the_age_of_the_downtime_pack_is_looked_at_and_whether_it_is_there(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "packs", tmp_path / "elsewhere"
    second.mkdir()
    with (folder / "node.yaml").open("a", encoding="utf-8") as file:
        file.write(f"\ndowntime: {{to: {first}, second: {second}}}\n")
    assert findings(folder)["downtime"].state == "fail"
    assert CliRunner().invoke(main, ["downtime", str(folder)]).exit_code == 0
    assert findings(folder)["downtime"].state == "ok"
    shutil.rmtree(second)
    assert str(second) in findings(folder)["downtime"].found
    second.mkdir()
    kept = downtime.last(folder)
    assert kept.made_at is not None
    downtime.remember(folder, structs.replace(kept, made_at=kept.made_at - timedelta(days=1)))
    assert findings(folder)["downtime"].state == "fail"


def test_a_key_that_no_change_led_to_fails(folder: Path) -> None:
    node = Node(read_config(folder))
    old = (folder / "keys" / "signing.pem").read_bytes()
    for _ in range(2):
        assert isinstance(key_rotation.rotate(node, "signing", "as every year", register.operator(node)), key_rotation.Rotated)
    node.storage.close()
    assert findings(folder)["keys"].state == "ok"
    (folder / "keys" / "signing.pem").write_bytes(old)
    assert (findings(folder)["keys"].state, "backup" in findings(folder)["keys"].remedy) == ("fail", True)
    (folder / "keys" / "card.jwk").unlink()
    assert "backup" in CliRunner().invoke(main, ["key", "list", "--node", str(folder)]).output


def test_the_command_prints_the_contract_and_answers_1_where_something_fails(folder: Path) -> None:
    done = CliRunner().invoke(main, ["doctor", str(folder), "--json"])
    rows = json.loads(done.stdout)
    assert done.exit_code == 1
    assert {row["check"] for row in rows} >= CONTRACT
    assert all(set(row) == {"check", "state", "found", "expected", "remedy"} for row in rows)
    said = CliRunner().invoke(main, ["doctor", str(folder)])
    assert "baybridge backup DIR --to PATH" in said.output


def test_settings_of_tests_are_never_in_service(folder: Path) -> None:
    settings = {**os.environ, "BAYBRIDGE_CLOCK_AHEAD": str(folder / "ahead")}
    (folder / "ahead").write_text("0")
    done = subprocess.run([sys.executable, "-m", "baybridge", "doctor", str(folder), "--json"], capture_output=True, text=True, env=settings, check=False)
    assert next(row for row in json.loads(done.stdout) if row["check"] == "test_settings")["state"] == "fail"
    assert done.returncode == 1


def _drop_schema(folder: Path) -> None:
    import sqlite3

    with sqlite3.connect(folder / "node.sqlite") as connection:
        connection.execute("UPDATE schema_version SET version_num = '9999'")


def _certificate(folder: Path) -> None:
    certify(folder, 1)
    (folder / "key.pem").write_text("no key")
    with (folder / "node.yaml").open("a", encoding="utf-8") as file:
        file.write("\nserving: {certificate: certificate.pem, key: key.pem}\n")


def _clock(folder: Path) -> None:
    node = Node(read_config(folder))
    node.now = lambda now=node.now: now() + timedelta(days=2)  # type: ignore[misc]
    with node.unit() as unit:
        unit.log("administration", "", unit.new_id(), b"{}", unit_actor())
    node.storage.close()


def unit_actor() -> Any:
    from baybridge.journey.command import Actor, Role

    return Actor("test", Role.SYSTEM, "Hong Kong Centre")


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (lambda folder: (folder / "keys").chmod(0o755), "permissions"),
        (lambda folder: (folder / "keys" / "sealing.pem").unlink(), "config"),
        (lambda folder: (folder / "node.yaml").write_text("node: [", encoding="utf-8"), "config"),
        (lambda folder: (folder / "data" / "products").mkdir(parents=True) or (folder / "data" / "products" / "x.yaml").write_text("lables: 1"), "documents"),
        (_drop_schema, "schema"),
        (_certificate, "certificate"),
        (_clock, "clock"),
    ],
)
def test_what_is_broken_fails_with_what_to_do_and_hides_nothing_else(folder: Path, broken: Callable[[Path], object], check: str) -> None:
    broken(folder)
    made = findings(folder)
    assert made[check].state == "fail"
    assert made[check].remedy
    assert set(made) >= CONTRACT, "every check is named, also where it cannot be made"


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "pt"])
def test_the_doctor_speaks_the_readers_language_and_names_checks_and_commands_as_they_are(folder: Path, language: str) -> None:
    done = CliRunner().invoke(main, ["--language", language, "doctor", str(folder)])
    english = CliRunner().invoke(main, ["doctor", str(folder)])
    assert "fail  backup" in done.output and "baybridge backup DIR --to PATH" in done.output
    both = set(done.output.splitlines()) & set(english.output.splitlines())
    assert not {line for line in both if re.search(r"[a-z]{3,} [a-z]{3,} [a-z]{3,}", line.partition("baybridge")[0])}, both
