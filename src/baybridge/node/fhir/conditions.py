"""Conditions of a write as clients send them: which version it replaces, and what must not exist yet.

Main job: a condition is understood or the write is refused; none is passed over, because a write without it loses somebody's change or makes
a second record of one person.

**Source**: FHIR R4, RESTful API, "Managing Resource Contention", "Conditional create"; RFC 9110 section 13.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.record.store.search import RESULT_PARAMETERS, Pairs

_ETAG = re.compile(r'(?:W/)?"?([0-9]{1,9})"?')
_CRITERIA = frozenset({"_id", "_lastUpdated"})
_SEARCH = "a search such as identifier=system|value"

#: Conditions that are read; any other header `If-…` on a write is refused.
_KNOWN = frozenset({"if-match", "if-none-exist", "if-none-match"})


def version_of(etag: object) -> int | None:
    """The version number of an ETag such as W/"3"; None where it is none."""
    match = _ETAG.fullmatch(etag.strip()) if isinstance(etag, str) else None
    return int(match[1]) if match else None


def expected_version(if_match: object, if_none_match: object = None, where: str = "") -> int | Refusal | None:
    """The version that a write must find: None for any, 0 for none at all (`If-None-Match: *`)."""
    if if_none_match is not None:
        if if_match is None and isinstance(if_none_match, str) and if_none_match.strip() == "*":
            return 0
        return _refused("If-None-Match", "*, without If-Match", where)
    if if_match is None:
        return None
    number = version_of(if_match)
    return _refused("If-Match", 'one version such as W/"3"', where) if number is None else number


def only_if_none(condition: object, where: str = "") -> Pairs | Refusal | None:
    """The search that must find nothing for a conditional create; None where no condition was sent."""
    if condition is None:
        return None
    text = condition.strip().removeprefix("?") if isinstance(condition, str) else ""
    pairs = tuple(parse_qsl(text, keep_blank_values=True))
    return pairs if _chooses(pairs) else _refused("If-None-Exist", _SEARCH, where)


def chosen_by(criteria: Pairs, where: str = "") -> Pairs | Refusal:
    """The search behind the address of a conditional update or delete; a refusal where it chooses nothing, which would mean anything at all."""
    return tuple(criteria) if _chooses(criteria) else _refused("search", _SEARCH, where)


def _chooses(pairs: Pairs) -> bool:
    criteria = [name for name, _value in pairs if name in _CRITERIA or name.partition(":")[0] not in RESULT_PARAMETERS]
    return bool(criteria) and all(value.strip() for _name, value in pairs)


def unknown_conditions(headers: Mapping[str, str], method: str) -> Refusal | None:
    """Why a write with these headers is refused: a condition that this node does not know, or that this method does not take."""
    takes = {"POST": {"if-none-exist"}, "PUT": {"if-match", "if-none-match"}, "DELETE": {"if-match"}}[method]
    found = sorted(name for name in headers if name.startswith("if-") and name not in (_KNOWN & takes))
    reasons = [
        Reason("record.condition", {"condition": name[:40], "expected": ", ".join(sorted(takes))}, where=name[:40]) for name in found
    ]
    return refuse(*reasons, category=Category.INVALID) if reasons else None


def _refused(condition: str, expected: str, where: str) -> Refusal:
    reason = Reason("record.condition", {"condition": condition, "expected": expected}, where=where or condition)
    return refuse(reason, category=Category.INVALID if condition in ("If-None-Exist", "search") else Category.CONFLICT)
