"""A calendar file names the case by its mark and nobody by name, and is what RFC 5545 says whatever a text holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

from icalendar import Calendar
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.journey.command import Role
from baybridge.node.people import accounts
from baybridge.web.case.calendar_file import Entry, as_file
from watch_world import Ward

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def unfolded(file: str) -> list[str]:
    return file.replace("\r\n ", "").split("\r\n")


def test_a_text_cannot_end_its_line_or_begin_an_entry_of_its_own() -> None:
    lines = unfolded(as_file([Entry("k", date(2026, 3, 2), "a,b;c\\d\r\nEND:VEVENT\nATTACH:http://x")], "hk", NOW))
    assert lines.count("END:VEVENT") == 1
    assert "SUMMARY:a\\,b\\;c\\\\d\\nEND:VEVENT\\nATTACH:http://x" in lines


def test_lines_are_folded_after_75_octets_and_no_letter_is_cut() -> None:
    file = as_file([Entry("k", NOW, "訪視" * 60)], "hk", NOW)
    assert max(len(line.encode()) for line in file.split("\r\n")) <= 75
    assert f"SUMMARY:{'訪視' * 60}" in unfolded(file)


def test_the_same_entry_has_the_same_id_for_ever_and_days_have_no_hour() -> None:
    first, second = (unfolded(as_file([Entry("k", date(2026, 3, 2), "x")], "hk", at)) for at in (NOW, datetime(2027, 1, 1, tzinfo=UTC)))
    assert [line for line in first if line.startswith("UID")] == [line for line in second if line.startswith("UID")]
    assert "DTSTART;VALUE=DATE:20260302" in first


def test_another_program_reads_days_moments_and_texts_as_they_were_written() -> None:
    entries = [
        Entry("day", date(2026, 12, 31), "訪視 D+28，甲；乙, c; d\\e"),
        Entry("moment", datetime(2026, 3, 2, 9, 30, tzinfo=timezone(timedelta(hours=8))), "化驗" * 50 + "\nsecond line"),
        Entry("signs", NOW, "bell\x07, NUL\x00, tab\t, \u2028 and 😀" + "😀" * 40),
    ]
    read = Calendar.from_ical(as_file(entries, "hk", NOW).encode())
    assert isinstance(read, Calendar)
    day, moment, signs = read.walk("VEVENT")
    assert [one.errors for one in (read, day, moment, signs)] == [[], [], [], []]
    assert (day.decoded("DTSTART"), day.decoded("DTEND"), str(day["SUMMARY"])) == (date(2026, 12, 31), date(2027, 1, 1), entries[0].says)
    assert (moment.decoded("DTSTART"), str(moment["SUMMARY"])) == (datetime(2026, 3, 2, 1, 30, tzinfo=UTC), entries[1].says), "in UTC"
    assert str(signs["SUMMARY"]) == "bell\ufffd, NUL\ufffd, tab\t, \n and 😀" + "😀" * 40
    assert len({str(one["UID"]) for one in (day, moment, signs)}) == 3


def test_the_file_of_a_case_holds_its_visits_and_no_name(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "node")
    with ward.node.storage.writing() as connection:
        accounts.add_account(connection, account="n", name="n", role=Role.NURSE, organisation=ward.node.site.organisation, password="-")
        token = accounts.open_session(connection, "n", ward.node.now()).token
    with TestClient(application(ward.node, workers=False), base_url="http://127.0.0.1") as client:
        answer = client.get("/cases/case-1/calendar.ics", headers={"authorization": f"Bearer {token}"})
    lines = unfolded(answer.text)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert sum(line == "BEGIN:VEVENT" for line in lines) > 5
    assert all(one.errors == [] and one["UID"] for one in Calendar.from_ical(answer.content).walk("VEVENT"))
    assert "Chan" not in answer.text
    assert "patient-1" not in answer.text
