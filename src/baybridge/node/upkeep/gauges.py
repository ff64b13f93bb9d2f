"""How much of a node waits, is stored and is left: numbers for monitoring, for the administrator's page and for `/health/ready`.

Main job: `gauges(node)`; `unready(node)` names what keeps a node from its work.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from baybridge.ledger import log
from baybridge.node import tables
from baybridge.node.config import ConfigProblem
from baybridge.node.keeping import records, standing
from baybridge.node.neighbours import transfers
from baybridge.node.outage import StorageProblem
from baybridge.node.upkeep import certificate

if TYPE_CHECKING:
    from baybridge.node.node import Node


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number, or one by label; `meaning` in a sentence."""

    name: str
    meaning: str
    values: Mapping[str, float]
    label: str = ""


def gauges(node: Node) -> Iterator[Gauge]:
    """Every number that can be read now."""
    yield Gauge("disk_free_bytes", "Bytes left where the node's folder is.", {"": shutil.disk_usage(node.config.folder).free})
    how = node.config.serving
    if how.certificate is not None and how.key is not None:
        try:
            ends = certificate.read(how.certificate, how.key, node.now()).ends
            yield Gauge("certificate_seconds_left", "Seconds until the certificate ends.", {"": (ends - node.now()).total_seconds()})
        except ConfigProblem:
            yield Gauge("certificate_seconds_left", "Seconds until the certificate ends; 0 where it cannot be used.", {"": 0.0})
    try:
        yield from _stored(node)
    except StorageProblem:
        return


def _stored(node: Node) -> Iterator[Gauge]:
    waiting, failed = tables.consequence.c, tables.projection_failure
    with node.storage.reading() as connection:
        lanes = {str(lane): float(count) for lane, count in connection.execute(select(waiting.lane, func.count()).group_by(waiting.lane))}
        undelivered = connection.execute(select(func.count()).select_from(tables.outgoing).where(transfers.waits())).scalar_one()
        broken = connection.execute(select(func.count()).select_from(failed)).scalar_one()
        entries = log.size(connection)
        backup = records.latest(connection, good=True)
    yield Gauge("consequences_waiting", "What follows from writes and is not done yet.", lanes, "lane")
    yield Gauge("packages_undelivered", "Packages to neighbours without a receipt.", {"": undelivered})
    yield Gauge("projections_failed", "Renderings that failed and are tried again.", {"": broken})
    yield Gauge("log_entries", "Entries of the log.", {"": entries})
    if backup is not None:
        yield Gauge("backup_age_seconds", "Seconds since the last good backup.", {"": (node.now() - backup.made_at).total_seconds()})


def unready(node: Node) -> list[str]:
    """What keeps this node from its work: `database`, `restored` (people accept first what it lacks), `disk`, `clock`, `certificate`; nothing where it is ready."""
    found = []
    try:
        with node.storage.reading() as connection:
            log.size(connection)
            standing.guard(connection)
    except StorageProblem as problem:
        found.append("restored" if problem.kind == "restored" else "database")
    if shutil.disk_usage(node.config.folder).free < _LEAST_FREE:
        found.append("disk")
    if node.clock_watch is not None and node.clock_watch.is_wrong():
        found.append("clock")
    how = node.config.serving
    if how.certificate is not None and how.key is not None:
        try:
            certificate.read(how.certificate, how.key, node.now())
        except ConfigProblem:
            found.append("certificate")
    return found


#: Bytes that a node needs for its work. Source: convention of this project.
_LEAST_FREE = 64 * 1024 * 1024
