"""Which results, reasons and waiting decisions a form of recognition can be about.

Main job: `BY_NAME`, for each choice that a row names what answers it as (value, words).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from baybridge.base.resource import Resource
from baybridge.documents.recognition import Overriding
from baybridge.journey.case import Case
from baybridge.node.case_record import case_resources
from baybridge.recognition.overriding import waiting
from baybridge.recognition.parallel import open_parallel_tests
from baybridge.recognition.results import code_of, collected_at, measured, newest_first
from baybridge.web.page.page import Reader

if TYPE_CHECKING:
    from baybridge.http.doors import Asked

Choices = tuple[tuple[str, str], ...]
Choose = Callable[[Any, Case | None], Choices]


def _results(asked: Asked, case: Case | None) -> Choices:
    """Results of the patient's record, the newest first, with value and day."""
    if case is None:
        return ()
    reader = Reader(asked)
    with asked.node.storage.reading() as connection:
        resources = case_resources(connection, case, asked.node.now(), asked.node.record_memory)
    found = sorted((item for item in resources if item.get("resourceType") == "Observation" and code_of(item)), key=newest_first)
    return tuple((str(item["id"]), _result_label(reader, item)) for item in found)


def _result_label(reader: Reader, observation: Resource) -> str:
    said, taken = measured(observation), collected_at(observation)
    found = said.get("value")
    value = reader.value(found, said.get("unit")) if isinstance(found, int | float) else reader.t("tests.coded")
    return f"{reader.test(code_of(observation) or '')} · {value} · {reader.moment(taken)}"


def _waiting_results(asked: Asked, case: Case | None) -> Choices:
    """Results whose override waits for a second signature."""
    reader = Reader(asked)
    events = [entry.event for entry in waiting(case)] if case else []
    return tuple((e.result_id, f"{reader.test(e.loinc)} · {reader.code('code', e.purpose)} · {e.code}") for e in events)


def _beside_results(asked: Asked, case: Case | None) -> Choices:
    """Results that an emergency acted on and that nobody compared yet."""
    reader = Reader(asked)
    events = [test.event for test in open_parallel_tests(case)] if case else []
    return tuple((e.result_id, f"{reader.test(e.loinc)} · {reader.code('code', e.purpose)}") for e in events)


def _override_codes(asked: Asked, case: Case | None) -> Choices:
    del case
    reader, codes = Reader(asked), asked.node.documents.typed.the(Overriding).codes
    rows = [(direction, code) for direction, listed in (("accept", codes.accept), ("repeat", codes.repeat)) for code in listed]
    return tuple((code, f"{reader.code('code', way)}: {reader.code('recognition.code', code)} ({code})") for way, code in rows)


BY_NAME: Mapping[str, Choose] = MappingProxyType(
    {
        "result": _results,
        "override_code": _override_codes,
        "waiting_result": _waiting_results,
        "parallel_result": _beside_results,
    }
)
