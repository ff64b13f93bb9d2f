"""`downtime`: the pack with which a ward goes on while the system does not answer, written by hand or by the node itself."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import click

from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail
from baybridge.cli.nodes import without_password

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--to", "to", type=click.Path(file_okay=False, path_type=Path), help="A folder for it; the places of `downtime` in DIR/node.yaml without it.")
@click.option("--language", "languages", multiple=True, help="A language of the pages, again for more; those of node.yaml without it.")
@click.option("--database", callback=without_password, help="Database URL; the one of the node's founding without it.")
@click.option("--json", "as_json", is_flag=True)
def downtime(folder: Path, to: Path | None, languages: tuple[str, ...], database: str | None, *, as_json: bool) -> None:
    """Write the downtime pack: patients, last grades, drugs, who is on duty, telephone numbers and blank forms, as pages that need no system.

    It is whole at a place or not there; 1 where a place failed.
    """
    from baybridge.node.config import ConfigProblem, read_config
    from baybridge.node.keeping.downtime import Kept
    from baybridge.node.node import open_node

    try:
        if to is None and read_config(folder).downtime is None:
            fail("Nothing says where the pack goes: give --to FOLDER, or lay down `downtime: {to: FOLDER, second: FOLDER}` in node.yaml.")
        node = open_node(folder, database=database)
    except ConfigProblem as problem:
        fail(str(problem))
    kept: Kept = import_module("baybridge.downtime").write(node, to, languages)  # it stands apart: pages are made by web, which the command line never imports
    if as_json:
        made_at = kept.made_at.isoformat() if kept.made_at else None
        click.echo(json.dumps({"made_at": made_at, "patients": kept.patients, "problems": kept.problems}, ensure_ascii=False))
    else:
        click.echo(f"{kept.patients} patients.")
        for place, why in kept.problems.items():
            click.echo(f"{place or 'pack'}: {why}", err=True)
    sys.exit(1 if kept.problems else 0)
