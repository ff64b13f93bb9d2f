"""What holds today of all that the patient allowed.

Main job: `consents_for(case, to_node, purpose, on) -> ConsentState`, what a transfer or a step may rest on.

A consent to cross a border or to handle sensitive data counts only for recipients and purposes that it names; other consents
that name none are not limited. `None` says that nobody asked; `False` that what was asked does not cover this.

**Source**: PIPL articles 23, 29 and 39 (separate consent naming recipient and purpose); Macao Law 8/2005 article 20.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from baybridge.journey.case import Case, Consent
from baybridge.journey.events import ConsentKind

#: Kinds that must name recipients and purposes to count. Source: PIPL articles 23 and 39.
NAMED_KINDS: frozenset[ConsentKind] = frozenset({"cross_border", "sensitive"})

#: The authority that Macao's law wants to be told. Source: Law 8/2005 articles 20 and 21; DSPDP since 1 February 2024.
DSPDP = "DSPDP"


@dataclass(frozen=True, slots=True)
class ConsentState:
    """By kind: True allowed, False asked but not covering this, None never asked."""

    care: bool | None
    sensitive: bool | None
    cross_border: bool | None
    hk_sharing: bool | None
    mo_ground: bool | None
    dspdp_notified: bool | None
    finance: bool | None
    sharing_status: bool | None
    withdrawn_on: date | None


def consents_for(case: Case, to_node: str | None, purpose: str | None, on: date) -> ConsentState:
    """What the patient's consents allow for a receiver and a purpose on a day; None for either leaves it open."""

    def state(kind: ConsentKind) -> bool | None:
        return _state(tuple(c for c in case.consents if c.kind == kind), to_node, purpose, on)

    return ConsentState(
        care=state("care"),
        sensitive=state("sensitive"),
        cross_border=state("cross_border"),
        hk_sharing=state("hk_sharing"),
        mo_ground=state("mo_ground"),
        dspdp_notified=_notified(case, on),
        finance=state("finance"),
        sharing_status=state("sharing_status"),
        withdrawn_on=_withdrawn_on(case, to_node, purpose, on),
    )


def covers(consent: Consent, to_node: str | None, purpose: str | None) -> bool:
    """Whether a consent names this receiver and purpose, or is not limited to any."""
    named = consent.kind in NAMED_KINDS
    return _names(consent.recipients, to_node, named) and _names(consent.purposes, purpose, named)


def holds_on(consent: Consent, day: date) -> bool:
    """Whether a consent was neither withdrawn nor expired on a day; its last day counts, the day of withdrawal does not."""
    return consent.holds_on(day)


def _names(listed: tuple[str, ...], wanted: str | None, must_name: bool) -> bool:  # noqa: FBT001
    return wanted is None or wanted in listed or (not listed and not must_name)


def _state(consents: tuple[Consent, ...], to_node: str | None, purpose: str | None, on: date) -> bool | None:
    if not consents:
        return None
    return any(covers(c, to_node, purpose) and holds_on(c, on) for c in consents)


def _notified(case: Case, on: date) -> bool | None:
    told = [e.event for e in case.notifications if e.event.authority == DSPDP]
    return any(event.notified_on <= on for event in told) if told else None


def _withdrawn_on(case: Case, to_node: str | None, purpose: str | None, on: date) -> date | None:
    """The last withdrawal that covers this and was not replaced by a consent of the same kind that holds."""
    matching = [c for c in case.consents if covers(c, to_node, purpose)]
    replaced = {c.kind for c in matching if holds_on(c, on)}
    days = [c.withdrawn_on for c in matching if c.withdrawn_on and c.withdrawn_on <= on and c.kind not in replaced]
    return max(days, default=None)
