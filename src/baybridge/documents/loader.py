"""The one reader of `data/`: our documents with a site's own laid over them.

Main job: `Documents(*roots)`, later roots over earlier ones by document id.

Elsewhere: what a document means belongs to the part that reads it; policies to `rulebook/library.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from baybridge.documents.problems import PolicyProblems
from baybridge.documents.source import read_yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SUFFIXES = (".yaml", ".yml")


class DocumentProblem(ValueError):
    """A file of `data/` that cannot be read: which, where, what was expected and found."""


def packaged_data() -> Path:
    """The folder of documents that comes with Baybridge."""
    return Path(__file__).resolve().parents[1] / "data"


class Documents:
    """Documents below one or more data folders; without any, ours alone. Nothing is read before it is asked for."""

    def __init__(self, *roots: Path) -> None:
        self.roots = roots or (packaged_data(),)
        self._folders: dict[str, Mapping[str, Any]] = {}

    def folder(self, name: str) -> Mapping[str, Any]:
        """Every document below a folder by its id; a file without `id` is a mapping whose entries stand by their own keys."""
        if name not in self._folders:
            found: dict[str, Any] = {}
            for root in self.roots:
                for file in files(root / name):
                    found |= _entries(file)
            self._folders[name] = found
        return self._folders[name]

    def translations(self, language: str) -> Mapping[str, str]:
        """Every sentence of a language by its key."""
        return self.folder(f"translations/{language}")


def files(folder: Path) -> Iterator[Path]:
    """Every YAML file below a folder, in a stable order."""
    yield from sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file())


def read_document(file: Path) -> Any:
    """A YAML file as plain values; raises `DocumentProblem` with file, line and column."""
    try:
        return yaml.load(read_text(file), Loader=_LOADER)  # noqa: S506 - the C form of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise DocumentProblem(f"{file}{place}: expected YAML, found {error.problem or 'something else'}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DocumentProblem(_placed(file) or f"{file}: expected YAML, found {type(error).__name__}") from None


def _placed(file: Path) -> str:
    """What a file holds that no value of YAML is, such as a day that no calendar has, each with its place."""
    try:
        return "\n".join(map(str, read_yaml(read_text(file), str(file)).problems))
    except PolicyProblems as found:
        return str(found)


def read_text(file: Path) -> str:
    """The text of a file; raises `DocumentProblem` when it is not UTF-8."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", errors="replace")
        place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        raise DocumentProblem(f"{file}:{place}: expected UTF-8 text, found another byte; save the file as UTF-8") from None


def _entries(file: Path) -> dict[str, Any]:
    document = read_document(file)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise DocumentProblem(f"{file}:1:1: expected a mapping, found {type(document).__name__}")
    return {str(document["id"]): document} if "id" in document else document
