"""`neighbour`: which other nodes this one believes.

Main job: `add`, `list`, `remove`, `clear`, `fingerprint`, `directory`. **Source**: contract K5.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.base.failures import why
from baybridge.base.outcome import Refusal
from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail
from baybridge.cli.records import open_or_fail
from baybridge.cli.saying import proof, say_refusal

if TYPE_CHECKING:
    from baybridge.node.neighbours.alliance_directory import Directory
    from baybridge.node.neighbours.register import Listed
    from baybridge.node.node import Node

_NODE = click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True)


@click.group()
def neighbour() -> None:
    """Which other nodes this one believes."""


@neighbour.command(cls=Thorough)
@click.argument("card", metavar="CARD|URL")
@_NODE
@click.option("--fingerprint", "given", help="What somebody of that node read out to you; without it the card's own is printed and nothing is done.")
@_JSON
def add(card: str, folder: Path, given: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Make a node a neighbour, from its card (a file, or the address where it answers)."""
    from baybridge.node.neighbours import register

    node = open_or_fail(folder)
    read = register.read_card(_bytes_of(card), node.site.node, node.regions)
    if isinstance(read, Refusal):
        say_refusal(node, read, as_json=as_json)
        return
    if given is None:
        said = {"node": read["node"], "organisation": read["organisation"], "fingerprint": register.fingerprint(read), "added": False}
        click.echo(json.dumps(said, ensure_ascii=False) if as_json else f"{said['fingerprint']}  {said['node']}  {said['organisation']}")
        return
    _print(node, register.add(node, read, given), as_json=as_json)


@neighbour.command("list", cls=Thorough)
@_NODE
@_JSON
def list_(folder: Path, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Every neighbour, with how its log looks from here."""
    from baybridge.node.neighbours import register

    rows = [one.as_json() for one in register.listed(open_or_fail(folder))]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        click.echo("  ".join(str(row[name] if row[name] is not None else "-") for name in ("node", "state", "seen_size", "last_seen", "fingerprint", "organisation")))


@neighbour.command(cls=Thorough)
@click.argument("name", metavar="NODE")
@_NODE
@click.option("--reason", required=True)
@_JSON
def remove(name: str, folder: Path, reason: str, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Part with a neighbour: its word counts no longer, at once."""
    from baybridge.node.neighbours import register

    node = open_or_fail(folder)
    _print(node, register.remove(node, name, reason), as_json=as_json)


@neighbour.command(cls=Thorough)
@click.argument("name", metavar="NODE")
@_NODE
@click.option("--reason", required=True)
@click.option("--account", required=True, help="Sign-in name of the person who lifts the brand; another person gives the same command within 15 minutes.")
@_JSON
def clear(name: str, folder: Path, reason: str, account: str, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Lift the brand of a neighbour whose log had forked or shrunk; two persons, one after the other."""
    from baybridge.node.neighbours import register
    from baybridge.node.people import proving

    node = open_or_fail(folder)
    actor = proving.prove(node, account, *proof(), via="shell")
    if isinstance(actor, Refusal):
        say_refusal(node, actor, as_json=as_json)
    done = register.clear(node, name, reason, actor)
    if done is None:
        click.echo(json.dumps({"node": name, "state": "asked"}) if as_json else "Noted. A second person gives the same command within 15 minutes.")
        return
    _print(node, done, as_json=as_json)


@neighbour.group()
def directory() -> None:
    """The signed directory of the alliance: who runs which node. It joins nobody."""


@directory.command(cls=Thorough)
@click.argument("out", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@_NODE
@click.option("--days", type=click.IntRange(1, 366), required=True, help="How long it counts.")
def make(out: Path, folder: Path, days: int) -> None:
    """Sign a directory of this node and its neighbours, for whoever keeps it for the alliance. node.yaml names `url` first, under which others reach this node."""
    from baybridge.node.neighbours import alliance_directory

    node = open_or_fail(folder)
    signed = alliance_directory.make(node, days)
    if isinstance(signed, Refusal):
        say_refusal(node, signed, as_json=False)
        return
    try:
        out.write_bytes(signed + b"\n")
    except OSError as problem:
        fail(f"{out.name}: cannot be written ({why(problem)})")


@directory.command(cls=Thorough)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_NODE
@click.option("--by", required=True, help="The neighbour that signed it.")
@_JSON
def take(file: Path, folder: Path, by: str, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Take a directory that a neighbour signed, and show what differs from what this node knows; it adds and changes no neighbour."""
    from baybridge.node.neighbours import alliance_directory

    node = open_or_fail(folder)
    said = alliance_directory.take(node, _bytes_of(str(file)), by)
    if isinstance(said, Refusal):
        say_refusal(node, said, as_json=as_json)
    _print_directory(node, said, as_json=as_json)


@directory.command(cls=Thorough)
@_NODE
@_JSON
def show(folder: Path, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Lay the directory that was taken last beside what this node knows."""
    from baybridge.node.neighbours import alliance_directory

    node = open_or_fail(folder)
    said = alliance_directory.kept(node)
    if said is None:
        fail("No directory was taken yet: baybridge neighbour directory take FILE --by NODE --node DIR")
    _print_directory(node, said, as_json=as_json)


def _print_directory(node: Node, said: Directory, *, as_json: bool) -> None:
    from baybridge.node.neighbours.alliance_directory import compared

    rows, over = compared(node, said), said.expires_at <= node.now()
    if as_json:
        head = {"by": said.by, "version": said.version, "made_at": said.made_at.isoformat(), "expires_at": said.expires_at.isoformat(), "over": over}
        click.echo(json.dumps({**head, "nodes": [row.as_json() for row in rows]}, ensure_ascii=False))
        return
    click.echo(f"{said.by}, number {said.version}, until {said.expires_at:%Y-%m-%d}{' (over: ask for a new one)' if over else ''}")
    for row in rows:
        click.echo("  ".join((row.node, row.state, row.fingerprint or "-")))
        for name, here, there in row.differs:
            click.echo(f"    {name}: here {here or '-'}, there {there or '-'}")
    if any(row.state in ("not-joined", "other-keys") for row in rows):
        click.echo("Nobody is added by this. Have somebody of the node read its fingerprint out, then: baybridge neighbour add URL --node DIR --fingerprint SHA256")


@neighbour.command(cls=Thorough)
@_NODE
@_JSON
def fingerprint(folder: Path, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """This node's own fingerprint, to be read out to a neighbour."""
    from baybridge.node.neighbours import register
    from baybridge.node.upkeep.founding import card

    own = card(folder, "")
    said = {"node": own["node"], "fingerprint": register.fingerprint(own)}
    click.echo(json.dumps(said) if as_json else f"{said['fingerprint']}  {said['node']}")


def _bytes_of(card: str) -> bytes:
    if card.startswith(("http://", "https://")):
        from baybridge.node.neighbours.transport import fetch

        try:
            return fetch(card).card
        except OSError as problem:
            fail(f"{card}: expected a node that answers, found {why(problem)}")
    try:
        return Path(card).read_bytes()
    except OSError as problem:
        fail(f"{Path(card).name}: cannot be read ({why(problem)})")


def _print(node: Node, answer: Listed | Refusal, *, as_json: bool) -> None:
    if isinstance(answer, Refusal):
        say_refusal(node, answer, as_json=as_json)
        return
    row = answer.as_json()
    click.echo(json.dumps(row, ensure_ascii=False) if as_json else f"{row['node']}  {row['state']}  {row['fingerprint']}")
