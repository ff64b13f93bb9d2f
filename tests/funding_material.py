"""What funding tests share: documents of `data/plans`, a short way to write a case, and funding it."""

from __future__ import annotations

from functools import cache
from typing import Any

from baybridge.base.outcome import Refusal
from baybridge.documents.document_set import DocumentSet
from baybridge.documents.loader import Documents
from baybridge.funding.plans.layers import scale_of
from baybridge.funding.plans.terms import FundingCase, Scale
from baybridge.funding.quote.case import read_cases
from baybridge.funding.quote.report import as_json, fund


@cache
def documents() -> dict[str, Any]:
    return dict(Documents().folder("plans"))


def documents_with(plans: Any) -> DocumentSet:
    """Our documents with these plans alone."""
    return DocumentSet(lambda folder: plans if folder == "plans" else Documents().folder(folder))


@cache
def scale() -> Scale:
    found = scale_of(documents()["hk-ccf-scale-2012"])
    assert isinstance(found, Scale)
    return found


def case_of(data: dict[str, Any]) -> FundingCase:
    read = read_cases(data, scale())
    assert not isinstance(read, Refusal), read
    return read[0]


def funded(data: dict[str, Any]) -> dict[str, Any]:
    answer = fund(case_of(data))
    assert not isinstance(answer, Refusal), answer
    return as_json(answer)


def problems(data: Any) -> list[tuple[str, str]]:
    """(path, code without its prefix) of everything wrong with a case."""
    read = read_cases(data, scale())
    answer = read if isinstance(read, Refusal) else fund(read[0])
    return [(r.where, r.code.removeprefix("funding.case.")) for r in answer.reasons] if isinstance(answer, Refusal) else []


def bill(gross: str = "1000.00", category: str = "CAR_T_DRUG", line_id: str = "drug") -> dict[str, str]:
    return {"id": line_id, "category": category, "gross": gross}


def layer(layer_id: str = "A", **terms: Any) -> dict[str, Any]:
    terms.setdefault("covers", ["CAR_T_DRUG"])
    if terms.get("kind", "COINSURANCE") == "COINSURANCE" and "bands" not in terms:
        terms.setdefault("rate", "1.00")
    return {"id": layer_id, **terms}


def a_case(*layers: dict[str, Any], lines: list[dict[str, str]] | None = None, **more: Any) -> dict[str, Any]:
    numbered = [{"order": 10 * (n + 1), **item} for n, item in enumerate(layers)]
    return {"currency": "CNY", "event_date": "2026-03-10", "bill_lines": lines or [bill()], "layers": numbered, **more}
