"""A file whose ids are of another source than it was imported with: nothing of it is filed for somebody else, and the import says which source knows the id."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from baybridge.base.outcome import Refusal
from baybridge.cli.main import main
from baybridge.node.intake.importing import import_upload
from watch_world import CASE, PATIENT, Ward, observation

WONG = {"resourceType": "Patient", "id": "77", "birthDate": "1980-01-01", "name": [{"family": "Wong"}]}


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    ward = Ward(tmp_path / "hk")
    yield ward
    ward.node.storage.close()


def fever(ward: Ward, patient: str, name: str = "o-1") -> bytes:
    found = observation(ward.node, "temperature", 39, ward.now, name) | {"subject": {"reference": f"Patient/{patient}"}}
    return json.dumps(found, default=float).encode()


def take(ward: Ward, content: bytes, source: str = "") -> dict[str, Any]:
    done = import_upload(ward.node, ward.node.system(), "file.json", content, source=source)
    assert not isinstance(done, Refusal)
    return done.as_json()


def told(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["code"].removeprefix("record.import."), one["found"]) for one in report["problems"]]


@pytest.mark.parametrize("source", ["", "HIS-B"])
def test_an_id_that_another_source_has_is_told_with_that_source_and_filed_for_nobody_else(ward: Ward, source: str) -> None:
    (filed,) = take(ward, json.dumps(WONG).encode(), "HIS-A")["patients"]
    report = take(ward, fever(ward, "77"), source)
    assert told(report) == [("reference_of_source", "HIS-A")]
    assert report["cases"] == {} and filed not in report["patients"]
    again = take(ward, fever(ward, "77"), "HIS-A")
    assert told(again) == [] and again["patients"] == [filed], "named, it is filed"


def test_an_id_of_this_record_itself_is_told_where_a_source_was_named(ward: Ward) -> None:
    report = take(ward, fever(ward, PATIENT), "HIS-A")
    assert told(report) == [("reference_of_own", "this record's own id")] and report["cases"] == {}
    again = take(ward, fever(ward, PATIENT, "o-2"))
    assert told(again) == [] and again["cases"] == {PATIENT: CASE}


def test_what_another_source_only_awaits_is_none_of_its_ids(ward: Ward) -> None:
    take(ward, fever(ward, "99"), "HIS-B")
    assert told(take(ward, fever(ward, "99", "o-2"))) == [("reference_nowhere", "none of type Patient has that id")]


@pytest.mark.parametrize(("language", "words"), [("en", "name that hospital"), ("zh-Hans", "注明该医院"), ("zh-Hant", "註明該醫院"), ("pt", "indique esse hospital")])
def test_the_command_line_says_it_with_what_to_do(ward: Ward, tmp_path: Path, language: str, words: str) -> None:
    take(ward, json.dumps(WONG).encode(), "HIS-A")
    path = tmp_path / "file.json"
    path.write_bytes(fever(ward, "77"))
    done = CliRunner().invoke(main, ["--language", language, "import", str(ward.folder), str(path)])
    assert words in done.output and "HIS-A" in done.output, done.output
