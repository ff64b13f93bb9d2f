"""Which software this is: its version, the commit that it was built from, the schema of the databases that it writes.

Main job: `software()`, one line for `baybridge --version`, for backups and for whoever reports a fault.

A built package names its commit in its file `commit.txt`; a checkout asks its own `.git`. Elsewhere: the schema in `node/schema/version.py`.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from baybridge.node.schema.version import NEWEST

_PACKAGE = Path(__file__).parents[1]
_SHORT = 12


def software() -> str:
    """Version, commit and schema, such as `0.1.0, commit 0123456789ab, schema 0001`."""
    return f"{metadata.version('baybridge')}, commit {commit()}, schema {NEWEST}"


def commit() -> str:
    """The commit of this software; `unknown` where neither the package nor a checkout says it."""
    built = _PACKAGE / "commit.txt"
    if built.is_file():
        return built.read_text(encoding="ascii").strip()[:_SHORT]
    try:
        return _of_checkout(_PACKAGE.parents[1] / ".git")[:_SHORT] or "unknown"
    except OSError:
        return "unknown"


def _of_checkout(git: Path) -> str:
    """The commit of a checkout, as git keeps it: a linked one names the folder of its own head in a file."""
    if git.is_file():
        git = git.parent / git.read_text(encoding="utf-8").strip().removeprefix("gitdir: ")
    head = (git / "HEAD").read_text(encoding="ascii").strip()
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    common = git / "commondir"
    places = [git, git / common.read_text(encoding="utf-8").strip()] if common.is_file() else [git]
    loose = next((place / name for place in places if (place / name).is_file()), None)
    if loose is not None:
        return loose.read_text(encoding="ascii").strip()
    packed = (line for place in places if (place / "packed-refs").is_file() for line in (place / "packed-refs").read_text(encoding="ascii").splitlines())
    return next((line.partition(" ")[0] for line in packed if line.endswith(f" {name}")), "")
