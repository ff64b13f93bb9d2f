"""Reading inside a node: whether the relation of the site to the case carries it, or a consent that must still stand.

Main job: `ground(case, site, today)`: a site that takes part in the case reads by that relation, whatever consent to share is withdrawn: care goes on. A site that only
holds what another node sent it reads while the consents stand that it came under.

**Source**: design section 4 (relation to the case, consent); PIPL articles 15 and 16 (withdrawal does not undo what was done, care is not refused for it).
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from baybridge.base.outcome import Reason
from baybridge.consent.grants import holds_on
from baybridge.journey.case import Case
from baybridge.journey.command import Role, Site
from baybridge.journey.entry import Entry
from baybridge.journey.events import (
    CaseDeclined,
    CaseProposed,
    EntriesNamed,
    Event,
    GlassBroken,
    GlassReviewed,
    ProposedCaseAccepted,
    ProposedCaseRefused,
    RequestAnswered,
    RequestMade,
)

_MACHINES = frozenset({Role.SYSTEM.value, Role.NODE.value})
#: Taking in what another node proposes says that its data is held, and not that anybody treats; declining ends a part; an emergency access is none, and
#: neither is a right that a person asks for over what is held.
_NO_PART = (
    CaseDeclined, CaseProposed, ProposedCaseAccepted, ProposedCaseRefused, GlassBroken, GlassReviewed, RequestMade, EntriesNamed, RequestAnswered,
)  # fmt: skip


class Ground(StrEnum):
    """What a reading rests on; the patient's list says it."""

    OWN = "own"  # the patient
    HELPS = "helps"  # who helps the patient, let in by the patient
    RELATION = "relation"  # the site takes part in the case, or keeps the record
    CONSENT = "consent"  # another node sent it, under consents that stand
    PAYER = "payer"  # a payer that was asked
    EMERGENCY = "emergency"  # taken in an emergency, with a reason


def takes_part(case: Case, site: Site) -> bool:
    """Whether this site opened or accepted the case, follows the patient, or its people did something in it but decline."""
    if not case.entries or case.owner_node == site.node or site.node in (case.treating_node, case.follow_up_node):
        return True
    return any(_acted(entry, site) for entry in case.entries)


def _acted(entry: Entry[Event], site: Site) -> bool:
    origin = entry.origin
    return origin.node == site.node and not origin.told and origin.role not in _MACHINES and not isinstance(entry.event, _NO_PART)


def ground(case: Case, site: Site, today: date) -> Ground | Reason:
    """What this site's staff read the case on, or why they may not: every consent of a kind was withdrawn or has expired."""
    if takes_part(case, site):
        return Ground.RELATION
    kinds = {consent.kind for consent in case.consents}
    ended = sorted(kind for kind in kinds if not any(holds_on(c, today) for c in case.consents if c.kind == kind))
    if ended:
        return Reason("access.consent_ended", {"kinds": ", ".join(ended)}, source="PIPL article 15")
    return Ground.CONSENT
