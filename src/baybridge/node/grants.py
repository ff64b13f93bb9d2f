"""Grants that this node knows, over all its cases, as a quota counts them.

Main job: `grants(connection, plans, zone)`, read within the transaction in which a grant is decided: a writer holds the node's one lock, so that two grants
cannot both take the last place.

Only events of money are read, and only where a plan has a quota. Elsewhere: what a quota is in `funding/quota.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from baybridge.funding.quota import Grant, grants_of, quota_of
from baybridge.journey.case import fold
from baybridge.journey.events import (
    ClaimAdjudicated,
    ClaimSubmitted,
    PackageReceived,
    PreauthorisationAnswered,
    PreauthorisationAppealed,
    PreauthorisationRequested,
)
from baybridge.journey.stored import decode
from baybridge.ledger import streams

_KINDS = (PreauthorisationRequested, PreauthorisationAnswered, PreauthorisationAppealed, ClaimSubmitted, ClaimAdjudicated, PackageReceived)
_TYPES = tuple(kind.__name__ for kind in _KINDS)


def grants(connection: Connection, plans: Mapping[str, Mapping[str, Any]], zone: ZoneInfo) -> tuple[Grant, ...]:
    """Every grant of a plan with a quota; none are looked for where no plan has one."""
    limited = {name for name, document in plans.items() if quota_of(document) is not None}
    if not limited:
        return ()
    stored = streams.of_types(connection, _TYPES)
    cases = [fold((decode(one.body) for one in of_case if one.body), case_id) for case_id, of_case in groupby(stored, key=lambda one: one.case_id)]
    return tuple(grant for grant in grants_of(cases, zone) if grant.plan in limited)
