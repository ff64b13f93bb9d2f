"""A simulated policy as JSON, as sentences, and as pictures.

Main job: `simulated_json`, `simulated_sentences`, `picture` of affordability and `cost_picture` of what each fund pays.

**Units**: amounts as text with two places; parts in percent with two places. The yearly budget scales the simulated population to the
number of patients that the caller states for each year: an assumption, named as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from xml.sax.saxutils import escape

from baybridge.base.money import format_minor, round_half_up
from baybridge.simulation.policy_lab import Result, Simulated, Spread
from baybridge.simulation.years import Year, budget

Sentence = tuple[str, Mapping[str, str | int]]
Say = Callable[[str, Mapping[str, object]], str]


def percent(part: Fraction) -> str:
    """A part in percent with two places."""
    return format_minor(round_half_up(part * 10_000))


def simulated_json(found: Simulated, years: Sequence[Year]) -> dict[str, object]:
    """Both policies, their difference, and what they rest on."""
    return {
        "currency": found.currency,
        "patients": found.patients,
        "threshold_percent": found.threshold_percent,
        "changes": list(found.changes),
        "before": _result(found.before),
        "after": _result(found.after),
        "difference": {
            "patient": format_minor(found.after.patient_minor - found.before.patient_minor),
            "funds": format_minor(sum(found.after.funds.values()) - sum(found.before.funds.values())),
            "above_threshold": found.after.spreads[0].above - found.before.spreads[0].above,
        },
        "budget": budget(found, years),
        "members": dict(found.members),
        "premiums": dict(found.premiums),
        "exchange": [{"currency": r.currency, "per_bill_unit": r.per_bill_unit, "on": r.on.isoformat(), "source": r.source} for r in found.exchange],
        "not_verified": dict(found.unverified),
        "assumptions": list(found.assumptions),
    }


def _result(result: Result) -> dict[str, object]:
    return {
        "gross": format_minor(result.gross_minor),
        "patient": format_minor(result.patient_minor),
        "funds": {
            name: {"cost": format_minor(minor), "beneficiaries": result.beneficiaries[name]} for name, minor in result.funds.items()
        },
        "fund_intervals": {name: {"low": format_minor(low), "high": format_minor(high)} for name, (low, high) in result.intervals.items()},
        "draws": result.draws,
        "distribution": [_spread(spread) for spread in result.spreads],
    }


def _spread(spread: Spread) -> dict[str, object]:
    return {
        "group": spread.name,
        "patients": spread.patients,
        "above_threshold": spread.above,
        "above_threshold_percent": percent(spread.above_part),
        "patient": format_minor(spread.patient_minor),
        "quantiles": {str(at): format_minor(minor) for at, minor in spread.quantiles.items()},
    }


def simulated_sentences(found: Simulated, years: Sequence[Year]) -> Iterator[Sentence]:
    """The simulation in words: before, after, by group, by year, what it rests on."""
    money: dict[str, str | int] = {"currency": found.currency}
    yield "simulation.told.population", {"patients": found.patients, "gross": format_minor(found.before.gross_minor), **money}
    before, after = found.before, found.after
    whole = {"before": format_minor(before.patient_minor), "after": format_minor(after.patient_minor)}
    yield "simulation.told.patients_pay", {**whole, **money}
    for name in dict.fromkeys((*before.funds, *after.funds)):
        cost = {"before": format_minor(before.funds.get(name, 0)), "after": format_minor(after.funds.get(name, 0))}
        yield "simulation.told.fund", {"plan": name, **cost, **money}
        yield "simulation.told.interval.fund", {**_between("before", before, name), **_between("after", after, name), **money}
    yield "simulation.told.affordability", {"threshold": found.threshold_percent}
    for old, new in zip(before.spreads, after.spreads, strict=True):
        middle = {"median_before": _median(old), "median_after": _median(new)}
        parts = {"before": percent(old.above_part), "after": percent(new.above_part)}
        yield "simulation.told.group", {"group": old.name, "patients": old.patients, **parts, **middle, **money}
    for year in budget(found, years):
        for name in dict.fromkeys((*year["before"], *year["after"])):
            cost = {"before": year["before"].get(name, "0.00"), "after": year["after"].get(name, "0.00")}
            yield "simulation.told.year", {"year": year["year"], "patients": year["patients"], "plan": name, **cost, **money}
        for name in found.members:
            cost = {"before": year["per_member"]["before"].get(name, "0.00"), "after": year["per_member"]["after"].get(name, "0.00")}
            yield "simulation.told.member", {"year": year["year"], "plan": name, "members": found.members[name], **cost, **money}
    for rate in found.exchange:
        values = {"bill": found.currency, "currency": rate.currency, "rate": rate.per_bill_unit, "day": rate.on.isoformat(), "source": rate.source}
        yield "simulation.told.rate", values
    if found.unverified:
        yield "simulation.told.unverified", {"plans": ", ".join(found.unverified)}
    for key in found.assumptions:
        yield key, {}


def _between(when: str, result: Result, name: str) -> dict[str, str]:
    low, high = result.intervals.get(name, (0, 0))
    return {f"{when}_low": format_minor(low), f"{when}_high": format_minor(high)}


def _median(spread: Spread) -> str:
    return format_minor(spread.quantiles.get(50, 0))


_ROW, _TOP, _LEFT, _WIDTH, _RIGHT = 38, 62, 210, 400, 90
_BEFORE, _AFTER = "#8a8f98", "#0b5cad"


def _said(part: Fraction, say: Say) -> str:
    return say("simulation.percent", {"part": percent(part)})


def group_words(name: str, say: Say) -> str:
    """What a group of the distribution is called: everybody, a region by its name, a fifth of incomes."""
    kind, _, value = name.partition(":")
    return say(f"simulation.group.{kind}", {"value": region_words(value, say) if kind == "region" else value})


def region_words(region: str, say: Say) -> str:
    """A city by the name that readers of this language have for it; any other region as the table writes it."""
    key = f"city.{region}"
    words = say(key, {})
    return region if words == key else words


def picture(found: Simulated, say: Say) -> str:
    """Two bars a group, before and after: the part that pays above the threshold, with its number, as SVG with words for every bar."""
    rows = list(zip(found.before.spreads, found.after.spreads, strict=True))
    title = say("simulation.told.affordability", {"threshold": found.threshold_percent})
    drawn = "".join(_bars(n, group_words(old.name, say), old, new, say) for n, (old, new) in enumerate(rows))
    said = "; ".join(f"{group_words(old.name, say)}: {_said(old.above_part, say)} → {_said(new.above_part, say)}" for old, new in rows)
    height, width = _TOP + 8 + _ROW * len(rows), _LEFT + _WIDTH + _RIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}" '
        f'font-family="system-ui, sans-serif" font-size="13"><title>{escape(title)}</title><desc>{escape(said)}</desc>'
        f'<text x="8" y="20" font-weight="bold">{escape(title)}</text>{_legend(say)}{drawn}</svg>\n'
    )


def _legend(say: Say) -> str:
    marks = (("before", 8, _BEFORE), ("after", _LEFT, _AFTER))
    return "".join(
        f'<rect x="{x}" y="34" width="12" height="12" fill="{colour}"/><text x="{x + 18}" y="45">{escape(say(f"simulation.legend.{name}", {}))}</text>'
        for name, x, colour in marks
    )


def _bars(n: int, name: str, old: Spread, new: Spread, say: Say) -> str:
    top = _TOP + _ROW * n
    label = f'<text x="{_LEFT - 8}" y="{top + 18}" text-anchor="end">{escape(name)}</text>'
    return label + _bar(top, old.above_part, _BEFORE, say) + _bar(top + 15, new.above_part, _AFTER, say)


def _bar(top: int, part: Fraction, colour: str, say: Say) -> str:
    width = round_half_up(part * _WIDTH)
    return (
        f'<rect x="{_LEFT}" y="{top}" width="{width}" height="13" fill="{colour}"/>'
        f'<text x="{_LEFT + width + 6}" y="{top + 11}">{escape(_said(part, say))}</text>'
    )


# --- what each fund pays ----------------------------------------------------------------------------------------------

_FUND_ROW, _FUND_WIDTH, _FUND_RIGHT = 66, 400, 190


def cost_picture(found: Simulated, say: Say, named: Callable[[str], str], money: Callable[[int], str]) -> str:
    """Two bars a fund, before and after, each with its cost and a line over the sums between which 90 of 100 draws lie, as SVG with words for all of it."""
    names = list(dict.fromkeys((*found.before.funds, *found.after.funds)))
    results = (found.before, found.after)
    widest = max((high for result in results for _, high in result.intervals.values()), default=0)
    widest = max(widest, *(minor for result in results for minor in result.funds.values()), 1)
    title = say("simulation.told.cost", {})
    said = "; ".join(_fund_said(name, results, say, named, money) for name in names)
    drawn = "".join(_fund(n, name, results, widest, named, money) for n, name in enumerate(names))
    height, width = _TOP + 8 + _FUND_ROW * len(names), 8 + _FUND_WIDTH + _FUND_RIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}" '
        f'font-family="system-ui, sans-serif" font-size="13"><title>{escape(title)}</title><desc>{escape(said)}</desc>'
        f'<text x="8" y="20" font-weight="bold">{escape(title)}</text>{_legend(say)}{drawn}</svg>\n'
    )


def _fund_said(name: str, results: Sequence[Result], say: Say, named: Callable[[str], str], money: Callable[[int], str]) -> str:
    parts = (_cost(result, name) for result in results)
    words = (say("simulation.cost_of", {"cost": money(cost), "low": money(low), "high": money(high)}) for cost, low, high in parts)
    return f"{named(name)}: {' → '.join(words)}"


def _cost(result: Result, name: str) -> tuple[int, int, int]:
    return (result.funds.get(name, 0), *result.intervals.get(name, (0, 0)))


def _fund(n: int, name: str, results: Sequence[Result], widest: int, named: Callable[[str], str], money: Callable[[int], str]) -> str:
    top = _TOP + _FUND_ROW * n
    label = f'<text x="8" y="{top + 14}">{escape(named(name))}</text>'
    marks = ((22, _BEFORE), (40, _AFTER))
    return label + "".join(
        _cost_bar(top + offset, _cost(result, name), colour, widest, money) for (offset, colour), result in zip(marks, results, strict=True)
    )


def _cost_bar(top: int, cost: tuple[int, int, int], colour: str, widest: int, money: Callable[[int], str]) -> str:
    width, low, high = (round_half_up(Fraction(minor * _FUND_WIDTH, widest)) for minor in cost)
    whisker = f"M{8 + low} {top + 3}v9M{8 + low} {top + 7}H{8 + high}M{8 + high} {top + 3}v9"
    return (
        f'<rect x="8" y="{top}" width="{width}" height="15" fill="{colour}"/><path d="{whisker}" stroke="#fff" stroke-width="4" fill="none"/>'
        f'<path d="{whisker}" stroke="#b26a00" stroke-width="2" fill="none"/>'
        f'<text x="{8 + max(width, high) + 8}" y="{top + 12}">{escape(money(cost[0]))}</text>'
    )
