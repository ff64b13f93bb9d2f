"""`doctor`: what is well with a node on this machine, and what is to be mended."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from baybridge.cli.arguments import Thorough
from baybridge.cli.reader import reader_language


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Plain JSON.")
def doctor(folder: Path, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Check clock, disk, permissions, database, keys, log, backups, neighbours and more of the node in DIR; 1 where something must be mended."""
    from baybridge.documents.loader import Documents
    from baybridge.language.texts import Texts
    from baybridge.node.neighbours.transport import post
    from baybridge.node.upkeep.doctor import examine, worst

    documents = Documents()
    texts, language = Texts(documents), reader_language(documents.folder)
    findings = [one.said(lambda text: texts.phrase(language, text)) for one in examine(folder, post)]
    if as_json:
        click.echo(json.dumps([one.as_json() for one in findings], ensure_ascii=False))
    else:
        for one in findings:
            click.echo(f"{one.state:4}  {one.check:13} {one.found}")
            if one.remedy:
                told = texts.say(language, "doctor.expected", {"expected": one.expected, "remedy": one.remedy}) if one.expected else one.remedy
                click.echo(f"      {'':13} {told}")
    sys.exit(1 if worst(findings) == "fail" else 0)
