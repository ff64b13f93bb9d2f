"""`breach` and `processing`: the register of breaches of personal data with its clocks, and the record of what this node does with data.

Main job: `baybridge breach open | persons | told | not-needed | note | close | reopen | list`, and `baybridge processing`. Whoever enters something proves who it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from baybridge.base.outcome import Refusal
from baybridge.base.time import parse_instant, parse_instant_or_day
from baybridge.cli.arguments import MOMENT, Thorough
from baybridge.cli.failing import fail
from baybridge.cli.records import open_or_fail
from baybridge.cli.saying import proof, say_refusal

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.people.breaches import Breach, Entry

_KINDS = ("confidentiality", "integrity", "availability")
_NODE = click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True)
_ACCOUNT = click.option("--account", required=True, help="Who enters it; password and code are asked, or stand in BAYBRIDGE_PASSWORD and BAYBRIDGE_CODE.")
_BREACH = click.argument("breach_id", metavar="BREACH")
_PATIENTS = click.option("--patient", "patients", multiple=True, help="Whose data; several times.")
_ALL = click.option("--all-known", "complete", is_flag=True, help="Nobody else's data is concerned.")
_RULE = click.option("--rule", required=True, help="Who was told, or need not be: an id of `baybridge breach list`.")


@click.group()
def breach() -> None:
    """The register of breaches of personal data: what happened, whose data, who is told by when."""


@breach.command("open", cls=Thorough)
@_NODE
@_ACCOUNT
@click.option("--what", required=True, help="What happened, in words.")
@click.option("--kind", required=True, type=click.Choice(_KINDS))
@click.option("--known-at", required=True, type=MOMENT, help="When this site knew; every clock runs from then. A date is the start of that day at the site.")
@click.option("--happened-at", type=MOMENT)
@_PATIENTS
@_ALL
@_JSON
def open_(
    folder: Path, account: str, what: str, kind: str, known_at: str, happened_at: str | None, patients: tuple[str, ...], complete: bool, as_json: bool  # noqa: FBT001
) -> None:
    """Enter a breach that was found."""
    from baybridge.node.people.breaches import Kind, Open

    chosen: Kind = next(one for one in get_args(Kind) if one == kind)
    node = open_or_fail(folder)
    known = parse_instant_or_day(known_at, node.site.zone)
    happened = parse_instant_or_day(happened_at, node.site.zone) if happened_at else None
    entry = Open(what=what.strip(), kind=chosen, known_at=known, happened_at=happened, patients=_ids(patients), complete=complete)
    _enter(node, account, entry, "", as_json=as_json)


@breach.command(cls=Thorough)
@_BREACH
@_NODE
@_ACCOUNT
@_PATIENTS
@_ALL
@_JSON
def persons(breach_id: str, folder: Path, account: str, patients: tuple[str, ...], complete: bool, as_json: bool) -> None:  # noqa: FBT001
    """Name more persons whose data is concerned, and whether these are all."""
    from baybridge.node.people.breaches import Persons

    _enter(open_or_fail(folder), account, Persons(patients=_ids(patients), complete=complete), breach_id, as_json=as_json)


@breach.command(cls=Thorough)
@_BREACH
@_NODE
@_ACCOUNT
@_RULE
@click.option("--at", "told_at", required=True, type=MOMENT, metavar="TIME", help="A time, not a date alone: a date does not say whether it was in time.")
@click.option("--reference", required=True, help="Of the letter, form or case number.")
@_PATIENTS
@_JSON
def told(breach_id: str, folder: Path, account: str, rule: str, told_at: str, reference: str, patients: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001
    """Enter that somebody was told; persons by name where some alone were told."""
    from baybridge.node.people.breaches import Told

    entry = Told(rule=rule, told_at=_moment(told_at), reference=reference.strip(), patients=_ids(patients))
    _enter(open_or_fail(folder), account, entry, breach_id, as_json=as_json)


@breach.command("not-needed", cls=Thorough)
@_BREACH
@_NODE
@_ACCOUNT
@_RULE
@click.option("--because", required=True)
@_JSON
def not_needed(breach_id: str, folder: Path, account: str, rule: str, because: str, as_json: bool) -> None:  # noqa: FBT001
    """Enter why somebody need not be told."""
    from baybridge.node.people.breaches import NotNeeded

    _enter(open_or_fail(folder), account, NotNeeded(rule=rule, because=because.strip()), breach_id, as_json=as_json)


@breach.command(cls=Thorough)
@_BREACH
@_NODE
@_ACCOUNT
@click.option("--text", required=True)
@_JSON
def note(breach_id: str, folder: Path, account: str, text: str, as_json: bool) -> None:  # noqa: FBT001
    """Enter something that was found out or done."""
    from baybridge.node.people.breaches import Note

    _enter(open_or_fail(folder), account, Note(text=text.strip()), breach_id, as_json=as_json)


@breach.command(cls=Thorough)
@_BREACH
@_NODE
@_ACCOUNT
@click.option("--because", required=True, help="What was done and learnt.")
@_JSON
def close(breach_id: str, folder: Path, account: str, because: str, as_json: bool) -> None:  # noqa: FBT001
    """Close a breach; refused while somebody has still to be told."""
    from baybridge.node.people.breaches import Close

    _enter(open_or_fail(folder), account, Close(because=because.strip()), breach_id, as_json=as_json)


@breach.command(cls=Thorough)
@_BREACH
@_NODE
@_ACCOUNT
@click.option("--because", required=True)
@_JSON
def reopen(breach_id: str, folder: Path, account: str, because: str, as_json: bool) -> None:  # noqa: FBT001
    """Open a breach again that was closed too early."""
    from baybridge.node.people.breaches import Reopen

    _enter(open_or_fail(folder), account, Reopen(because=because.strip()), breach_id, as_json=as_json)


@breach.command("list", cls=Thorough)
@_NODE
@click.option("--open", "only_open", is_flag=True, help="Only those that are not closed.")
@_JSON
def list_(folder: Path, only_open: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes flags
    """Every breach with its clocks; ends with 1 where somebody should have been told by now."""
    from baybridge.node.people import breaches

    node = open_or_fail(folder)
    with node.storage.reading() as connection:
        found = [one for one in breaches.register(node, connection) if not (only_open and one.closed)]
    _print(found, as_json=as_json, many=True)
    if any(one.late for one in found):
        raise SystemExit(1)


def _enter(node: Node, account: str, entry: Entry, breach_id: str, *, as_json: bool) -> None:
    from baybridge.node.neighbours import witnessing
    from baybridge.node.people import breach_changes, proving

    actor = proving.prove(node, account, *proof(), via="shell")
    if isinstance(actor, Refusal):
        say_refusal(node, actor, as_json=as_json)
    done = breach_changes.change(node, actor.acting(breach_changes.MAY), entry, breach_id)
    if isinstance(done, Refusal):
        say_refusal(node, done, as_json=as_json)
    witnessing.sign_checkpoint(node)
    _print([done], as_json=as_json)


def _moment(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError:
        fail("--at: give a time with its offset, such as 2026-03-02T09:00+08:00.")


def _ids(patients: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.removeprefix("Patient/") for one in patients))


def _print(found: Sequence[Breach], *, as_json: bool, many: bool = False) -> None:
    if as_json:
        plain = [one.as_json() for one in found]
        click.echo(json.dumps(plain if many else plain[0], ensure_ascii=False))
        return
    for one in found:
        said = one.as_json()
        click.echo(f"{said['breach']}  {said['state']}  known {said['known_at']}  persons {len(one.patients)}{'' if one.complete else ' or more'}")
        for clock in one.clocks:
            click.echo(f"  {clock.rule.id:<14}  {clock.state:<10}  due {clock.due_at.isoformat()}  {'' if clock.rule.confidence == 'high' else 'unverified'}")


@click.command(cls=Thorough)
@_NODE
@click.option("--language", default="en", show_default=True, help="Of the page to print.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A page to print, instead of text.")
@_JSON
def processing(folder: Path, language: str, out: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click passes flags
    """The record of processing: what this node does with personal data, from what it really holds, sends and keeps."""
    from baybridge.node.people import processing as record

    node: Node = open_or_fail(folder)
    if language not in node.languages:
        fail(f"Languages are {', '.join(node.languages)}.")
    made = record.record_of(node)
    if out is not None:
        try:
            out.write_text(record.page(node, made, language), encoding="utf-8")
        except OSError:
            fail("The file cannot be written.")
    if as_json:
        click.echo(json.dumps(made.as_json(), ensure_ascii=False))
    elif out is None:
        click.echo(record.text(node, made, language))
