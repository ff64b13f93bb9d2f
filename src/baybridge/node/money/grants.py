"""Grants that this node knows, over all its cases, as a quota counts them.

Main job: `grants(connection, plans, zone)`, read within the transaction in which a grant is decided: a writer holds the node's one lock, so that two grants
cannot both take the last place.

Only events of money are read, and only where a plan has a quota. Elsewhere: what a quota is in `funding/plans/quota.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from baybridge.documents.plan import Plans
from baybridge.funding.plans.quota import grants_of, quota_of
from baybridge.journey.case import fold
from baybridge.journey.events import (
    ClaimAdjudicated,
    ClaimSubmitted,
    Event,
    PackageReceived,
    PreauthorisationAnswered,
    PreauthorisationAppealed,
    PreauthorisationRequested,
)
from baybridge.journey.granted import Grant
from baybridge.journey.stored import decode
from baybridge.ledger import streams

#: Events that grant something, or may tell of one that does.
_GRANTING = (PreauthorisationAnswered, ClaimAdjudicated, PackageReceived)
_KINDS = (PreauthorisationRequested, PreauthorisationAppealed, ClaimSubmitted, *_GRANTING)


def grants(connection: Connection, plans: Plans, zone: ZoneInfo) -> tuple[Grant, ...]:
    """Every grant of a plan with a quota since the year of that quota began; none are looked for where no plan has one."""
    limited = {name: quota for name, document in plans.items() if (quota := quota_of(document)) is not None}
    if not limited:
        return ()
    before = date(min(quota.as_of.year for quota in limited.values()), 1, 1) - timedelta(days=1)  # a day more than any zone needs
    stored = streams.of_types(connection, _names(_KINDS), having=_names(_GRANTING), since=before.isoformat())
    cases = (list(of_case) for _, of_case in groupby(stored, key=lambda one: one.case_id))
    about = (of_case for of_case in cases if any(_names_one(one.body, limited) for one in of_case))
    folded = (fold((decode(one.body) for one in of_case if one.body), of_case[0].case_id) for of_case in about)
    return tuple(grant for grant in grants_of(folded, zone) if grant.plan in limited)


def _names(kinds: Iterable[type[Event]]) -> tuple[str, ...]:
    return tuple(kind.__name__ for kind in kinds)


def _names_one(body: bytes, plans: Iterable[str]) -> bool:
    """Whether an event as it is kept names one of these plans; most do not and need not be read."""
    return any(plan.encode() in body for plan in plans)
