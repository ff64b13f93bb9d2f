"""`fund`: who pays what of a bill, what is left to the patient, and what comes back in which outcome.

Main job: read a funding case, print the contract's JSON or the same as sentences.

**Source**: shared funding contract; exit codes of design 9.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import click

from baybridge.base.outcome import Reason, Refusal
from baybridge.cli.arguments import LanguageCode, Thorough
from baybridge.cli.failing import fail
from baybridge.cli.policy_source import documents_of
from baybridge.cli.saying import parsed_file, refuse_file
from baybridge.documents.loader import Documents, files, read_text
from baybridge.documents.plan import is_money
from baybridge.documents.problems import DocumentProblem, PolicyProblems
from baybridge.documents.source import Source, read_yaml
from baybridge.funding.plans.layers import scale_of
from baybridge.funding.plans.terms import Scale
from baybridge.funding.quote.case import read_written_cases
from baybridge.funding.quote.comparing import Comparison, compare, comparison_json, comparison_sentences
from baybridge.funding.quote.report import Funded, as_json, sentences
from baybridge.funding.quote.report import fund as fund_case
from baybridge.language.texts import FALLBACK, Texts

#: The scale of the funding contract's examples; another is chosen with `--scale`, or stands in the file.
DEFAULT_SCALE = "hk-ccf-scale-2012"


@click.command(cls=Thorough)
@click.argument("file", metavar="CASE.json|check|reproduce")
@click.argument("more", nargs=-1, metavar="[FILE...]")
@click.option("--json", "json_wanted", is_flag=True, help="Print the contract's JSON.")
@click.option("--compare", "compare_wanted", is_flag=True, help="Compare orders, plans that could be joined, products and regions.")
@click.option("--scale", "scale_id", default=DEFAULT_SCALE, show_default=True, help="Means-test scale where the file names none.")
@click.option("--language", type=LanguageCode(), default=FALLBACK, show_default=True)
@click.option("--node", "node_dir", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of a node whose own documents lie over ours.")
def fund(
    file: str, more: tuple[str, ...], scale_id: str, language: str, node_dir: Path | None, *, json_wanted: bool, compare_wanted: bool
) -> None:
    """Stack the payers of a bill to the cent; CASE.json holds one case or a list of cases, - is standard input.

    `fund check [FILE...]` checks plan documents and runs their worked cases; without a file, ours.

    `fund reproduce QUOTE.json|DIR...` computes kept quotes again, from a file or all those of a node, and says whether they are identical.
    """
    documents = documents_of(node_dir)
    texts = Texts(documents)
    if file == "check":
        _check(documents, texts, more, language, json_wanted=json_wanted)
        return
    if file == "reproduce":
        from baybridge.cli.quotes import reproduce_quotes  # reads what nodes keep: a case is funded without a database

        reproduce_quotes(documents, texts, more, language, json_wanted=json_wanted)
        return
    if more:
        raise click.UsageError(f"one case file is funded at a time; put several cases into one list ({more[0]})")
    data = parsed_file(file, texts, language)
    scale = scale_named(documents, texts, scale_id, language)
    if compare_wanted:
        _compare(data, scale, file, texts, language, json_wanted=json_wanted)
        return
    answers = _funded(data, scale, file, texts, language)
    if json_wanted:
        printed = [as_json(answer) for answer in answers]
        click.echo(json.dumps(printed if isinstance(data, list) else printed[0], ensure_ascii=False, indent=2))
        return
    for line in told(answers, texts, language):
        click.echo(line)


def _compare(data: object, scale: Scale, file: str, texts: Texts, language: str, *, json_wanted: bool) -> None:
    """Every option of each case, best first."""
    items = data if isinstance(data, list) else [data]
    found: list[Comparison] = []
    for item in items:
        read = read_written_cases({name: value for name, value in item.items() if name != "compare"} if isinstance(item, dict) else item, scale)
        comparison = read if isinstance(read, Refusal) else compare(item, scale)
        if isinstance(comparison, Refusal):
            refuse_file(file, comparison.reasons, texts, language)
        found.append(comparison)
    if json_wanted:
        printed = [comparison_json(comparison) for comparison in found]
        click.echo(json.dumps(printed if isinstance(data, list) else printed[0], ensure_ascii=False, indent=2))
        return
    for comparison in found:
        for key, values in comparison_sentences(comparison):
            click.echo(f"{'' if key == 'funding.compare.option' else '    '}{texts.say(language, key, values)}")
        for _, reasons in comparison.cannot:
            for reason in reasons:
                click.echo(f"        {f'{reason.where}: ' if reason.where else ''}{texts.reason(language, reason)}")


def _check(documents: Documents, texts: Texts, named: tuple[str, ...], language: str, *, json_wanted: bool) -> None:
    """Every problem of plan documents with file and line; exit 1 where there is one."""
    from baybridge.funding.plans.checking import check, known_from

    chosen = [Path(name) for name in named] or [path for root in documents.roots for path in files(root / "plans")]
    read = [_plan_file(path, texts, language) for path in chosen]
    known = known_from(documents)
    known = replace(known, others={**known.others, **{str(d.get("id")): d for _, source in read if is_money(d := source.document)}})
    found = [(str(path), source.line_of(reason.where), reason) for path, source in read for reason in check(source.document, known)]
    if json_wanted:
        rows = [{"file": f, "line": n, **reason.as_json(), "message": texts.reason(language, reason)} for f, n, reason in found]
        click.echo(json.dumps({"checked": len(read), "problems": rows}, ensure_ascii=False, indent=2))
    else:
        for name, line, reason in found:
            click.echo(f"{name}:{line}: {f'{reason.where}: ' if reason.where else ''}{texts.reason(language, reason)}")
        click.echo(texts.say(language, "funding.check.done", {"files": len(read), "problems": len(found)}))
    if found:
        fail(texts.say(language, "funding.check.failed", {"problems": len(found)}), printed=True)


def _plan_file(path: Path, texts: Texts, language: str) -> tuple[Path, Source]:
    try:
        source = read_yaml(read_text(path), str(path))
    except (DocumentProblem, PolicyProblems) as problem:
        fail(str(problem))
    except OSError:
        fail(texts.say(language, "funding.case.unreadable_file", {"file": str(path)}))
    if source.problems:
        fail("; ".join(map(str, source.problems)))
    return path, source


def scale_named(documents: Documents, texts: Texts, scale_id: str, language: str) -> Scale:
    """The means-test scale of that id, or the end."""
    try:
        document = documents.typed.plans_in("scales").get(scale_id)
    except DocumentProblem as problem:
        fail(str(problem))
    if document is None:
        fail(texts.say(language, "funding.case.no_scale", {"scale": scale_id}))
    scale = scale_of(document)
    if isinstance(scale, Refusal):
        refuse_file(scale_id, scale.reasons, texts, language)
    return scale


def _funded(data: object, scale: Scale, file: str, texts: Texts, language: str) -> list[Funded]:
    """Every case funded, or the end with every problem."""
    cases = read_written_cases(data, scale)
    if isinstance(cases, Refusal):
        refuse_file(file, cases.reasons, texts, language)
    answers: list[Funded] = []
    against: list[Reason] = []
    for index, case in enumerate(cases):
        answer = fund_case(case)
        if isinstance(answer, Refusal):
            where = f"[{index}]." if isinstance(data, list) else ""
            against += [Reason(reason.code, reason.values, reason.source, where + reason.where) for reason in answer.reasons]
        else:
            answers.append(answer)
    if against:
        refuse_file(file, against, texts, language)
    return answers


def told(answers: Iterable[Funded], texts: Texts, language: str) -> Iterator[str]:
    """The waterfall of each case in sentences; details stand indented under their layer or outcome."""
    for answer in answers:
        if answer.case.case_id is not None:
            yield texts.say(language, "funding.told.case", {"case": answer.case.case_id})
        for key, values in sentences(answer):
            detail = key.startswith("funding.code.") or key.endswith(("_line", "refund_to", "means_test", "scale_ended"))
            yield f"{'    ' if detail else '  '}{texts.say(language, key, values)}"
