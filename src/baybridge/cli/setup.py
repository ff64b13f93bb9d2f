"""`setup`: from a bare server to a node that can be served, by questions on the terminal or a file of answers.

Main job: the command. Elsewhere: the answers, what is looked at and the making in `node/setup/`, the questions in `setup_questions.py`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from baybridge.cli.arguments import Thorough
from baybridge.cli.reader import reader_language

if TYPE_CHECKING:
    from baybridge.language.texts import Texts
    from baybridge.node.setup.answers import Answers
    from baybridge.node.setup.looks import Look
    from baybridge.node.setup.making import SetUp


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--answers", "file", type=click.Path(dir_okay=False, path_type=Path), help="File with the answers, YAML or TOML; asked on the terminal without it.")
@click.option("--check", "only_look", is_flag=True, help="Look at everything, say what is to be mended, and make nothing.")
@click.option("--json", "as_json", is_flag=True, help="Plain JSON.")
def setup(folder: Path, file: Path | None, *, only_look: bool, as_json: bool) -> None:
    """Make a node in DIR that can be served: what a site must say is asked, what can be looked at is looked at, and the first administrator is invited.

    Nothing stays of a setup that was broken off. The invitation is printed once.
    """
    from baybridge.documents.loader import Documents
    from baybridge.language.texts import Texts
    from baybridge.node.config import ConfigProblem, read_settings
    from baybridge.node.neighbours.transport import fetch
    from baybridge.node.setup.making import Place, set_up
    from baybridge.node.steps import Walk

    documents = Documents()
    texts, language = Texts(documents), reader_language(documents.folder)
    place = Place(Path(os.path.abspath(file.parent if file is not None else Path())), fetch, Walk.of(read_settings()))  # noqa: PTH100 - a link stays where it is

    def carried_out(given: Answers) -> SetUp:
        try:
            return set_up(folder, given, place, only_look=only_look)
        except ConfigProblem as problem:
            _end([str(problem)], as_json=as_json)

    if file is not None:
        done = carried_out(_read(file, as_json=as_json))
    else:
        from baybridge.cli.setup_questions import until_answered

        done = until_answered(folder, place.base, texts, language, carried_out)
    _say(done, texts, language, as_json=as_json)


def _read(file: Path, *, as_json: bool) -> Answers:
    """The answers of the file, or the end with everything that is wrong with them."""
    from baybridge.node.setup.answers import AnswerProblems, read_answers, said

    try:
        return read_answers(file)
    except AnswerProblems as problems:
        if as_json:
            reasons = [{**one.as_json(), "text": said(one)} for one in problems.problems]
            click.echo(json.dumps({"refused": "invalid", "reasons": reasons, "problems": [one.as_json() for one in problems.problems]}, ensure_ascii=False))
        _end([said(one) for one in problems.problems], as_json=False)


def _say(done: SetUp, texts: Texts, language: str, *, as_json: bool) -> None:
    """What a setup came to, and the end with 1 where there is no node."""
    if as_json:
        click.echo(json.dumps(_as_json(done, texts, language), ensure_ascii=False))
    else:
        for line in looked(done.looks, texts, language):
            click.echo(line, err=True)
    if done.refusal is not None:
        told = texts.refusal(language, done.refusal) if not done.looks else [texts.say(language, "setup.nothing_made")]
        _end(told, as_json=as_json)
    if as_json:
        return
    if done.made is None:
        click.echo(texts.say(language, "setup.would_be_made"))
        return
    made = done.made
    ends = made.administrator.expires_at
    values = {"node": made.node, "folder": str(made.folder), "account": made.administrator.account, "until": ends.isoformat(timespec="minutes") if ends else ""}
    click.echo(texts.say(language, "setup.made", values))
    click.echo(made.invitation_link)
    click.echo(texts.say(language, "setup.next", values))


def looked(looks: Iterable[Look], texts: Texts, language: str) -> Iterator[str]:
    """A line for each thing that was looked at."""
    for one in looks:
        state = "ok" if one.reason is None else "fail" if one.bars else "warn"
        yield f"{state:4}  {one.what:13} {texts.reason(language, one.reason) if one.reason is not None else ''}".rstrip()


def _as_json(done: SetUp, texts: Texts, language: str) -> dict[str, object]:
    looks = [
        {"check": one.what, "state": "ok" if one.reason is None else "fail" if one.bars else "warn"}
        | (texts.told(language, one.reason) if one.reason is not None else {})
        for one in done.looks
    ]
    found: dict[str, object] = {"checks": looks}
    if done.refusal is not None:
        found |= {"refused": done.refusal.category.value, "reasons": [texts.told(language, reason) for reason in done.refusal.reasons]}
    if done.made is not None:
        made = done.made
        found |= {"node": made.node, "folder": str(made.folder), "address": made.address}
        found |= {"administrator": made.administrator.as_json() | {"link": made.invitation_link}}
    return found


def _end(lines: Iterable[str], *, as_json: bool) -> NoReturn:
    """The end with 1, each line on standard error; with `as_json` it was said already."""
    for line in () if as_json else lines:
        click.echo(line, err=True)
    sys.exit(1)
