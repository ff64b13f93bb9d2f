"""An event is read as the type that it names; what names none is kept whole."""

from __future__ import annotations

from functools import reduce
from operator import or_

import msgspec
import pytest
from benchmarks.case_folding import history

from baybridge.journey.entry import read_event
from baybridge.journey.events import EVENT_TYPES, Died
from baybridge.journey.stored import UnknownEvent, event_from_json

_ANY_OF_THEM = reduce(or_, EVENT_TYPES.values())


def test_every_event_reads_as_one_of_all_types_would() -> None:
    bodies = [msgspec.to_builtins(item.event) for item in history(correct_every=10)[:200]]
    assert [read_event(body) for body in bodies] == [msgspec.convert(body, _ANY_OF_THEM) for body in bodies]


@pytest.mark.parametrize("named", [None, "OfAnotherVersion", 7, ["Died"], {"Died": 1}])
def test_a_type_that_nobody_knows_is_kept_whole(named: object) -> None:
    body: dict[str, object] = {"type": named, "died_on": "2026-03-02"}
    assert read_event(body) is None
    assert event_from_json(body) == UnknownEvent(body=body)


def test_what_does_not_fit_its_type_is_not_read() -> None:
    assert read_event({"type": Died.__name__, "died_on": "never"}) is None
