"""The one reader of `data/`: our documents with a site's own laid over them.

Main job: `Documents(*roots)`, later roots over earlier ones by document id, and `PolicyLibrary`, which loads and checks a policy only
when it is asked for. A site that writes a document with an id of ours replaces all our versions of it.

Elsewhere: what a document means belongs to the part that reads it; policies to `policy/document.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from baybridge.policy.document import load
from baybridge.policy.shapes import Policy
from baybridge.policy.source import read_yaml
from baybridge.policy.types import FACT_KINDS, FactType, PolicyProblems

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ID = re.compile(r"^id:[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)
_FROM = re.compile(r"^in_force_from:[ \t]*[\"']?(\d{4}-\d{2}-\d{2})", re.MULTILINE)
_SUFFIXES = (".yaml", ".yml")


class DocumentProblem(ValueError):
    """A file of `data/` that cannot be read: which, where, what was expected and found."""


class UnknownPolicyError(KeyError):
    """No policy has that id."""

    def __init__(self, policy_id: str, known: tuple[str, ...]) -> None:
        close = get_close_matches(policy_id, known, n=1)
        self.message = f"no policy has the id {policy_id}" + (f"; did you mean {close[0]}?" if close else "; see `baybridge policy list`")
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


def packaged_data() -> Path:
    """The folder of documents that comes with Baybridge."""
    return Path(__file__).resolve().parent.parent / "data"


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

    def policies(self, fact_types: Mapping[str, FactType]) -> PolicyLibrary:
        """The policies, checked against these facts when they are first asked for."""
        return PolicyLibrary(self.roots, fact_types)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a policy: its file and the first day it is in force."""

    file: Path
    in_force_from: date | None


class PolicyLibrary:
    """Policies by id and date; a document is parsed and checked when it is first asked for."""

    def __init__(self, roots: tuple[Path, ...], fact_types: Mapping[str, FactType]) -> None:
        self.fact_types = fact_types
        self._versions: dict[str, tuple[Version, ...]] = {}
        for root in roots:
            self._versions |= _index(root / "policies")
        self._load = cache(self._read)

    def ids(self) -> tuple[str, ...]:
        """Every id, sorted."""
        return tuple(sorted(self._versions))

    def versions(self, policy_id: str) -> tuple[Policy, ...]:
        """Every version of a policy, the earliest in force first; raises `UnknownPolicyError` or `PolicyProblems`."""
        return tuple(self._load(version.file) for version in self._known(policy_id))

    def files(self, policy_id: str) -> tuple[Path, ...]:
        """The files of a policy, the earliest in force first; raises `UnknownPolicyError`."""
        return tuple(version.file for version in self._known(policy_id))

    def get(self, policy_id: str, on: date | None = None) -> Policy:
        """The version in force on a day, else the earliest, so that a decision can say not-in-force; without a day the newest.

        Raises `UnknownPolicyError`, or `PolicyProblems` for a broken document.
        """
        versions = self._known(policy_id)
        if on is None:
            return self._load(versions[-1].file)
        begun = [version for version in versions if version.in_force_from is None or version.in_force_from <= on]
        return self._load((begun[-1] if begun else versions[0]).file)

    def _known(self, policy_id: str) -> tuple[Version, ...]:
        if policy_id not in self._versions:
            raise UnknownPolicyError(policy_id, self.ids())
        return self._versions[policy_id]

    def _read(self, file: Path) -> Policy:
        return load(read_text(file), str(file), self.fact_types)


def fact_types(documents: Documents) -> dict[str, FactType]:
    """The dictionary of facts as the rule language sees it; raises `DocumentProblem` for a fact without a known type."""
    return {name: _fact_type(name, entry) for name, entry in documents.folder("facts").items()}


def _fact_type(name: str, entry: Any) -> FactType:
    kind = entry.get("type") if isinstance(entry, dict) else None
    if kind not in FACT_KINDS:
        raise DocumentProblem(f"facts: {name}: expected a type of {', '.join(FACT_KINDS)}, found {kind}")
    values = tuple(str(value) for value in entry.get("values") or ())
    return FactType(name, kind, entry.get("unit"), values, entry.get("cost", 1))


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


def _index(folder: Path) -> dict[str, tuple[Version, ...]]:
    """The policies of one folder by id, from the text alone: nothing is parsed."""
    found: dict[str, list[Version]] = {}
    for file in files(folder):
        text = read_text(file)
        named, begins = _ID.search(text), _FROM.search(text)
        if named:
            found.setdefault(named.group(1), []).append(Version(file, date.fromisoformat(begins.group(1)) if begins else None))
    return {name: tuple(sorted(versions, key=lambda version: version.in_force_from or date.min)) for name, versions in found.items()}
