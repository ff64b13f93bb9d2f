"""Messages that left the building, in FHIR: that, when and to which account; never what they said, which names nobody.

Main job: `EVENT_ROWS`. Elsewhere: who is told by which way, `node/messages/`.
"""

from __future__ import annotations

from baybridge.journey.events import MessageDelivered, MessageFailed
from baybridge.journey.fhir.writer import Writer, account, identifier
from baybridge.journey.row import EventRow


def delivered(event: MessageDelivered, writer: Writer) -> None:
    """As Communication."""
    _communication(event, writer, "completed")


def failed(event: MessageFailed, writer: Writer) -> None:
    """As Communication that was not done."""
    _communication(event, writer, "not-done" if event.final else "on-hold")


def _communication(event: MessageDelivered | MessageFailed, writer: Writer, status: str) -> None:
    told = {"recipient": [account(event.account)]} if event.account else {}
    said = {"identifier": [identifier("urn:baybridge:message", event.message)], "status": status, "subject": writer.patient, "medium": [{"text": event.way}]}
    writer.add("Communication", {**said, **told, "sent": writer.at})


EVENT_ROWS = (EventRow(MessageDelivered, delivered, computed=True), EventRow(MessageFailed, failed, computed=True))
