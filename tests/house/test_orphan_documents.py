"""Every document that is shipped is applied: its id stands in the code or in another document, or it says that it is for comparison."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import baybridge
from baybridge.documents.loader import Documents, files, read_document
from baybridge.documents.sentences import texts_in
from baybridge.rulebook.library import fact_types, policies_of

SOURCE = Path(baybridge.__file__).parent
DOCUMENTS = Documents()
LIBRARY = policies_of(DOCUMENTS, fact_types(DOCUMENTS))

#: How the notes of a policy begin that decides nothing about a case: a rule of a trial that anybody may compute and compare.
COMPARED = "Shown for comparison:"

#: Folders whose documents are read one and all, by what they say of themselves.
READ_WHOLE = frozenset(
    {
        "breaches", "card-issuers", "facts", "feeds", "languages", "loggers", "person-requests", "plans", "policies", "products", "regions", "retention", "translations",
        "trials",
    }
)  # fmt: skip


@cache
def named_in_code() -> frozenset[str]:
    """Every text that stands in the code."""
    trees = (ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py") if not path.is_relative_to(SOURCE / "data"))
    return frozenset(node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


@cache
def documents() -> tuple[tuple[str, str, frozenset[str]], ...]:
    """Folder, id and words of every document that is neither a policy nor a text."""
    found = []
    for file in files(DOCUMENTS.roots[0]):
        folder = file.relative_to(DOCUMENTS.roots[0]).parts[0]
        if folder not in ("policies", "translations"):
            document = read_document(file)
            name = str(document.get("id") or file.stem) if isinstance(document, dict) else file.stem
            found.append((folder, name, frozenset(texts_in(document))))
    return tuple(found)


def named_elsewhere(name: str, folder: str) -> bool:
    return name in named_in_code() or any(name in said for where, other, said in documents() if (where, other) != (folder, name))


def test_every_policy_is_applied_by_some_path() -> None:
    lone = [name for name in LIBRARY.ids() if not named_elsewhere(name, "policies")]
    assert [name for name in lone if not str(DOCUMENTS.folder("policies")[name].get("notes") or "").startswith(COMPARED)] == []


def test_every_other_document_is_read_by_somebody() -> None:
    assert [(folder, name) for folder, name, _ in documents() if folder not in READ_WHOLE and not named_elsewhere(name, folder)] == []


def test_the_policy_of_signs_is_applied_to_every_patient() -> None:
    """Not only named: the watch decides by it whatever comes (tests/unit/node/test_watch.py)."""
    from baybridge.node.consequences.table import CONSEQUENCES
    from baybridge.node.watch import signs

    assert signs.POLICY in LIBRARY.ids()
    assert CONSEQUENCES["look-for-signs"].of_records == "any"
