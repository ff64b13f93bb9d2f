"""Who may see what of a patient, who got what, and why something may not go.

Main job: `sharing(view)`: consents, notices, transfers with receipts, packages received, and for each neighbour and purpose a button that is disabled with
the very sentences that refuse it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from starlette.responses import Response

from baybridge.consent.deciding import Deciding, age_of, deciding_of, thresholds, to_confirm
from baybridge.documents.exchange import Profiles
from baybridge.exchange.transfer.sending import unknown_days_to
from baybridge.journey.command import Site
from baybridge.journey.events import CapacityStated
from baybridge.node.commands.table import COMMANDS
from baybridge.node.neighbours.transfers import problems_of
from baybridge.web.case.helpers_shown import helpers_shown
from baybridge.web.case.view import Action, CaseView, allowed


@dataclass(frozen=True, slots=True)
class Way:
    """A neighbour with a button for each purpose: those that are usual for its kind, and the others; what of the calendar between both is not known."""

    site: Site
    buttons: tuple[tuple[str, Action], ...]
    others: tuple[tuple[str, Action], ...]
    notes: tuple[str, ...] = ()


#: What is usually sent to a plant, and to a centre; the other purposes stay possible.
_TO_PLANT = ("COI_LOGISTICS", "OBA_OUTCOME", "PHARMACOVIGILANCE")
_TO_CENTRE = ("CARE_REFERRAL", "RESULT_RECOGNITION", "COI_LOGISTICS")


def sharing(view: CaseView) -> Response:
    """Consents, transfers and what could be sent now."""
    return view.render(
        "sharing.html",
        ways=ways(view),
        actions=view.buttons(),
        may_withdraw=not view.read_only and allowed(view.asked, COMMANDS["WithdrawConsent"]),
        today=_today(view),
        deciding=_deciding(view),
        stated=view.case.of(CapacityStated),
        unconfirmed={one.consent_id for one in to_confirm(view.case, _today(view), _deciding(view))},
        may_record=not view.read_only and allowed(view.asked, COMMANDS["RecordConsent"]),
        helpers=helpers_shown(view),
        problems=problems_of(view.look.unit.connection, view.case.case_id),
    )


def _today(view: CaseView) -> date:
    return view.now.astimezone(view.asked.node.site.zone).date()


def _deciding(view: CaseView) -> Deciding:
    """Who decides for the patient now, by what this node knows."""
    site = view.asked.node.site
    return deciding_of(view.case, age_of(view.facts.values.get("age")), *thresholds(view.asked.node.documents.typed, site.jurisdiction))


def ways(view: CaseView) -> list[Way]:
    """Each neighbour by each purpose of the exchange; none where this reader sends nothing."""
    kind = COMMANDS["Transfer"]
    if view.read_only or not allowed(view.asked, kind):
        return []
    purposes = tuple(view.asked.node.documents.typed.the(Profiles).purposes)
    sites = [neighbour.site for neighbour in view.asked.node.neighbours.values()]
    return [_way(view, site, purposes) for site in sites]


def _way(view: CaseView, site: Site, purposes: tuple[str, ...]) -> Way:
    usual = _TO_CENTRE if "centre" in site.kinds else _TO_PLANT
    buttons = [(purpose, view.action(COMMANDS["Transfer"], {"to_node": site.node, "purpose": purpose})) for purpose in purposes]
    first, others = (tuple(one for one in buttons if (one[0] in usual) is wanted) for wanted in (True, False))
    notes = unknown_days_to(view.look.situation(), site)
    return Way(site, first, others, tuple(map(view.reader.reason, notes)))
