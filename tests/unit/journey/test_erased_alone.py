"""What a case would say without an entry that is to be erased: nothing that was taken back counts again, and no entry rests on nothing."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

import case_world as w
from baybridge.journey import events as ev
from baybridge.journey.corrections.missing import against

ZONE = ZoneInfo("Asia/Hong_Kong")


def said(world: w.World, *event_ids: str) -> list[tuple[str, Any]]:
    return [(reason.code, next(iter(reason.values.values()))) for reason in against(world.case, event_ids, ZONE)]


def ids(world: w.World, kind: type[ev.Event]) -> list[str]:
    return [entry.origin.event_id for entry in world.case.history if isinstance(entry.event, kind)]


def recorded(world: w.World, event: ev.Event) -> str:
    world.record("mo", event)
    return world.case.history[-1].origin.event_id


def test_a_withdrawal_goes_with_its_own_consent_alone() -> None:
    world = w.infused()
    first = world.case.of(ev.ConsentRecorded)[0]
    other = recorded(world, msgspec.structs.replace(first.event, consent_id="another"))
    taken = recorded(world, ev.ConsentWithdrawn(consent_id=first.event.consent_id, withdrawn_on=world.now.date()))
    alone = ("person.erase.counts_again", taken)
    assert alone in said(world, taken)
    assert alone in said(world, taken, other)
    assert alone not in said(world, taken, first.origin.event_id)


@pytest.mark.parametrize("kind", [ev.EntryCorrected, ev.EntryReinstated])
def test_what_says_that_an_entry_does_not_hold_goes_with_that_entry(kind: type[ev.Event]) -> None:
    world = w.infused()
    meant = ids(world, ev.ProductThawed)[0]
    more = {"action": "void", "reason": "wrong-value"} if kind is ev.EntryCorrected else {}
    entry = recorded(world, kind(event_id=meant, **more))
    assert said(world, entry) == [("person.erase.counts_again", entry)]
    assert ("person.erase.counts_again", entry) not in said(world, entry, meant)


def test_a_statement_that_the_patient_cannot_decide_stays() -> None:
    world = w.infused()
    entry = recorded(world, ev.CapacityStated(can_decide=False, seen_at=world.now, note="delirious"))
    assert said(world, entry) == [("person.erase.counts_again", entry)]


def test_nothing_goes_on_which_later_entries_rest_unless_they_go_too() -> None:
    world = w.infused()
    (infused,), (collected,) = ids(world, ev.Infused), ids(world, ev.CellsCollected)
    assert [code for code, _ in said(world, collected)] == ["person.erase.others_rest"]
    assert said(world, infused) == said(world) == []
