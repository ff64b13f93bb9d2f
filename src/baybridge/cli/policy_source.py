"""Where commands about policies take them from: shipped documents, a site's own laid over them, or a file.

Main job: `policy_of(documents, name, at)` for an id or a file; `documents_of`, `dictionary_of`, `spoken`, and `fail`, which ends with clear lines.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.base.time import CHINA
from baybridge.cli.failing import fail
from baybridge.cli.policy_words import saying_for
from baybridge.cli.reader import reader_language

if TYPE_CHECKING:
    from datetime import datetime

    from baybridge.documents.loader import Documents
    from baybridge.facts.dictionary import Dictionary
    from baybridge.policy.document.shapes import Policy
    from baybridge.rulebook.speaker import Saying


_SUFFIXES = (".yaml", ".yml")


def documents_of(node_dir: Path | None) -> Documents:
    """The shipped documents, with those by which a node goes laid over them; exits 1 where a node's cannot be in force, says where the last ones are not."""
    from baybridge.documents.loader import Documents

    if node_dir is None:
        return Documents()
    from baybridge.node.accepted import documents_in_force
    from baybridge.node.config import ConfigProblem

    try:
        documents, bars = documents_in_force(node_dir)
    except ConfigProblem as problem:
        fail(str(problem))
    if bars:
        click.echo(documents.translations(reader_language(documents.folder))["page.documents_barred"], err=True)
    return documents


def dictionary_of(documents: Documents) -> Dictionary:
    """The dictionary of these documents; exits 1 where it cannot be read."""
    from baybridge.documents.problems import DocumentProblem
    from baybridge.facts.dictionary import Dictionary, DictionaryProblem

    try:
        return Dictionary.from_documents(documents.folder("facts"), documents.folder("terms"))
    except (DictionaryProblem, DocumentProblem) as problem:
        fail(str(problem))


def policy_of(documents: Documents, name: str, at: datetime | None = None) -> Policy:
    """The policy of an id, in the version of a moment, or the policy that stands in a YAML file; exits 1 where there is none."""
    from baybridge.documents.loader import read_text
    from baybridge.documents.problems import DocumentProblem, PolicyProblems
    from baybridge.policy.document.reader import load
    from baybridge.rulebook.library import UnknownPolicyError, fact_types, policies_of

    try:
        if is_file(name):
            return load(read_text(Path(name)), name, fact_types(documents))
        if Path(name).suffix in _SUFFIXES:
            fail(f"{name}: expected a policy document, found no such file")
        return policies_of(documents, fact_types(documents)).get(name, None if at is None else at.astimezone(CHINA).date())
    except (PolicyProblems, UnknownPolicyError, DocumentProblem) as problem:
        fail(str(problem))


def is_file(name: str) -> bool:
    """Whether a policy is named by the file in which it stands."""
    return Path(name).suffix in _SUFFIXES and Path(name).is_file()


def spoken(documents: Documents, language: str) -> Saying:
    """How somebody who asked for a language is spoken to, with a node's own texts."""
    return saying_for(documents, dictionary_of(documents), language)
