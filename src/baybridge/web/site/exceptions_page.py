"""Exceptions that were signed at the gates of the road, for the alliance and for quality.

Main job: `EXCEPTION_DOORS`. The alliance sees no case, no patient and no note: a mark says which of them are of one patient, and nobody can tell of whom.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from starlette.responses import Response

from baybridge.alliance.exceptions import SignedAtGate, exceptions_of
from baybridge.http.doors import Asked, Door
from baybridge.journey.command import Role
from baybridge.journey.events import GateExceptionSigned, PackageReceived
from baybridge.ledger import streams
from baybridge.web.page.page import render

#: Events by which a case can hold an exception: its own, and what other nodes told.
_TELL = (GateExceptionSigned.__name__, PackageReceived.__name__)
#: How many of the newest rows the page shows.
_NEWEST = 200
#: Characters of a mark: enough to tell some thousand patients apart.
_MARK = 8


@dataclass(frozen=True, slots=True)
class Row:
    """An exception with the mark of its case, and the case itself for those who may open it."""

    signed: SignedAtGate
    mark: str
    case_id: str


def exceptions_page(asked: Asked) -> Response:
    """Sums by gate and reason, and the newest exceptions."""
    node, staff = asked.node, asked.person.role is not Role.ALLIANCE
    with node.storage.reading() as connection:
        names = streams.cases_with(connection, _TELL)
    found = [
        Row(one, node.pseudonym(f"exceptions/{case_id}")[:_MARK], case_id if staff else "")
        for case_id in names
        for case in [node.case(case_id)]
        if case is not None
        for one in exceptions_of(case, node.now(), node.site.zone)
    ]
    sums = Counter((row.signed.gate, code) for row in found if row.signed.outcome != "struck" for code in row.signed.codes)
    newest = sorted(found, key=lambda row: row.signed.signed_on, reverse=True)
    return render(asked, "exceptions.html", sums=sums.most_common(), rows=newest[:_NEWEST], left_out=max(0, len(newest) - _NEWEST))


EXCEPTION_DOORS = (Door("/exceptions", ("GET",), "exceptions", "alliance.exceptions", exceptions_page),)
