"""`fund reproduce`: kept quotes and settlements computed again from the inputs written in them.

Main job: `reproduce_quotes` says of each quote whether it is identical, every place that differs, and which plan documents changed since.

**Source**: each quote can be reproduced later from its inputs. Exit 1 where one is not identical.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Refusal
from baybridge.cli.failing import fail
from baybridge.cli.saying import parsed_file, refuse_file
from baybridge.documents.loader import Documents
from baybridge.documents.quote import DOCUMENT
from baybridge.funding.outcome import settlement
from baybridge.funding.quote.reproducing import Reproduced, reproduce
from baybridge.language.texts import Texts
from baybridge.node import kept_decisions
from baybridge.node.config import ConfigProblem, read_config
from baybridge.node.storage import Storage

Kept = tuple[str, str | None, object]  # what it is called, the SHA-256 under which it is kept, the document


def reproduce_quotes(documents: Documents, texts: Texts, named: tuple[str, ...], language: str, *, json_wanted: bool) -> None:
    """Compute each quote again; exit 1 where one is not identical."""
    if not named:
        raise click.UsageError("name a quote document or a node folder")
    kept = [one for name in named for one in _kept(name, texts, language)]
    answers = [(name, sha256, document, _again(name, document, documents, texts, language)) for name, sha256, document in kept]
    wrong = [name for name, sha256, document, again in answers if not again.identical or _other(sha256, document)]
    if json_wanted:
        printed = [_as_json(name, sha256, document, again) for name, sha256, document, again in answers]
        click.echo(json.dumps(printed, ensure_ascii=False, indent=2))
    else:
        for answer in answers:
            for key, values in _told(*answer):
                indent = "" if key in ("funding.reproduce.identical", "funding.reproduce.differs", "funding.reproduce.sha_differs") else "    "
                click.echo(indent + texts.say(language, key, values))
    if wrong:
        fail(texts.say(language, "funding.reproduce.failed", {"count": len(wrong), "quotes": len(answers)}), printed=True)


def _kept(name: str, texts: Texts, language: str) -> Iterator[Kept]:
    if not Path(name).is_dir():
        yield Path(name).name, None, parsed_file(name, texts, language)
        return
    try:
        config = read_config(Path(name))
        storage = Storage(config.database)
        storage.require(config.folder)
    except ConfigProblem as problem:
        fail(str(problem))
    found = list(_of_node(storage))
    if not found:
        fail(texts.say(language, "funding.reproduce.none", {"folder": name}))
    yield from found


def _of_node(storage: Storage) -> Iterator[Kept]:
    with storage.reading() as connection:
        found = kept_decisions.of_kinds(connection, (DOCUMENT, settlement.DOCUMENT))
    storage.close()
    for sha256, document in found.items():
        yield sha256[:16], sha256, document


def _again(name: str, document: object, documents: Documents, texts: Texts, language: str) -> Reproduced:
    again = reproduce(document if isinstance(document, Mapping) else {}, documents.typed.plans)
    if isinstance(again, Refusal):
        refuse_file(name, again.reasons, texts, language)
    return again


def _other(sha256: str | None, document: object) -> bool:
    return sha256 is not None and sha256_hex(canonical_bytes(document)) != sha256


def _told(name: str, sha256: str | None, document: object, again: Reproduced) -> Iterator[tuple[str, dict[str, object]]]:
    if _other(sha256, document):
        yield "funding.reproduce.sha_differs", {"quote": name}
    if again.identical:
        yield "funding.reproduce.identical", {"quote": name}
    else:
        yield "funding.reproduce.differs", {"quote": name, "count": len(again.differences)}
    for one in again.differences:
        yield "funding.reproduce.difference", {"where": one.where, "kept": one.kept, "now": one.now}
    for changed in again.changed:
        key = "funding.reproduce.plan_gone" if changed.after is None else "funding.reproduce.plan_changed"
        yield key, {"plan": changed.plan, "before": changed.before, "after": changed.after or "–"}


def _as_json(name: str, sha256: str | None, document: object, again: Reproduced) -> dict[str, object]:
    return {
        "quote": name,
        "sha256": sha256_hex(canonical_bytes(document)),
        "identical": again.identical and not _other(sha256, document),
        "differences": [{"where": one.where, "kept": one.kept, "now": one.now} for one in again.differences],
        "plans_changed": [{"plan": one.plan, "before": one.before, "after": one.after} for one in again.changed],
    }
