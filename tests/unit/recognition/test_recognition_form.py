"""A request that cannot be read says every problem: where, expected, found."""

from __future__ import annotations

import pytest

from baybridge.documents.requests import FormError
from baybridge.exchange.transfer.check import check_transfer
from baybridge.recognition.recognise import recognise
from exchange_documents import RECOGNITION, TRANSFER, changed, recognition_rules, transfer_rules


def problems(request: object) -> list[str]:
    with pytest.raises(FormError) as found:
        recognise(request, recognition_rules())  # type: ignore[arg-type]
    assert "\n" not in str(found.value)
    return [problem.field for problem in found.value.problems]


@pytest.mark.parametrize("request_", [3, "text", None, [], True])
def test_what_is_no_object_is_refused(request_: object) -> None:
    assert problems(request_) == ["request"]


def test_every_problem_is_reported() -> None:
    wrong = changed(
        RECOGNITION,
        {
            "result.patient_match": "yes",
            "result.collected_at": "2026-03-08T09:00:00",
            "laboratory.eqa.0.date": "2026-02-30",
            "laboratory.accreditations.0.scope": "all",
            "request.purpose": "SOMETHING",
            "request.statutory_case": 7,
            "request.reset_events": [{"type": "moon", "at": "2026-03-08T09:00:00+08:00"}],
        },
    )
    assert problems(wrong) == [
        "result.patient_match",
        "result.collected_at",
        "laboratory.accreditations[0].scope",
        "laboratory.eqa[0].date",
        "request.purpose",
        "request.reset_events[0].type",
        "request.statutory_case",
    ]


def test_missing_parts_are_required() -> None:
    assert problems({}) == ["result", "laboratory", "request"]
    assert problems(changed(RECOGNITION, {"request.purpose": ...})) == ["request.purpose"]


def test_a_transfer_needs_moment_purpose_and_places() -> None:
    wrong = changed(TRANSFER, {"transfer.at": ..., "transfer.purpose": "FUN", "exporter.jurisdiction": "XX", "importer.jurisdiction": None})
    with pytest.raises(FormError) as found:
        check_transfer(wrong, transfer_rules())
    paths = [problem.field for problem in found.value.problems]
    assert paths == ["transfer.at", "transfer.purpose", "exporter.jurisdiction", "importer.jurisdiction"]


def test_a_negative_count_and_an_unknown_contract_are_refused() -> None:
    wrong = changed(TRANSFER, {"exporter.ytd_sensitive_persons": -1, "contract.kind": "handshake"})
    with pytest.raises(FormError) as found:
        check_transfer(wrong, transfer_rules())
    assert [problem.field for problem in found.value.problems] == ["exporter.ytd_sensitive_persons", "contract.kind"]
