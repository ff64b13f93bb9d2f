"""`protocol`: the check of installation and operation of a node as a document that a hospital signs."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail
from baybridge.cli.reader import reader_language

if TYPE_CHECKING:
    from baybridge.node.config import Config
    from baybridge.node.upkeep.doctor import Finding
    from baybridge.node.upkeep.parts import Part


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
def protocol(folder: Path) -> None:
    """Write the check of installation and operation of the node in DIR as Markdown, with lines to sign; 1 where something is not as expected.

    It repeats what `doctor` and `parts` find and decides nothing: whoever signs has looked.
    """
    from baybridge.documents.loader import Documents
    from baybridge.language.texts import Texts
    from baybridge.node.clock import now
    from baybridge.node.config import ConfigProblem, read_config
    from baybridge.node.neighbours.transport import post
    from baybridge.node.software import software
    from baybridge.node.upkeep.doctor import examine, worst
    from baybridge.node.upkeep.parts import parts

    try:
        config = read_config(folder)
    except ConfigProblem as problem:
        fail(str(problem))
    documents = Documents()
    texts, language = Texts(documents), reader_language(documents.folder)

    def say(key: str, **values: str) -> str:
        return texts.say(language, f"protocol.{key}", values)

    findings = examine(folder, post)
    said = tuple(one.said(lambda text: texts.phrase(language, text)) for one in findings)
    click.echo("\n".join(_written(say, config, software(), parts(), said, now())))
    sys.exit(1 if worst(findings) == "fail" else 0)


def _written(say: Callable[..., str], config: Config, software: str, made_of: tuple[Part, ...], findings: tuple[Finding, ...], at: datetime) -> Iterator[str]:
    packages = [f"{one.name} {one.version}" for one in made_of]
    hashed = sha256("\n".join(packages).encode()).hexdigest()
    yield f"# {say('title', organisation=config.site.organisation, node=config.site.node)}"
    yield ""
    yield say("made", at=at.isoformat(timespec="seconds"), machine=platform.node(), system=platform.platform(), python=platform.python_version())
    yield say("software", software=software, folder=str(config.folder.resolve()))
    yield from ("", f"## {say('installation')}", "", say("packages", count=str(len(packages)), hash=hashed), "")
    yield from _table([say("package"), say("version"), say("licence")], [[one.name, one.version, one.licence] for one in made_of])
    yield from ("", f"## {say('operation')}", "")
    heads = [say(key) for key in ("check", "expected", "found", "result", "remedy")]
    yield from _table(heads, [[one.check, one.expected or "–", one.found, say(one.state), one.remedy or "–"] for one in findings])
    yield from ("", f"## {say('by_hand')}", "")
    yield from (f"- [ ] {say(key)}" for key in _BY_HAND)
    yield from ("", f"## {say('deviations')}", "", *["." * 80] * 3, "", f"## {say('signatures')}", "")
    yield from _table(["", say("who"), say("day"), say("signature")], [[say(key), "", "", ""] for key in ("performed", "reviewed")])


#: What no program of the node can see by itself.
_BY_HAND = ("two_persons", "called", "restored", "downtime")


def _table(heads: list[str], rows: list[list[str]]) -> Iterator[str]:
    for row in (heads, ["---"] * len(heads), *rows):
        yield f"| {' | '.join(_cell(text) for text in row)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
