"""What corrections make of a case's entries: what stands, and what is struck through.

Main job: `settle(history)`. A void entry is left out as if it had never been made; a replaced one stands as its replacement, at its own place and with its own
times, so that everything that reads the case sees what a case without the mistake would show.

The node that recorded an entry corrects it. What another node told can be set aside here: struck through at this node alone, until it is reinstated or its own node puts
it right, which goes before. What another node says of ours, or of a third node's, is kept in the history, shown, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from baybridge.journey.entry import Entry, tells
from baybridge.journey.events import EntryCorrected, EntryReinstated, Event


@dataclass(frozen=True, slots=True)
class Struck:
    """An entry that does not hold, and the correction that says so."""

    entry: Entry[Event]
    by: Entry[EntryCorrected]

    @property
    def state(self) -> str:
        """What became of it: voided or replaced."""
        return "replaced" if self.by.event.replaced_by else "voided"

    @property
    def by_record(self) -> bool:
        """Whether the node replaced it because values of the record that it rests on are others now, and no person did."""
        return self.by.event.reason == "source-corrected" and self.by.origin.role == "system"


def settle(history: tuple[Entry[Event], ...]) -> tuple[tuple[Entry[Event], ...], tuple[Struck, ...]]:
    """The entries that stand, in order, and those that are struck through; without corrections the history itself."""
    made = [entry for entry in history if tells(entry, EntryCorrected)]
    if not made:
        return history, ()
    by_id = {entry.origin.event_id: entry for entry in history}
    corrections = set_aside(history, by_id) | _corrections(made, by_id)
    struck = tuple(Struck(by_id[event_id], by) for event_id, by in corrections.items())
    return tuple(_standing(history, by_id, corrections)), struck


def _corrections(made: Sequence[Entry[EntryCorrected]], by_id: Mapping[str, Entry[Event]]) -> dict[str, Entry[EntryCorrected]]:
    """The correction of each entry, the first where two were told; by the node that recorded it and nobody else."""
    found: dict[str, Entry[EntryCorrected]] = {}
    for entry in made:
        target = by_id.get(entry.event.event_id)
        if target is not None and target.origin.node == entry.origin.node:
            found.setdefault(entry.event.event_id, entry)
    return found


def set_aside(history: Sequence[Entry[Event]], by_id: Mapping[str, Entry[Event]]) -> dict[str, Entry[EntryCorrected]]:
    """By entry that another node told: what this node said last against it, where that stands."""
    found: dict[str, Entry[EntryCorrected]] = {}
    for entry in history:
        target = None if entry.origin.told else by_id.get(getattr(entry.event, "event_id", ""))
        if target is None or not target.origin.told:
            continue
        if tells(entry, EntryCorrected):
            found[target.origin.event_id] = entry
        elif tells(entry, EntryReinstated):
            found.pop(target.origin.event_id, None)
    return found


def set_aside_elsewhere(history: Sequence[Entry[Event]]) -> dict[str, tuple[Entry[EntryCorrected], ...]]:
    """By entry that was recorded here: what other nodes said against it, the last word of each, where it stands there."""
    own = {entry.origin.event_id for entry in history if not entry.origin.told}
    found: dict[tuple[str, str], Entry[EntryCorrected]] = {}
    for entry in history:
        about = (getattr(entry.event, "event_id", ""), entry.origin.node)
        if not entry.origin.told or about[0] not in own:
            continue
        if tells(entry, EntryCorrected):
            found[about] = entry
        elif tells(entry, EntryReinstated):
            found.pop(about, None)
    return {event_id: tuple(entry for (name, _), entry in found.items() if name == event_id) for event_id, _ in found}


def _standing(
    history: Sequence[Entry[Event]], by_id: Mapping[str, Entry[Event]], corrections: Mapping[str, Entry[EntryCorrected]]
) -> Iterator[Entry[Event]]:
    moved = {by.event.replaced_by for by in corrections.values()}
    for entry in history:
        event_id = entry.origin.event_id
        if event_id in moved or isinstance(entry.event, EntryCorrected | EntryReinstated):
            continue
        last = _last(event_id, by_id, corrections) if event_id in corrections else entry
        if last is entry:
            yield entry
        elif last is not None:
            yield Entry(last.event, replace(entry.origin, event_id=last.origin.event_id))


def _last(event_id: str, by_id: Mapping[str, Entry[Event]], corrections: Mapping[str, Entry[EntryCorrected]]) -> Entry[Event] | None:
    """What stands for an entry after every correction of it; None where nothing does, or where the replacement was not told here."""
    seen = {event_id}
    while event_id in corrections:
        event_id = corrections[event_id].event.replaced_by or ""
        if event_id in seen:
            return None
        seen.add(event_id)
    return by_id.get(event_id)
