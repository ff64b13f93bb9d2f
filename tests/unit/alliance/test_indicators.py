"""Counts from few, values from enough; each therapy event for itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from baybridge.alliance.indicators import SMALLEST, Days, Share, figures_of, indicators
from baybridge.journey import events as ev
from baybridge.journey.case import Case, fold
from baybridge.journey.events import Event, Recorded

DAY_0 = datetime(2026, 3, 2, tzinfo=UTC)


def case(*events: Event, name: str = "c") -> Case:
    return fold(
        Recorded(
            event_id=f"{name}-{n}", case_id=name, sequence=n, at=DAY_0, recorded_at=DAY_0, node="hk", organisation="o", actor="a", role="nurse", event=event
        )
        for n, event in enumerate(events, start=1)
    )


def collected(chain: str, day: float) -> ev.CellsCollected:
    at = DAY_0 + timedelta(days=day)
    return ev.CellsCollected(
        chain_of_identity=chain, bags=(f"{chain}-A",), started_at=at - timedelta(hours=4), ended_at=at, volume_ml=200
    )


def infused(chain: str, day: float) -> ev.Infused:
    at = DAY_0 + timedelta(days=day)
    return ev.Infused(
        product="p", batch="b", bag="g", chain_of_identity=chain, started_at=at, ended_at=at + timedelta(minutes=9), entire_volume=True
    )


def recognised(result: str) -> ev.ResultRecognised:
    return ev.ResultRecognised(
        result_id=result, loinc="1-1", purpose="APH_IDM", outcome="recognised", codes=(), decision_sha256="0", valid_until=None
    )


def repeat(result: str) -> ev.RepeatRequested:
    return ev.RepeatRequested(result_id=result, loinc="1-1", purpose="APH_IDM", codes=("MR-001",), decision_sha256="0")


def test_few_cases_show_counts_and_no_value() -> None:
    used, days, lost = indicators([figures_of(case(collected("A", 0), infused("A", 21), recognised("r"), repeat("s")))])
    assert (used.count, used.of, used.value) == (1, 2, None)
    assert (days.days, days.median, days.quartiles) == ((21.0,), None, None)
    assert (lost.count, lost.of, lost.value) == (0, 1, None)


def test_no_case_at_all() -> None:
    used, days, lost = indicators([])
    assert (used.of, days.of, lost.of) == (0, 0, 0)


def test_a_result_counts_as_it_was_judged_last() -> None:
    used, _, _ = indicators([figures_of(case(repeat("r"), recognised("r"), recognised("s"), repeat("s")))])
    assert (used.count, used.of) == (1, 2)


def test_two_collections_each_count_to_their_own_infusion() -> None:
    made = case(collected("A", 0), collected("B", 40), infused("B", 60))
    _, days, lost = indicators([figures_of(made)])
    assert days.days == (20.0,)
    assert lost.count == 0, "the patient was infused"


def test_second_infusion_from_one_collection_does_not_lengthen_the_wait() -> None:
    _, days, _ = indicators([figures_of(case(collected("A", 0), infused("A", 20), infused("A", 120)))])
    assert days.days == (20.0,)


def test_value_from_twenty_on() -> None:
    assert Share("Q", 3, SMALLEST - 1).value is None
    assert Share("Q", 3, SMALLEST).value == Fraction(3, 20)
    assert Days("Q", tuple(range(SMALLEST - 1))).median is None
    twenty = Days("Q", tuple(float(n) for n in range(SMALLEST, 0, -1)))
    assert twenty.median == 10.5
    assert twenty.quartiles == (5.75, 15.25)
