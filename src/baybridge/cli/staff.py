"""What `user import` says of a staff list, in the reader's language.

Main job: `say_report`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from baybridge.base.json_value import JsonDict
from baybridge.cli.reader import reader_language
from baybridge.language.texts import Texts

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.people.staff_file import Problem
    from baybridge.node.people.staff_list import Line, StaffReport


def say_report(node: Node, report: StaffReport, *, as_json: bool) -> None:
    """What a list brought or would bring; problems on standard error."""
    texts, language = Texts(node.documents), reader_language(node.documents.folder)
    if as_json:
        click.echo(json.dumps(_as_json(node, report, texts, language), ensure_ascii=False))
        return
    for problem in report.problems:
        click.echo(_sentence(problem, texts, language), err=True)
    for notice in report.notices:
        click.echo(_sentence(notice, texts, language))
    if report.problems:
        click.echo(texts.say(language, "staff.refused", {"count": len(report.problems)}), err=True)
        return
    for line in report.lines:
        click.echo(_line(line, texts, language))
    if any(line.outcome == "waits" for line in report.lines):
        click.echo(texts.say(language, "staff.waits_what"))
    if report.not_listed:
        click.echo(f"{texts.say(language, 'staff.not_listed')}: {', '.join(report.not_listed)}")
    click.echo(texts.say(language, "staff.done" if report.applied else "staff.would"))
    for made in report.made:
        click.echo(f"{made.account}  {made.person_id}  {_link(node, made.invitation)}")


def _sentence(problem: Problem, texts: Texts, language: str) -> str:
    said = texts.reason(language, problem.reason)
    if not problem.line:
        return said
    place = texts.say(language, "staff.at" if problem.column else "staff.at_line", {"line": problem.line, "column": problem.column})
    return f"{place}: {said}"


def _line(line: Line, texts: Texts, language: str) -> str:
    told = "; ".join(f"{texts.say(language, f'staff.heading.{one.column}')}: {one.here or '-'} > {one.listed}" for one in line.differences)
    return "  ".join(part for part in (str(line.line), line.account, line.person, texts.say(language, f"staff.outcome.{line.outcome}"), told) if part)


def _link(node: Node, token: str) -> str:
    return f"{node.address}/sign-in/invitation?token={token}"


def _as_json(node: Node, report: StaffReport, texts: Texts, language: str) -> JsonDict:
    def places(problems: list[Problem]) -> list[JsonDict]:
        return [{"line": one.line, "column": one.column, "code": one.reason.code, "text": texts.reason(language, one.reason)} for one in problems]

    return {
        "applied": report.applied,
        "problems": [*places(report.problems)],
        "notices": [*places(report.notices)],
        "lines": [
            {
                "line": one.line, "account": one.account, "person": one.person, "outcome": one.outcome,
                "differences": [{"column": each.column, "here": each.here, "listed": each.listed} for each in one.differences],
            }
            for one in report.lines
        ],
        "not_listed": [*report.not_listed],
        "invitations": [{**one.as_json(), "link": _link(node, one.invitation)} for one in report.made],
    }  # fmt: skip
