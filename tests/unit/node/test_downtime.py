"""The downtime pack: what stands in it, that it is whole or not there, who is told that it is late; and what was on paper comes in with its own time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest
import yaml
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.downtime import write
from baybridge.journey.command import Role
from baybridge.node.commands.table import COMMANDS
from baybridge.node.config import ConfigProblem, DowntimeTo, read_config
from baybridge.node.keeping import downtime
from baybridge.node.people import accounts
from baybridge.web.case.downtime_pack import code_of, pack, read_code
from baybridge.web.forms import forms
from watch_world import CASE, Ward


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    made = Ward(tmp_path / "hk")
    made.node.config = replace(made.node.config, downtime=DowntimeTo(tmp_path / "packs", tmp_path / "elsewhere", None, ("en", "zh-Hant")))
    (tmp_path / "elsewhere").mkdir()
    return made


def page(ward: Ward, language: str = "en") -> str:
    return pack(ward.node, [language]).files[f"ward.{language}.html"].decode()


# --- what stands in it ---------------------------------------------------------------------------------------------------------


def test_a_ward_reads_patients_grades_findings_drugs_and_an_open_call(ward: Ward) -> None:
    ward.give("ReserveDrugs", Role.PHARMACIST, atc="L04AC07", doses=2, from_on=ward.now.date().isoformat(), until_on=(ward.now.date() + timedelta(days=9)).isoformat())
    ward.assess(temperature=39.1, hypotension="vasopressor", vasopressors=1)
    ward.give("GiveDrug", atc="L04AC07", dose_mg=480, given_at=ward.now.isoformat())
    text = page(ward)
    assert "Chan" in text and "CRS 3" in text and "39.1" in text and "480 mg" in text
    assert "Rapid response team called at" in text and "2 doses held, 1 of them given since, 1 left" in text
    assert "The roster names nobody: call a physician." in text and "no telephone numbers" in text


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant", "pt"])
def test_a_page_needs_nothing_from_elsewhere_and_has_its_blank_forms(ward: Ward, language: str) -> None:
    text = page(ward, language)
    assert not re.findall(r"(?:src|href|action)\s*=|@import|url\(|<script", text)
    assert text.count("<svg") == 1, "the form of an assessment; no cells are on their way"
    assert f'<html lang="{language}">' in text


def test_the_code_of_a_form_names_form_and_case_and_no_person() -> None:
    assert read_code(code_of("assess", CASE)) == ("assess", CASE)
    assert [read_code(text) for text in ("", "BB1:assess:", "BB1:forget:case-1", "BB1:assess:case-1/../x", "BB1:assess:<b>")] == [None] * 5


def test_who_went_home_or_died_is_not_of_the_ward(ward: Ward) -> None:
    ward.assess()
    assert "Chan" in page(ward)
    ward.give("RecordDeath", Role.PHYSICIAN, died_on=ward.now.date().isoformat(), cause="unknown", unusual=True)
    assert "Chan" not in page(ward)


# --- whole or not there ---------------------------------------------------------------------------------------------------------

FILES = {"ward.en.html": b"<p>1</p>", "ward.pt.html": b"<p>2</p>"}


def packs(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_a_pack_is_at_both_places_for_its_owner_alone(ward: Ward) -> None:
    kept = write(ward.node)
    said = ward.node.config.downtime
    assert said is not None and said.second is not None
    assert (kept.problems, kept.made_at, kept.patients) == ({}, ward.node.now(), 1)
    for place in (said.folder, said.second):
        (made,) = place.iterdir()
        assert made.stat().st_mode & 0o777 == 0o700
        assert [(file.name, file.stat().st_mode & 0o777) for file in sorted(made.iterdir())] == [("ward.en.html", 0o600), ("ward.zh-Hant.html", 0o600)]
    assert downtime.last(ward.node.config.folder) == kept


def test_a_place_that_is_away_is_told_and_the_other_is_written(ward: Ward) -> None:
    said = ward.node.config.downtime
    assert said is not None and said.second is not None
    said.second.rmdir()
    kept = write(ward.node)
    assert list(kept.problems) == [str(said.second)] and kept.made_at == ward.node.now()
    assert len(packs(said.folder)) == 1
    assert not said.second.exists(), "the mount point of a machine that is away is not filled in its place"
    assert downtime.is_late(ward.node, kept)


def test_older_packs_go_and_those_of_others_stay(ward: Ward, tmp_path: Path) -> None:
    (tmp_path / "downtime-hk-2-20200101T000000Z").mkdir()
    for minute in range(4):
        assert downtime.keep(FILES, "hk", ward.now + timedelta(minutes=minute), [tmp_path / "p"], kept=2) == {}
    (tmp_path / "downtime-hk-2-20200101T000000Z").rename(tmp_path / "p" / "downtime-hk-2-20200101T000000Z")
    assert downtime.keep(FILES, "hk", ward.now + timedelta(minutes=9), [tmp_path / "p"], kept=2) == {}
    names = packs(tmp_path / "p")
    assert "downtime-hk-2-20200101T000000Z" in names and len(names) == 3


def test_what_a_killed_writer_left_is_no_pack_and_goes_with_the_next(ward: Ward, tmp_path: Path) -> None:
    place, at = tmp_path / "p", ward.now
    left = place / f".{downtime.name_of('hk', at)}.part"
    left.mkdir(parents=True)
    (left / "ward.en.html").write_bytes(b"<p>hal")
    assert downtime.keep(FILES, "hk", at, [place], kept=2) == {}
    assert packs(place) == [downtime.name_of("hk", at)]


def test_a_pack_is_encrypted_where_the_site_says_so(ward: Ward, tmp_path: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    key = tmp_path / "key.pub"
    key.write_text(str(identity.to_public()))
    assert downtime.keep(FILES, "hk", ward.now, [tmp_path / "p"], kept=2, key=key) == {}
    (made,) = (tmp_path / "p").iterdir()
    assert {file.name: pyrage.decrypt(file.read_bytes(), [identity]) for file in made.iterdir()} == {f"{name}.age": text for name, text in FILES.items()}


def test_a_key_that_cannot_be_read_is_a_problem_and_nothing_is_written_in_the_open(ward: Ward, tmp_path: Path) -> None:
    said = ward.node.config.downtime
    assert said is not None
    ward.node.config = replace(ward.node.config, downtime=replace(said, key=tmp_path / "none.pub"))
    kept = write(ward.node)
    assert list(kept.problems) == [""] and kept.made_at is None
    assert not said.folder.exists()


@pytest.mark.parametrize("said", ["packs", {"second": "x"}, {"to": ""}, {"to": "x", "languages": "en"}, {"to": "x", "kye": "y"}])
def test_a_configuration_that_does_not_fit_is_told(ward: Ward, said: Any) -> None:
    file = ward.folder / "node.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "downtime": said}))
    with pytest.raises(ConfigProblem, match="downtime: expected"):
        read_config(ward.folder)


# --- who is told ------------------------------------------------------------------------------------------------------------------


def test_a_served_node_has_one_written_when_it_is_due_and_a_failure_is_remembered(ward: Ward, tmp_path: Path) -> None:
    config, beside = ward.node.config, downtime.Packs(ward.node)
    beside.round()  # the command reads node.yaml, which names no place yet
    failed = downtime.last(config.folder)
    assert failed.made_at is None and list(failed.problems) == [""]
    written = yaml.safe_load((config.folder / "node.yaml").read_text())
    (config.folder / "node.yaml").write_text(yaml.safe_dump(written | {"downtime": {"to": str(tmp_path / "packs")}}))
    beside.round()
    assert downtime.last(config.folder) == failed, "not tried again at once"
    downtime.remember(config.folder, downtime.Kept())
    beside.round()
    kept = downtime.last(config.folder)
    assert kept.made_at is not None and kept.problems == {} and len(packs(tmp_path / "packs")) == 1


@pytest.fixture
def get(ward: Ward) -> Iterator[Any]:
    for role in (Role.NURSE, Role.ADMINISTRATOR, Role.PAYER):
        ward.account(role.value, role)
    with ward.node.storage.writing() as connection:
        tokens = {role: accounts.open_session(connection, role, ward.now).token for role in ("nurse", "administrator", "payer")}
    with TestClient(application(ward.node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield lambda who, path: client.get(path, headers={"authorization": f"Bearer {tokens[who]}"})


LATE = "The pack for a ward without the system is missing"


def test_ward_and_administrator_see_the_age_and_a_red_line_when_it_is_late(ward: Ward, get: Any) -> None:
    assert LATE in get("nurse", "/cases?language=en").text and LATE in get("administrator", "/accounts?language=en").text
    assert LATE not in get("payer", "/payer?language=en").text
    write(ward.node)
    text = get("nurse", "/cases?language=en").text
    assert LATE not in text and "Downtime pack of" in text
    ward.now += timedelta(minutes=61)
    assert LATE in get("nurse", "/cases?language=en").text


# --- from paper -------------------------------------------------------------------------------------------------------------------

#: What is decided or said now, whenever that is: no moment at the bedside is lost by entering it afterwards.
OF_NOW = frozenset({
    "AcknowledgeCall", "CloseCall", "KeepCall", "ReviewDose", "ConfirmGrade", "SetAssessmentInterval", "ReportIncident", "AnswerIncident", "CheckFitness",
    "SignException",
})  # fmt: skip


def test_every_command_of_the_bedside_takes_its_time() -> None:
    timeless = {row.name for row in COMMANDS.values() if row.page == "bedside" and not forms.moments(row)}
    assert sorted(timeless - OF_NOW) == []


def test_the_form_of_a_paper_fills_in_no_time(get: Any) -> None:
    now, paper = (get("nurse", f"/cases/{CASE}/do/Assess?language=en{more}").text for more in ("", "&paper=yes"))
    assert re.search(r'name="assessed_at"[^>]* value="2026', now) and re.search(r'name="assessed_at"[^>]* value=""', paper)
    assert "Entered from paper: give every time as it stands on the paper" in paper and "do/Assess?paper=yes" in now


def test_a_scanned_code_opens_the_form(get: Any) -> None:
    assert get("nurse", f"/paper?code={code_of('assess', CASE)}").headers["location"] == f"/cases/{CASE}/do/Assess?paper=yes"
    assert get("nurse", "/paper?code=https://evil.example").status_code == 400


def test_a_sign_from_paper_calls_as_late_and_a_well_round_from_paper_silences_nothing(ward: Ward) -> None:
    ward.assess(oxygen_saturation=84, ago=timedelta(hours=3))
    (call,) = ward.calls
    assert call.called.event.late and call.is_open
    ward.assess(ago=timedelta(hours=2))
    assert ward.calls[0].is_open
    ward.assess(ago=timedelta(hours=4))
    assert len(ward.calls) == 1 and ward.calls[0].is_open
