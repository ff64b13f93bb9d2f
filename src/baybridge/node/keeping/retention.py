"""Which backups of a folder are kept: the newest of each of the latest days, weeks and months, and always the newest of all.

Main job: `to_go(files, kept)`. The moment of a backup stands in its name; files of other names are nobody's to throw away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from baybridge.documents.backups import Kept
from baybridge.node.keeping.backups import ENDING


def made_at(file: Path, node: str) -> datetime | None:
    """When a backup of a node was made, by its name; None for any other file."""
    found = re.fullmatch(re.escape(node) + r"-(\d{8}T\d{6}Z)" + re.escape(ENDING), file.name)
    try:
        return datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def nodes_of(files: Iterable[Path]) -> tuple[str, ...]:
    """The nodes whose backups are among these files, by name."""
    found = (re.fullmatch(r"(.+)-\d{8}T\d{6}Z" + re.escape(ENDING), file.name) for file in files)
    return tuple(sorted({one[1] for one in found if one}))


def to_go(files: Iterable[Path], node: str, kept: Kept) -> list[Path]:
    """The backups that are no longer kept, oldest first."""
    dated = sorted((at, file) for file in files if (at := made_at(file, node)) is not None)
    stays = {file for _at, file in dated[-1:]}
    for count, of in ((kept.days, _day), (kept.weeks, _week), (kept.months, _month)):
        stays |= _newest_of_each(dated, of, count)
    return [file for _at, file in dated if file not in stays]


def _newest_of_each(dated: Sequence[tuple[datetime, Path]], of: Callable[[datetime], tuple[int, ...]], count: int) -> set[Path]:
    newest = {of(at): file for at, file in dated}  # the last one of a period stands
    return {newest[period] for period in sorted(newest)[-count:]}


def _day(at: datetime) -> tuple[int, ...]:
    return at.year, at.month, at.day


def _week(at: datetime) -> tuple[int, ...]:
    return at.isocalendar()[:2]


def _month(at: datetime) -> tuple[int, ...]:
    return at.year, at.month
