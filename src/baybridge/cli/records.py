"""`import` and `export`: files of records come in, the record goes out; `facts` shows what was understood of a patient."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.base.outcome import Refusal
from baybridge.base.time import parse_instant_or_day
from baybridge.cli.arguments import MOMENT, Thorough
from baybridge.cli.facts import facts
from baybridge.cli.failing import fail
from baybridge.cli.progress import progress
from baybridge.cli.reader import reader_language

__all__ = ["export", "facts", "import_"]

if TYPE_CHECKING:
    from baybridge.journey.command import Actor
    from baybridge.language.texts import Texts
    from baybridge.node.intake.importing import Imported
    from baybridge.node.node import Node
    from baybridge.record.intake.importing import ImportProblem

#: Problems that are printed for a file; `--json` prints all.
_SHOWN = 20


def open_or_fail(folder: Path, *, reaching: bool = False) -> Node:
    """The node of a folder, which reaches its neighbours where `reaching`; a folder that is none ends the command."""
    from baybridge.node.config import ConfigProblem
    from baybridge.node.neighbours.transport import post
    from baybridge.node.node import open_node

    try:
        return open_node(folder, transport=post if reaching else None)
    except ConfigProblem as problem:
        fail(str(problem))


_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("import", cls=Thorough)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--role", default="coordinator", show_default=True, help="Act in this role.")
@click.option("--source", default="", help="Whose ids the files have: a hospital's name, or a laboratory that DIR/data/feeds describes.")
@click.option("--open-cases", is_flag=True, help="Open a case for every person, also where a file is about several.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole report, one object a file.")
def import_(folder: Path, files: tuple[Path, ...], role: str, source: str, open_cases: bool, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Take in files of records: FHIR R4 (JSON, NDJSON, Bundles), HL7 v2 ORU messages, CSV with the mapping of its --source; gzipped too.

    The files of one command are read together: a result may stand in one and its patient in another. Ids mean the same in all files of one
    --source, and something else in another's; without it they are this node's own. A file about one person opens that person's case.

    What is odd is told with file, entry or line, and path; the rest goes in.

    Ends with 0 when every file could be read, whatever was odd in it; with 1 when a file could not be read at all.
    """
    from baybridge.journey.command import Actor, Role
    from baybridge.node.consequences import queue
    from baybridge.node.neighbours import witnessing

    if role not in list(Role):
        fail(f"--role: expected one of {', '.join(Role)}, found {role!r}")
    node = open_or_fail(folder)
    actor = Actor("operator", Role(role), node.site.organisation)
    reports = _import_all(node, actor, files, source.strip(), open_cases=open_cases, as_json=as_json)
    queue.drain(node, queue.OF_A_COMMAND)
    witnessing.sign_checkpoint(node)
    if as_json:
        click.echo(json.dumps(reports if len(reports) > 1 else reports[0], ensure_ascii=False, indent=1))
    if not all(report.get("readable", False) for report in reports):
        sys.exit(1)


def _import_all(node: Node, actor: Actor, paths: tuple[Path, ...], source: str, *, open_cases: bool, as_json: bool) -> list[dict[str, object]]:
    """What became of each file, in the order given."""
    from baybridge.node.intake.importing import Upload, import_files

    found = [path for path in paths if path.is_file()]
    with progress(found[0].name if len(found) == 1 else f"{len(found)} files") as told:
        answers = iter(import_files(node, actor, [Upload(path.name, path) for path in found], told, source=source, open_cases=open_cases))
    return [_report(node, path, next(answers), as_json=as_json) if path in found else _absent(path) for path in paths]


def _absent(path: Path) -> dict[str, object]:
    sentence = f"{path.name}: expected a file, found {'a folder' if path.is_dir() else 'none'}"
    click.echo(sentence, err=True)
    return {"file": path.name, "readable": False, "reasons": [sentence]}


def _report(node: Node, path: Path, answer: Imported | Refusal, *, as_json: bool) -> dict[str, object]:
    if isinstance(answer, Refusal):
        return _refused(node, path, answer)
    if not as_json:
        _summary(node, answer)
    return answer.as_json()


def _refused(node: Node, path: Path, refusal: Refusal) -> dict[str, object]:
    from baybridge.language.texts import Texts

    sentences = Texts(node.documents).refusal(reader_language(node.documents.folder), refusal)
    for sentence in sentences:
        click.echo(f"{path.name}: {sentence}" if path.name not in sentence else sentence, err=True)
    reasons = [reason.as_json() for reason in refusal.reasons]
    return {"file": path.name, "readable": False, "refused": refusal.category.value, "reasons": reasons, "text": sentences}


def _summary(node: Node, imported: Imported) -> None:
    from baybridge.language.texts import Texts

    texts, language, report = Texts(node.documents), reader_language(node.documents.folder), imported.report
    counted = report.as_json()
    click.echo(texts.say(language, "record.import.summary", counted))
    click.echo(f"  {texts.say(language, 'import.source_derived' if report.source else 'import.source_none', counted)}")
    if imported.without_case:
        click.echo(f"  {texts.say(language, 'import.without_case_what', {'count': len(imported.without_case)})}")
    if imported.waiting:
        click.echo(f"  {texts.say(language, 'import.waiting_what', {'count': len(imported.waiting)})}")
    for problem in report.problems[:_SHOWN]:
        click.echo(f"  {one_line(texts, language, problem)}", err=True)
    if report.problem_count > _SHOWN:
        click.echo(f"  {texts.say(language, 'record.import.more', {'count': report.problem_count - _SHOWN})}", err=True)


def one_line(texts: Texts, language: str, problem: ImportProblem) -> str:
    """A problem as one line: place, path, what is wrong, expected, found."""
    numbers = (("import.line", problem.line), ("import.entry", problem.entry))
    place = [texts.say(language, key, {"number": number}) for key, number in numbers if number is not None]
    where = ": ".join([*place, problem.path]).rstrip(": ")
    sentence = texts.say(language, problem.code, problem.as_json())
    return ": ".join(filter(None, (texts.word(language, "import.severity", problem.severity), where, sentence)))


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--since", type=MOMENT, help="Only what was filed after this time or date.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write Type.ndjson files here; standard output without it.")
@click.option("--json", "as_json", is_flag=True, help="With --out: print a manifest of the files.")
def export(folder: Path, since: str | None, out: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Print the record as FHIR bulk NDJSON, one current resource a line; with --out, one file a type, readable by its owner alone.

    It stands in the list of who looked of everybody whose data it holds. Of persons who asked that their data be used for care alone it holds nothing.
    """
    from baybridge.language.texts import Texts
    from baybridge.node.intake import records
    from baybridge.node.neighbours import witnessing

    moment = None if since is None else parse_instant_or_day(since)
    node = open_or_fail(folder)
    lines = records.export(node, moment)
    with node.storage.reading() as connection:
        closed = len(records.kept_back(node, connection))
    if closed:
        click.echo(Texts(node.documents).say(reader_language(node.documents.folder), "export.kept_back", {"count": closed}), err=True)
    if out is None:
        standard = sys.stdout.buffer
        for _kind, line in lines:
            standard.write(line)
        witnessing.sign_checkpoint(node)
        return
    counts = _write_files(out, lines)
    witnessing.sign_checkpoint(node)
    manifest = [{"type": kind, "file": f"{kind}.ndjson", "count": count} for kind, count in counts.items()]
    if as_json:
        click.echo(json.dumps({"output": manifest}))
    else:
        for item in manifest:
            click.echo(f"{item['file']}: {item['count']}")


def _write_files(out: Path, lines: Iterator[tuple[str, bytes]]) -> dict[str, int]:
    """One file a type; the lines come by type, so one file is open at a time."""
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    stream = None
    try:
        for kind, line in lines:
            if kind not in counts:
                if stream is not None:
                    stream.close()
                stream = os.fdopen(os.open(out / f"{kind}.ndjson", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
                counts[kind] = 0
            if stream is not None:
                stream.write(line)
            counts[kind] += 1
    finally:
        if stream is not None:
            stream.close()
    return counts
