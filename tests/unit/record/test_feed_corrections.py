"""A result over several messages: corrections and withdrawals reach it in any file, an old message never undoes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from itertools import permutations

import pytest
from sqlalchemy import Connection, create_engine

from baybridge.record.feeds.orders import DOUBTED
from baybridge.record.intake.importing import batches, file_batch, left_out, plan
from baybridge.record.intake.reading import Source
from baybridge.record.store import store
from baybridge.record.store.tables import metadata

AT = datetime(2026, 3, 8, 9, tzinfo=UTC)


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as opened:
        yield opened


def message(hour: int, obx: str | None, *, reported: str = "F") -> str:
    head = f"MSH|^~\\&|LIS|HOSP|||20260308{hour:02d}0000+0800||ORU^R01|M{hour}|P|2.5.1"
    obr = "OBR|1|PL1|F77|CBC^CBC^L|||20260308080000+0800" + "|" * 18 + reported
    return "\r".join([head, "PID|1||P700^^^HOSP^MR||CHAN^TAI MAN", obr, *([f"OBX|1|{obx}"] if obx else [])])


FIRST = message(9, "NM|26499-4^Neutrophils^LN||1.8|10*9/L^^UCUM|||||F|||20260308080000+0800")
CORRECTED = message(10, "NM|26499-4^Neutrophils^LN||180|10*6/L^^UCUM|||||C|||20260308083000+0800", reported="C")
OF_NO_ORDER = ["record.import.hl7_placer_alone", "record.import.change_of_nothing"]
WITHDRAWN = message(11, None, reported="X")


def take_in(connection: Connection, *messages: str) -> list[str]:
    data = "\r".join(messages).encode()
    source = Source("x.hl7", lambda: BytesIO(data))
    made, problems = plan(connection, source), []
    for batch in batches(source, made):
        file_batch(connection, source, batch, made, at=AT)
        problems += [problem.code for problem in [*batch.problems, *left_out(connection, made, batch.announced)]]
    return problems


def standing(connection: Connection) -> dict[str, object]:
    (found,) = [one.resource for one in store.changed_since(connection, None, "Observation")]
    quantity = found["valueQuantity"]
    return {"status": found["status"], "value": float(quantity["value"]), "unit": quantity["code"], "at": found["effectiveDateTime"]}


def versions(connection: Connection) -> int:
    return sum(1 for one in store.every_version(connection) if one.type == "Observation")


def test_a_corrected_value_unit_and_time_replace_and_the_first_stays_as_a_version(connection: Connection) -> None:
    take_in(connection, FIRST)
    take_in(connection, CORRECTED)
    assert standing(connection) == {"status": "corrected", "value": 180, "unit": "10*6/L", "at": "2026-03-08T08:30:00+08:00"}
    assert versions(connection) == 2


@pytest.mark.parametrize("order", list(permutations((FIRST, CORRECTED, WITHDRAWN))))
def test_whatever_the_order_of_files_the_newest_message_holds(connection: Connection, order: tuple[str, ...]) -> None:
    for one in order:
        take_in(connection, one)
    assert standing(connection)["status"] == "cancelled"


def test_a_message_once_more_changes_nothing_and_an_older_unknown_one_is_told(connection: Connection) -> None:
    take_in(connection, FIRST, CORRECTED, WITHDRAWN)
    before = versions(connection)
    assert standing(connection)["status"] == "cancelled"
    assert take_in(connection, FIRST, CORRECTED, WITHDRAWN) == []
    assert take_in(connection, FIRST) == []
    assert versions(connection) == before
    older = message(8, "NM|26499-4^Neutrophils^LN||9.9|10*9/L^^UCUM|||||P")
    assert set(take_in(connection, older)) == {"record.import.older_message"}
    assert standing(connection)["status"] == "cancelled"


def by_placer(text: str) -> str:
    """The message with the placer's number of its order alone."""
    return text.replace("|PL1|F77|", "|PL1||")


def test_a_correction_by_the_placers_number_alone_reaches_its_result(connection: Connection) -> None:
    assert take_in(connection, FIRST, by_placer(CORRECTED)) == []
    (found,) = store.changed_since(connection, None, "Observation")
    assert (found.resource["status"], float(found.resource["valueQuantity"]["value"])) == ("corrected", 180)


def in_files(connection: Connection, *texts: str) -> list[str]:
    """One command with a file a message."""
    files = [Source(f"{number}.hl7", lambda text=text: BytesIO(text.encode())) for number, text in enumerate(texts)]
    made, problems = plan(connection, *files), []
    for number, file in enumerate(files):
        for batch in batches(file, made, file=number):
            file_batch(connection, file, batch, made, at=AT)
            problems += [problem.code for problem in batch.problems]
    return problems


def test_a_correction_by_the_placers_number_alone_in_another_file_reaches_its_result(connection: Connection) -> None:
    take_in(connection, FIRST)
    assert take_in(connection, by_placer(CORRECTED)) == []
    assert standing(connection) == {"status": "corrected", "value": 180, "unit": "10*6/L", "at": "2026-03-08T08:30:00+08:00"}
    assert take_in(connection, by_placer(WITHDRAWN)) == []
    assert standing(connection)["status"] == "cancelled"


@pytest.mark.parametrize("texts", list(permutations((FIRST, by_placer(CORRECTED)))))
def test_whatever_the_order_of_files_of_one_command(connection: Connection, texts: tuple[str, ...]) -> None:
    assert set(in_files(connection, *texts)) <= {
        "record.import.older_message",
        "record.import.duplicate_id",
        "record.import.change_of_nothing",  # so far: what it changes comes with the next file
    }  # of the patient, who comes with each
    assert standing(connection)["status"] == "corrected"


def test_a_correction_of_another_patients_order_or_test_reaches_nothing(connection: Connection) -> None:
    take_in(connection, FIRST)
    for other in (
        by_placer(CORRECTED).replace("P700", "P701").replace("CHAN", "LEI"),
        by_placer(CORRECTED).replace("CBC^CBC^L", "LFT^LFT^L"),
    ):
        assert "record.import.hl7_placer_alone" in take_in(connection, other)
    assert {one.resource["status"] for one in store.changed_since(connection, None, "Observation")} == {"final", "corrected"}


def test_of_two_orders_filed_under_one_placers_number_none_is_guessed(connection: Connection) -> None:
    assert take_in(connection, FIRST) == []
    assert take_in(connection, FIRST.replace("F77", "F78").replace("|M9|", "|M9b|")) == []
    assert take_in(connection, by_placer(CORRECTED)) == OF_NO_ORDER


def test_a_changed_result_in_a_report_that_says_it_is_final_is_told_too(connection: Connection) -> None:
    changed = by_placer(CORRECTED).replace("|" * 18 + "C", "|" * 18 + "F")
    assert take_in(connection, changed) == OF_NO_ORDER


def test_a_filler_that_is_a_placeholder_is_none(connection: Connection) -> None:
    placeholder = CORRECTED.replace("|F77|", "|N/A|")
    assert set(take_in(connection, placeholder, FIRST)) == {"record.import.older_message"}, "of one order"
    assert take_in(connection, placeholder) == []
    assert versions(connection) == 1


# --- an order that was filed before the filler gave it a number ----------------------------------------------------------


def by_filler(text: str) -> str:
    """The message with the filler's number of its order alone."""
    return text.replace("|PL1|F77|", "||F77|")


@pytest.mark.parametrize("corrected", [CORRECTED, by_placer(CORRECTED)])
@pytest.mark.parametrize("withdrawn", [WITHDRAWN, by_filler(WITHDRAWN), by_placer(WITHDRAWN)])
def test_an_order_filed_under_the_placers_number_is_corrected_under_any(connection: Connection, corrected: str, withdrawn: str) -> None:
    assert take_in(connection, by_placer(FIRST)) == []
    assert take_in(connection, corrected) == []
    assert standing(connection)["status"] == "corrected"
    again = take_in(connection, withdrawn)
    if corrected == CORRECTED or withdrawn != by_filler(WITHDRAWN):
        assert again == [] and standing(connection)["status"] == "cancelled"
    else:
        assert standing(connection)["status"] == "corrected", "nobody said that F77 is the filler's number of PL1"


def test_the_fillers_number_stays_known_when_the_placers_alone_comes_again(connection: Connection) -> None:
    take_in(connection, by_placer(FIRST))
    take_in(connection, FIRST.replace("|M9|", "|M9b|"))
    take_in(connection, by_placer(CORRECTED))
    assert take_in(connection, by_filler(WITHDRAWN)) == []
    assert standing(connection)["status"] == "cancelled"


def test_of_two_fillers_numbers_that_come_for_an_order_none_is_guessed(connection: Connection) -> None:
    second = CORRECTED.replace("F77", "F78").replace("|M10|", "|M10b|")
    take_in(connection, by_placer(FIRST))
    take_in(connection, CORRECTED, second)
    assert len(list(store.changed_since(connection, None, "Observation"))) == 3


def test_another_filler_after_the_first_is_another_order(connection: Connection) -> None:
    take_in(connection, by_placer(FIRST))
    take_in(connection, CORRECTED)
    take_in(connection, WITHDRAWN.replace("F77", "F78"))
    assert standing(connection)["status"] == "corrected"


def test_a_placers_number_that_looks_like_a_fillers_is_not_that_order(connection: Connection) -> None:
    take_in(connection, by_filler(FIRST).replace("F77", "PL1"))
    take_in(connection, CORRECTED)
    assert {one.resource["status"] for one in store.changed_since(connection, None, "Observation")} == {"final", "corrected"}


def test_the_number_of_another_patients_order_is_not_the_same_order(connection: Connection) -> None:
    take_in(connection, by_placer(FIRST))
    take_in(connection, CORRECTED.replace("P700", "P701").replace("CHAN", "LEI"))
    assert {one.resource["status"] for one in store.changed_since(connection, None, "Observation")} == {"final", "corrected"}


def test_of_two_orders_under_one_placers_number_none_is_guessed(connection: Connection) -> None:
    second = FIRST.replace("F77", "F78").replace("|M9|", "|M9b|")
    assert take_in(connection, FIRST, second, by_placer(CORRECTED)) == OF_NO_ORDER
    assert len(list(store.changed_since(connection, None, "Observation"))) == 3


# --- several results of a code without sub-ids --------------------------------------------------------------------


def obx(place: int, value: str, hour: int, status: str = "F", sub_id: str = "") -> str:
    return f"OBX|{place}|NM|2345-7^Glucose^LN|{sub_id}|{value}|mmol/L^^UCUM|||||{status}|||20260308{hour:02d}0000+0800"


CURVE = f"{message(9, None)}\r{obx(1, '5.0', 6)}\r{obx(2, '9.0', 8)}"


def curve(connection: Connection) -> list[tuple[str, float, str]]:
    found = [one.resource for one in store.changed_since(connection, None, "Observation")]
    return sorted((one["effectiveDateTime"][11:13], float(one["valueQuantity"]["value"]), one["status"]) for one in found)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("change", "stands"),
    [
        (obx(1, "8.5", 8, "C"), [("06", 5.0, "final"), ("08", 8.5, "corrected")]),
        (obx(1, "4.5", 6, "C"), [("06", 4.5, "corrected"), ("08", 9.0, "final")]),
        (obx(1, "9.0", 8, "W"), [("06", 5.0, "final"), ("08", 9.0, "entered-in-error")]),
    ],
)
def test_a_change_reaches_the_result_of_its_time(connection: Connection, change: str, stands: list[object], together: bool) -> None:
    later = f"{message(10, None)}\r{change}"
    for files in [(CURVE, later)] if together else [(CURVE,), (later,)]:
        assert set(take_in(connection, *files)) <= {"record.import.hl7_twice"}
    assert curve(connection) == stands
    (report,) = [one.resource for one in store.changed_since(connection, None, "DiagnosticReport")]
    (changed,) = [one.resource["id"] for one in store.changed_since(connection, None, "Observation") if one.resource["status"] != "final"]
    assert report["result"] == [{"reference": f"Observation/{changed}"}]


def test_a_change_of_no_known_time_changes_none_of_them_and_is_told(connection: Connection) -> None:
    take_in(connection, CURVE)
    assert take_in(connection, f"{message(10, None)}\r{obx(1, '8.5', 7, 'C')}") == ["record.import.which_of_several"]
    assert curve(connection) == [("06", 5.0, "final"), ("08", 9.0, "final")]


def test_a_sub_id_says_which_is_meant_whatever_its_time(connection: Connection) -> None:
    take_in(connection, f"{message(9, None)}\r{obx(1, '5.0', 6, sub_id='1')}\r{obx(2, '9.0', 8, sub_id='2')}")
    assert take_in(connection, f"{message(10, None)}\r{obx(1, '8.5', 6, 'C', '2')}") == []
    assert curve(connection) == [("06", 5.0, "final"), ("06", 8.5, "corrected")]


# --- a code said both ways round -------------------------------------------------------------------------------------

LOINC, LOCAL = "26499-4^Neutrophils^LN", "NEU^Neutrophils^L"


def coded(code: str, hour: int, value: str = "1.8", status: str = "F", sub_id: str = "") -> str:
    return message(hour, f"NM|{code}|{sub_id}|{value}|10*9/L^^UCUM|||||{status}|||20260308080000+0800")


def stands(connection: Connection) -> list[tuple[float, str, bool]]:
    """Value, status, and whether it is in doubt, of each result here."""
    found = [one.resource for one in store.changed_since(connection, None, "Observation")]
    doubts = [any(item["url"] == DOUBTED for item in one["meta"]["extension"]) for one in found]
    return sorted((float(one["valueQuantity"]["value"]), one["status"], doubt) for one, doubt in zip(found, doubts, strict=True))


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"{LOINC}^{LOCAL}", f"{LOCAL}^{LOINC}"),
        (f"{LOCAL}^{LOINC}", f"{LOINC}^{LOCAL}"),
        (f"{LOINC}^{LOCAL}", LOCAL),
        (f"{LOINC}^{LOCAL}", LOINC),
        (LOCAL, f"{LOINC}^{LOCAL}"),
    ],
)
@pytest.mark.parametrize("sub_id", ["", "2"])
def test_a_change_reaches_its_result_by_any_of_its_codes(connection: Connection, first: str, second: str, sub_id: str, together: bool) -> None:
    sent = [coded(first, 9, sub_id=sub_id), coded(second, 10, "2.5", "C", sub_id), coded(first, 11, "2.5", "F", sub_id), coded(second, 12, "2.5", "W", sub_id)]
    for files in [tuple(sent)] if together else [(one,) for one in sent]:
        assert take_in(connection, *files) == []
    assert stands(connection) == [(2.5, "entered-in-error", False)]
    (report,) = [one.resource for one in store.changed_since(connection, None, "DiagnosticReport")]
    (result,) = [one.resource["id"] for one in store.changed_since(connection, None, "Observation")]
    assert report["result"] == [{"reference": f"Observation/{result}"}]
    before = versions(connection)
    assert take_in(connection, *sent) == [] and versions(connection) == before


@pytest.mark.parametrize(("code", "sub_id"), [(f"777-3^Platelets^LN^{LOCAL}", "1"), (f"{LOINC}^{LOCAL}", "2"), ("PLT^Platelets^L", "1")])
@pytest.mark.parametrize("status", ["C", "D", "W", "X"])
def test_a_change_of_another_code_or_sub_id_changes_nothing_and_is_told(connection: Connection, code: str, sub_id: str, status: str) -> None:
    take_in(connection, coded(f"{LOCAL}^{LOINC}", 9, sub_id="1"))
    assert take_in(connection, coded(code, 10, "9", status, sub_id)) == ["record.import.change_of_nothing"]
    assert (1.8, "final", False) in stands(connection)


@pytest.mark.parametrize(("order", "patient"), [("F78", "P700"), ("F77", "P701")])
def test_a_change_of_no_result_of_ours_is_told(connection: Connection, order: str, patient: str) -> None:
    take_in(connection, FIRST)
    other = CORRECTED.replace("F77", order).replace("P700", patient)
    assert "record.import.change_of_nothing" in take_in(connection, other)
    assert {status for _, status, _ in stands(connection)} == {"final", "corrected"}


def test_a_change_before_what_it_changes_in_one_file_is_no_news(connection: Connection) -> None:
    assert set(take_in(connection, CORRECTED, FIRST)) == {"record.import.older_message"}


@pytest.mark.parametrize("status", ["C", "W"])
def test_where_a_change_may_mean_what_has_another_kind_of_code_that_is_not_used(connection: Connection, status: str) -> None:
    take_in(connection, coded(LOCAL, 9))
    change = coded(LOINC, 10, "2.5", status)
    assert take_in(connection, change) == ["record.import.change_of_one_of"]
    assert (1.8, "final", True) in stands(connection)
    assert take_in(connection, coded(LOCAL, 9), change) == [], "the same again changes nothing"
    assert (1.8, "final", True) in stands(connection)
    assert take_in(connection, coded(LOCAL, 11, "1.9", "C")) == [], "its source says what it is"
    assert (1.9, "corrected", False) in stands(connection)


def test_two_results_of_a_message_with_one_code_in_common_are_two(connection: Connection) -> None:
    second = f"OBX|2|NM|777-3^Platelets^LN^{LOCAL}||250|10*9/L^^UCUM|||||F|||20260308080000+0800"
    both = f"{coded(f'{LOINC}^{LOCAL}', 9)}\r{second}"
    assert take_in(connection, both) == []
    assert len(stands(connection)) == 2
    assert take_in(connection, coded(LOCAL, 10, "2.5", "W")) == ["record.import.change_of_one_of"]
    assert stands(connection)[::2] == [(1.8, "final", True), (250, "final", True)]


def ordered(text: str, code: str) -> str:
    return text.replace("|CBC^CBC^L|", f"|{code}|")


@pytest.mark.parametrize("together", [True, False])
def test_a_report_that_was_asked_for_by_codes_both_ways_round_is_one(connection: Connection, together: bool) -> None:
    panel, swapped = "58410-2^Blood count^LN^CBC^CBC^L", "CBC^CBC^L^58410-2^Blood count^LN"
    sent = [ordered(FIRST, panel), ordered(CORRECTED, swapped), ordered(WITHDRAWN, swapped)]
    for files in [tuple(sent)] if together else [(one,) for one in sent]:
        assert take_in(connection, *files) == []
    assert stands(connection) == [(180, "cancelled", False)]
    assert len(list(store.changed_since(connection, None, "DiagnosticReport"))) == 1


@pytest.mark.parametrize("withdrawn", [WITHDRAWN.replace("F77", "F78"), ordered(WITHDRAWN, "LFT^Liver^L")])
def test_a_withdrawal_of_a_report_that_named_no_result_is_told_once(connection: Connection, withdrawn: str) -> None:
    take_in(connection, FIRST)
    told = "record.import.change_of_nothing"
    assert [told in take_in(connection, withdrawn) for _ in range(2)] == [True, False]
    assert stands(connection) == [(1.8, "final", False)]


AGAIN = message(12, "NM|26499-4^Neutrophils^LN||0.2|10*9/L^^UCUM|||||F|||20260310080000+0800").replace("20260308", "20260310")


def results_by_day(connection: Connection) -> list[tuple[str, float, str]]:
    found = [one.resource for one in store.changed_since(connection, None, "Observation")]
    return sorted((one["effectiveDateTime"][8:10], float(one["valueQuantity"]["value"]), one["status"]) for one in found)


def results_of_reports(connection: Connection) -> list[int]:
    return sorted(len(one.resource["result"]) for one in store.changed_since(connection, None, "DiagnosticReport"))


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("turned", [True, False])
def test_a_filler_number_of_another_day_is_another_sample_and_told(connection: Connection, together: bool, turned: bool) -> None:
    messages = [AGAIN, FIRST] if turned else [FIRST, AGAIN]
    codes = [code for some in ([messages] if together else [[one] for one in messages]) for code in take_in(connection, *some)]
    assert codes.count("record.import.sample_again") == 1
    assert results_by_day(connection) == [("08", 1.8, "final"), ("10", 0.2, "final")]
    assert results_of_reports(connection) == [1, 1], "each result stands in the report of its own sample"
    assert "record.import.sample_again" not in take_in(connection, *messages), "the same again is here already"
    assert results_by_day(connection) == [("08", 1.8, "final"), ("10", 0.2, "final")]


def test_what_is_said_of_a_sample_whose_number_came_again_reaches_that_sample(connection: Connection) -> None:
    take_in(connection, FIRST)
    take_in(connection, AGAIN)
    take_in(connection, AGAIN.replace("|0.2|", "|0.3|").replace("||F|||", "||C|||").replace("|M12|", "|M13|").replace("20260310120000", "20260310130000"))
    assert results_by_day(connection) == [("08", 1.8, "final"), ("10", 0.3, "corrected")]
    take_in(connection, WITHDRAWN)
    assert results_by_day(connection) == [("08", 1.8, "cancelled"), ("10", 0.3, "corrected")]


@pytest.mark.parametrize("reported", ["C", "F"])
def test_a_correction_of_the_day_replaces_whether_the_result_or_its_report_says_so(connection: Connection, reported: str) -> None:
    take_in(connection, FIRST)
    moved = message(10, f"NM|26499-4^Neutrophils^LN||1.8|10*9/L^^UCUM|||||{'F' if reported == 'C' else 'C'}|||20260307080000+0800", reported=reported)
    assert take_in(connection, moved) == []
    assert [day for day, _value, _status in results_by_day(connection)] == ["07"]


def test_what_was_preliminary_is_completed_on_another_day(connection: Connection) -> None:
    take_in(connection, message(9, "NM|26499-4^Neutrophils^LN||1.8|10*9/L^^UCUM|||||P|||20260308080000+0800", reported="P"))
    assert take_in(connection, message(10, "NM|26499-4^Neutrophils^LN||1.6|10*9/L^^UCUM|||||F|||20260309080000+0800")) == []
    assert results_by_day(connection) == [("09", 1.6, "final")]


def glucose(hour: int, value: str, at: str, status: str = "F", ordered: str = "20260308080000+0800") -> str:
    """A message with one result of an order, taken at `at`, sent at `hour`."""
    return message(hour, f"NM|2345-7^Glucose^LN||{value}|mmol/L^^UCUM|||||{status}|||{at}").replace("||20260308080000+0800", f"||{ordered}")


def results_by_hour(connection: Connection) -> list[tuple[str, float, str, bool]]:
    found = [one.resource for one in store.changed_since(connection, None, "Observation")]
    return sorted((str(one.get("effectiveDateTime", ""))[11:16], float(one["valueQuantity"]["value"]), one["status"], DOUBTED in str(one)) for one in found)


def of_samples(connection: Connection, *messages: str) -> list[str]:
    """What is told, but for two reports of one number and what comes later than it was sent."""
    return [code for code in take_in(connection, *messages) if code not in ("record.import.same_identifier", "record.import.older_message")]


FASTING, LATER = glucose(9, "5.1", "20260308080000+0800"), glucose(11, "9.2", "20260308100000+0800")
TWO_SAMPLES = [("08:00", 5.1, "final", False), ("10:00", 9.2, "final", False)]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("turned", [True, False])
def test_a_filler_number_of_another_time_of_the_day_is_another_result_and_told(connection: Connection, together: bool, turned: bool) -> None:
    messages = [LATER, FASTING] if turned else [FASTING, LATER]
    codes = [code for some in ([messages] if together else [[one] for one in messages]) for code in of_samples(connection, *some)]
    assert codes == ["record.import.sample_again"]
    assert results_by_hour(connection) == TWO_SAMPLES
    assert of_samples(connection, *messages) == [], "the same again is here already"
    assert results_by_hour(connection) == TWO_SAMPLES


def test_an_order_that_was_taken_at_another_time_is_another_report(connection: Connection) -> None:
    again = glucose(11, "9.2", "", ordered="20260308100000+0800")
    assert of_samples(connection, FASTING, again) == ["record.import.sample_again"]
    assert results_by_hour(connection) == TWO_SAMPLES
    assert results_of_reports(connection) == [1, 1]


def test_many_times_under_one_number_stay_apart_and_each_is_corrected_where_it_stands(connection: Connection) -> None:
    for hour, value in ((8, "5.1"), (9, "8.0"), (10, "9.2"), (11, "6.0")):
        of_samples(connection, glucose(hour + 1, value, f"20260308{hour:02d}0000+0800"))
    assert of_samples(connection, glucose(14, "8.8", "20260308100000+0800", "C")) == []
    assert [(at, value) for at, value, _, _ in results_by_hour(connection)] == [("08:00", 5.1), ("09:00", 8.0), ("10:00", 8.8), ("11:00", 6.0)]


@pytest.mark.parametrize("at", ["20260308080000+0800", "20260308000000+0000", "202603080800+0800", "20260308"])
def test_the_same_moment_however_it_is_written_is_the_same_sample(connection: Connection, at: str) -> None:
    of_samples(connection, FASTING)
    assert of_samples(connection, glucose(11, "5.1", at)) == []
    assert len(results_by_hour(connection)) == 1


@pytest.mark.parametrize("together", [True, False])
def test_another_value_that_nothing_marks_as_corrected_stands_and_is_told(connection: Connection, together: bool) -> None:
    changed = glucose(11, "6.4", "20260308080000+0800")
    told = of_samples(connection, FASTING, changed) if together else [*of_samples(connection, FASTING), *of_samples(connection, changed)]
    assert told == ["record.import.value_changed"]
    assert results_by_hour(connection) == [("08:00", 6.4, "final", False)]
    assert versions(connection) == 2
    assert of_samples(connection, FASTING, changed) == [], "both are here already"


@pytest.mark.parametrize(("value", "status", "reported"), [("5.10", "F", "F"), ("6.4", "C", "F"), ("6.4", "F", "C"), ("6.4", "A", "F"), ("6.4", "X", "F")])
def test_the_same_value_and_what_is_marked_as_changed_is_not_told(connection: Connection, value: str, status: str, reported: str) -> None:
    of_samples(connection, FASTING)
    assert of_samples(connection, glucose(11, value, "20260308080000+0800", status).replace("|" * 18 + "F", "|" * 18 + reported)) == []
    assert len(results_by_hour(connection)) == 1


@pytest.mark.parametrize("said", ["", "20260308120000+0800"])
@pytest.mark.parametrize("status", ["X", "W", "C"])
def test_a_change_of_one_of_several_samples_that_does_not_say_which_leaves_none_of_them_used(connection: Connection, status: str, said: str) -> None:
    of_samples(connection, FASTING, LATER)
    change = glucose(13, "7.0", said, status, ordered=said)
    assert of_samples(connection, change) == [*([] if said or status != "C" else ["record.import.hl7_no_time"]), "record.import.which_of_several"]
    assert results_by_hour(connection) == [(at, value, known, True) for at, value, known, _ in TWO_SAMPLES]
    of_samples(connection, glucose(14, "5.0", "20260308080000+0800", "C"), glucose(14, "9.2", "20260308100000+0800", "C"))
    assert results_by_hour(connection) == [("08:00", 5.0, "corrected", False), ("10:00", 9.2, "corrected", False)]


@pytest.mark.parametrize("ordered", ["", "20260308120000+0800"])
@pytest.mark.parametrize("together", [True, False])
def test_a_report_taken_back_without_the_time_of_one_of_several_leaves_none_of_them_used(connection: Connection, ordered: str, together: bool) -> None:
    samples = [FASTING, glucose(11, "9.2", "20260308100000+0800", ordered="20260308100000+0800")]
    withdrawn = WITHDRAWN.replace("20260308110000", "20260308130000").replace("||20260308080000+0800", f"||{ordered}")
    told = of_samples(connection, withdrawn, *samples) if together else [*of_samples(connection, *samples), *of_samples(connection, withdrawn)]
    assert sorted(told) == ["record.import.sample_again", "record.import.which_of_several"]
    assert results_by_hour(connection) == [(at, value, known, True) for at, value, known, _ in TWO_SAMPLES]


def test_a_report_of_several_samples_taken_back_without_a_time_takes_all_back_and_says_so(connection: Connection) -> None:
    of_samples(connection, FASTING, LATER)
    assert of_samples(connection, WITHDRAWN.replace("20260308110000", "20260308130000").replace("||20260308080000+0800", "||")) == ["record.import.taken_back_all"]
    assert [status for _, _, status, _ in results_by_hour(connection)] == ["cancelled", "cancelled"]


def test_a_report_taken_back_with_its_time_reaches_its_sample_alone(connection: Connection) -> None:
    of_samples(connection, FASTING, glucose(11, "9.2", "20260308100000+0800", ordered="20260308100000+0800"))
    assert of_samples(connection, WITHDRAWN.replace("20260308110000", "20260308130000").replace("||20260308080000+0800", "||20260308100000+0800")) == []
    assert results_by_hour(connection) == [("08:00", 5.1, "final", False), ("10:00", 9.2, "cancelled", False)]


def test_what_was_taken_back_is_brought_back_by_nothing_without_a_time(connection: Connection) -> None:
    of_samples(connection, FASTING, LATER, glucose(12, "5.1", "20260308080000+0800", "W"), glucose(12, "9.2", "20260308100000+0800", "W"))
    assert of_samples(connection, glucose(13, "7.7", "", ordered="")) == ["record.import.hl7_no_time", "record.import.sample_again"]
    assert [(value, status) for _, value, status, _ in results_by_hour(connection)] == [(7.7, "final"), (5.1, "entered-in-error"), (9.2, "entered-in-error")]


def test_the_code_order_of_another_sample_does_not_make_it_the_first(connection: Connection) -> None:
    one = FASTING.replace("2345-7^Glucose^LN", "2345-7^Glucose^LN^GLU^Glucose^L")
    other = LATER.replace("2345-7^Glucose^LN", "GLU^Glucose^L^2345-7^Glucose^LN")
    of_samples(connection, one)
    assert of_samples(connection, other) == ["record.import.sample_again"]
    assert results_by_hour(connection) == TWO_SAMPLES


def test_a_result_that_was_taken_back_alone_is_brought_back_by_nothing_without_a_time(connection: Connection) -> None:
    of_samples(connection, FASTING, glucose(12, "5.1", "20260308080000+0800", "W"))
    assert of_samples(connection, glucose(13, "7.7", "", ordered="")) == ["record.import.hl7_no_time", "record.import.sample_again"]
    assert [(value, status) for _, value, status, _ in results_by_hour(connection)] == [(7.7, "final"), (5.1, "entered-in-error")]


UNDATED = {
    "result": lambda hour: glucose(hour, "5.1", "", "W", ordered=""),
    "report": lambda hour: message(hour, None, reported="X").replace("||20260308080000+0800", "||"),
}


@pytest.mark.parametrize("kind", UNDATED)
@pytest.mark.parametrize("arrived", ["together", "one by one"])
def test_a_withdrawal_without_a_time_that_was_sent_before_a_number_was_used_again_reaches_the_first_alone(
    connection: Connection, kind: str, arrived: str
) -> None:
    messages = [FASTING, UNDATED[kind](10), LATER]
    for some in [messages] if arrived == "together" else [[one] for one in messages]:
        of_samples(connection, *some)
    assert [(value, status, doubted) for _, value, status, doubted in results_by_hour(connection)] == [
        (5.1, "entered-in-error" if kind == "result" else "cancelled", False), (9.2, "final", False),
    ]  # fmt: skip


@pytest.mark.parametrize("arrived", ["together", "one by one"])
def test_a_withdrawal_of_a_report_that_comes_after_its_number_was_used_again_reaches_what_stood_when_it_was_sent(connection: Connection, arrived: str) -> None:
    messages = [FASTING, LATER, UNDATED["report"](10)]
    for some in [messages] if arrived == "together" else [[one] for one in messages]:
        of_samples(connection, *some)
    assert results_by_hour(connection) == [("08:00", 5.1, "cancelled", False), ("10:00", 9.2, "final", False)]


AFTERWARDS = "20260308100000+0800"


@pytest.mark.parametrize(
    ("change", "second"),
    [
        (UNDATED["result"](12), LATER),
        (UNDATED["report"](12), glucose(11, "9.2", AFTERWARDS, ordered=AFTERWARDS)),
        (glucose(12, "7.7", "", "C", ordered=""), LATER),
    ],
    ids=["result", "report", "correction"],
)
def test_a_sample_that_comes_after_a_change_without_a_time_that_was_sent_after_it_is_not_used_and_told(
    connection: Connection, change: str, second: str
) -> None:
    of_samples(connection, FASTING, change)
    assert of_samples(connection, second) == ["record.import.changed_before_it_came"]
    assert all(doubted or status in ("entered-in-error", "cancelled") for _, _, status, doubted in results_by_hour(connection))
    assert of_samples(connection, second) == [], "the same again is here already"
    assert of_samples(connection, glucose(14, "9.1", AFTERWARDS, "C", ordered=AFTERWARDS)) == []
    assert ("10:00", 9.1, "corrected", False) in results_by_hour(connection), "its source said which was meant"
