"""Survival and regression against what R's survival and cmprsk say of one invented table; `oracle.R` made `oracle.txt`."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from baybridge.cli.main import main

HERE = Path(__file__).parent
COVARIATES = ("age", "bridging", "burden")
CLOSE = 1e-8


def oracle() -> dict[str, list[list[float]]]:
    found = defaultdict[str, list[list[float]]](list)
    for line in (HERE / "oracle.txt").read_text().splitlines():
        parts = line.split()
        names = [part for part in parts[:3] if not _is_number(part) or (parts[0] == "incidence" and part == parts[2])]
        found[" ".join(names)].append([float(part.replace("NA", "nan")) for part in parts[len(names) :]])
    return found


def _is_number(text: str) -> bool:
    return text.replace(".", "").replace("-", "").isdigit()


ORACLE = oracle()


def answer(method: str, *options: str) -> Any:
    done = CliRunner().invoke(main, ["statistics", method, str(HERE / "invented.csv"), *options, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def with_covariates() -> list[str]:
    return [part for name in COVARIATES for part in ("--covariate", name)]


@pytest.mark.parametrize("group", ["A", "B", "C"])
def test_survival_with_its_limits(group: str) -> None:
    curve = answer("kaplan-meier", "--group", "group")["groups"][group]
    rows = ORACLE[f"km {group}"]
    assert len(rows) > 15
    assert curve["times"] == [row[0] for row in rows]
    assert curve["at_risk"] == [row[4] for row in rows]
    for name, place in (("survival", 1), ("lower", 2), ("upper", 3)):
        told = [float("nan") if value is None else value for value in curve[name]]
        assert told == pytest.approx([row[place] for row in rows], abs=CLOSE, nan_ok=True)


def test_log_rank() -> None:
    found = answer("kaplan-meier", "--group", "group")["log_rank"]
    ((chi2, df, p),) = ORACLE["log_rank"]
    assert (found["chi2"], found["df"], found["p"]) == (pytest.approx(chi2, abs=CLOSE), df, pytest.approx(p, abs=CLOSE))


@pytest.mark.parametrize(("named", "options"), [("cox", ()), ("strata", ("--group", "group"))])
def test_cox_with_ties_by_efron(named: str, options: tuple[str, ...]) -> None:
    found = answer("cox", *with_covariates(), *options)
    for name in COVARIATES:
        one = found["coefficients"][name]
        assert [one["beta"], one["se"], one["p"]] == pytest.approx(ORACLE[f"{named} {name}"][0], abs=CLOSE)
    assert [found["loglik"]] == pytest.approx(ORACLE[f"{named} loglik"][0], abs=1e-7)


def test_fine_gray_with_robust_errors() -> None:
    found = answer("fine-gray", "--event", "cause", *with_covariates())["coefficients"]
    for name in COVARIATES:
        assert [found[name]["beta"], found[name]["se"]] == pytest.approx(ORACLE[f"fine_gray {name}"][0], abs=CLOSE)


@pytest.mark.parametrize("group", ["A", "B", "C"])
@pytest.mark.parametrize("cause", ["1", "2"])
def test_cumulative_incidence(group: str, cause: str) -> None:
    curve = answer("cumulative-incidence", "--event", "cause", "--group", "group")["groups"][group]["causes"][cause]
    steps = list(zip(curve["times"], curve["incidence"], strict=True))
    rows = ORACLE[f"incidence {group} {cause}"]
    assert len(rows) == 6
    for at, expected in rows:
        assert max((value for time, value in steps if time <= at), default=0.0) == pytest.approx(expected, abs=CLOSE)
