"""`logger`: what the file of a temperature logger says of cells or product.

Main job: read the file by the layout that fits its headings, or by `--map`, judge it, print the judgement; 1 with every reason where it cannot be read.

**Source**: contract of the cold chain (`docs/loggers.md`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.base.failures import why
from baybridge.base.outcome import Reason, Refusal
from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail
from baybridge.cli.policy_source import documents_of
from baybridge.cli.reader import reader_language
from baybridge.language.texts import Texts

if TYPE_CHECKING:
    from baybridge.documents.loader import Documents
    from baybridge.documents.loggers import LoggerLayout
    from baybridge.supply.loggers.files import Logged
    from baybridge.supply.loggers.judging import Judged

#: What a logger travels with besides a product: fresh cells on their way to the plant.
FRESH = "leukapheresis"


@click.command(cls=Thorough)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--product", required=True, metavar="ID", help=f"Whose label limit holds; {FRESH} for fresh cells.")
@click.option("--map", "layout", metavar="DOC", help="The layout: the id of a document, or a file. Without it the one whose headings stand in the file.")
@click.option("--node", "node_dir", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of a node whose own documents lie over ours.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def logger(file: Path, product: str, layout: str | None, node_dir: Path | None, *, as_json: bool) -> None:
    """Minutes beyond each limit, gaps, and whether the bags may go on, out of a logger's file.

    A reading stands until the next one. A gap, and every line that was not read, is for quality to look at.
    """
    from baybridge.supply.loggers.files import read

    documents = documents_of(node_dir)
    if product != FRESH and product not in documents.folder("products"):
        fail(f"Expected a product of the catalogue or {FRESH}, found {product}: {', '.join(sorted(documents.folder('products')))}")
    try:
        content = file.read_bytes()
    except OSError as problem:
        fail(f"{file.name}: cannot be read ({why(problem)})")
    logged = read(content, _layouts(documents, layout))
    if isinstance(logged, Refusal):
        fail(f"{file.name}: {' '.join(_said(documents, logged.reasons))}")
    judged = _judged(documents, product, logged)
    said = _said(documents, judged.reasons)
    click.echo(json.dumps(_as_json(judged, said), ensure_ascii=False) if as_json else "\n".join(_lines(logged, judged, said)))


def _layouts(documents: Documents, chosen: str | None) -> list[LoggerLayout]:
    from baybridge.documents.document_set import read_document
    from baybridge.documents.loader import plain_yaml, read_text
    from baybridge.documents.loggers import LoggerLayout
    from baybridge.documents.problems import DocumentProblem

    known = documents.folder("loggers")
    try:
        if chosen is None or chosen in known:
            return [documents.typed.one(LoggerLayout, "loggers", name) for name in sorted(known) if chosen in (None, name)]
        if not Path(chosen).is_file():
            fail(f"--map: expected a file, or one of {', '.join(sorted(known))}; found {chosen}")
        return [read_document(LoggerLayout, plain_yaml(read_text(Path(chosen))), Path(chosen).name)]
    except DocumentProblem as problem:
        fail(str(problem))


def _judged(documents: Documents, product: str, logged: Logged) -> Judged:
    from baybridge.documents.product import Product
    from baybridge.supply.loggers.judging import judge_fresh, judge_frozen

    limits = documents.typed.limits
    if product == FRESH:
        return judge_fresh(logged, limits)
    return judge_frozen(logged, documents.typed.one(Product, "products", product).storage_max_c, limits)


def _said(documents: Documents, reasons: Iterable[Reason]) -> list[str]:
    texts, language = Texts(documents), reader_language(documents.folder)
    return [texts.say(language, reason.code, reason.values) for reason in reasons]


def _as_json(judged: Judged, said: list[str]) -> dict[str, object]:
    return {
        "readings": judged.readings,
        "from": judged.first.isoformat(),
        "to": judged.last.isoformat(),
        "above": [{"limit": one.limit, "minutes": one.minutes, **({"below": True} if one.below else {})} for one in judged.above],
        "gaps": [{"from": gap.start.isoformat(), "minutes": gap.minutes} for gap in judged.gaps],
        "disposition": judged.disposition.value,
        "reasons": said,
    }


def _lines(logged: Logged, judged: Judged, said: list[str]) -> list[str]:
    passed = [f"{one.minutes:g} min {'below' if one.below else 'above'} {one.limit:g} °C" for one in judged.above]
    return [
        f"{judged.disposition.value}  {judged.readings} readings, {judged.first.isoformat()} to {judged.last.isoformat()} (layout {logged.layout.id})",
        *(f"  {line}" for line in (*passed, *said)),
    ]
