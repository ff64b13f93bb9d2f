"""`spreadsheet`: a list of a node as a file that spreadsheet programs open."""

from __future__ import annotations

import os
from pathlib import Path

import click

from baybridge.base.outcome import Refusal
from baybridge.base.spreadsheet import FORMS, Form
from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail
from baybridge.cli.reader import reader_language
from baybridge.cli.records import open_or_fail
from baybridge.cli.saying import say_refusal

_NAMES = ("cases", "accounts", "looked", "log", "indicators", "payer")


@click.command(cls=Thorough)
@click.argument("name", metavar="LIST", type=click.Choice(_NAMES))
@click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="Node folder.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new file, .csv or .xlsx; readable by its owner alone.")
@click.option("--stage", default="", help="Cases of this stage alone.")
@click.option("--case", "case_id", default="", help="Whose record was read; needed for `looked`.")
@click.option("--payer", help="Whose work it is; needed for `payer`.")
def spreadsheet(name: str, folder: Path, out: Path, stage: str, case_id: str, payer: str | None) -> None:
    """Write a list as a spreadsheet: cases, accounts, looked (who looked), log, indicators, payer.

    Cases stand by their mark, without names. A text that a spreadsheet program would run or change begins with an apostrophe in CSV, and is a cell of text in XLSX.
    """
    from baybridge.journey.command import Actor, Role
    from baybridge.node.lists.lists import Wanted
    from baybridge.node.lists.taking import take
    from baybridge.node.money import payer as payers

    form = _form(out)
    if (name == "looked") is not bool(case_id) or (name == "payer") is not bool(payer):
        raise click.UsageError("expected --case with `looked`, --payer with `payer`, and neither with another list")
    node = open_or_fail(folder)
    if payer and not payers.cases_of(node, payer):
        fail(f"--payer: expected a payer that a case of this node has to do with, found {payer!r}")
    actor = Actor("operator", Role.PAYER, payer) if payer else Actor("operator", Role.SYSTEM, node.site.organisation)
    if case_id and node.case(case_id) is None:
        fail(f"--case: expected a case of this node, found {case_id!r}")
    try:
        descriptor = os.open(out, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as problem:
        fail(f"--out: expected a file that can be made new, found {str(out)!r}: {problem.strerror}")
    with open(descriptor, "w+b") as file:  # noqa: PTH123 - of a descriptor
        done = take(node, actor, Wanted(name, stage, case_id), form, reader_language(node.documents.folder), file)
    if isinstance(done, Refusal):
        out.unlink()
        say_refusal(node, done, as_json=False)
    if case_id:
        node.record_access(actor, case_id, "list.looked", "privacy")


def _form(out: Path) -> Form:
    found = next((form for form in FORMS if out.suffix.lower() == f".{form}"), None)
    if found is None:
        raise click.UsageError(f"--out: expected a name that ends with .csv or .xlsx, found {out.name!r}")
    return found
