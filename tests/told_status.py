"""A patient of Macao who is treated in Hong Kong, with or without the consent to tell where the treatment stands."""

from __future__ import annotations

from datetime import date, timedelta

from acceptance.support import PURPOSES, World
from baybridge.journey.command import Role

STATUS = "CASE_STATUS"


def consents(world: World, *, status: bool, purposes: list[str] | None = None) -> None:
    """The usual consents of Macao, with or without the one to tell where the treatment stands."""
    world.file("mo", world.bundle())
    for kind in ("care", "sensitive", "cross_border", "finance", "mo_ground", *(("sharing_status",) if status else ())):
        named = {"recipients": list(world.nodes), "purposes": purposes or [*PURPOSES, STATUS]} if kind in ("sensitive", "cross_border") else {}
        world.do("mo", Role.COORDINATOR, "RecordConsent", kind=kind, notice_version="2026-1", notice_language="zh-Hant", **named)
    world.do("mo", Role.COORDINATOR, "NotifyAuthority", authority="DSPDP", reference="test-1")
    world.do("mo", Role.PHYSICIAN, "DecideEligibility")
    world.do("mo", Role.COORDINATOR, "ReferCase", to_node="hk", product="axicabtagene-ciloleucel")
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    world.deliver("mo")
    world.accept()


def reserve(world: World) -> date:
    """Hong Kong reserves a day of collection."""
    day = (world.clock() + timedelta(days=3)).date()
    world.do("hk", Role.COORDINATOR, "ReserveSlot", plant_node="sh", collection_on=day.isoformat(), supply_basis="named_patient")
    return day
