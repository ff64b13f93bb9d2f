"""A simulated policy as JSON, as sentences, and as a picture.

Main job: `simulated_json`, `simulated_sentences`, `picture`.

**Units**: amounts as text with two places; parts in percent with two places. The yearly budget scales the simulated population to the
number of patients that the caller states for each year: an assumption, named as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any
from xml.sax.saxutils import escape

from baybridge.base.money import format_minor, round_half_up
from baybridge.simulation.policy_lab import Result, Simulated, Spread
from baybridge.simulation.years import Year, budget

Sentence = tuple[str, Mapping[str, str | int]]
Say = Callable[[str, Mapping[str, Any]], str]


def percent(part: Fraction) -> str:
    """A part in percent with two places."""
    return format_minor(round_half_up(part * 10_000))


def simulated_json(found: Simulated, years: Sequence[Year]) -> dict[str, Any]:
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


def _result(result: Result) -> dict[str, Any]:
    return {
        "gross": format_minor(result.gross_minor),
        "patient": format_minor(result.patient_minor),
        "funds": {
            name: {"cost": format_minor(minor), "beneficiaries": result.beneficiaries[name]} for name, minor in result.funds.items()
        },
        "distribution": [_spread(spread) for spread in result.spreads],
    }


def _spread(spread: Spread) -> dict[str, Any]:
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


def _median(spread: Spread) -> str:
    return format_minor(spread.quantiles.get(50, 0))


_ROW, _TOP, _LEFT, _WIDTH, _RIGHT = 38, 62, 210, 400, 90
_BEFORE, _AFTER = "#8a8f98", "#0b5cad"


def _said(part: Fraction, say: Say) -> str:
    return say("simulation.percent", {"part": percent(part)})


def group_words(name: str, say: Say) -> str:
    """What a group of the distribution is called: everybody, a region by its name, a fifth of incomes."""
    kind, _, value = name.partition(":")
    return say(f"simulation.group.{kind}", {"value": value})


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
