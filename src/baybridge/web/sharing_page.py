"""Who may see what of a patient, who got what, and why something may not go.

Main job: `sharing(view)`: consents, notices, transfers with receipts, packages received, and for each neighbour and purpose a button that is disabled with
the very sentences that refuse it.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from baybridge.journey.command import Site
from baybridge.node.commands import COMMANDS
from baybridge.web.view import Action, CaseView, allowed


@dataclass(frozen=True, slots=True)
class Way:
    """A neighbour with a button for each purpose."""

    site: Site
    buttons: tuple[tuple[str, Action], ...]


def sharing(view: CaseView) -> Response:
    """Consents, transfers and what could be sent now."""
    return view.render(
        "sharing.html",
        ways=ways(view),
        actions=view.actions(["RecordConsent", "WithdrawConsent", "NotifyAuthority"]),
        may_withdraw=not view.read_only and allowed(view.asked, COMMANDS["WithdrawConsent"]),
        today=view.now.astimezone(view.asked.node.site.zone).date(),
    )


def ways(view: CaseView) -> list[Way]:
    """Each neighbour by each purpose of the exchange; none where this reader sends nothing."""
    kind = COMMANDS["Transfer"]
    if view.read_only or not allowed(view.asked, kind):
        return []
    purposes = tuple(view.asked.node.documents.folder("exchange")["profiles"]["purposes"])
    sites = [neighbour.site for neighbour in view.asked.node.neighbours.values()]
    return [Way(site, tuple((purpose, view.action(kind, {"to_node": site.node, "purpose": purpose})) for purpose in purposes)) for site in sites]
