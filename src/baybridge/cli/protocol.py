"""`protocol`: the check of installation and operation of a node as a document that a hospital signs."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail

if TYPE_CHECKING:
    from baybridge.node.config import Config
    from baybridge.node.upkeep.doctor import Finding
    from baybridge.node.upkeep.parts import Part

_SAID = {"ok": "as expected", "warn": "to be judged", "fail": "NOT as expected", "skip": "not tried"}


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
def protocol(folder: Path) -> None:
    """Write the check of installation and operation of the node in DIR as Markdown, with lines to sign; 1 where something is not as expected.

    It repeats what `doctor` and `parts` find and decides nothing: whoever signs has looked.
    """
    from baybridge.node.clock import now
    from baybridge.node.config import ConfigProblem, read_config
    from baybridge.node.neighbours.transport import post
    from baybridge.node.software import software
    from baybridge.node.upkeep.doctor import examine, worst
    from baybridge.node.upkeep.parts import parts

    try:
        config = read_config(folder)
    except ConfigProblem as problem:
        fail(str(problem))
    findings = examine(folder, post)
    click.echo("\n".join(_written(config, software(), parts(), findings, now())))
    sys.exit(1 if worst(findings) == "fail" else 0)


def _written(config: Config, software: str, made_of: tuple[Part, ...], findings: tuple[Finding, ...], at: datetime) -> Iterator[str]:
    packages = [f"{one.name} {one.version}" for one in made_of]
    yield f"# Protocol of installation and operation: {config.site.organisation}, node {config.site.node}"
    yield ""
    yield f"Made {at.isoformat(timespec='seconds')} on {platform.node()} ({platform.platform()}, Python {platform.python_version()})."
    yield f"Software: {software}. Folder: {config.folder.resolve()}."
    yield ""
    yield "## 1. Installation"
    yield ""
    yield f"{len(packages)} packages; SHA-256 of their names and versions, one a line: `{sha256(chr(10).join(packages).encode()).hexdigest()}`."
    yield ""
    yield "| package | version | licence |"
    yield "| --- | --- | --- |"
    yield from (f"| {one.name} | {one.version} | {_cell(one.licence)} |" for one in made_of)
    yield ""
    yield "## 2. Operation"
    yield ""
    yield "| check | expected | found | result | what to do |"
    yield "| --- | --- | --- | --- | --- |"
    yield from (f"| {one.check} | {_cell(one.expected) or '–'} | {_cell(one.found)} | {_SAID[one.state]} | {_cell(one.remedy) or '–'} |" for one in findings)
    yield ""
    yield "## 3. By hand, at this site"
    yield ""
    yield from (f"- [ ] {line}" for line in _BY_HAND)
    yield ""
    yield "## 4. Deviations, and how each was decided"
    yield ""
    yield from ["................................................................................"] * 3
    yield ""
    yield "## 5. Signatures"
    yield ""
    yield "| | name, function | day | signature |"
    yield "| --- | --- | --- | --- |"
    yield from (f"| {who} | | | |" for who in ("Performed by", "Reviewed by"))


#: What no program of the node can see by itself.
_BY_HAND = (
    "Two persons signed in with their second factor; a wrong code was refused.",
    "A test patient's sign called the team, was heard at the ward, acknowledged and closed with a reason.",
    "A backup was verified and restored on another machine.",
    "The downtime pack was opened on a machine of the ward with the node stopped, and printed.",
)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
