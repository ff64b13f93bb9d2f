"""`statistics`: the methods that the pages use, on anybody's table.

Main job: read the columns that a method asks for, print its answer as JSON or line by line; 1 with every reason where the table cannot be read or no model fits.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.cli.arguments import Thorough

if TYPE_CHECKING:
    from baybridge.statistics.table import Columns, Holds

_JSON = click.option("--json", "as_json", is_flag=True, help="Plain JSON, of a refusal too.")
_FILE = click.argument("file", metavar="FILE.csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_TIME = click.option("--time", default="time", show_default=True, metavar="COLUMN", help="How long each was watched.")
_EVENT = click.option("--event", default="event", show_default=True, metavar="COLUMN", help="1 where the event happened, 0 where somebody left without.")
_CAUSE = click.option("--event", default="event", show_default=True, metavar="COLUMN", help="0 where somebody left without an event, else its cause: 1, 2 …")
_GROUP = click.option("--group", metavar="COLUMN", help="Groups, each with a curve.")
_STRATA = click.option("--group", metavar="COLUMN", help="Strata, each with a baseline of its own.")
_COVARIATES = click.option("--covariate", "covariates", multiple=True, required=True, metavar="COLUMN", help="A number for each row; again for more.")


@click.group()
def statistics() -> None:
    """Survival, competing risks, regression, rates and charts of a table."""


@statistics.command("kaplan-meier", cls=Thorough)
@_FILE
@_TIME
@_EVENT
@_GROUP
@_JSON
def kaplan_meier(file: Path, *, time: str, event: str, group: str | None, as_json: bool) -> None:
    """Survival by group with 95 % limits (log-log), and the log-rank test."""
    from baybridge.statistics.methods import survival_of

    columns = _read(file, {time: "time", event: "event", **_texts(group)}, as_json)
    _say(survival_of(columns, time, event, group), as_json)


@statistics.command("cumulative-incidence", cls=Thorough)
@_FILE
@_TIME
@_CAUSE
@_GROUP
@_JSON
def cumulative_incidence(file: Path, *, time: str, event: str, group: str | None, as_json: bool) -> None:
    """The share with an event of each cause while the others compete with it."""
    from baybridge.statistics.methods import incidence_of

    columns = _read(file, {time: "time", event: "cause", **_texts(group)}, as_json)
    _say(incidence_of(columns, time, event, group), as_json)


@statistics.command("cox", cls=Thorough)
@_FILE
@_TIME
@_EVENT
@_STRATA
@_COVARIATES
@_JSON
def cox(file: Path, *, time: str, event: str, group: str | None, covariates: tuple[str, ...], as_json: bool) -> None:
    """Cox regression, ties by Efron's method."""
    from baybridge.statistics.methods import cox_of

    columns = _read(file, {**_numbers(covariates), time: "time", event: "event", **_texts(group)}, as_json)
    _say(cox_of(columns, time, event, group, covariates), as_json)


@statistics.command("fine-gray", cls=Thorough)
@_FILE
@_TIME
@_CAUSE
@_COVARIATES
@_JSON
def fine_gray(file: Path, *, time: str, event: str, covariates: tuple[str, ...], as_json: bool) -> None:
    """Regression on the cumulative incidence of cause 1, with robust standard errors."""
    from baybridge.statistics.methods import fine_gray_of

    columns = _read(file, {**_numbers(covariates), time: "time", event: "cause"}, as_json)
    _say(fine_gray_of(columns, time, event, covariates), as_json)


@statistics.command("funnel", cls=Thorough)
@_FILE
@_JSON
def funnel(file: Path, *, as_json: bool) -> None:
    """Units by observed over expected (columns unit, observed, expected), with counts between which 95 and 99.8 in 100 like any other lie."""
    from baybridge.statistics.methods import funnel_of

    _say(funnel_of(_read(file, {"unit": "text", "observed": "count", "expected": "positive"}, as_json)), as_json)


@statistics.command("ra-cusum", cls=Thorough)
@_FILE
@click.option("--odds", type=click.FloatRange(0, 1000, min_open=True), required=True, help="The change of the odds that is looked for: 2 for twice.")
@click.option("--arl", type=click.FloatRange(2, 1_000_000), required=True, help="Patients on average until a false signal.")
@_JSON
def ra_cusum(file: Path, *, odds: float, arl: float, as_json: bool) -> None:
    """The risk-adjusted CUSUM (columns p, y) with the limit that gives such a run."""
    from baybridge.statistics.methods import cusum_of

    if odds == 1 or not math.isfinite(odds) or not math.isfinite(arl):
        raise click.UsageError("--odds, --arl: expected numbers, and odds other than 1, which are no change")
    _say(cusum_of(_read(file, {"p": "risk", "y": "event"}, as_json), odds, arl), as_json)


@statistics.command("ewma", cls=Thorough)
@_FILE
@click.option("--lambda", "share", type=click.FloatRange(0, 1, min_open=True), default=0.2, show_default=True, help="What the newest value counts.")
@click.option("--start", type=float, required=True, help="The average before the first value.")
@_JSON
def ewma(file: Path, *, share: float, start: float, as_json: bool) -> None:
    """The exponentially weighted average (column y)."""
    from baybridge.statistics.methods import ewma_of

    if not math.isfinite(start):
        raise click.UsageError(f"--start: expected a number, found {start}")
    _say(ewma_of(_read(file, {"y": "number"}, as_json), share, start), as_json)


@statistics.command("wilson", cls=Thorough)
@click.argument("k", type=click.IntRange(min=0))
@click.argument("n", type=click.IntRange(min=1))
@_JSON
def wilson(k: int, n: int, *, as_json: bool) -> None:
    """The 95 % interval of a share of K in N."""
    from baybridge.statistics import rates

    _say(asdict(rates.wilson(k, n)) if k <= n else refuse(Reason("statistics.share", {"k": k, "n": n}, where="k"), category=Category.INVALID), as_json)


@statistics.command("poisson", cls=Thorough)
@click.argument("k", type=click.IntRange(0, 1_000_000_000))
@_JSON
def poisson(k: int, *, as_json: bool) -> None:
    """The exact 95 % interval of the mean of a count K."""
    from baybridge.statistics import rates

    _say(asdict(rates.poisson(k)), as_json)


def _texts(group: str | None) -> Mapping[str, Holds]:
    return {group: "text"} if group else {}


def _numbers(covariates: tuple[str, ...]) -> Mapping[str, Holds]:
    return dict.fromkeys(covariates, "number")


def _read(file: Path, wanted: Mapping[str, Holds], as_json: bool) -> Columns:  # noqa: FBT001 - how it is told
    from baybridge.statistics import table

    found = table.read(file.read_bytes(), wanted)
    if isinstance(found, Refusal):
        _refuse(found, as_json)
    return found


def _say(answer: dict[str, object] | Refusal, as_json: bool) -> None:  # noqa: FBT001 - how it is told
    if isinstance(answer, Refusal):
        _refuse(answer, as_json)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, allow_nan=False))
        return
    _lines(answer, click.echo)


def _lines(answer: object, write: Callable[[str], None], path: str = "") -> None:
    """Every number behind its place."""
    if isinstance(answer, dict):
        for name, part in answer.items():
            _lines(part, write, f"{path} {name}".strip())
    elif isinstance(answer, list | tuple) and any(isinstance(part, dict) for part in answer):
        for part in answer:
            _lines(part, write, path)
    else:
        write(f"{path}: {' '.join(map(_shown, answer)) if isinstance(answer, list | tuple) else _shown(answer)}")


def _shown(value: object) -> str:
    return "–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _refuse(refusal: Refusal, as_json: bool) -> NoReturn:  # noqa: FBT001 - how it is told
    from baybridge.cli.policy_source import documents_of
    from baybridge.cli.reader import reader_language
    from baybridge.language.texts import Texts

    documents = documents_of(None)
    told = [Texts(documents).told(reader_language(documents.folder), reason) for reason in refusal.reasons]
    if as_json:
        click.echo(json.dumps({"refused": refusal.category.value, "reasons": told}, ensure_ascii=False))
    for one in told:
        click.echo(f"{one['text']} [{one['code']}]", err=True)
    sys.exit(1)
