"""Commands as processes, as somebody who has only the contract runs them: output, exit code, one line of error.

**Source**: design, section 9; shared facts contract.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bedside_findings import AWAKE

_BAYBRIDGE = Path(sys.executable).with_name("baybridge")
_AWAKE = {name: value for name, value in AWAKE.items() if name not in {"age", "ice_score"}}


def run(*arguments: object, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([_BAYBRIDGE, *map(str, arguments)], input=given, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({"age": 11.9, "capd_score": 9, "ice_score": 10, **_AWAKE}, "grade-3"),
        ({"age": {"value": 144, "unit": "mo"}, "ice_score": 10, **_AWAKE}, "grade-0"),
        ({"ice_score": 9, "capd_score": 1, **_AWAKE}, "grade-1"),
        ({"ice_score": 10, "capd_score": 1, **_AWAKE}, "undetermined"),
    ],
)
def test_icans_where_age_is_given_in_months_or_not_at_all(facts: dict[str, object], outcome: str) -> None:
    done = run("decide", "icans-astct-2019", "--facts", "-", given=json.dumps(facts))
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (0, outcome)


@pytest.mark.parametrize("facts", ['{"ice_score": 11}', '{"capd_score": -1}', '{"seizure": "maybe"}', '{"ice": 3}', "[1]", "", "x"])
def test_bad_facts_are_refused_in_one_line(facts: str) -> None:
    done = run("decide", "icans-astct-2019", "--facts", "-", given=facts)
    assert (done.returncode, done.stdout, len(done.stderr.strip().splitlines())) == (1, "", 1)


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    assert run("init", tmp_path / "n", "--organisation", "A", "--jurisdiction", "MO").returncode == 0
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("serve", tmp_path / "n", "--port", taken.getsockname()[1])
    assert done.returncode == 1
    assert "choose another with --port" in done.stderr


def test_accounts_of_a_profile_are_made_and_their_passwords_not_kept(tmp_path: Path) -> None:
    profile = tmp_path / "profile.yaml"
    people = [{"name": "cora", "role": "coordinator", "password": "a long password"}]
    profile.write_text(yaml.safe_dump({"gd9": True, "accounts": people}), encoding="utf-8")
    assert run("init", tmp_path / "n", "--organisation", "A", "--jurisdiction", "CN", "--profile", profile).returncode == 0
    assert all(b"a long password" not in file.read_bytes() for file in (tmp_path / "n").rglob("*") if file.is_file())
    profile.write_text(yaml.safe_dump({"accounts": [{**people[0], "role": "king"}]}), encoding="utf-8")
    refused = run("init", tmp_path / "m", "--organisation", "A", "--jurisdiction", "CN", "--profile", profile)
    assert refused.returncode == 1
    assert "accounts[0].role" in refused.stderr
