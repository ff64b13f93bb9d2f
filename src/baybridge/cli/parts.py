"""`parts`: the packages that this installation is made of, and their known faults."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail


@click.command(cls=Thorough)
@click.option("--advisories", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file of advisories in the form of OSV.")
@click.option("--cyclonedx", "as_bom", is_flag=True, help="The bill of materials as CycloneDX 1.5.")
@click.option("--json", "as_json", is_flag=True, help="Plain JSON.")
def parts(advisories: Path | None, *, as_bom: bool, as_json: bool) -> None:
    """Every package of this installation with its version and licence; 1 where an advisory concerns one, or may.

    Nothing is asked of any server. Without --advisories nobody looked for faults, which is said.
    """
    from baybridge.node.upkeep import parts as made_of

    found = made_of.parts()
    try:
        given = made_of.read_advisories(advisories.read_bytes()) if advisories is not None else []
    except ValueError:
        fail("The file holds no advisories, or not in JSON. Expected the form of OSV: a list of advisories, an object with `vulns`, or one advisory.")
    known = tuple(made_of.faults(found, given))
    if as_bom:
        click.echo(json.dumps(made_of.cyclonedx(found, known, datetime.now(UTC)), indent=1))  # noqa: TID251 - no node is asked: the time of this document
    elif as_json:
        rows = [{"name": one.name, "version": one.version, "licence": one.licence} for one in found]
        told = [{"advisory": one.advisory, "package": one.package, "state": one.state, "summary": one.summary} for one in known]
        click.echo(json.dumps({"parts": rows, "looked": advisories is not None, "faults": told}, ensure_ascii=False))
    else:
        for one in found:
            click.echo(f"{one.name:32} {one.version:16} {one.licence}")
        for fault in known:
            click.echo(f"{fault.advisory}: {fault.package} ({'concerns this version' if fault.state == 'concerns' else 'says no versions: look'}) {fault.summary}")
        if advisories is None:
            click.echo("No advisories were given: nobody looked for known faults.")
    sys.exit(1 if known else 0)
