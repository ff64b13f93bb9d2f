"""`policy run` and `policy compare`: a policy over a table of facts, one row a subject.

Main job: read the arguments, show a bar on standard error and the counts on the screen. Thin: nothing is decided here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.base.time import CHINA, parse_instant_or_day
from baybridge.cli.arguments import MOMENT, Thorough
from baybridge.cli.failing import fail
from baybridge.cli.policy_source import documents_of, policy_of, spoken
from baybridge.cli.policy_words import LANGUAGE
from baybridge.cli.progress import progress

if TYPE_CHECKING:
    from baybridge.policy.document.shapes import Policy
    from baybridge.rulebook.effect import Changes

_PATH = click.Path(path_type=Path, exists=True)
_OUT = click.Path(path_type=Path, dir_okay=False)


class _Table(click.ParamType[Path | str]):
    """A path, or an address such as `hdfs://…` that only a cluster reads."""

    name = "TABLE"

    def __init__(self, path: click.Path) -> None:
        self._path = path

    def convert(self, value: Path | str, param: click.Parameter | None, ctx: click.Context | None) -> Path | str:
        """The path, or the address as it is."""
        if isinstance(value, str) and "://" in value:
            return value
        return Path(str(self._path.convert(value, param, ctx)))
_SHOWN = 20


@click.command("run", cls=Thorough)
@click.argument("policy_id", metavar="POLICY")
@click.option(
    "--facts",
    "facts",
    type=_Table(click.Path(path_type=Path, exists=True)),
    required=True,
    help="Parquet table: one row a subject, columns named as the facts; for Spark also a folder or an address.",
)
@click.option("--engine", type=click.Choice(["polars", "spark"]), default="polars", show_default=True)
@click.option("--master", default="local[*]", show_default=True, help="Address of the cluster, for --engine spark.")
@click.option(
    "--out",
    type=_Table(click.Path(path_type=Path)),
    help="Where outcome, values and the truth of every criterion are written: a Parquet file, by Spark a folder of them.",
)
@click.option("--at", type=MOMENT, help="The version of that time or date; without it the newest.")
@click.option("--node", "node_dir", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Node folder.")
@LANGUAGE
@click.option("--json", "as_json", is_flag=True, help="Plain JSON.")
def run_policy(
    policy_id: str,
    facts: Path | str,
    engine: str,
    master: str,
    out: Path | str | None,
    at: str | None,
    node_dir: Path | None,
    language: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Decide every row of a table by a policy (an id or a file)."""
    from baybridge.policy.engines.population import TableProblem
    from baybridge.rulebook.tables import TableUnreadableError, absent, run

    moment = None if at is None else parse_instant_or_day(at)
    found, on = policy_of(documents_of(node_dir), policy_id, moment), None if moment is None else moment.astimezone(CHINA).date()
    try:
        if engine == "spark":
            from baybridge.rulebook.tables_spark import run as run_on_spark

            counts = run_on_spark(found, facts, out, master, on, bar=sys.stderr.isatty())
        elif isinstance(facts, str) or isinstance(out, str):
            raise click.UsageError("--facts and --out are addresses only with --engine spark; expected paths")
        else:
            with progress(facts.name) as told:
                counts = run(found, facts, out, told, on)
    except (TableProblem, TableUnreadableError) as problem:
        fail(str(problem))
    if isinstance(facts, Path) and engine == "polars":
        _say_absent(facts.name, absent(found, facts))
    rows = sum(counts.values())
    if as_json:
        click.echo(_dump({"policy": found.id, "version": found.version, "policy_sha256": found.sha256, "rows": rows, "outcomes": counts}))
        return
    words = _words(node_dir, language)
    for outcome, number in counts.items():
        click.echo(f"{outcome:24} {number:>14,} {number / rows:>7.1%}  {words(outcome)}".rstrip())
    click.echo(f"{'rows':24} {rows:>14,}")


@click.command("compare", cls=Thorough)
@click.argument("old")
@click.argument("new")
@click.option("--facts", "facts", type=_PATH, required=True, help="Parquet table, or a folder of them: one row a subject, columns named as the facts.")
@click.option("--node", "node_dir", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Node folder.")
@click.option("--out", type=_OUT, help="Parquet file for every subject that changes: old and new outcome, and why.")
@LANGUAGE
@click.option("--json", "as_json", is_flag=True, help="Plain JSON, with the first thousand subjects.")
def compare_policies(
    old: str,
    new: str,
    facts: Path,
    node_dir: Path | None,
    out: Path | None,
    language: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Who changes outcome between two policies (ids or files), and because of which criterion."""
    from baybridge.policy.engines.population import TableProblem
    from baybridge.rulebook.tables import TableUnreadableError, absent, compare

    first, second = (policy_of(documents_of(node_dir), name) for name in (old, new))
    try:
        with progress(facts.name) as told:
            changes = compare(first, second, facts, told, out)
        _say_absent(facts.name, absent(first, facts) | absent(second, facts))
    except (TableProblem, TableUnreadableError) as problem:
        fail(str(problem))
    if as_json:
        click.echo(_dump(_as_json(first, second, changes)))
    else:
        _print(changes)
        if language:
            _explain(second, changes, node_dir, language)


def _say_absent(table: str, missing: dict[str, str]) -> None:
    """A line about facts that count as unknown in every row, on standard error: a misspelled column is seen at once."""
    if missing:
        names = ", ".join(f"{name} (did you mean column {close}?)" if close else name for name, close in missing.items())
        click.echo(f"{table}: no column for {names}; unknown in every row", err=True)


def _words(node_dir: Path | None, language: str | None) -> Callable[[str], str]:
    """The words of an outcome where a language was asked for; nothing otherwise."""
    if language is None:
        return lambda _: ""

    return spoken(documents_of(node_dir), language).outcome


def _explain(new: Policy, changes: Changes, node_dir: Path | None, language: str) -> None:
    """The outcomes and criteria of the table in words."""
    from baybridge.rulebook.wording import Wording

    saying = spoken(documents_of(node_dir), language)
    outcomes = dict.fromkeys(name for before, after, _ in changes.because for name in (before, after))
    named = {rule: None for *_, reasons in changes.because for rule in reasons}
    for outcome in outcomes:
        click.echo(f"{outcome}: {saying.outcome(outcome)}")
    wording = Wording(new, saying)
    for rule in new.body.rules:
        if rule.id in named:
            click.echo(f"{rule.id}: {wording.words(rule.expression)}")


def _as_json(old: Policy, new: Policy, changes: Changes) -> dict[str, object]:
    names = {"old": old, "new": new}
    policies = {key: {"policy": one.id, "version": one.version, "policy_sha256": one.sha256} for key, one in names.items()}
    because = [
        {"old": before, "new": after, "because": list(reasons), "rows": number}
        for (before, after, reasons), number in changes.most_first()
    ]
    return {**policies, "rows": changes.rows, "changed": changes.changed, "changes": because, "subjects": changes.subjects}


def _print(changes: Changes) -> None:
    click.echo(f"{changes.changed:,} of {changes.rows:,} rows change outcome")
    for (before, after, reasons), number in changes.most_first():
        click.echo(f"{before:20} -> {after:20} {number:>12,}  {', '.join(reasons)}")
    for change in changes.subjects[:_SHOWN]:
        click.echo(f"  {change['subject']}: {change['old']} -> {change['new']}: {', '.join(change['because'])}")
    if changes.changed > _SHOWN:
        click.echo(f"  and {changes.changed - _SHOWN:,} more; --out writes all of them")


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
