"""The policies of a node: ours with a site's own laid over them, each loaded and checked when it is first asked for.

Main job: `PolicyLibrary`. A site that writes a policy with an id of ours replaces all our versions of it.

Elsewhere: the form of a policy document in `policy/document/reader.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from baybridge.base.time import day_of
from baybridge.documents.loader import Documents, files, read_text
from baybridge.documents.problems import DocumentProblem
from baybridge.policy.document.reader import load
from baybridge.policy.document.shapes import Policy
from baybridge.policy.language.types import FACT_KINDS, FactType

_ID = re.compile(r"^id:[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)
_FROM = re.compile(r"^in_force_from:[ \t]*[\"']?(\d{4}-\d{2}-\d{2})", re.MULTILINE)


class UnknownPolicyError(KeyError):
    """No policy has that id."""

    def __init__(self, policy_id: str, known: tuple[str, ...]) -> None:
        close = get_close_matches(policy_id, known, n=1)
        self.message = f"no policy has the id {policy_id}" + (f"; did you mean {close[0]}?" if close else "; see `baybridge policy list`")
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


def policies_of(documents: Documents, fact_types: Mapping[str, FactType]) -> PolicyLibrary:
    """The policies of these documents, checked against these facts when they are first asked for."""
    return PolicyLibrary(documents.roots, fact_types)


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

    def get(self, policy_id: str, on: datetime | date | None = None) -> Policy:
        """The version in force on a day, else the earliest, so that a decision can say not-in-force; without a day the newest.

        A moment is of the day that the calendar of the regions says.

        Raises `UnknownPolicyError`, or `PolicyProblems` for a broken document.
        """
        versions = self._known(policy_id)
        if on is None:
            return self._load(versions[-1].file)
        day = day_of(on) if isinstance(on, datetime) else on
        begun = [version for version in versions if version.in_force_from is None or version.in_force_from <= day]
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


def _fact_type(name: str, entry: object) -> FactType:
    kind = entry.get("type") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or kind not in FACT_KINDS:
        raise DocumentProblem(f"facts: {name}: expected a type of {', '.join(FACT_KINDS)}, found {kind}")
    values = tuple(str(value) for value in entry.get("values") or ())
    return FactType(name, kind, entry.get("unit"), values, entry.get("cost", 1))


def _index(folder: Path) -> dict[str, tuple[Version, ...]]:
    """The policies of one folder by id, from the text alone: nothing is parsed."""
    found: dict[str, list[Version]] = {}
    for file in files(folder):
        text = read_text(file)
        named, begins = _ID.search(text), _FROM.search(text)
        if named:
            found.setdefault(named.group(1), []).append(Version(file, date.fromisoformat(begins.group(1)) if begins else None))
    return {name: tuple(sorted(versions, key=lambda version: version.in_force_from or date.min)) for name, versions in found.items()}
