"""Who may do what, for administrators and quality: each person with roles and accounts, each role with its commands.

Main job: `RIGHTS_DOORS`. Elsewhere: what it shows, `node/people/rights.py`.
"""

from __future__ import annotations

from starlette.responses import Response

from baybridge.http.doors import Asked, Door
from baybridge.node.people import rights
from baybridge.web.page.page import render


def everything(asked: Asked) -> Response:
    """People by their roles, roles by their commands."""
    with asked.node.storage.reading() as connection:
        people = rights.of_people(connection, asked.node.now())
    return render(asked, "rights.html", people=people, by_role=rights.of_roles())


RIGHTS_DOORS = (Door("/accounts/rights", ("GET",), "accounts.rights", "accounts.rights", everything),)
