"""What must happen next: `data/pathways/standard.yaml`, and schedules of follow-up of a site.

Main job: `Pathway`, the steps of a case, its clocks and visits.

**Units**: days, hours, months as the names say.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from baybridge.documents.heading import Days, Heading, Hours, Part

Every = Annotated[int, Meta(ge=1)]


class Where(Part, frozen=True, kw_only=True):
    """What an event must say to finish a step."""

    kind: str | None = None
    purpose: str | None = None
    leg: str | None = None
    step: str | None = None
    timepoint: str | None = None


class DoneBy(Part, frozen=True, kw_only=True):
    """An event that finishes a step."""

    event: str
    where: Where | None = None
    scope: Literal["case", "cycle", "infusion", "here"] = "case"


class Due(Part, frozen=True, kw_only=True):
    """When a step is due."""

    from_: str = field(name="from")
    days: int | float = 0
    hours: int | float = 0


class Step(Part, frozen=True, kw_only=True):
    """One step of the pathway."""

    step: str
    role: str
    site: Literal["any", "offered", "owner", "treating", "plant", "follow_up"]
    done_by: tuple[DoneBy, ...]
    commands: tuple[str, ...]
    late: str
    late_level: Literal["amber", "red"] = "amber"
    due: Due | None = None
    after: tuple[str, ...] = ()
    ended_by: tuple[str, ...] = ()
    only_if: tuple[str, ...] = ()
    if_facts: tuple[str, ...] | None = None


class FreshCellsClock(Part, frozen=True, kw_only=True):
    """How long fresh cells may be on their way."""

    amber_h: Hours
    red_h: Hours
    stop_h: Hours


class ShipperClock(Part, frozen=True, kw_only=True):
    """How long before a shipper warms."""

    amber_h: Hours
    red_h: Hours


class PermitClock(Part, frozen=True, kw_only=True):
    """How long before a permit ends."""

    amber_d: Days


class FinalResult(Part, frozen=True, kw_only=True):
    """A test on whose interim result a product is released: within how many days of the release its final result is recorded."""

    attribute: str
    within_d: Days
    source: str


class Clocks(Part, frozen=True, kw_only=True):
    """When a clock says so."""

    fresh_cells: FreshCellsClock
    dry_shipper: ShipperClock
    permit: PermitClock
    final_results: tuple[FinalResult, ...] = ()


class Visit(Part, frozen=True, kw_only=True):
    """A visit after the infusion."""

    visit: str
    days: Days | None = None
    months: Every | None = None
    window_d: Days


class Visits(Part, frozen=True, kw_only=True):
    """Visits that come again."""

    every_months: Every
    until_month: Every | None = None
    window_d: Days
    contact: bool = False


class FollowUp(Part, frozen=True, kw_only=True):
    """The schedule of visits."""

    visits: tuple[Visit, ...]
    then: tuple[Visits, ...] = ()


class Schedule(Heading, frozen=True, kw_only=True):
    """A schedule of follow-up of a site."""

    follow_up: FollowUp


class Pathway(Schedule, frozen=True, kw_only=True):
    """Steps, clocks and visits of a case."""

    steps: tuple[Step, ...]
    after_death: tuple[Step, ...]
    alarms: Clocks
