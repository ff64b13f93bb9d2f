"""Cost of a fund with what chance does to it: exact sums, an interval that holds them, the same numbers in picture, table and file."""

from __future__ import annotations

import re
from datetime import date
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baybridge.documents.loader import Documents
from baybridge.language.texts import Texts
from baybridge.simulation.changes import read_change
from baybridge.simulation.invented import invented
from baybridge.simulation.lab_report import cost_picture, group_words, simulated_json, simulated_sentences
from baybridge.simulation.policy_lab import Simulated, simulate
from baybridge.simulation.resampling import DRAWS, FEWER_DRAWS, draws_for, interval

LANGUAGES = ("en", "zh-Hant", "zh-Hans", "pt")
PLANS, TEXTS = Documents().folder("plans"), Texts(Documents())
PLAN = "shanghai-huhuibao-2022-2024"


def found(change: str = f"{PLAN}.rate=0.40") -> Simulated:
    read = read_change(change)
    table = invented(400, ("Shanghai", "Liaocheng"), 120_000_000, 30_000_000)
    simulated = simulate([PLANS[PLAN]], [read], table, {}, event_on=date(2026, 3, 1))  # type: ignore[list-item]
    assert isinstance(simulated, Simulated), simulated
    return simulated


# --- the interval -----------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=60))
def test_an_interval_stays_within_what_could_be_drawn_and_is_the_same_again(paid: list[int]) -> None:
    column = np.array(paid, np.int64)
    low, high = interval(column, 200)
    assert len(paid) * min(paid) <= low <= high <= len(paid) * max(paid)
    assert interval(column, 200) == (low, high)
    if len(set(paid)) == 1:
        assert low == high == sum(paid)


def test_half_the_patients_at_one_price_lie_where_the_binomial_says() -> None:
    column = np.array([0, 100] * 500, np.int64)
    low, high = interval(column, DRAWS)
    assert low == pytest.approx(100 * (500 - 1.645 * 1000**0.5 / 2), rel=0.01)
    assert high == pytest.approx(100 * (500 + 1.645 * 1000**0.5 / 2), rel=0.01)


def test_sums_beyond_sixty_three_bits_and_nobody_at_all() -> None:
    huge = np.array([0, 2**62] * 20, object)
    low, high = interval(huge, 100)
    assert 0 < low < high
    assert low % 2**62 == 0
    assert interval(np.array([], np.int64), 100) == (0, 0)


def test_many_different_payments_take_fewer_draws() -> None:
    assert draws_for([np.arange(5_000), np.zeros(3)]) == DRAWS
    assert draws_for([np.arange(5_001)]) == FEWER_DRAWS


# --- picture, file, sentences -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_picture_says_cost_and_interval_of_every_fund_before_and_after(language: str) -> None:
    simulated = found()
    drawn = cost_picture(simulated, lambda key, values: TEXTS.say(language, key, values), lambda name: f"<{name}>", str)
    root = ElementTree.fromstring(drawn)
    space = "{http://www.w3.org/2000/svg}"
    texts = [one.text or "" for one in root.iter(f"{space}text")]
    bars = [int(one.get("width") or 0) for one in root.iter(f"{space}rect")][2:]
    before, after = (result.funds[PLAN] for result in (simulated.before, simulated.after))
    assert {str(before), str(after), f"<{PLAN}>"} <= set(texts)
    assert bars[0] / bars[1] == pytest.approx(before / after, rel=0.02)
    said = root.find(f"{space}desc")
    assert said is not None
    for result in (simulated.before, simulated.after):
        low, high = result.intervals[PLAN]
        assert low < result.funds[PLAN] < high
        assert str(low) in (said.text or "") and str(high) in (said.text or "")
    assert "simulation." not in drawn
    ends = [int(number) for number in re.findall(r"H(\d+)", drawn)]
    assert max(ends) <= 408, "the widest line ends where the widest bar may"


def test_the_file_and_the_sentences_tell_the_same_numbers() -> None:
    simulated = found()
    told = simulated_json(simulated, [])
    fund = told["after"]["fund_intervals"][PLAN]
    assert (fund["low"], fund["high"]) == tuple(f"{minor / 100:.2f}" for minor in simulated.after.intervals[PLAN])
    assert told["before"]["draws"] == DRAWS
    sentences = dict(simulated_sentences(simulated, []))
    assert sentences["simulation.told.interval.fund"]["after_low"] == fund["low"]


def test_a_fund_that_is_taken_away_costs_nothing_after() -> None:
    simulated = found(f"-{PLAN}")
    drawn = cost_picture(simulated, lambda key, values: TEXTS.say("en", key, values), str, str)
    assert ">0</text>" in drawn


# --- regions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "name"), [("en", "Shanghai"), ("zh-Hant", "上海"), ("zh-Hans", "上海"), ("pt", "Xangai")])
def test_a_region_is_called_as_its_readers_call_it_and_an_unknown_one_as_the_table_does(language: str, name: str) -> None:
    assert group_words("region:Shanghai", lambda key, values: TEXTS.say(language, key, values)) == name
    assert group_words("region:Elsewhere", lambda key, values: TEXTS.say(language, key, values)) == "Elsewhere"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_region_of_a_plan_has_a_name(language: str) -> None:
    regions = {str(plan["region"]) for plan in PLANS.values() if plan.get("region")}
    assert [region for region in sorted(regions) if not TEXTS.has(language, f"city.{region}")] == []
