"""What recognition spared at this site, for each pair of regions: the ledger as the alliance, the coordinator and quality see it.

Main job: `SPARED_DOORS`. The alliance sees sums, never a row of a case.
"""

from __future__ import annotations

from starlette.responses import Response

from baybridge.http.doors import Asked, Door
from baybridge.journey.command import Role
from baybridge.node.upkeep import sparing
from baybridge.recognition.savings import savings
from baybridge.web.page.page import render

#: How many of the newest rows the page shows.
_NEWEST = 100


def spared_page(asked: Asked) -> Response:
    """Sums for each pair of regions, and the newest rows for those who work here."""
    with asked.node.storage.reading() as connection:
        rows = sparing.rows(connection)
    staff = asked.person.role is not Role.ALLIANCE
    newest = tuple(reversed(rows))[:_NEWEST] if staff else ()
    return render(asked, "spared.html", sums=savings(rows), newest=newest, left_out=len(rows) - len(newest) if staff else 0, staff=staff)


SPARED_DOORS = (Door("/spared", ("GET",), "spared", "alliance.spared", spared_page),)
