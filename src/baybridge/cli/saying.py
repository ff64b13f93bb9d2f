"""What commands share: reading a JSON file, printing a refusal, and ending with one clear line.

Main job: `parsed_file`, `refuse_file`, `say_refusal`, `proof`, `fail`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from baybridge.base.outcome import Reason, Refusal
from baybridge.cli.failing import fail
from baybridge.cli.reader import reader_language
from baybridge.funding.quote.case import parse_json
from baybridge.language.texts import Texts

if TYPE_CHECKING:
    from baybridge.node.node import Node


def parsed_file(file: str, texts: Texts, language: str) -> object:
    """The JSON value of a file or of standard input, or the end with what is wrong."""
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError:
        fail(texts.say(language, "funding.case.unreadable_file", {"file": file}))
    value = parse_json(content)
    if isinstance(value, Refusal):
        refuse_file(file, value.reasons, texts, language)
    return value


def refuse_file(file: str, reasons: Iterable[Reason], texts: Texts, language: str) -> NoReturn:
    """The end, with every reason on one line."""
    said = [f"{reason.where}: {texts.reason(language, reason)}" if reason.where else texts.reason(language, reason) for reason in reasons]
    count = texts.say(language, "funding.case.problems", {"count": len(said), "file": file})
    fail(f"{file}: {said[0]}" if len(said) == 1 else f"{count} {' '.join(said)}")


def say_refusal(node: Node, refusal: Refusal, *, as_json: bool) -> NoReturn:
    """The end: every reason on a line of standard error, and with `as_json` as one object on standard output."""
    texts = Texts(node.documents)
    language = reader_language(node.documents.folder)
    reasons = [texts.told(language, reason) for reason in refusal.reasons]
    if as_json:
        click.echo(json.dumps({"refused": refusal.category.value, "reasons": reasons}, ensure_ascii=False))
    for reason in reasons:
        click.echo(f"{reason['text']} [{reason['code']}]", err=True)
    sys.exit(1)


def proof() -> tuple[str, str]:
    """The password and one-time code of whoever gives the command: from the settings, else asked on the terminal. Never an argument, which others on the machine read."""
    from baybridge.node.config import read_settings

    settings = read_settings()
    if settings["BAYBRIDGE_PASSWORD"]:
        return settings["BAYBRIDGE_PASSWORD"], settings["BAYBRIDGE_CODE"]
    try:
        password = click.prompt("Password", hide_input=True, err=True)
        return password, settings["BAYBRIDGE_CODE"] or click.prompt("Code (empty without a second factor)", default="", show_default=False, err=True)
    except click.Abort:
        fail("Nobody gave a password; nothing was done. Where there is no terminal set BAYBRIDGE_PASSWORD and BAYBRIDGE_CODE.")
