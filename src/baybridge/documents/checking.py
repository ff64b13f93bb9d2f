"""Checking a site's documents before they are put in force: every problem of every file, at its line and field.

Main job: `check_folder(site)`, the problems of a data folder laid over ours, but for what a rule of a policy or plan means.

Elsewhere: rules in `rulebook/site_documents.py`, which the command `check` and a running node ask.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from baybridge.documents.kinds import ANY, FOLDERS, KINDS, RULES, is_merged, kind_of_document
from baybridge.documents.loader import Documents, files, packaged_data, read_text
from baybridge.documents.overlay import lay_over
from baybridge.documents.problems import (
    MISSING,
    TWICE,
    UNKNOWN_FOLDER,
    WRONG_VALUE,
    DocumentProblem,
    PolicyProblems,
    Problem,
    did_you_mean,
    kind_of,
)
from baybridge.documents.reading import read_as
from baybridge.documents.sentences import SENTENCES, language_problems, sentence_problems, texts_in
from baybridge.documents.source import Source, read_yaml

UNKNOWN_DOCUMENT = "document.problem.unknown_document"


def check_folder(site: Path, ours: Path | None = None) -> tuple[int, tuple[Problem, ...]]:
    """How many documents a site's data folder has, and every problem of their form, in reading order."""
    shipped = Documents(ours or packaged_data())
    number, problems = 0, list[Problem]()
    seen: dict[tuple[str, str], str] = {}
    try:
        written = list(files(site))
    except DocumentProblem as problem:
        return 0, problem.problems
    named = _named(site, written)
    for file in written:
        folder = file.relative_to(site).parts[0] if file.parent != site else ""
        name = str(Path(*file.relative_to(site).parts[:-1][:2])) if folder == SENTENCES else folder
        found = [*_place_problems(file, folder), *(language_problems(file, name, shipped, named) if folder == SENTENCES else ())]
        source = None if found else _read(file, found)
        if source is None:
            problems += found
            continue
        for key, value, path in _entries(source, folder, found):
            number += 1
            if (name, key) in seen and folder not in RULES:
                found.append(source.problem(TWICE, path, f"{key} once; it stands in {seen[name, key]} too", key))
            seen[name, key] = file.name
            if folder == SENTENCES:
                found += sentence_problems(source, shipped, key, value, named)
            else:
                found += _document_problems(source, shipped, name, key, value, path)
        problems += [*found, *source.problems]
    return number, tuple(sorted(set(problems)))


def _place_problems(file: Path, folder: str) -> Iterator[Problem]:
    if folder not in FOLDERS:
        expected = f"a folder of {', '.join(sorted(FOLDERS))}"
        yield Problem(str(file), 1, 1, UNKNOWN_FOLDER, expected, folder or "a file beside the folders", did_you_mean(folder, FOLDERS))


def _read(file: Path, found: list[Problem]) -> Source | None:
    try:
        return read_yaml(read_text(file), str(file))
    except PolicyProblems as problems:
        found += problems.problems
    except DocumentProblem as problem:
        found += problem.problems
    return None


def _entries(source: Source, folder: str, found: list[Problem]) -> Iterator[tuple[str, object, tuple[str, ...]]]:
    """Each document of a file by its id, or each entry by its key, and where it begins."""
    document = source.document
    if document is None:
        return
    if not isinstance(document, dict):
        found.append(source.problem(WRONG_VALUE, (), "a mapping of keys to values", kind_of(document)))
    elif "id" in document:
        yield str(document["id"]), document, ()
    elif folder in ("facts", SENTENCES):
        yield from ((key, value, (key,)) for key, value in document.items())
    else:
        found.append(source.problem(MISSING, ("id",), "an id, by which it is laid over ours or stands beside them", "nothing"))


def _document_problems(source: Source, shipped: Documents, folder: str, key: str, value: object, path: tuple[str, ...]) -> list[Problem]:
    ours = shipped.folder(folder).get(key)
    if folder in RULES or (value is None and path):
        return []
    known = KINDS[folder]
    names = sorted(set(known) - {ANY})
    if ours is None and (ANY not in known or (key not in known and did_you_mean(key, names))):
        return [source.problem(UNKNOWN_DOCUMENT, path or ("id",), f"one of {', '.join(names)}", key, did_you_mean(key, names))]
    kind = kind_of_document(folder, key)
    if kind is None:
        return []
    found: list[Problem] = []
    laid = lay_over(ours, value, kind) if is_merged(folder) and isinstance(ours, Mapping) else value
    read_as(kind, laid, partial(note_problem, source, found), path)
    return found


def _named(site: Path, written: Sequence[Path]) -> frozenset[str]:
    """Every name and code in the site's documents that are no sentences; nothing where it has no sentences."""
    sentences = {file for file in written if file.is_relative_to(site / SENTENCES)}
    read = (_read(file, []) for file in written if sentences and file not in sentences)
    return frozenset(text for source in read if source is not None for text in texts_in(source.document))


def note_problem(source: Source, found: list[Problem], code: str, path: tuple[str | int, ...], expected: str, was: str, hint: str = "") -> None:
    """Keep a problem of a document at its line and field."""
    found.append(source.problem(code, path, expected, was, hint))
