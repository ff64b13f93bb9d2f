"""`decide` and `policy`: apply a rule to facts, and look after the rules themselves.

Main job: read facts (one object, an array, or one object a line), print one decision each, in order. Thin: nothing is decided here.

Output is JSON always; a single decision is indented on a terminal. The same inputs give the same bytes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, NoReturn

import click

from baybridge.base.json_value import KeyTwiceError, each_key_once
from baybridge.base.time import parse_instant_or_day
from baybridge.cli.arguments import MOMENT, Thorough
from baybridge.cli.failing import fail
from baybridge.cli.policy_source import dictionary_of, documents_of, is_file, policy_of, spoken
from baybridge.cli.policy_tables import compare_policies, run_policy
from baybridge.cli.policy_words import LANGUAGE, in_words
from baybridge.cli.reader import reader_language

if TYPE_CHECKING:
    from baybridge.base.outcome import Reason
    from baybridge.documents.loader import Documents
    from baybridge.policy.one_case.decide import DecisionDocument

_NODE = click.option("--node", "node_dir", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Node folder.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Plain JSON.")


_JSON_KINDS = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}


class Given(NamedTuple):
    """Facts as they were given: each object with the place it stood at, and how the answer is to be laid out."""

    objects: list[tuple[str, dict[str, object]]]
    layout: str  # one, array, lines


@click.command(cls=Thorough)
@click.argument("policy_id", metavar="POLICY")
@click.option("--facts", "facts_file", type=click.File("rb"), help="JSON object, array, or one object a line; - for standard input.")
@click.option("--at", type=MOMENT, help="Time with offset, or date (start of that day).")
@click.option("--patient", "patient_id", help="Patient of the node's record, instead of --facts.")
@_NODE
@_JSON
def decide(policy_id: str, facts_file: BinaryIO | None, at: str | None, patient_id: str | None, node_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Apply a policy (an id or a file) to facts: a decision with every reason, what is missing, and what would settle it."""
    if (facts_file is None) == (patient_id is None):
        raise click.UsageError("give either --facts FILE or --patient ID --node DIR")
    if patient_id is not None and node_dir is None:
        raise click.UsageError("--patient needs --node DIR")
    moment = _moment(at)  # a node reads a date in its own zone
    if facts_file is not None:
        _decide_given(policy_id, _read_facts(facts_file), moment, documents_of(node_dir), as_json)
    elif patient_id is not None:
        _print_one(_for_patient(node_dir, policy_id, patient_id, at), as_json)


def _for_patient(node_dir: Path | None, policy_id: str, patient_id: str, at: str | None) -> DecisionDocument:
    from baybridge.documents.problems import PolicyProblems
    from baybridge.node.reading import decide_for_patient

    policy = policy_of(documents_of(node_dir), policy_id) if is_file(policy_id) else policy_id
    try:
        return decide_for_patient(node_dir, policy, patient_id, at)
    except (PolicyProblems, LookupError, ValueError) as problem:
        fail(str(problem))


def _decide_given(policy_id: str, given: Given, at: datetime | None, documents: Documents, as_json: bool) -> None:  # noqa: FBT001
    from baybridge.facts.given import read_given, set_aside, with_set_aside
    from baybridge.policy.one_case.decide import decide as apply

    dictionary = dictionary_of(documents)
    policy = policy_of(documents, policy_id, at)
    decisions, complaints = [], []
    for place, facts in given.objects:
        values, problems = read_given(facts, dictionary)
        complaints += [f"{place}{_sentence(documents, problem)}" for problem in problems]
        usable, told = set_aside(values, dictionary)
        for reason in told:
            click.echo(f"{place}{_sentence(documents, reason)}", err=True)
        if not problems:
            decisions.append(apply(policy, usable, as_of=at).as_json() | with_set_aside(told))
    if complaints:
        fail(*complaints)
    _print(decisions, given.layout, as_json)


def _read_facts(file: BinaryIO) -> Given:
    """What stands in a file of facts; one JSON value, or one object a line."""
    name = getattr(file, "name", "-")
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fail(f"{name}: expected UTF-8 text, found another byte at {error.start}")
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not lines:
        fail(f"{name}: expected a JSON object, an array of them, or one a line, found nothing")
    try:
        whole = _strict_json(text)
    except ValueError as error:
        if not _one_a_line([line.strip() for _, line in lines]):
            fail(f"{name}: expected a JSON object, an array of them, or one a line, found {error}")
        return _objects([(f"line {number}: ", _or_problem(line)) for number, line in lines], name, "lines")
    if isinstance(whole, list):
        return _objects([(f"[{index}] ", item) for index, item in enumerate(whole)], name, "array")
    return _objects([("", whole)], name, "one")


def _or_problem(line: str) -> object:
    """The JSON value of a line, or what is wrong with it."""
    try:
        return _strict_json(line)
    except ValueError as problem:
        return problem


def _one_a_line(lines: list[str]) -> bool:
    """Whether a text that is no one JSON value was meant as one object a line."""
    return len(lines) > 1 and lines[0].startswith("{") and (lines[0].endswith("}") or all(line.startswith("{") for line in lines))


def _objects(given: list[tuple[str, object]], name: str, layout: str) -> Given:
    """The objects at their places; exits with a line for each that is none."""
    found, complaints = [], []
    for place, value in given:
        if isinstance(value, ValueError):
            complaints.append(f"{name}: {place}expected a JSON object, found {value}")
        elif isinstance(value, dict):
            found.append((place, value))
        else:
            complaints.append(f"{name}: {place}expected a JSON object of facts by name, found {_JSON_KINDS[type(value)]}")
    if complaints:
        fail(*complaints)
    return Given(found, layout)


def _strict_json(text: str) -> object:
    """JSON without NaN and without a key given twice."""
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=each_key_once)
    except RecursionError:
        raise ValueError("too many nested parts") from None
    except KeyTwiceError as twice:
        raise ValueError(f"{twice} given twice") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        raise ValueError(f"something else at {place} ({error.msg})") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name}, which is no JSON number")


def _moment(at: str | None) -> datetime | None:
    return None if at is None else parse_instant_or_day(at)


def _sentence(documents: Documents, problem: Reason) -> str:
    """What is wrong with a given fact, as every surface says it."""
    from baybridge.language.texts import Texts

    return Texts(documents).reason(reader_language(documents.folder), problem)


def _print(decisions: Sequence[object], layout: str, as_json: bool) -> None:  # noqa: FBT001
    if layout == "one":
        _print_one(decisions[0], as_json)
    elif layout == "array":
        click.echo(_dump(decisions))
    else:
        for decision in decisions:
            click.echo(_dump(decision))


def _print_one(decision: object, as_json: bool) -> None:  # noqa: FBT001
    pretty = sys.stdout.isatty() and not as_json
    click.echo(_dump(decision, indent=2 if pretty else None))


def _dump(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)


@click.group()
def policy() -> None:
    """List, show and check the rules; apply them to a population."""


@policy.command("list", cls=Thorough)
@_NODE
@LANGUAGE
@_JSON
def list_policies(node_dir: Path | None, language: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Every policy: id, version, shape, since when, how sure its source is."""
    from baybridge.documents.problems import DocumentProblem

    documents = documents_of(node_dir)
    try:
        rows = [_summary(*entry, language or "en") for entry in sorted(documents.typed.written("policies").items(), key=itemgetter(0))]
    except DocumentProblem as problem:
        fail(str(problem))
    if as_json:
        click.echo(_dump(rows))
        return
    saying = spoken(documents, language) if language else None
    unverified = saying.say("policy.confidence.low") if saying else "unverified"
    for row in rows:
        doubt = f"  ({unverified})" if row["confidence"] == "low" else ""
        click.echo(f"{row['id']:32} {row['version']:4} {row['shape']:9} {row['in_force_from'] or '-':11} {row['title']}{doubt}")


def _summary(policy_id: str, document: Mapping[str, object], language: str) -> dict[str, object]:
    title = document.get("title") or {}
    begins = document.get("in_force_from")
    return {
        "id": policy_id,
        "version": str(document.get("version", "")),
        "shape": str(document.get("shape", "")),
        "in_force_from": None if begins is None else str(begins),
        "jurisdiction": document.get("jurisdiction") or [],
        "confidence": str(document.get("confidence", "")),
        "title": (title.get(language) or title.get("en", policy_id)) if isinstance(title, dict) else str(title),
    }


@policy.command("show", cls=Thorough)
@click.argument("policy_id", metavar="POLICY")
@click.option("--at", type=MOMENT, help="The version of that time or date; without it the newest.")
@_NODE
@LANGUAGE
@_JSON
def show_policy(policy_id: str, at: str | None, node_dir: Path | None, language: str | None, as_json: bool) -> None:  # noqa: FBT001
    """The document of a policy, as it was written; with --language its rules in words."""
    documents = documents_of(node_dir)
    found = policy_of(documents, policy_id, _moment(at))
    if language and not as_json:
        for line in in_words(found, spoken(documents, language)):
            click.echo(line)
        return
    if not as_json:
        click.echo(found.text.rstrip("\n"))
        return
    from baybridge.documents.source import plain, read_yaml

    click.echo(_dump({"sha256": found.sha256, "facts": found.fact_names, "document": plain(read_yaml(found.text, found.origin).document)}))


@policy.command("check", cls=Thorough)
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--mutations/--no-mutations", default=None, help="Change each threshold, operator and date in turn (default: for one FILE).")
@_NODE
@_JSON
def check_policies(file: Path | None, mutations: bool | None, node_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Check a document (or all shipped ones): types, units, codes, its own worked cases, and what they would not notice."""
    from baybridge.documents.problems import DocumentProblem
    from baybridge.rulebook.checking import check_documents

    documents = documents_of(node_dir)
    try:
        mutate = file is not None if mutations is None else mutations
        report = check_documents(documents, dictionary_of(documents), file, mutate=mutate)
    except DocumentProblem as problem:
        fail(str(problem))
    if as_json:
        click.echo(_dump(report.as_json()))
    else:
        click.echo(f"{report.policies} policies, {report.cases} worked cases, {len(report.problems)} problems")
        for note in report.notes:
            click.echo(str(note))
        for line in report.unnoticed:
            click.echo(f"no worked case notices: {line}")
    if report.problems:
        fail(*(str(problem) for problem in report.problems))


policy.add_command(run_policy)
policy.add_command(compare_policies)
