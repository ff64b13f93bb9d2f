"""The one reader of `data/`: our documents with a site's own laid over them.

Main job: `Documents(*roots)`, later roots over earlier ones: mappings merge by key, lists are replaced whole, null takes away; policies, plans and
agreements are replaced whole. `whose` says of each part who wrote it.

Elsewhere: what a document means belongs to the part that reads it; policies to `rulebook/library.py`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from baybridge.documents.kinds import RULES, is_merged, kind_of_document
from baybridge.documents.problems import MISSING, DocumentProblem, PolicyProblems, Problem
from baybridge.documents.source import MAX_CHARACTERS, TOO_LARGE, read_yaml

if TYPE_CHECKING:
    from baybridge.documents.document_set import DocumentSet
    from baybridge.documents.overlay import Whose

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SUFFIXES = (".yaml", ".yml")
_BYTES = 4  # of a character of UTF-8, at most


@cache
def packaged_data() -> Path:
    """The folder of documents that comes with Baybridge."""
    return Path(__file__).resolve().parents[1] / "data"


class Documents:
    """Documents below one or more data folders; without any, ours alone, but for files that are left out. Nothing is read before it is asked for."""

    def __init__(self, *roots: Path, left_out: Collection[Path] = ()) -> None:
        self.roots, self._left_out = roots or (packaged_data(),), left_out
        self._folders: dict[str, Mapping[str, object]] = {}
        self._parts: dict[str, tuple[Mapping[str, object], Mapping[str, object]]] = {}  # ours and the site's, before one is laid over the other

    def folder(self, name: str) -> Mapping[str, object]:
        """Every document below a folder by its id; a file without `id` is a mapping whose entries stand by their own keys."""
        if name not in self._folders:
            ours = _read_ours(name) if self.roots[0] == packaged_data() and not self._left_out else _read_folder(self.roots[0] / name, self._left_out)
            site: dict[str, object] = {}
            for root in self.roots[1:]:
                site |= _read_folder(root / name, self._left_out)
            self._parts[name] = ours, site
            laid = _over(name, ours, site) if site else ours
            self._folders[name] = self._with_values(laid) if name == "facts" else laid
        return self._folders[name]

    @cached_property
    def typed(self) -> DocumentSet:
        """The same documents as typed values."""
        from baybridge.documents.document_set import DocumentSet  # a command that reads one folder need not know every kind

        return DocumentSet(self.folder)

    def _with_values(self, facts: Mapping[str, object]) -> Mapping[str, object]:
        """Facts whose values are the ids of a folder of documents, such as regions, with those that stand there now."""
        named = {name: entry for name, entry in facts.items() if isinstance(entry, dict) and entry.get("values_from")}
        return {**facts, **{name: {**entry, "values": list(self.folder(entry["values_from"]))} for name, entry in named.items()}}

    def whose(self, folder: str, name: str, *path: str | int) -> Whose:
        """Whose a document is, or a part of it: ours, the site's, or of both."""
        self.folder(folder)
        ours, site = self._parts[folder]
        if name not in site:
            return "ours"
        if name not in ours or folder.split("/", 1)[0] in RULES:
            return "site"
        from baybridge.documents.overlay import whose

        return whose(ours[name], site[name], path)

    def translations(self, language: str) -> Mapping[str, str]:
        """Every sentence of a language by its key."""
        return cast("Mapping[str, str]", self.folder(f"translations/{language}"))


def _read_folder(folder: Path, left_out: Collection[Path]) -> dict[str, object]:
    found: dict[str, object] = {}
    for file in (one for one in files(folder) if one not in left_out):
        found |= _entries(file)
    return found


@cache
def _read_ours(name: str) -> Mapping[str, object]:
    """A folder of what comes with Baybridge, which nobody writes in while it runs."""
    return _read_folder(packaged_data() / name, ())


def _over(folder: str, ours: Mapping[str, object], site: Mapping[str, object]) -> Mapping[str, object]:
    """The site's documents over ours; a rule document replaces ours whole."""
    if not is_merged(folder):
        return {**ours, **site}
    from baybridge.documents.overlay import lay_over  # only where a site has documents of its own

    laid = {name: lay_over(ours.get(name), document, kind_of_document(folder, name)) for name, document in site.items()}
    return {name: document for name, document in {**ours, **laid}.items() if document is not None}


def files(folder: Path) -> Iterator[Path]:
    """Every YAML file below a folder, in a stable order."""
    yield from (path for path in _inside(folder) if path.suffix.lower() in _SUFFIXES)


def not_read(folder: Path) -> Iterator[Path]:
    """Every other file below a folder, but hidden ones, copies that an editor left, and what is there to be read by people."""
    others = (path for path in _inside(folder) if path.suffix.lower() not in (*_SUFFIXES, ".md") and path.stem != "README")
    yield from (path for path in others if path.name[0] != "." and path.name[-1] != "~")


def _inside(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    walked = os.walk(folder, onerror=_unreadable, followlinks=False)
    return sorted(path for where, _, names in walked for name in names if (path := Path(where) / name).is_file())


def _unreadable(error: OSError) -> None:
    raise DocumentProblem(str(problem := _no_file(Path(str(error.filename)), error)), [problem])


def _no_file(file: Path, error: OSError) -> Problem:
    return Problem(str(file), 1, 1, MISSING, "a file or folder that this process may read", error.strerror or type(error).__name__)


def plain_yaml(text: str) -> Any:
    """What a text of YAML says as plain values; yaml.YAMLError where it is none."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - the C form of the safe loader, ten times faster


def read_document(file: Path) -> object:
    """A YAML file as plain values; raises `DocumentProblem` with file, line and column."""
    try:
        return plain_yaml(read_text(file))
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
    """The text of a file; raises `DocumentProblem` when it cannot be read, is far too large or not UTF-8."""
    try:
        if (size := file.stat().st_size) > MAX_CHARACTERS * _BYTES:
            problem = Problem(str(file), 1, 1, TOO_LARGE, f"at most {MAX_CHARACTERS} characters", f"{size} bytes")
            raise DocumentProblem(str(problem), [problem])
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        problem = _no_file(file, error)
        raise DocumentProblem(str(problem), [problem]) from None
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", errors="replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        problem = Problem(str(file), line, column, "policy.problem.not_yaml", "UTF-8 text", "another byte", "save the file as UTF-8")
        raise DocumentProblem(str(problem), [problem]) from None


def _entries(file: Path) -> dict[str, object]:
    document = read_document(file)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise DocumentProblem(f"{file}:1:1: expected a mapping, found {type(document).__name__}")
    return {str(document["id"]): document} if "id" in document else document
