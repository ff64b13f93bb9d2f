"""`extras`: what Baybridge can do beyond its core, how large it is, and whether it is installed here."""

from __future__ import annotations

import json

import click

from baybridge.base.extras import CORE_MEGABYTES, EXTRAS
from baybridge.cli.arguments import Thorough


@click.command(cls=Thorough)
@click.option("--json", "as_json", is_flag=True, help="Plain JSON.")
def extras(as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Parts with large packages that are installed only where they are used: purpose, size, and how to have them."""
    if as_json:
        rows = [{"extra": one.name, "purpose": one.purpose, "megabytes": one.megabytes, "installed": one.installed} for one in EXTRAS]
        click.echo(json.dumps(rows))
        return
    click.echo(f"{'core':12} {CORE_MEGABYTES:4} MB  {'installed':38}  everything without an extra")
    for one in EXTRAS:
        click.echo(f"{one.name:12} {one.megabytes:4} MB  {'installed' if one.installed else one.remedy:38}  {one.purpose}")
