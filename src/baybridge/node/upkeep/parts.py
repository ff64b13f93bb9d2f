"""What this installation is made of: every package that Baybridge needs or uses here, with version and licence, and known faults by a file of advisories.

Main job: `parts()`, `faults(parts, advisories)` and `cyclonedx(parts, found, at)`, the bill of materials. Nothing is asked of any server: a hospital brings the
advisories as a file.

An advisory names the versions that it concerns. One that names this package and says no versions that can be compared is told as open: not knowing is never "no fault".

**Source**: CycloneDX 1.5 (ECMA-424); OSV schema 1.6 (`affected[].package`, `affected[].versions`); package names by PEP 503.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

from baybridge.base.json_value import JsonDict
from baybridge.facts.fhir import items, mapping, text

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OWN = "baybridge"


@dataclass(frozen=True, slots=True)
class Part:
    """One package that is installed: its name, version, licence as it says itself, and what it needs of the others."""

    name: str
    version: str
    licence: str
    needs: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its name among all packages."""
        return f"pkg:pypi/{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A known fault of a package: `concerns` this version, or nobody can tell by the advisory (`open`)."""

    advisory: str
    package: str
    state: Literal["concerns", "open"]
    summary: str


def parts() -> tuple[Part, ...]:
    """Every package that is installed of what Baybridge needs, and of its extras; Baybridge itself first."""
    found: dict[str, Part] = {}
    waiting = [_OWN]
    while waiting:
        name = waiting.pop()
        if name not in found and (part := _part(name)) is not None:
            found[name] = part
            waiting += part.needs
    installed = {name: Part(one.name, one.version, one.licence, tuple(need for need in one.needs if need in found)) for name, one in found.items()}
    return (installed[_OWN], *(installed[name] for name in sorted(installed.keys() - {_OWN})))


def _part(name: str) -> Part | None:
    try:
        held = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None  # of an extra, or of another platform
    said = [line.partition(";") for line in held.requires or ()]
    needs = [_plain(found[0]) for line, _, marker in said if (found := _NAME.match(line)) and (name == _OWN or "extra ==" not in marker) and "'dev'" not in marker]
    return Part(_plain(name), held.version, _licence(held), tuple(sorted(dict.fromkeys(needs))))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _licence(held: metadata.Distribution) -> str:
    """The licence as the package says it: an expression, a classifier, or a short text; `unknown` where it says none."""
    found = held.metadata
    classes = [one.rpartition(" :: ")[2] for one in found.get_all("Classifier") or () if one.startswith("License :: ")]
    texts = (*(found.get_all("License-Expression") or ()), *classes[:1], *(found.get_all("License") or ()))
    return next((one.strip().splitlines()[0][:80] for one in texts if one.strip()), "unknown")


#: Where an operator lays the advisories for the page of the administrator, in the node's folder.
ADVISORIES = "advisories.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """The file of advisories of a node: since when it lies there, and what stands in it; None where it cannot be read."""

    since: datetime
    advisories: list[JsonDict] | None


def advisories_in(folder: Path) -> Kept | None:
    """The advisories that lie in a node's folder; None where there are none, so that nobody looked."""
    file = folder / ADVISORIES
    try:
        since = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        return Kept(since, read_advisories(file.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return Kept(datetime.fromtimestamp(0, UTC), None)


def read_advisories(text: bytes) -> list[JsonDict]:
    """Advisories as OSV has them: a list, an object with `vulns`, or one advisory; ValueError where it is something else, which must not read as no faults."""
    written = json.loads(text)
    inside = mapping(written)
    listed = inside.get("vulns", [written] if "affected" in inside else written)
    if not isinstance(listed, list) or not all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in listed):
        raise ValueError("expected advisories, each an object with its id")
    return listed


def faults(found: Iterable[Part], advisories: Iterable[JsonDict]) -> Iterator[Fault]:
    """What advisories in the form of OSV say of these packages; one that was withdrawn says nothing."""
    by_name = {one.name: one for one in found}
    for one in advisories:
        if one.get("withdrawn"):
            continue
        for affected in items(one.get("affected")):
            package = mapping(affected.get("package"))
            part = by_name.get(_plain(text(package.get("name")))) if text(package.get("ecosystem")) == "PyPI" else None
            state = _state(part, affected.get("versions")) if part is not None else None
            if part is not None and state is not None:
                yield Fault(text(one.get("id")) or "-", part.name, state, text(one.get("summary"))[:200])


def _state(part: Part, versions: object) -> Literal["concerns", "open"] | None:
    if not isinstance(versions, list) or not versions:
        return "open"
    return "concerns" if part.version in versions else None


def cyclonedx(found: tuple[Part, ...], known: Iterable[Fault], at: datetime) -> dict[str, object]:
    """The bill of materials as CycloneDX 1.5, with the known faults."""
    own, *others = found
    by_name = {one.name: one for one in found}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"timestamp": at.isoformat(timespec="seconds"), "component": _component(own, "application")},
        "components": [_component(one, "library") for one in others],
        "dependencies": [{"ref": one.purl, "dependsOn": [by_name[name].purl for name in one.needs]} for one in found],
        "vulnerabilities": [
            {
                "id": one.advisory,
                "description": one.summary,
                "analysis": {"state": "exploitable" if one.state == "concerns" else "in_triage"},
                "affects": [{"ref": by_name[one.package].purl}],
            }
            for one in known
        ],
    }


def _component(part: Part, kind: str) -> dict[str, object]:
    return {
        "type": kind, "bom-ref": part.purl, "name": part.name, "version": part.version, "purl": part.purl,
        "licenses": [{"license": {"name": part.licence}}],
    }  # fmt: skip
