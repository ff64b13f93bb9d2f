"""The documents by which this node goes, value by value, and whose each is: Baybridge's, this site's, or a signed change of the directory.

Main job: `DOCUMENT_DOORS`. Other pages link here from what they show of a document (`whose.html`). Elsewhere: how a site's document is laid over ours in
`documents/overlay.py`; policies have pages of their own, sentences are no documents of this list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, refuse
from baybridge.documents.kinds import FOLDERS
from baybridge.documents.overlay import Whose
from baybridge.documents.problems import field_name
from baybridge.http.doors import Asked, Door
from baybridge.web.page.page import refused, render

#: Folders whose documents are read here.
SHOWN = tuple(sorted(FOLDERS - {"translations"}))
#: Values of one document that are shown; a dictionary of thousands is read in its file.
_MOST_VALUES = 2000


@dataclass(frozen=True, slots=True)
class Listed:
    """One document: its name, whose it is, where it comes from."""

    folder: str
    name: str
    whose: Whose
    source: str


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a document at its field, as it stands there."""

    field: str
    text: str
    whose: Whose


def document_list(asked: Asked) -> Response:
    """Every folder with its documents; of the dictionary of facts those that a site wrote, the others by their number."""
    listed = {folder: list(_listed(asked, folder)) for folder in SHOWN}
    facts = listed["facts"]
    listed["facts"] = [one for one in facts if one.whose != "ours"]
    own = sum(one.whose != "ours" for rows in listed.values() for one in rows)
    return render(asked, "documents.html", listed={folder: rows for folder, rows in listed.items() if rows}, own=own, facts=len(facts))


def _listed(asked: Asked, folder: str) -> Iterator[Listed]:
    documents = asked.node.documents
    for name, document in sorted(documents.folder(folder).items(), key=itemgetter(0)):
        source = str(document.get("source") or "") if isinstance(document, Mapping) else ""
        yield Listed(folder, name, documents.whose(folder, name), source)


def document_page(asked: Asked) -> Response:
    """One document, value by value."""
    folder, name = asked.parameters["folder"], asked.parameters["name"]
    document = asked.node.documents.folder(folder).get(name) if folder in SHOWN else None
    if document is None:
        return refused(asked, refuse(Reason("documents.page.unknown", {"document": f"{folder}/{name}"[:80]}), category=Category.NOT_FOUND))
    values = [
        Value(field_name(path), text, asked.node.documents.whose(folder, name, *path)) for path, text in _values(document, ())
    ]
    shown, more = values[:_MOST_VALUES], max(0, len(values) - _MOST_VALUES)
    return render(asked, "document.html", folder=folder, name=name, whose=asked.node.documents.whose(folder, name), values=shown, more=more)


def _values(part: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every value below a part with its path; a list of plain values is one."""
    if isinstance(part, Mapping):
        for key, value in part.items():
            yield from _values(value, (*path, str(key)))
    elif isinstance(part, Sequence) and not isinstance(part, str) and any(isinstance(one, Mapping | list) for one in part):
        for index, value in enumerate(part):
            yield from _values(value, (*path, index))
    else:
        text = ", ".join(map(str, part)) if isinstance(part, list) else str(part)
        yield path, "–" if part is None or not text else text


DOCUMENT_DOORS = (
    Door("/documents", ("GET",), "documents", "policy.read", document_list),
    Door("/documents/{folder}/{name}", ("GET",), "document.page", "policy.read", document_page),
)
