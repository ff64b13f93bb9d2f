"""How FHIR answers are written: Bundles around stored bytes, OperationOutcomes, the capability statement.

**Source**: FHIR R4: Bundle, OperationOutcome, CapabilityStatement.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

import msgspec

from baybridge.base.outcome import Reason, Refusal
from baybridge.language.texts import Texts
from baybridge.node.fhir.bundle import Done
from baybridge.node.node import Node
from baybridge.record.fhir.definitions import MADE_HERE, NOT_OFFERED, parameters, resource_types
from baybridge.record.fhir.wire import write
from baybridge.record.store.search import SearchResult
from baybridge.record.store.store import Version

FHIR_JSON = "application/fhir+json; charset=utf-8"

#: Reasons whose status FHIR fixes. Source: FHIR R4 RESTful API, "Managing Resource Contention", conditional create.
_OWN_STATUS = {"record.version_conflict": 412, "record.several_match": 412, "record.not_acceptable": 406, "record.media_type": 415}
_PRECONDITION = frozenset({"If-Match", "If-None-Match"})


def status_of(refusal: Refusal) -> int:
    """The HTTP status of a refusal."""
    if any(reason.code == "record.condition" and reason.values.get("condition") in _PRECONDITION for reason in refusal.reasons):
        return 412
    return next((_OWN_STATUS[reason.code] for reason in refusal.reasons if reason.code in _OWN_STATUS), refusal.surface.http_status)


def outcome(node: Node, language: str, refusal: Refusal) -> bytes:
    """A refusal as an OperationOutcome, one issue a reason."""
    return _issues(node, language, refusal.reasons, "error", refusal.surface.fhir_issue)


#: What is told of a value beside what was written. Source: FHIR R4, issue-type.
_ISSUES = {"record.import.time_beyond": "value", "record.import.no_time": "required", "record.import.birth_number": "value"}


def _issues(node: Node, language: str, reasons: Sequence[Reason], severity: str, code: str) -> bytes:
    texts = Texts(node.documents)
    issues = [
        {
            "severity": severity,
            "code": _ISSUES.get(reason.code, code),
            "details": {"coding": [{"system": "urn:baybridge:reason", "code": reason.code}], "text": texts.reason(language, reason)},
            **({"expression": [reason.where]} if reason.where else {}),
        }
        for reason in reasons
    ]
    return write({"resourceType": "OperationOutcome", "issue": issues})


def suppressed(node: Node, language: str, reason: Reason) -> bytes:
    """An entry of a searchset that says what was left out. Source: FHIR R4, issue-type `suppressed`; search entry mode `outcome`."""
    told = _issues(node, language, [reason], "information", "suppressed")
    return b'{"resource":' + told + b',"search":{"mode":"outcome"}}'


def sound(node: Node, language: str, reason: Reason) -> bytes:
    """An OperationOutcome that says that nothing was found to be wrong."""
    return _issues(node, language, [reason], "information", "informational")


def oddities(node: Node, language: str, reasons: Sequence[Reason]) -> bytes:
    """An OperationOutcome with what is odd and would be filed all the same."""
    return _issues(node, language, reasons, "warning", "informational")


@lru_cache(maxsize=4096)
def http_date(recorded_at: str) -> str:
    """A stored time as an HTTP date."""
    return format_datetime(datetime.fromisoformat(recorded_at).astimezone(UTC), usegmt=True)


def bundle(kind: str, entries: Sequence[bytes], total: int | None, links: Sequence[tuple[str, str]], at: datetime) -> bytes:
    """A Bundle around entries that are already written."""
    head: dict[str, Any] = {"resourceType": "Bundle", "type": kind, "timestamp": at.astimezone(UTC).isoformat()}
    if total is not None:
        head["total"] = total
    if links:
        head["link"] = [{"relation": relation, "url": url} for relation, url in links]
    start = write(head)
    return start[:-1] + b',"entry":[' + b",".join(entries) + b"]}" if entries else start


def entry(base: str, version: Version, mode: str) -> bytes:
    """One resource of a searchset, its bytes as they are stored."""
    head = write({"fullUrl": f"{base}/{version.reference}"})
    return head[:-1] + b',"resource":' + version.body + b',"search":{"mode":"' + mode.encode() + b'"}}'


def response_entry(base: str, item: Version | Done, node: Node | None = None, language: str = "en") -> bytes:
    """One entry of a history, or of the answer to a transaction or batch."""
    if isinstance(item, Version):
        method = "DELETE" if item.deleted else ("POST" if item.number == 1 else "PUT")
        url = item.type if method == "POST" else item.reference
        return _written(base, item, {"request": {"method": method, "url": url}})
    result = item.outcome
    if isinstance(result, Refusal):
        told = outcome(node, language, result) if node is not None else b"{}"
        return b'{"response":{"status":"' + str(status_of(result)).encode() + b'","outcome":' + told + b"}}"
    if isinstance(result, SearchResult):
        found = _searchset(base, result)
        return b'{"resource":' + found + b',"response":{"status":"200"}}'
    if result is None:
        return b'{"response":{"status":"204"}}'
    told = _issues(node, language, item.told, "warning", "not-found") if item.told and node is not None else b""
    return _written(base, result, {}, told)


def _searchset(base: str, result: SearchResult) -> bytes:
    head = write({"resourceType": "Bundle", "type": "searchset", "total": result.total})
    entries = b",".join(entry(base, version, "match") for version in result.found)
    return head[:-1] + b',"entry":[' + entries + b"]}" if entries else head


def _written(base: str, version: Version, more: dict[str, Any], told: bytes = b"") -> bytes:
    response: dict[str, Any] = {
        "status": {"created": "201", "deleted": "204"}.get(version.change, "200"),
        "location": f"{base}/{version.reference}/_history/{version.number}",
        "etag": f'W/"{version.number}"',
        "lastModified": version.recorded_at,
    }
    if told:
        response["outcome"] = msgspec.Raw(told)
    head = write({"fullUrl": f"{base}/{version.reference}", **more, "response": response})
    return head if version.deleted else head[:-1] + b',"resource":' + version.body + b"}"


_DOCUMENTATION = (
    "A delete says why: header X-Baybridge-Reason, or in a Bundle the extension urn:baybridge:reason (valueCode) of its request.",
    "Each type is open, to read and to write, to the roles whose pages show the same; any other role is answered 403 for the type, whatever there is of it.",
    "A payer reads what names it as the payer, and a manufacturer what a case's events say of its cells, both under a pseudonym and by few search parameters.",
)


@lru_cache(maxsize=8)
def capability(base: str, *, cors: bool = False) -> bytes:
    """What this server can do, made of the tables that it searches by."""
    interactions = [{"code": code} for code in ("read", "vread", "update", "delete", "history-instance", "create", "search-type")]
    resources = [_of_type(kind, interactions) for kind in sorted(resource_types())]
    rest = {
        "mode": "server",
        "security": {"cors": cors, "description": "Bearer token of POST /session"},
        "documentation": " ".join(_DOCUMENTATION),
        "resource": resources,
        "interaction": [{"code": "transaction"}, {"code": "batch"}],
    }
    statement = {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-21",
        "kind": "instance",
        "software": {"name": "Baybridge"},
        "implementation": {"description": "Baybridge node", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [rest],
    }
    return write(statement)


def _of_type(kind: str, interactions: list[dict[str, str]]) -> dict[str, Any]:
    found = {
        "type": kind,
        "interaction": [item for item in interactions if kind not in NOT_OFFERED | MADE_HERE or item["code"] not in ("create", "update", "delete")],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": kind not in NOT_OFFERED | MADE_HERE,
        "conditionalCreate": kind not in NOT_OFFERED | MADE_HERE,
        "conditionalUpdate": kind not in NOT_OFFERED | MADE_HERE,
        "conditionalDelete": "single" if kind not in NOT_OFFERED | MADE_HERE else "not-supported",
        "searchParam": [{"name": name, "type": parameter.kind} for name, parameter in sorted(parameters(kind).items())],
    }
    names = ("Resource-validate", *(("Patient-everything",) if kind == "Patient" else ()))
    found["operation"] = [{"name": name.partition("-")[2], "definition": f"http://hl7.org/fhir/OperationDefinition/{name}"} for name in names]
    return found
