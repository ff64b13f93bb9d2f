"""`facts`: what is known of a patient, where it came from, and what could not be read."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.cli.arguments import MOMENT, Thorough
from baybridge.cli.policy_words import LANGUAGE
from baybridge.cli.reader import reader_language

if TYPE_CHECKING:
    from baybridge.facts.factset import FactSet, ReadFact
    from baybridge.language.figures import Figures


@click.command(cls=Thorough)
@click.argument("patient")
@click.option("--node", "node_dir", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="Node folder.")
@click.option("--at", type=MOMENT, help="Time with offset, or date (start of that day); now without it.")
@LANGUAGE
@click.option("--json", "as_json", is_flag=True, help="Plain JSON.")
def facts(patient: str, node_dir: Path, at: str | None, language: str | None, *, as_json: bool) -> None:
    """What is known of a patient as of a moment: each fact with value, unit, date and source; what is odd; what nothing reads."""
    from baybridge.node.config import ConfigProblem
    from baybridge.node.reading import facts_for_patient

    try:
        found = facts_for_patient(node_dir, patient, at)
    except (ConfigProblem, LookupError, ValueError) as problem:
        click.echo(str(problem), err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(found.as_json(), ensure_ascii=False, allow_nan=False))
    else:
        _print(found, node_dir, language)


def _shown(reading: ReadFact, figures: Figures) -> str:
    """The value with its unit; what was written where there is no exact value."""
    if reading.value is None:
        return figures.reported(reading.original)
    if isinstance(reading.value, bool):
        return str(reading.value).lower()
    return figures.quantity(reading.value, reading.unit) if isinstance(reading.value, int | float) else str(reading.value)


def _print(found: FactSet, node_dir: Path, language: str | None) -> None:
    from baybridge.cli.policy_source import documents_of
    from baybridge.language.texts import Texts

    documents = documents_of(node_dir)
    labels = {name: entry.labels.get(language, name) for name in found.facts if language and (entry := documents.typed.fact(name)) is not None}
    texts = Texts(documents)
    words = language or reader_language(documents.folder)
    figures = texts.figures(words)

    def say(key: str, values: Mapping[str, object] | None = None) -> str:
        return texts.say(words, key, values)

    click.echo(say("facts.page.as_of", {"at": found.at.isoformat()}))
    width = max((len(name) for name in found.facts), default=0)
    for reading in found.facts.values():
        day = reading.at.isoformat(timespec="minutes") if reading.at else "-"
        status = "" if reading.status.value == "used" else f"  [{say(f'facts.status.{reading.status.value}')}]"
        label = f"  {labels[reading.name]}" if reading.name in labels else ""
        click.echo(f"{reading.name:{width}}  {_shown(reading, figures):24} {day:23} {reading.source or '-'}{status}{label}")
    for reading in found.set_aside:
        click.echo(
            f"{say('facts.page.set_aside')}: {reading.name} {figures.reported(reading.original)} {reading.source} [{say(reading.note)}]"
        )
    for odd in found.odd:
        click.echo(f"{say('facts.page.odd')}: {odd.resource} {odd.path}: {say(odd.code, dict(odd.values))}")
    for unread in found.unread:
        named = f"{unread.system}|{unread.code}" if unread.code else "-"
        click.echo(f"{say('facts.page.unread')}: {unread.kind} {named} {unread.text} ({unread.count})")
