"""Statistics of a table: check values, laws, and tables that are refused whole with every reason."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from baybridge.cli.main import main
from baybridge.statistics import charts, rates, regression, survival
from baybridge.statistics.distributions import chi2_tail, poisson_at_most

Rows = list[tuple[int, int, int]]


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["statistics", *arguments])


def told(*arguments: str) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def refused(*arguments: str) -> list[str]:
    done = run(*arguments, "--json")
    assert done.exit_code == 1, done.output
    answer = json.loads(done.stdout)
    assert answer["refused"] == "invalid"
    assert all(reason["text"] and reason["remedy"] and "{" not in reason["text"] for reason in answer["reasons"])
    return [reason["code"] for reason in answer["reasons"]]


def table(tmp_path: Path, text: str) -> str:
    file = tmp_path / "table.csv"
    file.write_text(text, encoding="utf-8")
    return str(file)


# --- check values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "lower", "upper"), [(5, 1.6235, 11.6683), (0, 0.0, 3.6889), (12, 0.7295 * 8.5, 2.4661 * 8.5)])
def test_exact_limits_of_a_count(k: int, lower: float, upper: float) -> None:
    found = told("poisson", str(k))
    assert (found["lower"], found["upper"]) == (pytest.approx(lower, abs=5e-4), pytest.approx(upper, abs=5e-4))


def test_interval_of_a_share() -> None:
    found = told("wilson", "47", "50")
    assert (found["lower"], found["upper"]) == (pytest.approx(0.8378, abs=5e-5), pytest.approx(0.9794, abs=5e-5))


@pytest.mark.parametrize(("expected", "alert", "alarm"), [(2, 5, 8), (5, 10, 13), (10, 17, 21)])
def test_counts_above_which_a_unit_is_rare(tmp_path: Path, expected: int, alert: int, alarm: int) -> None:
    (unit,) = told("funnel", table(tmp_path, f"unit,observed,expected\nhere,{expected},{expected}\n"))["units"]
    assert (unit["limits"]["95"][1], unit["limits"]["99.8"][1]) == (alert, alarm)


def test_observed_over_expected_with_its_interval(tmp_path: Path) -> None:
    found = told("funnel", table(tmp_path, "unit,observed,expected\nhere,5,2.4\nthere,12,8.5\n"))
    here, there = found["units"]
    assert [here["smr"], here["lower"], here["upper"]] == pytest.approx([2.0833, 0.6765, 4.8618], abs=5e-5)
    assert [there["smr"], there["lower"], there["upper"]] == pytest.approx([1.4118, 0.7295, 2.4661], abs=5e-5)


def test_units_that_differ_more_than_chance_lets_them_get_wider_limits() -> None:
    alike = rates.funnel("abcd", [10, 11, 9, 10], [10, 10, 10, 10])
    apart = rates.funnel("abcd", [30, 2, 25, 1], [10, 10, 10, 10])
    assert alike.units[0].widened is None
    assert apart.phi is not None
    assert apart.phi > 10
    assert apart.units[0].limits == alike.units[0].limits
    assert apart.units[0].widened is not None
    assert apart.units[0].widened["95"][1] > 17


def test_a_wider_limit_lies_never_within_the_exact_one(tmp_path: Path) -> None:
    found = told("funnel", table(tmp_path, "unit,observed,expected\nA,3,4.5\nB,0,0.001\nC,100,80\n"))
    for unit in found["units"]:
        for level, (least, most) in unit["limits"].items():
            low, high = unit.get("widened", unit["limits"])[level]
            assert 0 <= low <= least <= most <= high
    assert refused("funnel", table(tmp_path, "unit,observed,expected\nA,1,1e300\n")) == ["statistics.cell.positive"]


def test_the_most_extreme_tenth_is_drawn_in() -> None:
    counts = [10] * 9 + [1000]
    assert rates.funnel([str(n) for n in range(10)], counts, [10.0] * 10).phi == 0


def test_scores_of_the_risk_adjusted_chart(tmp_path: Path) -> None:
    file = table(tmp_path, "p,y\n.10,0\n.20,1\n.05,0\n.30,1\n.15,1\n")
    found = told("ra-cusum", file, "--odds", "2", "--arl", "20")
    assert found["s"] == pytest.approx([0, 0.5108, 0.4620, 0.8928, 1.4462], abs=5e-5)
    assert found["signals"] == [at for at, s in enumerate(found["s"]) if s >= found["h"] and (at == 0 or found["s"][at - 1] < found["h"])]


@pytest.mark.parametrize(("odds", "arl"), [(2.0, 100), (1.5, 400), (0.5, 150)])
def test_a_chart_runs_as_long_as_it_should_where_nothing_changed(odds: float, arl: float) -> None:
    draw = np.random.default_rng(5)
    risks = draw.beta(2, 8, 300)
    limit = charts.limit_of(risks, odds, arl)
    heights, alive, runs, step = np.zeros(8000), np.ones(8000, dtype=bool), np.zeros(8000), 0
    while alive.any():
        step += 1
        some = np.flatnonzero(alive)
        p = draw.choice(risks, len(some))
        happened = draw.random(len(some)) < p
        heights[some] = np.maximum(0, heights[some] + np.where(happened, np.log(odds), 0) - np.log(1 - p + odds * p))
        over = some[heights[some] >= limit]
        runs[over], alive[over] = step, False
    assert runs.mean() == pytest.approx(arl, rel=0.05)


def test_weighted_average(tmp_path: Path) -> None:
    found = told("ewma", table(tmp_path, "y\n0\n1\n0\n1\n1\n"), "--lambda", "0.2", "--start", "0.10")
    assert found["ewma"] == pytest.approx([0.08, 0.264, 0.2112, 0.36896, 0.49517], abs=5e-6)


def test_tails() -> None:
    assert chi2_tail(3.841458820694124, 1) == pytest.approx(0.05, abs=1e-12)
    assert chi2_tail(18.307038053275146, 10) == pytest.approx(0.05, abs=1e-12)
    assert poisson_at_most(2, 3.0) == pytest.approx(np.exp(-3) * (1 + 3 + 4.5), abs=1e-14)
    assert poisson_at_most(10_050, 10_000.0) == pytest.approx(0.6935, abs=2e-3)


# --- laws, against plain counting -----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=30))
def test_curves_are_what_counting_gives(rows: Rows) -> None:
    time, cause = np.array([row[0] for row in rows], dtype=float), np.array([row[1] for row in rows], dtype=float)
    curve, incidence = survival.kaplan_meier(time, (cause > 0).astype(float)), survival.cumulative_incidence(time, cause)
    left, share, by_cause = 1.0, {}, {1: 0.0, 2: 0.0}
    for at in sorted({row[0] for row in rows if row[1]}):
        at_risk = sum(row[0] >= at for row in rows)
        for one in by_cause:
            by_cause[one] += left * sum(row[:2] == (at, one) for row in rows) / at_risk
        left *= 1 - sum(row[0] == at and row[1] > 0 for row in rows) / at_risk
        share[at] = left
    assert dict(zip(curve.times, curve.survival, strict=True)) == pytest.approx(share)
    assert {int(one): found.incidence[-1] for one, found in incidence.items()} == pytest.approx({one: total for one, total in by_cause.items() if total})
    assert left + sum(by_cause.values()) == pytest.approx(1.0)


def invented(number: int, size: int = 120) -> tuple[Any, ...]:
    draw = random.Random(number)
    x = np.array([[draw.gauss(0, 1), float(draw.random() < 0.4)] for _ in range(size)])
    time = np.array([1.0 + int(draw.expovariate(0.1 * np.exp(0.5 * row[0]))) for row in x])
    cause = np.array([draw.choice([0, 1, 1, 2]) for _ in range(size)], dtype=float)
    return time, cause, x


@pytest.mark.parametrize("number", range(5))
def test_a_fit_does_not_depend_on_units_order_or_a_stratum_more(number: int) -> None:
    time, cause, x = invented(number)
    event = (cause > 0).astype(float)
    order = np.random.default_rng(number).permutation(len(time))
    for fit, what in ((regression.cox, event), (regression.fine_gray, cause)):
        first, other = fit(time, what, x), fit(time[order] * 30.4, what[order], x[order] * np.array([1000.0, 1.0]))
        assert first is not None
        assert other is not None
        assert np.array(other.beta) * [1000, 1] == pytest.approx(np.array(first.beta), abs=1e-9)
        assert np.array(other.se) * [1000, 1] == pytest.approx(np.array(first.se), abs=1e-9)
    twice = regression.cox(np.concatenate([time, time]), np.concatenate([event, event]), np.vstack([x, x]), ["a"] * len(time) + ["b"] * len(time))
    one = regression.cox(time, event, x)
    assert twice is not None
    assert one is not None
    assert twice.beta == pytest.approx(one.beta, abs=1e-9)
    assert twice.loglik == pytest.approx(2 * one.loglik)


def test_without_competing_events_fine_gray_is_cox_where_no_times_are_tied() -> None:
    time, cause, x = invented(9)
    apart = time + np.arange(len(time)) * 1e-4
    cause = np.minimum(cause, 1)
    cox, gray = regression.cox(apart, cause, x), regression.fine_gray(apart, cause, x)
    assert cox is not None
    assert gray is not None
    assert gray.beta == pytest.approx(cox.beta, abs=1e-9)


# --- what is refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("", ["statistics.no_column", "statistics.no_column", "statistics.no_rows"]),
        ("time,event\n", ["statistics.no_rows"]),
        ("time,event,event\n1,1,1\n", ["statistics.column_twice"]),
        ("time,dead\n1,1\n", ["statistics.no_column"]),
        ("time,event\n1\n2,1,3\n", ["statistics.cells", "statistics.cells"]),
        ("time,event\n-1,1\n1,2\n,1\n3,\n", ["statistics.cell.time", "statistics.cell.event", "statistics.cell.time", "statistics.cell.event"]),
        ("time,event\n1,5,1\n", ["statistics.cells"]),
        ('time,event\n"1,5",1\n', ["statistics.cell.time"]),
        ("time,event\n１,1\n", ["statistics.cell.time"]),
        ("time,event\nnan,1\ninf,1\n1e999,1\n1_0,1\n", ["statistics.cell.time"] * 4),
        ('time,event\n"1,1\n', ["statistics.not_csv"]),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_every_reason(tmp_path: Path, text: str, codes: list[str]) -> None:
    assert refused("kaplan-meier", table(tmp_path, text)) == codes


def test_a_table_of_another_coding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes("time,event,组\n1,1,甲\n".encode("gb18030"))
    assert refused("kaplan-meier", str(file)) == ["statistics.not_utf8"]


def test_a_table_of_a_spreadsheet_with_its_mark_is_read(tmp_path: Path) -> None:
    found = told("kaplan-meier", table(tmp_path, "\ufefftime, event ,组\r\n1,1,甲\r\n2,0,乙\r\n\r\n"), "--group", "组")
    assert set(found["groups"]) == {"甲", "乙"}


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("time,event,x,z\n1,0,1,2\n2,0,2,3\n", ["statistics.no_event", "statistics.follows"]),
        ("time,event,x,z\n1,1,1,2\n2,1,1,3\n", ["statistics.constant"]),
        ("time,event,x,z\n1,1,1,2\n2,1,2,4\n3,1,5,10\n", ["statistics.follows"]),
        ("time,event,x,z\n1,1,9,1\n2,1,8,3\n3,1,7,2\n4,0,1,1\n5,0,2,3\n6,0,1,2\n", ["statistics.no_fit"]),
        ("time,event,x,z\n1,1,0,1\n2,1,0,3\n3,1,0,2\n4,0,1,1\n5,0,1,3\n6,0,1,2\n7,0,1,5\n", ["statistics.no_fit"]),
        ("time,event,x,z\n1,1,0,1\n2,1,0,3\n3,0,1,2\n4,0,1,1\n", ["statistics.no_fit"]),
        ("time,event,x,z\n1,1,1e300,2\n2,1,1,4\n", ["statistics.cell.number"]),
        ("time,event,x,z\n1,1,high,2\n2,1,,4\n", ["statistics.cell.number", "statistics.cell.number"]),
    ],
)
@pytest.mark.parametrize("method", ["cox", "fine-gray"])
def test_no_model_is_told_and_not_a_number(tmp_path: Path, method: str, text: str, codes: list[str]) -> None:
    assert refused(method, table(tmp_path, text), "--covariate", "x", "--covariate", "z") == codes


def test_risks_and_counts_that_cannot_be(tmp_path: Path) -> None:
    assert refused("ra-cusum", table(tmp_path, "p,y\n0,1\n1,0\n0.5,2\n"), "--odds", "2", "--arl", "50") == [
        "statistics.cell.risk", "statistics.cell.risk", "statistics.cell.event",
    ]  # fmt: skip
    assert refused("funnel", table(tmp_path, "unit,observed,expected\n,1.5,0\n")) == ["statistics.cell.text", "statistics.cell.count", "statistics.cell.positive"]
    assert refused("wilson", "5", "4") == ["statistics.share"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("ra-cusum", "--odds", "1", "--arl", "50"), ("ra-cusum", "--odds", "0", "--arl", "50"), ("ra-cusum", "--odds", "nan", "--arl", "50"),
        ("cox",), ("ewma", "--start", "nan"),
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_two(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert run(arguments[0], table(tmp_path, "p,y\n.1,1\n"), *arguments[1:]).exit_code == 2


def test_nothing_happened_is_a_curve_without_steps(tmp_path: Path) -> None:
    found = told("kaplan-meier", table(tmp_path, "time,event\n1,0\n2,0\n"))
    assert found == {"groups": {"all": {"times": [], "survival": [], "lower": [], "upper": [], "at_risk": []}}, "log_rank": None}


def test_lines_for_people(tmp_path: Path) -> None:
    done = run("kaplan-meier", table(tmp_path, "time,event\n1,1\n2,0\n3,1\n"))
    assert "groups all survival: 0.666667 0" in done.output
    assert "log_rank: –" in done.output
