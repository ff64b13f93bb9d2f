"""`trials`: bring in a registry's file, list what is here.

Main job: `baybridge trials import FILE` checks a ClinicalTrials.gov v2 JSON, and with `--node` files its studies there. Thin: nothing is decided here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from baybridge.base.outcome import Refusal
from baybridge.cli.arguments import Thorough

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
        click.echo(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        for name in ("readable", "new", "changed", "same", "stale"):
            if report.get(name):
                click.echo(f"{name}: {', '.join(report[name])}")
        if report["more"]:
            click.echo("The search has further pages (nextPageToken): download and import them too.")
    for problem in report["problems"]:
        place = f"study {problem['study']}: " if problem["study"] else ""
        click.echo(f"{file.name}: {place}{problem['path']}: expected {problem['expected']}, found {problem['found']}", err=True)
    if not any(report.get(name) for name in ("readable", "new", "changed", "same")):
        sys.exit(1)


def _checked(content: bytes) -> dict[str, Any]:
    from baybridge.matching.registry import read_file

    read = read_file(content)
    return {"readable": [trial.trial_id for trial, _ in read.trials], "problems": [problem.as_json() for problem in read.problems], "more": read.more}


def _filed(folder: Path, file: Path) -> dict[str, Any]:
    from baybridge.journey.command import Actor, Role
    from baybridge.node.neighbours import witnessing
    from baybridge.node.options import trials as kept

    node = _open(folder)
    content = file.read_bytes()
    done = kept.import_trials(node, Actor("operator", Role.COORDINATOR, node.site.organisation), file.name, content)
    if isinstance(done, Refusal):
        return _checked(content) | {"readable": []}
    witnessing.sign_checkpoint(node)
    return done.as_json()


@trials.command("list", cls=Thorough)
@click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="Node folder.")
@_JSON
def list_(folder: Path, as_json: bool) -> None:  # noqa: FBT001
    """Every trial of a node: its status, and whether its criteria are reviewed against the text of today."""
    from baybridge.matching.trials import standing
    from baybridge.node.options import kept_trials

    node = _open(folder)
    with node.storage.reading() as connection:
        found = kept_trials.all_kept(node, connection)
    rows = [{"trial": one.trial.trial_id, "status": one.trial.status, "criteria": standing(one.trial, one.review), "title": one.trial.title} for one in found]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        click.echo("  ".join(row.values()))


def _open(folder: Path) -> Any:
    from baybridge.node.config import ConfigProblem
    from baybridge.node.node import open_node

    try:
        return open_node(folder)
    except ConfigProblem as problem:
        click.echo(str(problem), err=True)
        sys.exit(1)
