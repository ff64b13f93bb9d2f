"""`simulate`: what plans and agreements would do, over a table of patients or thousands of draws.

Main job: read the table and the documents, print JSON or a readable table.

**Source**: design 9. Exit codes as there. Amounts in a table are whole minor units; a column of decimals is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from baybridge.base.money import format_minor
from baybridge.base.outcome import Reason, Refusal
from baybridge.cli.arguments import LanguageCode, Thorough
from baybridge.cli.failing import fail
from baybridge.cli.funding import DEFAULT_SCALE, scale_named
from baybridge.cli.saying import parsed_file, refuse_file
from baybridge.documents.loader import Documents, read_document
from baybridge.documents.plan import PlanDocument, is_money
from baybridge.documents.problems import DocumentProblem
from baybridge.funding.plans.plans import Exchange
from baybridge.funding.quote.case import read_written_cases
from baybridge.language.texts import FALLBACK, Texts
from baybridge.simulation.changes import Change, read_change

if TYPE_CHECKING:
    from baybridge.simulation.policy_lab import Table
    from baybridge.simulation.years import Year

_LANGUAGE = click.option("--language", type=LanguageCode(), default=FALLBACK, show_default=True)
_JSON = click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")


@click.group()
def simulate() -> None:
    """What would happen if: plans over a population, an agreement over its outcomes."""


@simulate.command("funding", cls=Thorough)
@click.option("--population", "table_file", required=True, metavar="TABLE.parquet", help="One row a patient; amounts in whole minor units.")
@click.option("--plan", "plan_files", multiple=True, required=True, metavar="FILE|ID", help="A plan document, or the id of one of ours; again for more.")
@click.option("--change", "change_texts", multiple=True, metavar="CHANGE", help="PLAN.field=value, +FILE to add a plan, -PLAN to take one away.")
@click.option("--on", "event_on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Day of the bills where the table has no event_on.")
@click.option("--threshold", type=click.IntRange(1, 1000), default=40, show_default=True, help="Percent of household income that is too much.")
@click.option("--year", "years", multiple=True, metavar="YEAR=PATIENTS", help="Budget of a year: 2027=120, or 2027=30000*12% of eligible; again for more.")
@click.option("--members", "member_texts", multiple=True, metavar="PLAN=NUMBER", help="Members of a plan, for its cost a member; again for more.")
@click.option("--currency", help="Currency of the table; the first plan's without it.")
@click.option("--exchange", "rate_texts", multiple=True, metavar="CUR=RATE,DATE,SOURCE", help="Units of CUR for one of the table's; again for more.")
@click.option("--picture", "picture_file", metavar="FILE.svg", help="Write the picture of affordability.")
@click.option("--cost-picture", "cost_picture_file", metavar="FILE.svg", help="Write the picture of what each fund pays.")
@_LANGUAGE
@_JSON
def funding(
    table_file: str,
    plan_files: tuple[str, ...],
    change_texts: tuple[str, ...],
    event_on: datetime,
    threshold: int,
    years: tuple[str, ...],
    member_texts: tuple[str, ...],
    currency: str | None,
    rate_texts: tuple[str, ...],
    picture_file: str | None,
    cost_picture_file: str | None,
    language: str,
    *,
    json_wanted: bool,
) -> None:
    """Affordability, fund cost and distribution by region and income, before and after changes of plans."""
    from baybridge.simulation import lab_report, policy_lab

    documents = Documents()
    texts = Texts(documents)
    plans = [_document(documents, name, texts, language) for name in plan_files]
    changes = _changes(documents, change_texts, texts, language)
    scales = documents.typed.scales
    table = _table(table_file, texts, language)
    counted = _years(years, texts, language)
    day: date = event_on.date()
    rates, members = _rates(rate_texts, texts, language), _members(member_texts, texts, language)
    found = policy_lab.simulate(
        plans, changes, table, scales, event_on=day, threshold_percent=threshold, currency=currency, exchange=rates, members=members
    )
    if isinstance(found, Refusal):
        refuse_file(table_file, found.reasons, texts, language)

    def say(key: str, values: Mapping[str, object]) -> str:
        return texts.say(language, key, values)

    if picture_file is not None:
        Path(picture_file).write_text(lab_report.picture(found, say), encoding="utf-8")
    if cost_picture_file is not None:
        titles = {str(plan["id"]): _title(plan, language) for plan in plans}
        drawn = lab_report.cost_picture(found, say, lambda name: titles.get(name, name), lambda minor: f"{format_minor(minor)} {found.currency}")
        Path(cost_picture_file).write_text(drawn, encoding="utf-8")
    if json_wanted:
        click.echo(json.dumps(lab_report.simulated_json(found, counted), ensure_ascii=False, indent=2))
        return
    _tell(lab_report.simulated_sentences(found, counted), texts, language)


@simulate.command("agreement", cls=Thorough)
@click.argument("case_file", metavar="CASE.json")
@click.option("--rates", "rates_id", required=True, metavar="ID", help="Published outcome rates, one of plans/rates.")
@click.option("--patients", type=click.IntRange(1, 1_000_000), default=100, show_default=True)
@click.option("--draws", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--scale", "scale_id", default=DEFAULT_SCALE, show_default=True)
@_LANGUAGE
@_JSON
def agreement(
    case_file: str, rates_id: str, patients: int, draws: int, seed: int, scale_id: str, language: str, *, json_wanted: bool
) -> None:
    """Commitments, expected refunds and reserves of a case's outcome agreement over so many patients."""
    from baybridge.simulation import outlook

    documents = Documents()
    texts = Texts(documents)
    data = parsed_file(case_file, texts, language)
    cases = read_written_cases(data, scale_named(documents, texts, scale_id, language))
    if isinstance(cases, Refusal):
        refuse_file(case_file, cases.reasons, texts, language)
    rates = outlook.rates_of(documents.typed.plans_in("rates").get(rates_id), rates_id)
    if isinstance(rates, Refusal):
        refuse_file(rates_id, rates.reasons, texts, language)
    found = outlook.outlook([outlook.Group(case, patients, rates) for case in cases], draws=draws, seed=seed)
    if isinstance(found, Refusal):
        refuse_file(case_file, found.reasons, texts, language)
    if json_wanted:
        click.echo(json.dumps(outlook.outlook_json(found), ensure_ascii=False, indent=2))
        return
    _tell(outlook.outlook_sentences(found), texts, language)


def _tell(sentences: Iterable[tuple[str, Mapping[str, object]]], texts: Texts, language: str) -> None:
    for key, values in sentences:
        detail = key.endswith((".group", ".fund", ".year", ".member", ".quantiles"))
        click.echo(f"{'  ' if detail else ''}{texts.say(language, key, _worded(values, texts, language))}")


def _worded(values: Mapping[str, object], texts: Texts, language: str) -> Mapping[str, object]:
    """The values of a sentence with a group of the population by its words."""
    from baybridge.simulation.lab_report import group_words

    if "group" not in values:
        return values
    return {**values, "group": group_words(str(values["group"]), lambda key, given: texts.say(language, key, given))}


def _document(documents: Documents, name: str, texts: Texts, language: str) -> PlanDocument:
    """A plan by the name of its file, or one of ours by its id."""
    ours = documents.typed.plans.get(name)
    if ours is not None and not Path(name).is_file():
        return ours
    try:
        document = read_document(Path(name))
    except DocumentProblem as problem:
        fail(str(problem))
    except OSError:
        fail(texts.say(language, "funding.case.unreadable_file", {"file": name}))
    if not is_money(document):
        fail(texts.say(language, "simulation.funding.no_benefit", {"plan": name}))
    return document


def _title(plan: PlanDocument, language: str) -> str:
    titles = plan.get("title")
    return str((titles.get(language) if isinstance(titles, Mapping) else None) or plan["id"])


def _changes(documents: Documents, given: tuple[str, ...], texts: Texts, language: str) -> list[Change]:
    changes = []
    for text in given:
        change = read_change(text)
        if isinstance(change, Refusal):
            refuse_file("--change", change.reasons, texts, language)
        if change.kind == "add":
            change = Change(change.text, "add", change.plan, document=_document(documents, change.plan, texts, language))
        changes.append(change)
    return changes


def _years(given: tuple[str, ...], texts: Texts, language: str) -> list[Year]:
    from baybridge.simulation.years import read_year

    found = [(text, read_year(text)) for text in given]
    reasons = [reason for _, one in found if isinstance(one, Refusal) for reason in one.reasons]
    if reasons:
        refuse_file("--year", reasons, texts, language)
    return [one for _, one in found if not isinstance(one, Refusal)]


def _members(given: tuple[str, ...], texts: Texts, language: str) -> dict[str, int]:
    found = {}
    for text in given:
        plan, equals, count = text.partition("=")
        if not (plan and equals and count.isascii() and count.isdecimal()):
            refuse_file("--members", (Reason("simulation.members.form", {"found": text[:60]}),), texts, language)
        found[plan] = int(count)
    return found


def _rates(given: tuple[str, ...], texts: Texts, language: str) -> list[Exchange]:
    found = []
    for text in given:
        currency, _, rest = text.partition("=")
        parts = [part.strip() for part in rest.split(",", 2)]
        try:
            rate, day, source = parts
            found.append(Exchange(currency=currency.strip(), per_bill_unit=rate, on=date.fromisoformat(day), source=source))
        except ValueError:
            refuse_file("--exchange", (Reason("simulation.exchange.form", {"found": text[:60]}),), texts, language)
    return found


def _table(file: str, texts: Texts, language: str) -> Table:
    """The columns of a Parquet file as arrays."""
    import polars as pl

    try:
        table = pl.read_parquet(file)
    except OSError:
        fail(texts.say(language, "funding.case.unreadable_file", {"file": file}))
    except pl.exceptions.PolarsError:
        fail(texts.say(language, "simulation.funding.no_parquet", {"file": file}))
    return {column.name: column.fill_null("").to_numpy().astype(str) if column.dtype == pl.String else column.to_numpy() for column in table}
