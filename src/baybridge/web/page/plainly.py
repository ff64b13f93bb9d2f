"""What stands in an entry for programs, as people read it: an address of the record by its word, an identifier by its last signs.

Main job: `plainly(text, word)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from baybridge.base.ids import mark_of

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_HASH = r"[0-9a-f]{32,64}"
_ADDRESS = re.compile(r"\b([A-Z][A-Za-z]+)/([0-9A-Za-z][0-9A-Za-z.-]*)(?:/_history/\w+)?")
_IDENTIFIER = re.compile(rf"\b(?:{_UUID}|{_HASH})\b")


def plainly(text: str, word: Callable[[str], str]) -> str:
    """A text in which addresses of the record stand as `word(kind)` with their last signs, and identifiers as their last signs alone."""
    named = _ADDRESS.sub(lambda found: _said(found, word), text) if "/" in text else text
    return _IDENTIFIER.sub(lambda found: mark_of(found[0]), named)


def _said(found: re.Match[str], word: Callable[[str], str]) -> str:
    known = word(found[1])
    return f"{known} …{mark_of(found[2])}" if known else found[0]
