"""`calls` and `roster`: calls of the rapid response team at a node, and who is on duty."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
import yaml

from baybridge.base.json_value import JsonObject
from baybridge.base.outcome import Refusal
from baybridge.base.time import parse_instant_or_day
from baybridge.cli.arguments import MOMENT, Thorough
from baybridge.cli.failing import fail
from baybridge.cli.records import open_or_fail
from baybridge.cli.saying import say_refusal

_NODE = click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True)


@click.command(cls=Thorough)
@_NODE
@click.option("--open", "only_open", is_flag=True, help="Only calls whose team has not come and that nobody closed.")
@_JSON
def calls(folder: Path, only_open: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes flags
    """Calls of the rapid response team, with who was told when."""
    from baybridge.node.watch.listing import calls_of_node

    found = calls_of_node(open_or_fail(folder), only_open=only_open)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for call in found:
        steps = "; ".join(f"{step['step']} {step['at']}: {', '.join(step['to']) or '-'}" for step in call["steps"])
        click.echo(f"{call['called_at']}  {call['state']:<12}  {call['case']}  {', '.join(call['codes'])}  {steps}")


@click.group()
def roster() -> None:
    """Who is on duty for calls."""


@roster.command("set", cls=Thorough)
@click.argument("source", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_NODE
@_JSON
def set_roster(source: Path, folder: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags
    """Put a roster in place of the earlier one: a JSON or YAML list of rows."""
    from baybridge.node.neighbours import witnessing
    from baybridge.node.watch import roster as duties

    try:
        given = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        fail(f"{source.name}: expected JSON or YAML")
    node = open_or_fail(folder)
    with node.unit() as unit:
        read = duties.read_roster(given, duties.active_accounts(unit.connection))
        if not isinstance(read, Refusal):
            duties.set_roster(unit, read, node.system())
    if isinstance(read, Refusal):
        say_refusal(node, read, as_json=as_json)
    witnessing.sign_checkpoint(node)
    with node.storage.reading() as connection:
        names = duties.sign_in_names(connection)
    _print([row.as_json(names) for row in read], as_json=as_json)


@roster.command("show", cls=Thorough)
@_NODE
@click.option("--at", type=MOMENT, help="Only who is on duty at this moment.")
@_JSON
def show_roster(folder: Path, at: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes flags
    """The roster as it was set last."""
    from baybridge.node.watch import roster as duties

    node = open_or_fail(folder)
    moment = parse_instant_or_day(at, node.site.zone) if at else None
    with node.storage.reading() as connection:
        rows, names = duties.roster(connection, moment), duties.sign_in_names(connection)
    _print([row.as_json(names) for row in rows], as_json=as_json)


def _print(rows: Sequence[JsonObject], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        deputy = f", deputy {row['deputy']}" if row["deputy"] else ""
        click.echo(f"{row['from']} to {row['until']}  {row['specialty']:<14} {row['order']}. {row['account']}{deputy}")
