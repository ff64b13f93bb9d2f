"""`key`: the keys of a node, and a new one in the place of an old one.

Main job: `list`, `rotate`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.base.outcome import Refusal
from baybridge.cli.arguments import Thorough
from baybridge.cli.records import open_or_fail
from baybridge.cli.saying import say_refusal

if TYPE_CHECKING:
    from baybridge.node.neighbours.key_changes import What

_NODE = click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True)


@click.group()
def key() -> None:
    """The keys of this node: of its log and packages, of what is sealed to it, of cards that patients carry."""


@key.command("list", cls=Thorough)
@_NODE
@_JSON
def list_(folder: Path, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Every key that this node shows, those in use first, and since when another one took its place."""
    from baybridge.node.neighbours.own_keys import listed

    rows = listed(open_or_fail(folder).keys.shown)
    if as_json:
        click.echo(json.dumps([{"key": one.key, "kid": one.kid, "replaced_at": one.replaced_at, "lost": one.lost} for one in rows]))
        return
    for one in rows:
        click.echo("  ".join((one.key, one.kid, one.replaced_at or "in use", *(["lost"] if one.lost else []))))


@key.command(cls=Thorough)
@click.argument("what", metavar="KEY", type=click.Choice(("signing", "sealing", "card")))
@_NODE
@click.option("--reason", required=True, help="Stands in the log.")
@click.option("--lost", is_flag=True, help="Somebody else may have the old key: neighbours take nothing new that it signed, what is under way included.")
@_JSON
def rotate(what: What, folder: Path, reason: str, lost: bool, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Put a new key in the place of one: signing (log, packages, receipts), sealing (what is sealed to this node) or card (cards of patients).

    What the old one signed stays valid. Neighbours that answer learn of it within a minute, because the old key signs the new one.
    """
    from baybridge.node.neighbours import key_rotation, register
    from baybridge.node.upkeep.founding import card

    node = open_or_fail(folder, reaching=True)
    done = key_rotation.rotate(node, what, reason, register.operator(node), lost=lost)
    if isinstance(done, Refusal):
        say_refusal(node, done, as_json=as_json)
        return
    said = {**done.as_json(), "fingerprint": register.fingerprint(card(folder, ""))}
    if as_json:
        click.echo(json.dumps(said))
        return
    click.echo(f"{done.key}: {done.kid} in the place of {done.before}. The fingerprint of this node is now {said['fingerprint']}.")
    click.echo("Make a backup now: one from before holds the old key alone, and neighbours would not believe a node restored from it.")
