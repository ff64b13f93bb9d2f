"""The narrative of a resource: text for people to read, which must not do anything in their browser.

Main job: `is_plain(text)` says whether a narrative is the XHTML that FHIR allows and nothing else; `without_narratives` leaves out those
that are not. What is not understood counts as not plain: nothing is repaired.

**Source**: FHIR R4, narrative, invariants txt-1 and txt-2 (basic formatting, links, tables, pictures; no scripts, forms, frames or styles of the page).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_ELEMENTS = re.compile(
    "div|p|br|hr|h[1-6]|[biusq]|em|strong|small|big|tt|su[bp]|span|blockquote|pre|code|samp|kbd|var|cite|abbr|acronym|dfn|del|ins|address|bdo|"
    "[uod]l|li|d[td]|table|caption|colgroup|col|t(?:head|body|foot|[rhd])|a|img"
)
_ATTRIBUTES = re.compile(
    "xmlns(?::xsi)?|id|class|style|title|(?:xml:)?lang|xml:space|dir|name|href|src|alt|width|height|v?align|border|cell(?:padding|spacing)|bgcolor|"
    "colspan|rowspan|scope|abbr|axis|headers|rules|frame|summary|span|char(?:off)?|nowrap|start|type|value|cite|datetime|rel|accesskey|tabindex"
)
_ADDRESSES = frozenset({"href", "src", "cite"})
#: What an address may begin with; a picture may only lie in the resource itself. Source: txt-1 and the note on "img" there.
_LINKS = re.compile(r"(?:https?://|mailto:|tel:|#|[A-Za-z0-9.][A-Za-z0-9._/\-#?=%]*$)")
_PICTURES = re.compile(r"(?:#|data:image/(?:png|jpeg|gif);base64,)")
_STYLE = re.compile(r"url|expression|import|behaviou?r|@|\\|/\*", re.IGNORECASE)
_VALUE = r"""(?:"[^"<]*"|'[^'<]*')"""
_ATTRIBUTE = rf"""\s+([A-Za-z][A-Za-z0-9:\-]*)\s*=\s*({_VALUE})"""
_TAG = rf"<(/?)([a-z][a-z0-9]*)((?:\s+[A-Za-z][A-Za-z0-9:\-]*\s*=\s*{_VALUE})*)\s*/?>"
_ENTITY = r"&(?:#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});"
_TOKEN = re.compile(rf"[^<&]+|{_ENTITY}|{_TAG}|<!--[^<>]*-->")
_EACH = re.compile(_ATTRIBUTE)


@lru_cache(maxsize=4096)
def is_plain(text: str) -> bool:
    """Whether a narrative holds only what FHIR allows in one."""
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None or (token[2] is not None and not _is_plain_tag(token[2], token[3])):
            return False
        at = token.end()
    return True


def _is_plain_tag(name: str, attributes: str) -> bool:
    return _ELEMENTS.fullmatch(name) is not None and all(_is_plain_attribute(name, found[1], found[2][1:-1].strip()) for found in _EACH.finditer(attributes))


def _is_plain_attribute(element: str, name: str, value: str) -> bool:
    if _ATTRIBUTES.fullmatch(name) is None:
        return False
    if name == "style":
        return "&" not in value and _STYLE.search(value) is None
    if name in _ADDRESSES:
        return (_PICTURES if element == "img" else _LINKS).match(value) is not None
    return True


def without_narratives(value: Any) -> Any:
    """The same value without narratives that are not plain; untouched parts are shared, not copied."""
    if isinstance(value, list):
        return [without_narratives(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: without_narratives(item) if isinstance(item, dict | list) else item for key, item in value.items() if not _is_unsafe(item)}


def _is_unsafe(item: Any) -> bool:
    div = item.get("div") if isinstance(item, dict) and "status" in item else None
    return isinstance(div, str) and not is_plain(div)
