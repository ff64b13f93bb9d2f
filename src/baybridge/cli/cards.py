"""`card`: check a card that a patient shows, offline, and take its results in."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from baybridge.base.outcome import Refusal
from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail
from baybridge.cli.reader import reader_language
from baybridge.cli.records import open_or_fail

if TYPE_CHECKING:
    from baybridge.exchange.evidence.trust import Trust


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("file", type=click.File("rb"))
@click.option("--import", "take_in", is_flag=True, help="Take the results in if every check holds.")
@click.option("--trust", "trust_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Node card or jwks.json of an issuer, or a trust file.")
@click.option("--role", default="coordinator", show_default=True, help="Act in this role.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def card(folder: Path, file: BinaryIO, take_in: bool, trust_file: Path | None, role: str, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Check a SMART Health Card against the keys that a node knows: a .smart-health-card file, or a text file with what its QR codes say.

    Ends with 1 where a check fails; then nothing is taken in.
    """
    from baybridge.journey.command import Actor, Role
    from baybridge.language.texts import Texts
    from baybridge.node.intake import cards
    from baybridge.node.intake.importing import import_upload
    from baybridge.node.neighbours import witnessing

    if role not in list(Role):
        fail(f"--role: expected one of {', '.join(Role)}, found {role!r}")
    node, data = open_or_fail(folder), file.read()
    if trust_file is not None and take_in:
        fail("--import: expected an issuer that the node itself knows, found one by --trust; put its card among the site's data/card-issuers/")
    report, texts = cards.checked(node, data, _further(trust_file)), Texts(node.documents)
    language = reader_language(node.documents.folder)
    told = report.as_json()
    if not as_json:
        for check in report.checks:
            click.echo(f"{'holds' if check.ok else 'FAILS'}: {texts.reason(language, check.detail)}", err=not check.ok)
    if report.ok and take_in:
        answer = import_upload(node, Actor("operator", Role(role), node.site.organisation), "card", data)
        if isinstance(answer, Refusal):
            fail("\n".join(texts.refusal(language, answer)))
        witnessing.sign_checkpoint(node)
        told["import"] = answer.as_json()
        if not as_json:
            click.echo(texts.say(language, "record.import.summary", answer.as_json()))
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    if not report.ok:
        sys.exit(1)


def _further(file: Path | None) -> Trust:
    """The issuers of a file that the person who checks trusts, beside those that the node knows."""
    import yaml

    from baybridge.exchange.evidence.trust import Trust, read_trust

    if file is None:
        return Trust(())
    try:
        return read_trust(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValueError) as problem:
        fail(f"{file.name}: {problem}")
