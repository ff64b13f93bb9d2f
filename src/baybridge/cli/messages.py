"""`message`: tries a way out of the building."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail
from baybridge.cli.reader import reader_language
from baybridge.cli.records import open_or_fail

if TYPE_CHECKING:
    from baybridge.node.node import Node


@click.group()
def message() -> None:
    """Messages that leave the building (`data/messages/outbox.yaml`)."""


@message.command("test", cls=Thorough)
@click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--way", "name", required=True, help="One of the ways of the document.")
@click.option("--to", "address", default="", help="Where it goes: a mail address, a number; nothing for the webhook of a group.")
@click.option("--json", "as_json", is_flag=True)
def test(folder: Path, name: str, address: str, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Send one message that says that it is a test. Ends with 0 when the next machine took it, with 1 and why not otherwise."""
    from baybridge.documents.messages import Outbox
    from baybridge.node.clock import new_id
    from baybridge.node.messages import contacts, ways
    from baybridge.node.messages.outbox import message_for

    node = open_or_fail(folder)
    _fail_where_wrong(node)
    document = node.documents.typed.the(Outbox)
    if name not in document.ways:
        fail(f"--way: expected one of {', '.join(document.ways) or 'those of messages/outbox.yaml, which names none'}, found {name!r}")
    if document.ways[name].kind != "webhook" and not contacts.is_address(address):
        fail("--to: expected an address without blanks, quotes and line ends")
    sent = message_for(node, f"test-{new_id()}", "test", "en")
    problem = ""
    try:
        ways.send(document.ways[name], sent, address, folder, document.time_out_s)
    except ways.SendingProblem as failed:
        problem = failed.problem
    told = {"message": sent.id, "way": name, "sent": not problem, "problem": problem}
    click.echo(json.dumps(told) if as_json else f"{sent.id}: {'sent' if not problem else 'not sent: ' + _in_words(node, problem)}")
    sys.exit(1 if problem else 0)


def _in_words(node: Node, problem: str) -> str:
    """Why it was not sent, in the reader's language."""
    from baybridge.language.texts import Texts

    return Texts(node.documents).say(reader_language(node.documents.folder), f"code.{problem}")


def _fail_where_wrong(node: Node) -> None:
    """Name what is wrong with the site's own document: as it stands it is not in force, and ours names no way."""
    from baybridge.node.commands.table import COMMANDS
    from baybridge.rulebook.site_documents import check_site

    folder = node.config.data_folder
    if folder is None or not (folder / "messages").is_dir():
        return
    problems = [one for one in check_site(folder, COMMANDS).problems if Path(one.file).parent.name == "messages"]
    for problem in problems:
        click.echo(f"{problem} [{problem.field}]", err=True)
    if problems:
        fail(f"{folder / 'messages'}: expected documents without a problem, found {len(problems)}; as they stand they are not in force")
