"""The rules of a site about its people, as they hold at a node.

Main job: `rules(documents)`, the document `access/people.yaml` as a typed value; a site's own is laid over ours part by part.
"""

from __future__ import annotations

import msgspec

from baybridge.documents.loader import Documents
from baybridge.documents.people import People


def rules(documents: Documents) -> People:
    """The rules that hold at a site; ValueError where its document cannot be read."""
    try:
        return msgspec.convert(documents.folder("access")["people"], People)
    except msgspec.ValidationError as problem:
        raise ValueError(f"access/people.yaml: {problem}") from None
