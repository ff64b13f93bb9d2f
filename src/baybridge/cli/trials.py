"""`trials`: bring in a registry's file, list what is here.

Main job: `baybridge trials import FILE` checks a ClinicalTrials.gov v2 JSON, and with `--node` files its studies there. Thin: nothing is decided here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from baybridge.base.outcome import Refusal
from baybridge.cli.arguments import Thorough
from baybridge.cli.records import open_or_fail

if TYPE_CHECKING:
    from baybridge.base.json_value import JsonDict
    from baybridge.matching.registry import Unread

_NODE = click.option("--node", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Node folder.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Plain JSON.")


@click.group()
def trials() -> None:
    """Trials of a public registry: import their files, list what is here and what is reviewed."""


@trials.command("import", cls=Thorough)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_NODE
@_JSON
def import_(file: Path, folder: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Read a ClinicalTrials.gov v2 JSON (one study, or a search result); without --node it is only checked. Exit 1 where no study could be read."""
    report = _checked(file.read_bytes()) if folder is None else _filed(folder, file)
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
    else:
        for name, studies in report.studies.items():
            if studies:
                click.echo(f"{name}: {', '.join(studies)}")
        if report.more:
            click.echo("The search has further pages (nextPageToken): download and import them too.")
    for problem in report.problems:
        click.echo(f"{file.name}: {problem}", err=True)
    if not any(studies for name, studies in report.studies.items() if name != "stale"):
        sys.exit(1)


class _Report(NamedTuple):
    """What became of a file: its studies by what became of them, and what could not be read."""

    studies: Mapping[str, Sequence[str]]
    problems: Sequence[Unread]
    more: bool

    def as_json(self) -> JsonDict:
        return {**self.studies, "problems": [problem.as_json() for problem in self.problems], "more": self.more}


def _checked(content: bytes) -> _Report:
    from baybridge.matching.registry import read_file

    read = read_file(content)
    return _Report({"readable": [trial.trial_id for trial, _ in read.trials]}, read.problems, read.more)


def _filed(folder: Path, file: Path) -> _Report:
    from baybridge.journey.command import Actor, Role
    from baybridge.node.neighbours import witnessing
    from baybridge.node.options import trials as kept

    node = open_or_fail(folder)
    content = file.read_bytes()
    done = kept.import_trials(node, Actor("operator", Role.COORDINATOR, node.site.organisation), file.name, content)
    if isinstance(done, Refusal):
        return _checked(content)._replace(studies={"readable": []})
    witnessing.sign_checkpoint(node)
    return _Report({"new": done.new, "changed": done.changed, "same": done.same, "stale": done.stale}, done.problems, done.more)


@trials.command("list", cls=Thorough)
@click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="Node folder.")
@_JSON
def list_(folder: Path, as_json: bool) -> None:  # noqa: FBT001
    """Every trial of a node: its status, and whether its criteria are reviewed against the text of today."""
    from baybridge.matching.trials import standing
    from baybridge.node.options import kept_trials

    node = open_or_fail(folder)
    with node.storage.reading() as connection:
        found = kept_trials.all_kept(node, connection)
    rows = [{"trial": one.trial.trial_id, "status": one.trial.status, "criteria": standing(one.trial, one.review), "title": one.trial.title} for one in found]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        click.echo("  ".join(row.values()))


