"""`courier-code`: the one-time code of a courier, shown once."""

from __future__ import annotations

import json
from pathlib import Path

import click

from baybridge.base.outcome import Refusal
from baybridge.cli.arguments import Thorough
from baybridge.cli.records import open_or_fail
from baybridge.cli.saying import proof, say_refusal


@click.command("courier-code", cls=Thorough)
@click.argument("shipment_id", metavar="SHIPMENT")
@click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--case", "case_id", required=True)
@click.option("--account", required=True, help="Sign-in name of who hands over; password and code are asked, or stand in BAYBRIDGE_PASSWORD and BAYBRIDGE_CODE.")
@click.option("--json", "as_json", is_flag=True)
def courier_code(shipment_id: str, folder: Path, case_id: str, account: str, as_json: bool) -> None:  # noqa: FBT001 - click passes flags
    """Make the one-time code by which the courier of a shipment confirms; it is shown here and never again."""
    from baybridge.node.commands import courier_codes
    from baybridge.node.people import proving

    node = open_or_fail(folder)
    actor = proving.prove(node, account, *proof(), via="shell")
    made = actor if isinstance(actor, Refusal) else courier_codes.make(node, actor, case_id, shipment_id)
    if isinstance(made, Refusal):
        say_refusal(node, made, as_json=as_json)
    said = {"shipment_id": made.shipment_id, "code": made.code, "expires_at": made.expires_at.isoformat()}
    click.echo(json.dumps(said) if as_json else f"{made.code}  until {said['expires_at']}")
