"""Which backups are kept: the newest of each day, week and month, and never none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from baybridge.documents.backups import Kept
from baybridge.node.keeping import retention
from baybridge.node.keeping.backups import ENDING

KEPT = Kept(days=3, weeks=2, months=2)


def named(at: datetime, node: str = "mo") -> Path:
    return Path(f"/b/{node}-{at.strftime('%Y%m%dT%H%M%SZ')}{ENDING}")


def days(count: int, last: datetime = datetime(2026, 11, 29, 1, tzinfo=UTC)) -> list[Path]:
    return [named(last - timedelta(days=number)) for number in range(count)]


def stays(files: list[Path]) -> list[str]:
    gone = set(retention.to_go(files, "mo", KEPT))
    return sorted(file.name[3:11] for file in files if file not in gone)


def test_the_newest_of_each_day_week_and_month_stays() -> None:
    assert stays(days(90)) == ["20261031", "20261122", "20261127", "20261128", "20261129"]


def test_of_one_day_the_newest_stays() -> None:
    early, late = (named(datetime(2026, 11, 29, hour, tzinfo=UTC)) for hour in (1, 2))
    assert retention.to_go([late, early], "mo", KEPT) == [early]


def test_after_a_long_pause_nothing_that_counts_goes() -> None:
    old = named(datetime(2020, 1, 1, tzinfo=UTC))
    assert retention.to_go([old], "mo", KEPT) == []


def test_what_is_not_a_backup_of_this_node_is_left_alone() -> None:
    others = [named(datetime(2020, 1, day, tzinfo=UTC), "hk") for day in range(1, 9)]
    odd = [Path(f"/b/mo-{name}") for name in (f"20201301T000000Z{ENDING}", f"before-the-move{ENDING}", "20200101T000000Z.txt", f"20200101T000000Z{ENDING}.part")]
    assert retention.to_go([*others, *odd, *days(1)], "mo", KEPT) == []
