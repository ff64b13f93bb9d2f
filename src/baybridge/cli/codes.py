"""`codes`: codes of laboratories that no rule can read yet, and a person's signed word what one means."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.base.outcome import Refusal
from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail
from baybridge.cli.reader import reader_language
from baybridge.cli.records import open_or_fail

if TYPE_CHECKING:
    from baybridge.node.node import Node

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--map", "mapped", nargs=3, metavar="SYSTEM CODE LOINC", help="Sign that a laboratory's code means a LOINC code.")
@click.option("--unit", default="", help="With --map: the unit, where the results have none.")
@click.option("--source", default="", help="With --map: what you looked at, such as the laboratory's test catalogue with its date.")
@click.option("--undo", default="", metavar="MAPPING", help="Take a signed mapping back.")
@click.option("--because", default="", help="With --undo: what was wrong.")
@click.option("--role", default="laboratory", show_default=True, help="Act in this role.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def codes(folder: Path, mapped: tuple[str, str, str] | None, unit: str, source: str, undo: str, because: str, role: str, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """List codes of laboratories that no rule can read, with suggestions; or sign what one means. Nothing is guessed.

    Ends with 1 where a mapping is refused, with every reason.
    """
    from baybridge.journey.command import Actor, Role
    from baybridge.node.intake import codes as work
    from baybridge.node.neighbours import witnessing

    if role not in list(Role):
        fail(f"--role: expected one of {', '.join(Role)}, found {role!r}")
    node = open_or_fail(folder)
    actor = Actor("operator", Role(role), node.site.organisation)
    if not mapped and not undo:
        _list(node, as_json=as_json)
        return
    if mapped:
        given = {"system": mapped[0], "code": mapped[1], "loinc": mapped[2], "unit": unit, "source": source}
        done = work.map_code(node, actor, given)
    else:
        done = work.undo_mapping(node, actor, undo, because)
    if isinstance(done, Refusal):
        from baybridge.language.texts import Texts

        fail("\n".join(Texts(node.documents).refusal(reader_language(node.documents.folder), done)))
    witnessing.sign_checkpoint(node)
    click.echo(json.dumps(asdict(done)) if as_json else f"mapping {done.mapping}: {done.results} results read anew in {len(done.cases)} cases")


def _list(node: Node, *, as_json: bool) -> None:
    from baybridge.language.texts import Texts
    from baybridge.node.intake import codes as work

    waiting, standing = work.waiting(node), work.mappings(node)
    if as_json:
        click.echo(json.dumps({"waiting": [one.as_json() for one in waiting], "mappings": standing}, ensure_ascii=False, indent=1))
        return
    figures = Texts(node.documents).figures(reader_language(node.documents.folder))
    for one in waiting:
        units = ", ".join(figures.unit(unit) or unit for unit in one.units)
        click.echo(f"{one.count:6}  {one.system} {one.code}  {one.display}  {units}")
        for near in one.suggestions:
            fits = "" if near.unit_fits is None else ", the unit fits" if near.unit_fits else ", the unit does not fit"
            click.echo(f"        may be {near.fact} ({', '.join(near.loinc)}): names alike {near.likeness:.0%}{fits}")
    if not waiting:
        click.echo("Every code is mapped.")
