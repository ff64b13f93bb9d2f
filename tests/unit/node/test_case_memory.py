"""A case in memory counts only while its stream is the same to the byte."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from baybridge.journey import events as ev
from baybridge.journey.case import fold
from baybridge.journey.stored import decode_stored, encode
from baybridge.ledger.streams import StoredEvent
from baybridge.node.case_memory import CaseMemory

_AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def _stored(case_id: str, sequence: int, event: ev.Event) -> StoredEvent:
    recorded = ev.Recorded(
        event_id=f"{case_id}-{sequence}", case_id=case_id, sequence=sequence, at=_AT, recorded_at=_AT + timedelta(minutes=sequence),
        node="hk", organisation="Hospital", actor="someone", role="physician", event=event,
    )  # fmt: skip
    times = {"at": recorded.at.isoformat(), "recorded_at": recorded.recorded_at.isoformat()}
    return StoredEvent(event_id=recorded.event_id, case_id=case_id, sequence=sequence, type=type(event).__name__, body=encode(recorded), **times)


def _died(day: int) -> ev.Died:
    return ev.Died(died_on=datetime(2026, 3, day, tzinfo=UTC).date(), cause="disease")


def _fresh(rows: list[StoredEvent]) -> object:
    return fold(decode_stored(row) for row in rows)


def test_the_same_rows_are_the_same_case() -> None:
    memory, rows = CaseMemory(), [_stored("a", 1, _died(2))]
    first = memory.case(rows)
    assert first == _fresh(rows)
    assert memory.case(list(rows)) is first


def test_an_event_that_was_appended_counts_at_once() -> None:
    memory, rows = CaseMemory(), [_stored("a", 1, _died(2))]
    memory.case(rows)
    longer = [*rows, _stored("a", 2, _died(3))]
    assert memory.case(longer) == _fresh(longer)
    assert memory.events(longer) == tuple(map(decode_stored, longer))
    assert memory.case(rows) == _fresh(rows)  # a transaction that began earlier still sees less


def test_an_event_that_was_erased_or_changed_in_its_place_is_read_anew() -> None:
    memory, rows = CaseMemory(), [_stored("a", 1, _died(2)), _stored("a", 2, _died(3))]
    memory.case(rows)
    erased = [msgspec.structs.replace(rows[0], body=b""), rows[1]]
    assert memory.case(erased) == _fresh(erased)
    changed = [rows[0], _stored("a", 2, _died(4))]
    assert memory.case(changed) == _fresh(changed)


def test_cases_do_not_mix_and_no_more_are_kept_than_said() -> None:
    memory = CaseMemory(most=2)
    rows = {name: [_stored(name, 1, _died(number))] for number, name in enumerate("abc", start=2)}
    first = memory.case(rows["a"])
    for name in "bca":
        assert memory.case(rows[name]) == _fresh(rows[name])
    assert memory.case(rows["a"]) is not first  # the oldest was let go, and read again
    assert memory.case([]) is None
    assert memory.events([]) == ()
