"""`verify` and `ledger check`: is a file what a node signed, is a node's whole log what it said it was."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail
from baybridge.cli.reader import reader_language

if TYPE_CHECKING:
    from baybridge.base.outcome import Reason
    from baybridge.exchange.evidence.case import Recompute
    from baybridge.exchange.evidence.report import VerifyReport
    from baybridge.exchange.evidence.trust import Trust
    from baybridge.language.texts import Texts
    from baybridge.node.integrity.check import Checked

def _language() -> str:
    from baybridge.documents.loader import Documents

    return reader_language(Documents().folder)


@cache
def _texts() -> Texts:
    from baybridge.documents.loader import Documents
    from baybridge.language.texts import Texts

    return Texts(Documents())


def _say(reason: Reason) -> str:
    sentence = _texts().reason(_language(), reason)
    return f"{sentence} ({reason.where})" if reason.where else sentence


def _refuse(key: str, values: dict[str, str], reasons: Iterable[Reason]) -> None:
    fail(" ".join([_texts().say(_language(), key, values), *(_say(reason) for reason in reasons)]), printed=True)


# --- verify ---------------------------------------------------------------------------------------------------------


@click.command(cls=Thorough)
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--trust", "trust_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Trust file or node card.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def verify(file: Path, trust_file: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Check a signed decision, card, receipt, evidence pack or checkpoint, offline.

    With --trust the result rests on the keys of nodes that you know; without it only on keys that the file itself names.
    """
    from baybridge.exchange.evidence.verify import verify_file
    from baybridge.node.clock import now

    trust = None if trust_file is None else _trust(trust_file)
    report = verify_file(file.read_bytes(), trust, _recomputer(), now())
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
    elif report.ok:
        _print(report)
    if not report.ok:
        _refuse("ledger.command.refused", {"file": file.name}, report.problems)


def _print(report: VerifyReport) -> None:
    for check in report.checks:
        click.echo(f"  ok  {_say(check.detail)}")
    click.echo(_say(report.trust))


def _recomputer() -> Recompute:
    from baybridge.documents.loader import Documents
    from baybridge.exchange.evidence.recompute import recomputer
    from baybridge.rulebook.library import fact_types

    return recomputer(fact_types(Documents()))


def _trust(file: Path) -> Trust | None:
    import yaml

    from baybridge.exchange.evidence.trust import read_trust

    try:
        return read_trust(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError, yaml.YAMLError) as problem:
        sentence = str(problem) if isinstance(problem, ValueError) else "expected JSON or YAML"
        fail(f"{file.name}: {sentence}")
        return None


# --- ledger ---------------------------------------------------------------------------------------------------------


@click.group()
def ledger() -> None:
    """A node's append-only log."""


@ledger.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def check(folder: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Check a node's whole log, and against it every event, resource version, decision, receipt and account; read-only."""
    from baybridge.node.config import ConfigProblem, read_config
    from baybridge.node.integrity.check import UnreadableDatabaseError, check_stored, summary

    try:
        found = check_stored(read_config(folder))
    except (ConfigProblem, UnreadableDatabaseError) as problem:
        unreadable = _texts().say(_language(), "ledger.command.no_database", {"node": folder.name})
        fail(str(problem) if isinstance(problem, ConfigProblem) else unreadable)
    if as_json:
        click.echo(json.dumps(summary(found, _say), ensure_ascii=False, indent=2))
    elif not found.findings:
        for key, values in _sound(found):
            click.echo(_texts().say(_language(), key, values))
    if found.findings:
        _refuse("ledger.command.unsound", {"node": folder.name}, [one.reason for one in found.findings])


@ledger.command(cls=Thorough)
@click.argument("request", metavar="ID")
@click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the entries as JSON.")
def request(request: str, folder: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Which entries of the log a request wrote, by the id that its answer (X-Request-Id), a line of the log of `serve` or an error page names; 1 where none."""
    from baybridge.cli.records import open_or_fail
    from baybridge.node import asking

    node = open_or_fail(folder)
    with node.storage.reading() as connection:
        found = [(one.position, one.entry) for one in asking.entries(connection, request)]
    node.storage.close()
    if as_json:
        rows = [{"position": at, "kind": one.kind, "what": one.what, "at": one.at.isoformat(), "actor": one.actor, "role": one.role} for at, one in found]
        click.echo(json.dumps(rows, ensure_ascii=False))
    elif found:
        for at, one in found:
            click.echo(f"{at:>7}  {one.at.isoformat(timespec='seconds')}  {one.kind}  {one.what}  {one.actor}")
    else:
        click.echo(_texts().say(_language(), "ledger.command.no_entries_of_request"), err=True)
    sys.exit(0 if found else 1)


def _sound(found: Checked) -> Iterator[tuple[str, dict[str, str | int]]]:
    """What is said of a sound log: what was hashed again, and from when on everything is covered."""
    yield "ledger.command.sound", {"entries": found.entries, **found.checked}
    if found.coverage is None:
        yield "ledger.command.not_covered", {"count": found.not_covered}
    elif found.coverage.first_logged:
        yield "ledger.command.covered_since", {"count": found.coverage.first_logged, "at": found.coverage.at.date().isoformat()}
