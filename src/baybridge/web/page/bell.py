"""What the bell tells a person: notifications of cases that this person may still open.

Main job: `told(asked)`, `leads_to(asked, one)` and `count(asked)`. Who was told of a case once is not told that it exists when access to it has ended: each is decided
again when it is shown.

Elsewhere: who is told of what, `node/people/notifications.py`; the page, `web/site/bell_page.py`.
"""

from __future__ import annotations

from dataclasses import replace

from baybridge.base.outcome import Refusal
from baybridge.http.doors import Asked
from baybridge.journey.command import Role
from baybridge.node.commands.judging import payers_of
from baybridge.node.people import notifications, reads
from baybridge.node.people.notifications import Notification
from baybridge.web.case import tabs


def told(asked: Asked) -> list[Notification]:
    """Those that lead to a page which this person may open now, the newest first."""
    if asked.actor is None:
        return []
    with asked.node.storage.reading() as connection:
        found = notifications.of_account(connection, asked.actor.account)
    may_open = {key: _may_open(asked, *key) for key in {(one.kind, one.case_id) for one in found}}
    return [one for one in found if may_open[one.kind, one.case_id]]


def count(asked: Asked) -> int:
    """How many of them this person has not looked at."""
    if asked.actor is None:
        return 0
    with asked.node.storage.reading() as connection:
        if not notifications.unseen(connection, asked.actor.account):
            return 0
    return sum(not one.seen for one in told(asked))


def leads_to(role: Role, kind: str) -> str:
    """The tab of a case to which a notification leads somebody of a role."""
    wanted = notifications.LEADS_TO.get(kind, "overview")
    return wanted if wanted in tabs.shown(role) else tabs.home_tab(role)


def _may_open(asked: Asked, kind: str, case_id: str) -> bool:
    node, actor = asked.node, asked.actor
    case = node.case(case_id)
    if case is None or actor is None:
        return False
    payers = payers_of(node, case)
    acting = (replace(actor, role=role) for role in actor.roles)
    return any(not isinstance(reads.for_case(node, tabs.TABS[leads_to(one.role, kind)], one, case, payers), Refusal) for one in acting)
