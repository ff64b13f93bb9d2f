"""The transfer request as outsiders write it.

Main job: `read(value)` answers the checked request, or raises every problem with path, expected and found.

**Source**: exchange contract, "transfer check". Required are the moment, the purpose and both parties with their jurisdictions; without
them no route can be named. Everything else may be unknown, and then counts against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baybridge.base.time import day_of as day_of_instant
from baybridge.base.time import parse_day, parse_instant
from baybridge.recognition.form import Check, Field, FormProblem, boolean, count, day, instant, list_of, object_of, one_of, require, text

ROUTES = tuple(f"R{number}" for number in range(10))
CONTRACT_KINDS = ("gba", "national", "pcpd_clauses", "certificate")
_ANSWERS = ("contains_genomic", "genomic_for_care", "important_data", "emergency", "mixed_with_cn_data", "encrypted")


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """The parts of a transfer request, checked; contract and impact assessment may be missing."""

    transfer: Mapping[str, Any]
    exporter: Mapping[str, Any]
    importer: Mapping[str, Any]
    contract: Mapping[str, Any] | None
    pipia: Mapping[str, Any] | None
    consents: Mapping[str, Any]


def day_or_instant(value: Any, path: str) -> list[FormProblem]:
    """A date, or a time with an offset."""
    expected = "a date such as 2026-03-08, or a time with offset"
    fits = not day(value, path) or not instant(value, path)
    return [] if fits else [FormProblem(path, expected, problem.found) for problem in day(value, path)]


def day_of(text_: str | None) -> Any:
    """The exporter's calendar day of a date or time, however the instant is written; None where unknown."""
    if text_ is None:
        return None
    return parse_day(text_) if len(text_) == len("2026-03-08") else day_of_instant(parse_instant(text_))


def form_of(purposes: Sequence[str], regions: Sequence[str]) -> Mapping[str, Field]:
    """The form of a request when these purposes and regions are known."""
    consents: dict[str, Check] = dict.fromkeys(("care", "sensitive", "cross_border", "hk_sharing", "mo_ground", "dspdp_notified"), boolean)
    transfer = {
        "at": Field(instant, required=True),
        "purpose": Field(one_of(*purposes), required=True),
        "data_categories": Field(list_of(text)),
        **{name: Field(boolean) for name in _ANSWERS},
        "origin": Field(one_of(*regions)),
        "received_under": Field(one_of(*ROUTES)),
        "retention_until": Field(day_or_instant),
        "recipients": Field(list_of(text)),
        "origin_system": Field(text),
    }
    exporter = {
        "name": Field(text),
        "jurisdiction": Field(one_of(*regions), required=True),
        "gd9": Field(boolean),
        "ciio": Field(boolean),
        "ytd_sensitive_persons": Field(count),
        "ytd_other_persons": Field(count),
    }
    importer = {"name": Field(text), "jurisdiction": Field(text, required=True), "gd9": Field(boolean)}
    contract = {
        "kind": Field(one_of(*CONTRACT_KINDS), required=True),
        "id": Field(text),
        "effective_on": Field(day_or_instant),
        "filed_on": Field(day_or_instant),
        "purposes": Field(list_of(text)),
    }
    return {
        "transfer": Field(object_of(transfer), required=True),
        "exporter": Field(object_of(exporter), required=True),
        "importer": Field(object_of(importer), required=True),
        "contract": Field(object_of(contract)),
        "pipia": Field(object_of({"id": Field(text), "valid_until": Field(day_or_instant)})),
        "consents": Field(object_of({name: Field(check) for name, check in consents.items()} | {"withdrawn_on": Field(day_or_instant)})),
    }


def read(value: Any, purposes: Sequence[str], regions: Sequence[str]) -> TransferRequest:
    """The checked request; raises `FormError` with every problem."""
    parts = require(value, form_of(purposes, regions))
    return TransferRequest(
        parts["transfer"], parts["exporter"], parts["importer"], parts.get("contract"), parts.get("pipia"), parts.get("consents") or {}
    )
