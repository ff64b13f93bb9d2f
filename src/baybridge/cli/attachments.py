"""`attach`: a document that somebody brought to a case."""

from __future__ import annotations

import json
from pathlib import Path

import click

from baybridge.base.outcome import Refusal
from baybridge.cli.arguments import Thorough
from baybridge.cli.records import open_or_fail
from baybridge.cli.saying import proof, say_refusal

#: As `journey/chapters/attachments.py` has them, which a command without a node does not load; a test compares them.
KINDS = ("consent", "permit", "report", "image", "certificate", "letter", "other")


@click.command(cls=Thorough)
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--case", "case_id", required=True, help="The case to which it belongs.")
@click.option("--kind", required=True, type=click.Choice(KINDS), help="What it is.")
@click.option("--account", help="Sign-in name of who attaches it; password and code are asked, or taken from BAYBRIDGE_PASSWORD and BAYBRIDGE_CODE.")
@click.option("--json", "as_json", is_flag=True)
def attach(file: Path, folder: Path, case_id: str, kind: str, account: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Attach a PDF, picture (PNG, JPEG, TIFF), DICOM file or text to a case, by its content and not its name.

    Nothing in it is read as a fact. Its name is not kept. Until the command of BAYBRIDGE_SCAN has answered nobody opens it.
    """
    from baybridge.journey.command import Actor, Role
    from baybridge.node.attachments.receiving import LARGEST_MB, MEGABYTE, receive
    from baybridge.node.attachments.receiving import as_json as printed
    from baybridge.node.consequences import queue
    from baybridge.node.neighbours import witnessing
    from baybridge.node.people import proving

    node = open_or_fail(folder)
    actor = Actor("operator", Role.COORDINATOR, node.site.organisation, via="shell") if account is None else proving.prove(node, account, *proof(), via="shell")
    if isinstance(actor, Refusal):
        say_refusal(node, actor, as_json=as_json)
    with file.open("rb") as content:
        done = receive(node, actor, case_id, kind, content.read(LARGEST_MB * MEGABYTE + 1))
    if isinstance(done, Refusal):
        say_refusal(node, done, as_json=as_json)
    queue.drain(node)
    witnessing.sign_checkpoint(node)
    told = printed(done.now(node))
    state = "clean (not scanned)" if told["state"] == "clean" and not told["scanned"] else told["state"]
    click.echo(json.dumps(told) if as_json else f"{told['attachment']}  {told['kind']}  {told['media_type']}  {told['bytes']} bytes  {state}")
