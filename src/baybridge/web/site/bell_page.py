"""The bell: what this person is told, on a page of its own; its number stands in the head of every page.

Main job: `BELL_DOORS`. No name of a patient and no word of a message stands here. What a person wants to be told is set on the account page.

Elsewhere: who is told of what in `node/people/notifications.py`; what of it this person may still open, `web/page/bell.py`.
"""

from __future__ import annotations

from starlette.responses import Response

from baybridge.base.ids import mark_of
from baybridge.http.doors import Asked, Door
from baybridge.node.people import notifications
from baybridge.web.case import tabs
from baybridge.web.page.bell import leads_to, told
from baybridge.web.page.page import go, render


def bell(asked: Asked) -> Response:
    """What this person is told, the newest first."""
    return render(asked, "notifications.html", found=[(one, mark_of(one.case_id)) for one in told(asked)], most=notifications.MOST)


def opened(asked: Asked) -> Response:
    """Note that one was looked at, and lead to what it is about."""
    wanted = asked.form.get("notification", "")
    one = next((one for one in told(asked) if one.id == wanted), None)
    if one is None:
        return go("/notifications")
    with asked.node.storage.writing() as connection:
        notifications.see(connection, asked.person.account, asked.node.now(), one.id)
    return go(tabs.address(one.case_id, leads_to(asked.person.role, one.kind)))


def seen(asked: Asked) -> Response:
    """Note that all were looked at."""
    with asked.node.storage.writing() as connection:
        notifications.see(connection, asked.person.account, asked.node.now())
    return go("/notifications")


def wanted(asked: Asked) -> Response:
    """Keep what this person wants to be told of."""
    kinds = {value for name, value in asked.forms if name == "kind"}
    with asked.node.storage.writing() as connection:
        notifications.want(connection, asked.person.account, kinds)
    return go("/account#notifications")


def number(asked: Asked) -> Response:
    """The bell alone, for a page that is open."""
    return render(asked, "bell.html")


BELL_DOORS = (
    Door("/notifications", ("GET",), "notifications", "own-account", bell),
    Door("/notifications/number", ("GET",), "notifications.number", "own-account", number),
    Door("/notifications/open", ("POST",), "notifications.open", "own-account", opened),
    Door("/notifications/seen", ("POST",), "notifications.seen", "own-account", seen),
    Door("/account/notifications", ("POST",), "account.notifications", "own-account", wanted),
)
