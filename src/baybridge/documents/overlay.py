"""A site's document over ours: mappings merge by key, lists are replaced whole, null takes away.

Main job: `lay_over(ours, site, kind)`, the document that holds; `whose(ours, site, path)`, who wrote a part of it.

Of a part that may be unknown, null says that it is unknown; of an entry of a mapping by name, null takes the entry away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import inspect

from baybridge.documents.source import Path
from baybridge.documents.types import alternatives, is_nullable, type_of

#: Ours, the site's, of both, or said by a signed change in a node's ledger.
Whose = Literal["ours", "site", "both", "signed"]


def lay_over(ours: object, site: object, kind: type | None) -> object:
    """The site's word over ours; neither is touched."""
    return _laid(ours, site, type_of(kind) if kind is not None else None)


def _laid(ours: object, site: object, kind: inspect.Type | None) -> object:
    if not isinstance(ours, Mapping) or not isinstance(site, Mapping):
        return site
    laid = dict(ours)
    for key, value in site.items():
        part, unknown = _part(kind, str(key))
        if value is None and not unknown and not (key in ours and ours[key] is None):
            laid.pop(key, None)
        else:
            laid[key] = _laid(ours.get(key), value, part)
    return laid


def _part(kind: inspect.Type | None, key: str) -> tuple[inspect.Type | None, bool]:
    """The type of a part, and whether null says there that it is unknown."""
    for one in alternatives(kind) if kind is not None else ():
        if isinstance(one, inspect.StructType):
            field = next((field for field in one.fields if field.encode_name == key), None)
            return (field.type, is_nullable(field.type)) if field else (None, True)
        if isinstance(one, inspect.DictType):
            return one.value_type, is_nullable(one.value_type)
    return None, False


def whose(ours: object, site: object, path: Path) -> Whose:
    """Whose a part of the document is: ours, the site's, or of both."""
    for step in path:
        if not isinstance(site, Mapping) or not isinstance(ours, Mapping):
            return "site"
        if step not in site:
            return "ours"
        site, ours = site[step], ours.get(step)
    return "both" if isinstance(site, Mapping) and isinstance(ours, Mapping) else "site"
