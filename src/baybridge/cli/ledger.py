"""`verify` and `ledger check`: is a file what a node signed, is a node's whole log what it said it was."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from baybridge.cli.arguments import Thorough

if TYPE_CHECKING:
    from baybridge.base.keys import KeyRing
    from baybridge.base.outcome import Reason
    from baybridge.exchange.evidence.report import VerifyReport
    from baybridge.exchange.evidence.trust import Trust
    from baybridge.language.texts import Texts
    from baybridge.node.config import Config

LANGUAGE = "en"


def fail(sentence: str) -> None:
    """One clear line on standard error, exit 1."""
    click.echo(sentence, err=True)
    sys.exit(1)


@cache
def _texts() -> Texts:
    from baybridge.documents.loader import Documents
    from baybridge.language.texts import Texts

    return Texts(Documents())


def _say(reason: Reason) -> str:
    sentence = _texts().reason(LANGUAGE, reason)
    return f"{sentence} ({reason.where})" if reason.where else sentence


def _refuse(key: str, values: dict[str, str], reasons: Iterable[Reason]) -> None:
    fail(" ".join([_texts().say(LANGUAGE, key, values), *(_say(reason) for reason in reasons)]))


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

    trust = None if trust_file is None else _trust(trust_file)
    report = verify_file(file.read_bytes(), trust, _recomputer())
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


def _recomputer() -> Any:
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
    """Check a node's whole log against its tree, its checkpoints, its events and what neighbours said."""
    from sqlalchemy.exc import DBAPIError

    from baybridge.node.config import ConfigProblem, read_config

    try:
        config = read_config(folder)
        size, problems = _check(config)
    except (ConfigProblem, DBAPIError) as problem:
        unreadable = _texts().say(LANGUAGE, "ledger.command.no_database", {"node": folder.name})
        fail(str(problem) if isinstance(problem, ConfigProblem) else unreadable)
    if as_json:
        found = [{**problem.as_json(), "text": _say(problem)} for problem in problems]
        click.echo(json.dumps({"ok": not problems, "entries": size, "problems": found}, ensure_ascii=False, indent=2))
    elif not problems:
        click.echo(_texts().say(LANGUAGE, "ledger.command.sound", {"entries": size}))
    if problems:
        _refuse("ledger.command.unsound", {"node": folder.name}, problems)


def _check(config: Config) -> tuple[int, list[Reason]]:
    from baybridge.base.keys import KeyRing
    from baybridge.ledger import checking, log
    from baybridge.ledger.checkpoint import origin_of
    from baybridge.node.config import ConfigProblem
    from baybridge.node.storage import Storage

    path = Path(config.database.removeprefix("sqlite:///"))
    if config.database.startswith("sqlite:///") and not path.is_file():
        raise ConfigProblem(f"expected the database {path.name} in the node's folder, found none")
    witnesses = {name: KeyRing.from_jwks(neighbour.signing_keys) for name, neighbour in config.neighbours.items()}
    storage = Storage(config.database)
    try:
        with storage.reading() as connection:
            problems = checking.check(connection, _own_keys(config), witnesses, origin=origin_of(config.site.node))
            return log.size(connection), problems
    finally:
        storage.close()


def _own_keys(config: Config) -> KeyRing:
    """The node's signing key and the ones before it, which stay in the folder under names that begin the same."""
    from baybridge.base.keys import KeyRing, SigningKey

    files = sorted((config.folder / "keys").glob("signing*.pem"))
    texts = [config.signing_key, *(file.read_text(encoding="utf-8") for file in files)]
    return KeyRing.of(*dict.fromkeys(SigningKey.from_text(text).public for text in texts))
