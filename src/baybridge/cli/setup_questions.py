"""The questions of `setup` on a terminal: each with what is meant and what holds without an answer, in the reader's language.

Main job: `until_answered(…)` asks, has the setup carried out, and asks again with the answers of before where something bars it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.node.setup.answers import AnswerProblems, Answers, answers_from, node_name, said

if TYPE_CHECKING:
    from baybridge.language.texts import Texts
    from baybridge.node.setup.making import SetUp

Told = dict[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """One question: the key of the answers, what holds without an answer, and whether it is asked at all."""

    key: str
    default: Callable[[Told], str] = lambda _: ""
    asked: Callable[[Told], bool] = lambda _: True
    many: bool = False  # several answers, with a comma between them
    optional: bool = True


def _tls(told: Told) -> bool:
    return told.get("address", "").startswith("https:")


QUESTIONS = (
    Question("organisation", optional=False),
    Question("jurisdiction", optional=False),
    Question("city"),
    Question("node", lambda told: told.get("_folder", "")),
    Question("kinds", lambda _: "centre, laboratory", many=True),
    Question("languages", many=True),
    Question("database"),
    Question("address", lambda _: "http://127.0.0.1:8080", optional=False),
    Question("listen.host", lambda _: "127.0.0.1"),
    Question("listen.port", lambda told: "8443" if _tls(told) else "8080"),
    Question("tls.certificate", asked=_tls),
    Question("tls.key", asked=lambda told: bool(told.get("tls.certificate")), optional=False),
    Question("trusted_proxies", many=True, asked=lambda told: _tls(told) and not told.get("tls.certificate")),
    Question("backup.to"),
    Question("backup.key", asked=lambda told: bool(told.get("backup.to")), optional=False),
    Question("mail.host"),
    Question("mail.port", lambda _: "587", asked=lambda told: bool(told.get("mail.host"))),
    Question("mail.sender", asked=lambda told: bool(told.get("mail.host")), optional=False),
    Question("mail.account", asked=lambda told: bool(told.get("mail.host"))),
    Question("mail.password_file", asked=lambda told: bool(told.get("mail.account")), optional=False),
    Question("administrator.account", optional=False),
    Question("administrator.name", optional=False),
    Question("administrator.language", lambda told: told.get("_language", "")),
)


def until_answered(folder: Path, base: Path, texts: Texts, language: str, carried_out: Callable[[Answers], SetUp]) -> SetUp:
    """What the setup came to, once nothing bars it or the reader gives up."""
    if not sys.stdin.isatty():
        raise click.UsageError("expected a terminal to ask on, or --answers FILE")
    click.echo(texts.say(language, "setup.begin"))
    told: Told = {"_folder": node_name(folder), "_language": language}
    while True:
        told = _ask(told, texts, language)
        try:
            done = carried_out(answers_from(_answers(told), "", base))
        except AnswerProblems as problems:
            for one in problems.problems:
                click.echo(said(one), err=True)
        else:
            if done.refusal is None or not done.looks:
                return done
            for reason in done.refusal.reasons:
                click.echo(texts.reason(language, reason), err=True)
        if not click.confirm(texts.say(language, "setup.again_asked"), default=True):
            sys.exit(1)


def _ask(told: Told, texts: Texts, language: str) -> Told:
    """Every question that is asked, the answers of before as what holds without one."""
    found = {key: value for key, value in told.items() if key.startswith("_")}
    for one in QUESTIONS:
        if not one.asked(found):
            continue
        text, default = texts.say(language, f"setup.ask.{one.key}"), told.get(one.key) or one.default(found)
        while True:
            answer = click.prompt(text, default=default, show_default=bool(default)).strip()
            if answer or one.optional:
                break
            click.echo(texts.say(language, "setup.needed"), err=True)
        found[one.key] = "" if answer == "-" else answer
    return found


def _answers(told: Mapping[str, str]) -> dict[str, object]:
    """The answers as a file would hold them."""
    many = {one.key for one in QUESTIONS if one.many}
    found: dict[str, object] = {}
    for key, text in told.items():
        if not text or key.startswith("_"):
            continue
        value: object = [part.strip() for part in text.split(",") if part.strip()] if key in many else int(text) if key.endswith(".port") and text.isdigit() else text
        outer, _, inner = key.rpartition(".")
        if outer:
            place = found.setdefault(outer, {})
            if isinstance(place, dict):
                place[inner] = value
        else:
            found[inner] = value
    return found
