"""The commonest jobs are done in a browser as those who do them, on a phone, with no more taps than the manual says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from benchmarks.jobs import JOBS, WIDTHS, Ground, Job, browsing, done, founded
from playwright.sync_api import Browser

pytestmark = [pytest.mark.timeout(1200)]

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "measurements.md"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mapping[str, str], Ground]]:
    """A served network, and the cases of the jobs."""
    with founded(tmp_path_factory.mktemp("jobs"), 1) as (addresses, (one,)):
        yield addresses, one


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with browsing() as found:
        yield found


@pytest.mark.parametrize("job", JOBS, ids=[job.walk.__name__ for job in JOBS])
def test_a_job_is_done_with_the_taps_of_the_manual(browser: Browser, ground: tuple[Mapping[str, str], Ground], job: Job) -> None:
    taps, goal = stated()[job.name]
    hand = done(browser, ground[0], job, ground[1], WIDTHS["phone"])
    assert hand.taps <= taps
    assert goal == job.goal


def stated() -> dict[str, tuple[int, int]]:
    """The taps and the goal of each job as the manual has them."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in _PAGE.read_text().splitlines() if line.startswith("|")]
    named = {job.name for job in JOBS}
    return {row[0]: (int(row[2]), int(row[3])) for row in rows if row[0] in named}
