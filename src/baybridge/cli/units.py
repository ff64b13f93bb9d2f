"""`units`: a value in another unit, exactly, or why it does not convert.

Main job: `baybridge units FROM TO VALUE [--analyte FACT]` prints `{"value", "unit"}`; 1 with the reason on standard error.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NoReturn

import click

from baybridge.base.outcome import Category, Reason
from baybridge.cli.arguments import Thorough
from baybridge.cli.policy_source import dictionary_of, documents_of
from baybridge.cli.reader import reader_language

_DIGITS = 34  # of a value whose decimals never end


@click.command(cls=Thorough, context_settings={"ignore_unknown_options": True})
@click.argument("found", metavar="FROM")
@click.argument("wanted", metavar="TO")
@click.argument("value")
@click.option("--analyte", help="A fact of the dictionary, whose own factors count, such as creatinine.")
@click.option("--node", "node_dir", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Node folder, for a site's own documents.")
@click.option("--json", "as_json", is_flag=True, help="Plain JSON, of a refusal too.")
def units(found: str, wanted: str, value: str, *, analyte: str | None, node_dir: Path | None, as_json: bool) -> None:
    """VALUE of the unit FROM in the unit TO, as UCUM and the factors of an analyte say."""
    from baybridge.facts.converted import said_in

    documents = documents_of(node_dir)
    answer = said_in(found, wanted, value, analyte, dictionary_of(documents), digits=_DIGITS)
    if isinstance(answer, Reason):
        from baybridge.language.texts import Texts

        _refuse(answer, Texts(documents).reason(reader_language(documents.folder), answer), as_json)
    click.echo(f'{{"value": {answer}, "unit": {json.dumps(wanted, ensure_ascii=False)}}}')


def _refuse(reason: Reason, sentence: str, as_json: bool) -> NoReturn:  # noqa: FBT001 - how it is told
    if as_json:
        told = {"code": reason.code, "values": dict(reason.values), "where": reason.where, "source": reason.source, "text": sentence}
        click.echo(json.dumps({"refused": Category.INVALID.value, "reasons": [told]}, ensure_ascii=False))
    click.echo(sentence, err=True)
    sys.exit(1)
