"""Messages between organisations as they cross: their files go in with the package, and come out of it into the documents of the case.

Main job: `with_files` when a package is made, `against` when one arrives, `filed` when it is taken in. The Communication that carries a message is no record of the
patient: it is not filed, the event that was told is rendered instead.

**Source**: contract K10. Elsewhere: the rules in `exchange/messages/writing.py`, packages in `packing.py`, `arrivals.py` and `transfers.py`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from baybridge.base import decoding
from baybridge.base.outcome import Reason
from baybridge.exchange.messages import rendering
from baybridge.facts.fhir import items, mapping
from baybridge.journey.attachments import same
from baybridge.journey.case import Case
from baybridge.journey.case_messages import PURPOSE, message_of
from baybridge.journey.entry import read_event
from baybridge.journey.events import CaseMessageRead, CaseMessageSent, DocumentReceived, SentFile, Told
from baybridge.node.attachments import files
from baybridge.node.attachments.media import media_type
from baybridge.node.attachments.received import received
from baybridge.record.fhir.wire import taken_in

if TYPE_CHECKING:
    from baybridge.node.neighbours.package import Content
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_OURS = (CaseMessageSent, CaseMessageRead)


def is_word(event: Mapping[str, object]) -> bool:
    """Whether an event is a message or a word about one: meant for one receiver and told to no other."""
    return event.get("type") in {kind.__name__ for kind in _OURS}


def with_files(node: Node, case_id: str, resource: dict[str, object]) -> dict[str, object]:
    """The Communication of a message with the content of its files; ValueError where one is not as it was when the message was judged."""
    return {**resource, "payload": [_filled(node, case_id, part) for part in items(resource.get("payload"))]}


def _filled(node: Node, case_id: str, part: Mapping[str, object]) -> Mapping[str, object]:
    attachment = mapping(part.get("contentAttachment"))
    if not attachment:
        return part
    content = files.found(node.config.folder, case_id, rendering.sha256_of(attachment))
    if content is None:
        raise ValueError("expected the file that a message names, found none or another one")
    return {"contentAttachment": {**attachment, "data": b64encode(content).decode()}}


# --- what arrives ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message that a package tells, and the Communication that came with it."""

    event: CaseMessageSent
    resource: Mapping[str, object]

    def contents(self) -> Iterator[tuple[SentFile, bytes | None]]:
        """Each file with its content; None where what came is not what the message names."""
        came = {}
        for part in items(self.resource.get("payload")):
            attachment = mapping(part.get("contentAttachment"))
            came[rendering.sha256_of(attachment)] = _decoded(attachment.get("data"))
        return ((one, _as_named(one, came.get(one.sha256))) for one in self.event.files)


def _decoded(data: object) -> bytes | None:
    try:
        return b64decode(data, validate=True) if isinstance(data, str) else None
    except ValueError:
        return None


def _as_named(one: SentFile, content: bytes | None) -> bytes | None:
    fits = content is not None and (sha256(content).hexdigest(), len(content), media_type(content)) == (one.sha256, one.bytes, one.media_type)
    return content if fits else None


def _words(told: Sequence[Told], sender: str) -> Iterator[CaseMessageSent | CaseMessageRead]:
    """The words about messages that a package tells of its sender."""
    for item in told:
        event = read_event(item.event) if item.node == sender and is_word(item.event) else None
        if isinstance(event, _OURS):
            yield event


def against(node: Node, content: Content, known: Case, told: Sequence[Told]) -> Iterator[Reason]:
    """Why the messages of a package are not taken: they speak for somebody else, answer what nobody asked, or bring other files than they name."""
    if content.purpose != PURPOSE:
        return
    if not known.entries:
        yield Reason("federation.no_case")
    if any(is_word(item.event) and item.node != content.from_node for item in told):
        yield Reason("federation.message_of_another", where="told")
    letters = [event for event in _words(told, content.from_node) if isinstance(event, CaseMessageSent)]
    for event in _words(told, content.from_node):
        yield from _word(node, content, known, event)
    came = _resources(content)
    if came.keys() != {event.message_id for event in letters}:
        yield Reason("federation.message_differs", where="resources")
        return
    for event in letters:
        letter = _Letter(event, came[event.message_id])
        if letter.resource.get("payload") != _payload_of(event, letter.resource) or any(data is None for _, data in letter.contents()):
            yield Reason("federation.message_differs", where="resources")


def _payload_of(event: CaseMessageSent, resource: Mapping[str, object]) -> list[Mapping[str, object]]:
    """The payload that the event says, with the data that came: nothing may stand there beside it."""
    came = (mapping(part.get("contentAttachment")) for part in items(resource.get("payload")))
    data = iter([attachment.get("data") for attachment in came if attachment])
    said = ((part, mapping(part.get("contentAttachment"))) for part in rendering.payload(event))
    return [{"contentAttachment": {**attachment, "data": next(data, None)}} if attachment else part for part, attachment in said]


def _resources(content: Content) -> dict[str, dict[str, object]]:
    read = (taken_in(text.encode()) for text in content.resources)
    return {str(one.get("id")): one for one in read if isinstance(one, dict)}


def _word(node: Node, content: Content, known: Case, event: CaseMessageSent | CaseMessageRead) -> Iterator[Reason]:
    if event.to_node != node.site.node:
        yield Reason("federation.message_elsewhere", where="told")
        return
    before = message_of(known, event.message_id)
    if isinstance(event, CaseMessageRead):
        if before is None or before.entry.origin.node != node.site.node or before.entry.event.to_node != content.from_node:
            yield Reason("federation.message_unknown", where="told")
        return
    sender = node.neighbours[content.from_node].site
    if (event.from_organisation, event.to_organisation) != (sender.organisation, node.site.organisation):
        yield Reason("federation.message_of_another", where="told")
    if before is not None and before.entry.event != event:
        yield Reason("federation.message_of_another", where="told")
    asked = message_of(known, event.answers) if event.answers else None
    if event.answers and (asked is None or not asked.is_to(content.from_node, sender.organisation)):
        yield Reason("federation.message_unknown", where="told")


def filed(node: Node, unit: Unit, content: Content, case: Case) -> list[DocumentReceived]:
    """Keep the files that came with the messages of a package; the documents that stand on the case now.

    They are kept before the package counts as filed: where it does not, the sender brings it again, and they are named then.
    """
    told = [decoding.convert(item, Told) for item in content.told]
    came = _resources(content)
    made: dict[tuple[str, str], DocumentReceived] = {}
    for event in _words(told, content.from_node):
        if not isinstance(event, CaseMessageSent) or event.message_id not in came:
            continue
        for one, data in _Letter(event, came[event.message_id]).contents():
            if data is not None and same(case, one.sha256, one.kind) is None:
                files.put(node.config.folder, content.case_id, data)
                made[one.sha256, one.kind] = _attached(node, unit, content, one)
    return list(made.values())


def _attached(node: Node, unit: Unit, content: Content, one: SentFile) -> DocumentReceived:
    found = received(node.config, content.case_id, one.sha256)
    scan = found.scan if found is not None else "waiting"
    return DocumentReceived(
        attachment=unit.new_id(), kind=one.kind, sha256=one.sha256, media_type=one.media_type, bytes=one.bytes, scan=scan,
        from_node=content.from_node, received_under=content.route,
    )
