"""`recognise` and `transfer check` as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from baybridge.cli.main import main
from exchange_documents import RECOGNITION, TRANSFER, documents


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def written(folder: Path, value: Any) -> str:
    file = folder / "request.json"
    file.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(file)


def test_one_object_for_a_request_a_list_for_a_list(tmp_path: Path) -> None:
    one = run("recognise", written(tmp_path, RECOGNITION), "--json")
    two = run("recognise", written(tmp_path, [RECOGNITION, RECOGNITION]), "--json")
    assert (one.exit_code, json.loads(one.output)["codes"]) == (0, ["MR-032"])
    assert [answer["outcome"] for answer in json.loads(two.output)] == ["recognised-with-conversion"] * 2
    assert json.loads(run("transfer", "check", written(tmp_path, TRANSFER), "--json").output)["route"] == "R5"
    assert json.loads(run("transfer", "check", written(tmp_path, []), "--json").output) == []


def test_a_denial_is_an_answer(tmp_path: Path) -> None:
    denied = run("transfer", "check", written(tmp_path, TRANSFER | {"consents": {}}))
    assert (denied.exit_code, denied.output.strip()) == (0, "deny; R5; DT-011, DT-012, DT-013")


def test_what_cannot_be_read_is_one_line_and_exit_1(tmp_path: Path) -> None:
    for text in ("{", "", "3", '{"result": NaN}', "[1, {}]", '{"result": {}}', "[" * 100_000):
        for command in (["recognise"], ["transfer", "check"]):
            found = run(*command, written(tmp_path, text), "--json")
            assert (found.exit_code, found.stdout, found.stderr.count("\n")) == (1, "", 1), text
    missing = run("recognise", str(tmp_path / "none.json"))
    assert (missing.exit_code, missing.stderr) == (1, "none.json: cannot be read (No such file or directory)\n")


def test_a_key_given_twice_is_told_and_nothing_is_judged(tmp_path: Path) -> None:
    for command, request, double in ((["recognise"], RECOGNITION, '"purpose": '), (["transfer", "check"], TRANSFER, '"purpose": ')):
        text = json.dumps(request).replace(double, f'{double}"OTHER", {double}', 1)
        found = run(*command, written(tmp_path, text), "--json")
        assert (found.exit_code, found.stdout) == (1, "")
        assert found.stderr == "request.json: expected each key of an object once, found purpose given twice\n"


def test_a_bad_request_in_a_list_is_named(tmp_path: Path) -> None:
    found = run("recognise", written(tmp_path, [RECOGNITION, {"result": {}, "laboratory": {}, "request": {}}]))
    assert found.stderr.startswith("[1].request.purpose: expected one of ELIGIBILITY")


def test_a_site_changes_a_window_in_its_own_folder(tmp_path: Path) -> None:
    windows = json.loads(json.dumps(documents().folder("recognition")["windows"]))
    for row in windows["rows"]:
        if "2160-0" in row["loinc"] and row["purpose"] == "LD_FITNESS":
            row["hours"] = 24
    own = tmp_path / "data" / "recognition"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text(yaml.safe_dump(windows), encoding="utf-8")
    answer = json.loads(run("recognise", written(tmp_path, RECOGNITION), "--node", str(tmp_path), "--json").output)
    assert (answer["outcome"], answer["codes"]) == ("repeat-needed", ["MR-032", "MR-051"])
    assert answer["valid_until"] == "2026-03-09T09:00:00+08:00"
