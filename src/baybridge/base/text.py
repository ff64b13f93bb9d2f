"""Texts that no database and no other program would keep as they came.

Main job: `not_text(value)` finds a NUL or half of a surrogate pair; `not_text_inside(value)` the same anywhere in a JSON value.

**Source**: RFC 8259 8.2 (lone surrogates are unpredictable); FHIR R4, datatypes, string (no NUL).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
_DEEPEST = 200  # levels of a JSON value


def not_text(value: str) -> bool:
    """Whether a text holds a NUL or a lone surrogate."""
    return _NOT_TEXT.search(value) is not None


def not_text_inside(value: object, depth: int = 0) -> bool:
    """Whether a JSON value holds such a text, or lies so deep that nobody meant it."""
    if isinstance(value, str):
        return not_text(value)
    if depth > _DEEPEST:
        return True
    if isinstance(value, Mapping):
        return any(not_text(name) or not_text_inside(item, depth + 1) for name, item in value.items())
    return isinstance(value, list | tuple) and any(not_text_inside(item, depth + 1) for item in value)
