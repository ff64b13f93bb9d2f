"""`recognise FILE` and `transfer check FILE`: what an outside result is worth, and whether data may cross.

Main job: read one request or a list, apply the documents (a site's own laid over ours with `--node`), print the answer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeVar

import click

from baybridge.base.failures import why
from baybridge.base.json_value import KeyTwiceError, each_key_once
from baybridge.cli.arguments import Thorough
from baybridge.cli.reader import reader_language

if TYPE_CHECKING:
    from baybridge.documents.loader import Documents
    from baybridge.documents.problems import Problem
    from baybridge.exchange.transfer.check import TransferDecision
    from baybridge.language.texts import Texts
    from baybridge.policy.language.types import Value
    from baybridge.policy.one_case.decide import Decision
    from baybridge.recognition.recognise import Recognition
    from baybridge.rulebook.library import PolicyLibrary

_NODE = click.option(
    "--node", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of a node whose own documents lie over ours."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON: one object for a request, a list for a list.")
_FILE = click.argument("file", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True))


class Answer(Protocol):
    """An answer that has a JSON form."""

    def as_json(self) -> Mapping[str, object]:
        """The answer as plain JSON."""
        ...


A = TypeVar("A", bound=Answer)
T = TypeVar("T")


@click.command(cls=Thorough)
@_FILE
@_NODE
@_JSON
def recognise(file: Path, node: Path | None, as_json: bool) -> None:  # noqa: FBT001 - a switch of the command line
    """Say whether outside results serve at the receiving site, with every reason."""
    from baybridge.language.texts import Texts
    from baybridge.recognition.recognise import recognise as judge
    from baybridge.recognition.rules import POLICY_ID, rules_of

    documents, policies = _documents(node)
    rules = _made(lambda: rules_of(policies.get(POLICY_ID), documents.typed))
    texts, language = Texts(documents), reader_language(documents.folder)
    _answer(file, lambda request: judge(request, rules), lambda answer: _recognition_lines(answer, texts, language), documents, as_json=as_json)


@click.group()
def transfer() -> None:
    """Transfers of data between places."""


@transfer.command(cls=Thorough)
@_FILE
@_NODE
@_JSON
def check(file: Path, node: Path | None, as_json: bool) -> None:  # noqa: FBT001 - a switch of the command line
    """Say whether data may cross, by which route, with every reason."""
    from baybridge.exchange.transfer.check import check_transfer, rules_of
    from baybridge.language.texts import Texts
    from baybridge.policy.one_case.decide import decide

    documents, policies = _documents(node)

    def apply(policy_id: str, facts: Mapping[str, Value]) -> Decision:
        return decide(policies.get(policy_id), facts)

    rules = _made(lambda: rules_of(apply, documents.typed))
    texts = Texts(documents)
    _answer(file, lambda request: check_transfer(request, rules), lambda answer: _transfer_lines(answer, texts), documents, as_json=as_json)


def _documents(node: Path | None) -> tuple[Documents, PolicyLibrary]:
    from baybridge.cli.policy_source import documents_of
    from baybridge.rulebook.library import fact_types, policies_of

    documents = documents_of(node)
    return documents, _made(lambda: policies_of(documents, fact_types(documents)))


def _made(make: Callable[[], T]) -> T:
    try:
        return make()
    except (ValueError, KeyError) as problem:
        _fail(f"documents: {' '.join(str(problem).split())}")


def _answer(file: Path, judge: Callable[[object], A], line: Callable[[A], str], documents: Documents, *, as_json: bool) -> None:
    given = read_request(file)
    requests = given if isinstance(given, list) else [given]
    answers = _judged(requests, judge, lambda problem: said(problem, documents), many=isinstance(given, list))
    if as_json:
        told = [answer.as_json() for answer in answers]
        click.echo(json.dumps(told if isinstance(given, list) else told[0], ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(line(answer) for answer in answers))


def said(problem: Problem, documents: Documents) -> str:
    """A problem of a request in the reader's language."""
    from baybridge.language.texts import Texts

    values = {"field": problem.field, "expected": problem.expected, "found": problem.found}
    sentence = Texts(documents).say(reader_language(documents.folder), "request.problem", values)
    return f"{sentence}; {problem.hint}" if problem.hint else sentence


def _judged(requests: Sequence[object], judge: Callable[[object], A], said: Callable[[Problem], str], *, many: bool) -> list[A]:
    """One answer a request; with any problem, all problems of all requests on one line."""
    from baybridge.documents.requests import FormError

    answers, problems = [], []
    for number, request in enumerate(requests):
        try:
            answers.append(judge(request))
        except FormError as found:
            problems += [f"[{number}].{said(problem)}" if many else said(problem) for problem in found.problems]
        except (ValueError, OverflowError) as found:
            problems.append(f"[{number}]: {found}" if many else str(found))
    if problems:
        _fail("; ".join(problems))
    return answers


def read_request(file: Path) -> object:
    """The JSON of a file, or of standard input for `-`; 1 with where it breaks."""
    name = "standard input" if str(file) == "-" else file.name
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        return json.loads(text, parse_constant=_not_json, object_pairs_hook=each_key_once)
    except OSError as problem:
        _fail(f"{name}: cannot be read ({why(problem)})")
    except UnicodeDecodeError as problem:
        _fail(f"{name}: expected UTF-8 text, found another byte at {problem.start}")
    except json.JSONDecodeError as problem:
        _fail(f"{name}:{problem.lineno}:{problem.colno}: expected JSON, found something else ({problem.msg})")
    except KeyTwiceError as twice:
        _fail(f"{name}: expected each key of an object once, found {twice} given twice")
    except (ValueError, RecursionError) as problem:
        _fail(f"{name}: expected JSON, found something else ({problem})")


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _recognition_lines(answer: Recognition, texts: Texts, language: str) -> str:
    """The answer on one line, then each code with what it means, then what is told of a value that cannot be."""
    converted = f"; {answer.converted_value} {answer.converted_unit}" if answer.converted_value is not None else ""
    until = f"; valid until {answer.valid_until.isoformat()}" if answer.valid_until else ""
    codes = [f"  {code}  {texts.word(language, 'recognition.code', code)}" for code in answer.codes]
    told = [f"  {texts.reason(language, reason)}" for reason in answer.set_aside]
    return "\n".join([f"{answer.outcome}; {', '.join(answer.codes) or 'no codes'}{converted}{until}", *codes, *told])


def _transfer_lines(answer: TransferDecision, texts: Texts) -> str:
    """The answer on one line, then what of the calendar was not known."""
    told = [f"  {texts.say('en', reason.code, reason.values)}" for reason in answer.told]
    return "\n".join([f"{answer.outcome}; {answer.route or 'no route'}; {', '.join(answer.codes)}", *told])


def _fail(sentence: str) -> NoReturn:
    click.echo(sentence, err=True)
    sys.exit(1)
