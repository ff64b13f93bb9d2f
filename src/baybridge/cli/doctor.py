"""`doctor`: what is well with a node on this machine, and what is to be mended."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NoReturn

import click

from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail
from baybridge.cli.reader import reader_language


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--served", "is_served", is_flag=True, help="Ask only whether the server of this node answers and is ready, for who starts it again where it is not.")
@click.option("--json", "as_json", is_flag=True, help="Plain JSON.")
def doctor(folder: Path, is_served: bool, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Check clock, disk, permissions, database, keys, log, backups, neighbours and more of the node in DIR; 1 where something must be mended."""
    if is_served:
        _served(folder, as_json=as_json)
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


def _served(folder: Path, *, as_json: bool) -> NoReturn:
    from baybridge.node.config import ConfigProblem, read_config
    from baybridge.node.upkeep.answering import missing

    try:
        lacks = missing(read_config(folder))
    except ConfigProblem as problem:
        fail(str(problem))
    if as_json:
        click.echo(json.dumps({"state": "unready" if lacks else "ready", "missing": lacks}))
    else:
        click.echo(f"not ready: {'; '.join(_in_words(lacks))}" if lacks else "ready", err=bool(lacks))
    sys.exit(1 if lacks else 0)


def _in_words(lacks: tuple[str, ...]) -> list[str]:
    """What is missing, as a reader is told it; a name that a newer server says stays as it is."""
    from baybridge.documents.loader import Documents
    from baybridge.language.texts import Texts

    documents = Documents()
    texts, language = Texts(documents), reader_language(documents.folder)
    return [texts.say(language, key) if texts.has("en", key := f"doctor.missing.{name}") else name for name in lacks]
