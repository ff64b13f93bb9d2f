"""Files of temperature loggers: read by their headings, judged by the cold chain; whatever was not read is told and opens nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from baybridge.base.outcome import Refusal
from baybridge.cli.main import main
from baybridge.documents.document_set import read_document
from baybridge.documents.loader import Documents
from baybridge.documents.loggers import LoggerLayout
from baybridge.documents.problems import DocumentProblem
from baybridge.supply.loggers.files import Logged, read
from baybridge.supply.loggers.judging import judge_fresh, judge_frozen

GIVEN = Path(__file__).parents[3].parent / "shared" / "cases" / "loggers"
DOCUMENTS = Documents()
LAYOUTS = [DOCUMENTS.typed.one(LoggerLayout, "loggers", name) for name in sorted(DOCUMENTS.folder("loggers"))]
LIMITS = DOCUMENTS.typed.limits
START = datetime(2026, 3, 4, 1, tzinfo=UTC)


def asked(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["logger", *map(str, arguments)])


def simple(*readings: float | str, minutes: int = 5) -> bytes:
    """A file of the simplest layout."""
    rows = [f"{(START + timedelta(minutes=minutes * number)):%Y-%m-%dT%H:%M:%SZ},{one},98" for number, one in enumerate(readings)]
    return "\n".join(["Serial,LN-1", "Timestamp (UTC),Temp1 (degC),Battery (%)", *rows]).encode()


def taken(content: bytes) -> Logged:
    found = read(content, LAYOUTS)
    assert isinstance(found, Logged), found
    return found


def codes(content: bytes) -> list[str]:
    found = read(content, LAYOUTS)
    return [reason.code for reason in (found.reasons if isinstance(found, Refusal) else found.told)]


@pytest.mark.skipif(not GIVEN.is_dir(), reason="the given files of loggers are not on this machine")
@pytest.mark.parametrize("name", ["a-dry-shipper.csv", "b-excursion.csv", "c-fresh-cells.csv"])
def test_the_given_files_come_out_right(name: str) -> None:
    expected = json.loads((GIVEN / "expected.json").read_text("utf-8"))[name]
    product = expected.pop("product")
    found = json.loads(asked(GIVEN / name, "--product", product, "--json").output)
    assert {key: value for key, value in found.items() if key != "reasons"} == expected


@pytest.mark.parametrize(
    ("warmest", "minutes", "label", "disposition"),
    [
        (-150.0, 5, -150, "accept"), (-149.9, 5, -150, "quality_review"), (-149.9, 30, -150, "quality_review"), (-149.9, 35, -150, "quarantine"),
        (-130.1, 5, -150, "quality_review"), (-130.0, 5, -150, "quarantine"), (-120.1, 5, -150, "quarantine"), (-120.0, 5, -150, "unfit"),
        (-130.0, 60, -130, "accept"), (-129.9, 5, -130, "quarantine"), (-120.0, 60, -120, "accept"), (-119.9, 5, -120, "unfit"),
    ],
)  # fmt: skip
def test_bands_of_a_frozen_product(warmest: float, minutes: int, label: float, disposition: str) -> None:
    logged = taken(simple(-170, *[warmest] * (minutes // 5), -170))
    assert judge_frozen(logged, label, LIMITS).disposition == disposition


@pytest.mark.parametrize(
    ("degrees", "minutes", "disposition"),
    [
        (5, 60, "accept"), (9, 60, "accept"), (10, 300, "accept"), (10.1, 30, "accept"), (10.1, 35, "quality_review"), (10.1, 120, "quality_review"),
        (10.1, 125, "quarantine"), (0, 300, "accept"), (-0.1, 5, "quarantine"),
    ],
)  # fmt: skip
def test_bands_of_fresh_cells(degrees: float, minutes: int, disposition: str) -> None:
    assert judge_fresh(taken(simple(5, *[degrees] * (minutes // 5), 5)), LIMITS).disposition == disposition


def test_limits_that_lie_below_the_label_s_are_not_printed_and_those_on_it_count_once() -> None:
    logged = taken(simple(-170, -130, -125, -120, -170))
    assert [(one.limit, one.minutes) for one in judge_frozen(logged, -150, LIMITS).above] == [(-150, 15), (-130, 15), (-120, 5)]
    assert [(one.limit, one.minutes) for one in judge_frozen(logged, -130, LIMITS).above] == [(-130, 15), (-120, 5)]
    assert [(one.limit, one.minutes) for one in judge_frozen(logged, -120, LIMITS).above] == [(-120, 5)]


def test_the_last_reading_stands_for_the_nominal_interval_and_a_reading_stands_over_a_gap() -> None:
    assert judge_frozen(taken(simple(-170, -140)), -150, LIMITS).above[0].minutes == 5
    found = judge_frozen(taken(simple(-140, -170, minutes=16)), -150, LIMITS)
    assert (found.above[0].minutes, [gap.minutes for gap in found.gaps]) == (16, [16])
    assert judge_frozen(taken(simple(-170, -170, minutes=15)), -150, LIMITS).gaps == ()


def test_a_gap_alone_is_for_quality_to_review() -> None:
    found = judge_frozen(taken(simple(-170, -170, minutes=16)), -150, LIMITS)
    assert (found.disposition, [reason.code for reason in found.reasons]) == ("quality_review", ["supply.logger.gap"])


@pytest.mark.parametrize(("warmest", "disposition"), [(-170, "quarantine"), (-140, "quarantine"), (-120.1, "quarantine"), (-120, "unfit"), (20, "unfit")])
def test_a_label_limit_that_is_not_known_never_lets_bags_go_on(warmest: float, disposition: str) -> None:
    found = judge_frozen(taken(simple(-170, warmest, -170)), None, LIMITS)
    assert found.disposition == disposition
    assert "supply.finding.product_limit_unknown" in [reason.code for reason in found.reasons]


@pytest.mark.parametrize("bad", ["---", "ERR", "", "1,5", "-999", "850", "-17O.1", "1e2", "NaN", "−", "..5"])
def test_what_is_no_temperature_is_told_and_not_used(bad: str) -> None:
    content = simple(-170, f'"{bad}"', -170)
    assert codes(content) == ["supply.logger.no_temperature"]
    found = judge_frozen(taken(content), -150, LIMITS)
    assert (found.readings, found.disposition) == (2, "quality_review")


@pytest.mark.parametrize("text", ["2026-13-04T01:00:00Z", "04/03/2026 01:00", "", "2026-03-04T01:00:00", "Max", "2026-03-04T25:00:00Z"])
def test_a_line_without_its_moment_is_told_and_not_used(text: str) -> None:
    content = simple(-170, -170) + f"\n{text},-100,98\n".encode()
    assert codes(content) == ["supply.logger.no_moment"]
    assert judge_frozen(taken(content), -150, LIMITS).disposition == "quality_review"


def test_a_file_from_the_newest_to_the_oldest_is_read_and_a_jumbled_one_is_told() -> None:
    head, *rows = simple(-170, -140, -160).decode().split("\n")[1:]
    assert codes("\n".join([head, *rows[::-1]]).encode()) == []
    assert taken("\n".join([head, *rows[::-1]]).encode()).readings == taken(simple(-170, -140, -160)).readings
    assert codes("\n".join([head, rows[1], rows[0], rows[2]]).encode()) == ["supply.logger.not_in_order"]


def test_of_two_readings_of_one_moment_the_warmer_one_counts_and_it_is_told() -> None:
    content = simple(-170) + b"\n2026-03-04T01:00:00Z,-110,98"
    assert codes(content) == ["supply.logger.two_at_once"]
    assert judge_frozen(taken(content), -150, LIMITS).disposition == "unfit"
    assert codes(simple(-170) + b"\n2026-03-04T01:00:00Z,-170,98") == [], "the same line twice says nothing else"


def test_lines_beyond_the_first_few_of_a_kind_are_counted() -> None:
    found = judge_frozen(taken(simple(-170, *["ERR"] * 9)), -150, LIMITS)
    assert [reason.code for reason in found.reasons].count("supply.logger.no_temperature") == 5
    assert next(reason.values for reason in found.reasons if reason.code == "supply.logger.more") == {"count": 4}


def test_fahrenheit_meets_the_limits_exactly() -> None:
    rows = ["Date,Time(+0800),Temp °F", "03/06/2026,12:00:00 AM,50.0", "03/06/2026,12:05:00 AM,50.1", "03/06/2026,12:00:00 PM,32.0", "03/06/2026,12:05:00 PM,31.9"]
    logged = taken("\ufeff".encode() + "\r\n".join(rows).encode())
    assert [moment.hour for moment, _ in logged.readings] == [0, 0, 12, 12]
    found = judge_fresh(logged, LIMITS)
    assert [(one.limit, one.minutes) for one in found.above] == [(10, 715), (0, 5)]


@pytest.mark.parametrize(
    ("line", "offset"), [("Zone;UTC+08:00", 8), ("Zone;UTC-5", -5), ("Zeitzone: GMT+0530;", 5.5), ("Zone;+09", 9)]
)  # fmt: skip
def test_the_zone_above_the_headings_holds(line: str, offset: float) -> None:
    content = f"{line}\nDatum;Uhrzeit;Kanal 1 [°C]\n05.03.2026;09:00:00;-170,5\n"
    for encoded in (content.encode(), content.encode("cp1252"), content.encode("utf-16")):
        (moment, degrees), = taken(encoded).readings
        assert (moment.isoformat()[:19], moment.utcoffset(), degrees) == ("2026-03-05T09:00:00", timedelta(hours=offset), -170.5)


@pytest.mark.parametrize("line", ["Report;Transport 77", "Zone;lokal", "Zone;UTC+08:00\nZone;UTC+09:00", "Zone;UTC+25"])
def test_without_one_zone_the_file_is_refused(line: str) -> None:
    assert codes(f"{line}\nDatum;Uhrzeit;Kanal 1 [°C]\n05.03.2026;09:00:00;-170,5\n".encode()) == ["supply.logger.no_zone"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "supply.logger.no_layout"),
        (b"\x00\x01\x02", "supply.logger.no_layout"),
        (b"Time,Humidity\n2026-03-04T01:00:00Z,40\n", "supply.logger.no_layout"),
        (b"Timestamp (UTC),Temp1 (degC),Temp2 (degC)\n2026-03-04T01:00:00Z,-170,-171\n", "supply.logger.column_twice"),
        (b"Timestamp (UTC),Temp1 (degC)\n", "supply.logger.no_readings"),
        (b"Timestamp (UTC),Temp1 (degC)\n2026-03-04T01:00:00Z\n", "supply.logger.no_readings"),
    ],
)
def test_what_cannot_be_read_is_refused(content: bytes, code: str) -> None:
    found = read(content, LAYOUTS)
    assert isinstance(found, Refusal) and found.reasons[0].code == code


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_names_layouts_products_and_what_was_not_read(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_bytes(simple(-170, "ERR", -170))
    said = asked(file, "--product", "axicabtagene-ciloleucel")
    assert said.exit_code == 0 and said.output.startswith("quality_review  2 readings") and "Line 4" in said.output
    assert asked(file, "--product", "nothing").exit_code == 1
    assert asked(file, "--product", "leukapheresis", "--map", "nowhere").exit_code == 1
    assert "moment-utc" in asked(file, "--product", "leukapheresis", "--map", "nowhere").output
    file.write_text("When?\n")
    assert "day-time-semicolon" in asked(file, "--product", "leukapheresis").output


def test_a_layout_of_one_s_own_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("When\tC\n2026/03/05 09:00:00\t4.5\n")
    own = {"id": "own", "delimiter": "\t", "moment": "when", "form": "%Y/%m/%d %H:%M:%S", "zone": "Asia/Hong_Kong", "temperature": "c", "unit": "C"}
    (tmp_path / "own.yaml").write_text(json.dumps(own))
    found = json.loads(asked(tmp_path / "log.csv", "--product", "leukapheresis", "--map", tmp_path / "own.yaml", "--json").output)
    assert (found["from"], found["disposition"]) == ("2026-03-05T09:00:00+08:00", "accept")
    (tmp_path / "own.yaml").write_text(json.dumps({**own, "unit": "K", "zone": "Moon"}))
    said = asked(tmp_path / "log.csv", "--product", "leukapheresis", "--map", tmp_path / "own.yaml")
    assert said.exit_code == 1 and "unit" in said.output and "zone" in said.output


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"form": "%d.%m.%y %H:%M:%S"}, "form"), ({"form": "%d.%m.%Y"}, "form"), ({"zone": None}, "zone"), ({"zone": "Moon"}, "zone"),
        ({"decimal_mark": ";"}, "decimal_mark"),
        ({"delimiter": ",", "decimal_mark": ","}, "decimal_mark"), ({"temperature": "("}, "temperature"), ({"day": "d"}, "moment"), ({"moment": None}, "moment"),
    ],
)  # fmt: skip
def test_a_layout_that_leaves_something_open_is_a_problem(change: dict[str, object], field: str) -> None:
    own = {"id": "own", "delimiter": ";", "moment": "when", "form": "%d.%m.%Y %H:%M:%S", "zone": "Asia/Macau", "temperature": "c", "unit": "C"}
    written = {name: value for name, value in {**own, **change}.items() if value is not None}
    with pytest.raises(DocumentProblem, match=field):
        read_document(LoggerLayout, written, "loggers/own")
