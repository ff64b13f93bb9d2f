"""The policy lab as a page: plans over a population, before and after changes, by region and income, by year and member.

Main job: `lab(asked)` shows the form, filled in; `run_lab(asked)` computes what it says and shows the result under it. The population is a table that
the reader brings (Parquet or CSV, one row a patient, no names), or an invented one that is said to be. Nothing that comes in is kept.

**Units**: amounts as text with two places in the form, minor units inside. Elsewhere: computing in `simulation/policy_lab.py`, budgets in
`simulation/years.py`, pictures in `simulation/lab_report.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from typing import Any

from starlette.responses import Response

from baybridge.base.extras import POPULATION
from baybridge.base.money import parse_minor
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.plan import NO_PLAN, PlanDocument
from baybridge.funding.plans.plans import Exchange, is_computable
from baybridge.http.doors import Asked
from baybridge.simulation.changes import Change, read_change
from baybridge.simulation.invented import invented
from baybridge.simulation.lab_report import cost_picture, group_words, percent, picture, simulated_json
from baybridge.simulation.policy_lab import Column, Simulated, simulate
from baybridge.simulation.years import Year, read_year
from baybridge.web.page.page import Reader, render

#: Terms that the form can change, in the order in which it offers them.
TERMS = ("rate", "deductible", "cap_year", "cap_lifetime", "order")
_CHANGES, _YEARS, _MOST_PATIENTS = 3, 3, 100_000


@dataclass
class _Given:
    """What the form says, read; `reasons` are everything that does not fit."""

    plans: list[PlanDocument] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    table: dict[str, Column] = field(default_factory=dict)
    years: list[Year] = field(default_factory=list)
    members: dict[str, int] = field(default_factory=dict)
    exchange: list[Exchange] = field(default_factory=list)
    invented: bool = True
    reasons: list[Reason] = field(default_factory=list)


def lab(asked: Asked) -> Response:
    """The form."""
    return _page(asked, {}, None, (), invented_table=True)


def run_lab(asked: Asked) -> Response:
    """What the form says, computed; every reason where it cannot be."""
    form = dict(asked.form)
    read = _read(asked, form)
    if read.reasons:
        return _page(asked, form, None, read.reasons, status=400, invented_table=read.invented)
    scales = asked.node.documents.typed.scales
    found = simulate(
        read.plans,
        read.changes,
        read.table,
        scales,
        event_on=asked.node.now().astimezone(asked.node.site.zone).date(),
        currency=form.get("currency") or "CNY",
        exchange=read.exchange,
        members=read.members,
    )
    if isinstance(found, Refusal):
        return _page(asked, form, None, found.reasons, status=found.surface.http_status, invented_table=read.invented)
    return _page(asked, form, (found, read.years), (), invented_table=read.invented)


def _page(
    asked: Asked,
    form: Mapping[str, str],
    found: tuple[Simulated, Sequence[Year]] | None,
    reasons: Sequence[Reason],
    *,
    status: int = 200,
    invented_table: bool,
) -> Response:
    reader = Reader(asked)
    chosen = {text for name, text in asked.forms if name == "plan"}
    shown: dict[str, Any] = {}
    if found is not None:
        simulated, years = found
        shown = {
            "found": simulated_json(simulated, years),
            "group": lambda name: group_words(name, lambda key, values: reader.t(key, **values)),
            "svg": picture(simulated, lambda key, values: reader.t(key, **values)),
            "cost_svg": _cost_picture(reader, simulated),
            "premiums": _premiums(asked, reader, simulated),
            "part": percent(simulated.after.spreads[0].above_part),
            "assumed": simulated.assumptions,
        }
    return render(
        asked,
        "lab.html",
        status,
        form=form,
        chosen=chosen,
        plans=_plans(asked, reader),
        products=_priced(asked, reader),
        terms=TERMS,
        rows=range(_CHANGES),
        years=range(_YEARS),
        first_year=asked.node.now().year + 1,
        problems=[(reader.reason(reason), reason) for reason in reasons],
        invented_table=invented_table,
        shown=shown or None,
    )


def _cost_picture(reader: Reader, found: Simulated) -> str:
    """What each plan pays, as a picture in the reader's words."""
    return cost_picture(
        found, lambda key, values: reader.t(key, **values), lambda name: reader.named("plan", name), lambda minor: reader.money(minor, found.currency)
    )


def _premiums(asked: Asked, reader: Reader, found: Simulated) -> list[tuple[str, str]]:
    """Premiums that documents name, of plans whose members were given, in each plan's own currency."""
    documents = asked.node.documents.typed.plans
    return [
        (reader.named("plan", name), reader.amount(amount, str(documents.get(name, NO_PLAN).get("currency") or found.currency)))
        for name, amount in found.premiums.items()
        if name in found.members
    ]


def _plans(asked: Asked, reader: Reader) -> list[tuple[str, str, str, str]]:
    """Plans whose terms are established: id, title, currency, status."""
    found = [
        (str(name), reader.title(document.get("title")) or str(name), str(document.get("currency")), str(document.get("status")))
        for name, document in asked.node.documents.typed.plans.items()
        if is_computable(document)
    ]
    return sorted(found, key=lambda one: (one[2], one[1]))


def _priced(asked: Asked, reader: Reader) -> list[tuple[str, str, int, str, str]]:
    """Products with a published list price: id, name, minor units, currency, source."""
    found = []
    for name, product in asked.node.documents.typed.products.items():
        price = next(iter(product.list_price), None)
        if price is not None:
            found.append((name, reader.title(product.names) or name, price.amount_minor, price.currency, price.source))
    return sorted(found, key=lambda one: one[1])


# --- reading the form -----------------------------------------------------------------------------------------------


def _read(asked: Asked, form: Mapping[str, str]) -> _Given:
    read = _Given()
    documents = asked.node.documents.typed.plans
    known = {name for name, *_ in _plans(asked, Reader(asked))}
    read.plans = [documents[text] for name, text in asked.forms if name == "plan" and text in known]
    if not read.plans:
        read.reasons.append(Reason("simulation.funding.no_plan", where="plan"))
    _read_changes(form, read)
    _read_years(form, read)
    for plan in read.plans:
        _read_members(form, str(plan["id"]), read)
    _read_exchange(form, read)
    _read_table(asked, form, read)
    return read


def _read_changes(form: Mapping[str, str], read: _Given) -> None:
    for n in range(_CHANGES):
        plan, term, value = (form.get(f"change.{n}.{part}", "").strip() for part in ("plan", "term", "value"))
        if not plan or not (term or value):
            continue
        change = read_change(f"-{plan}" if term == "remove" else f"{plan}.{term}={value}")
        if isinstance(change, Refusal):
            read.reasons += change.reasons
        else:
            read.changes.append(change)


def _read_years(form: Mapping[str, str], read: _Given) -> None:
    for n in range(_YEARS):
        year, eligible, uptake = (form.get(f"year.{n}.{part}", "").strip() for part in ("year", "eligible", "uptake"))
        if not eligible:
            continue
        found = read_year(f"{year}={eligible}*{uptake}" if uptake else f"{year}={eligible}")
        if isinstance(found, Refusal):
            read.reasons += found.reasons
        else:
            read.years.append(found)


def _read_members(form: Mapping[str, str], plan: str, read: _Given) -> None:
    text = form.get(f"members.{plan}", "").strip()
    if text and text.isascii() and text.isdecimal():
        read.members[plan] = int(text)
    elif text:
        read.reasons.append(Reason("simulation.members.form", {"found": text[:60]}, where=f"members.{plan}"))


def _read_exchange(form: Mapping[str, str], read: _Given) -> None:
    currency, rate, on, source = (form.get(f"rate.{part}", "").strip() for part in ("currency", "per_unit", "on", "source"))
    if not rate:
        return
    try:
        read.exchange.append(Exchange(currency=currency, per_bill_unit=rate, on=date.fromisoformat(on), source=source))
    except ValueError:
        read.reasons.append(Reason("simulation.exchange.form", {"found": on[:20] or "-"}, where="rate.on"))
    if not source:
        read.reasons.append(Reason("simulation.exchange.form", {"found": "-"}, where="rate.source"))


def _read_table(asked: Asked, form: Mapping[str, str], read: _Given) -> None:
    upload = asked.uploads.get("table")
    if upload is not None and upload.content:
        read.invented = False
        table = _table(upload.name, upload.content)
        if isinstance(table, Refusal):
            read.reasons += table.reasons
        else:
            read.table = table
        return
    patients, income = form.get("patients", "").strip(), form.get("median_income", "").strip()
    price = next((minor for name, _, minor, currency, _ in _priced(asked, Reader(asked)) if name == form.get("product") and currency == form.get("currency")), None)
    if not (patients.isascii() and patients.isdecimal() and 0 < int(patients) <= _MOST_PATIENTS):
        read.reasons.append(Reason("simulation.lab.patients", {"most": _MOST_PATIENTS}, where="patients"))
    if price is None:
        read.reasons.append(Reason("simulation.lab.price", {"currency": form.get("currency") or "-"}, where="product"))
    minor = _minor(income)
    if minor is None:
        read.reasons.append(Reason("funding.claim.amount", where="median_income"))
    if not read.reasons and price is not None and minor is not None:
        regions = sorted({str(plan["region"]) for plan in read.plans if plan.get("region")})  # not in the order of titles, which differs by language
        read.table = invented(int(patients), tuple(regions), price, minor)


def _minor(text: str) -> int | None:
    try:
        minor = parse_minor(text)
    except ValueError:
        return None
    return minor if minor > 0 else None


def _table(name: str, content: bytes) -> dict[str, Column] | Refusal:
    """The columns of an uploaded table; whole numbers stay whole."""
    if not POPULATION.installed:
        return refuse(Reason("simulation.lab.extra", {"command": POPULATION.remedy}), category=Category.INVALID)
    import polars as pl

    try:
        read = pl.read_csv(BytesIO(content)) if name.lower().endswith(".csv") else pl.read_parquet(BytesIO(content))
    except (pl.exceptions.PolarsError, OSError):
        return refuse(Reason("simulation.lab.table"), category=Category.INVALID)
    return {column.name: column.fill_null("").to_numpy().astype(str) if column.dtype == pl.String else column.to_numpy() for column in read}
