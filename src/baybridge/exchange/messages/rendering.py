"""Messages between organisations in FHIR, and as the Communication that goes with their package.

**Source**: FHIR R4 Communication; contract K10.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from baybridge.exchange.transfer.content import RECEIVED_UNDER
from baybridge.journey import events as ev
from baybridge.journey.fhir.resources import task
from baybridge.journey.fhir.writer import Json, Writer, account, identifier, organisation

_MESSAGE, _SHA256 = "urn:baybridge:case-message", "urn:sha256:"


def communication(event: ev.CaseMessageSent, from_node: str, sent_at: datetime, routes: Sequence[str]) -> dict[str, object]:
    """A message as it goes to another node, without the content of its files; `routes` are those under which what it holds came here."""
    tags = [{"system": RECEIVED_UNDER, "code": route} for route in routes]
    return {
        "resourceType": "Communication",
        "id": event.message_id,
        **({"meta": {"tag": tags}} if tags else {}),
        "status": "completed",
        "sent": sent_at.isoformat(),
        "sender": organisation(from_node),
        "recipient": [organisation(event.to_node)],
        "payload": payload(event),
    }


def payload(event: ev.CaseMessageSent) -> list[dict[str, object]]:
    """The text, and each file by its type, size and SHA-256."""
    parts: list[dict[str, object]] = [{"contentString": event.text}] if event.text else []
    parts.extend({"contentAttachment": _attachment(one)} for one in event.files)
    return parts


def _attachment(one: ev.SentFile) -> Json:
    return {"contentType": one.media_type, "url": f"{_SHA256}{one.sha256}", "size": one.bytes, "title": one.kind}


def sha256_of(attachment: Json) -> str:
    """The SHA-256 that an attachment of a message names; empty where it names none."""
    url = str(attachment.get("url", ""))
    return url.removeprefix(_SHA256) if url.startswith(_SHA256) else ""


def sent(event: ev.CaseMessageSent, writer: Writer) -> None:
    """As Communication."""
    answered = [{"type": "Communication", "identifier": identifier(_MESSAGE, event.answers)}] if event.answers else []
    writer.add(
        "Communication",
        {
            "identifier": [identifier(_MESSAGE, event.message_id)],
            "inResponseTo": answered,
            "status": "completed",
            "subject": writer.patient,
            "sent": writer.at,
            "sender": writer.node,
            "recipient": [organisation(event.to_node)],
            "reasonCode": [{"text": "question about the case" if event.asks else "message about the case"}],
            "payload": payload(event),
        },
    )


def _target(message_id: str) -> Json:
    return {"type": "Communication", "identifier": identifier(_MESSAGE, message_id)}


def read(event: ev.CaseMessageRead, writer: Writer) -> None:
    """As Provenance: read by whom, when."""
    writer.provenance([_target(event.message_id)], "message read")


def shown(event: ev.CaseMessageShown, writer: Writer) -> None:
    """As Provenance: attached to the evidence."""
    writer.provenance([_target(event.message_id)], "message attached to the evidence")


def task_made(event: ev.CaseMessageTaskMade, writer: Writer) -> None:
    """As Task that is about the message."""
    task(writer, "requested", f"task of {event.for_role} from a message", writer.told.node)
    due = {"restriction": {"period": {"end": event.due_on.isoformat()}}} if event.due_on else {}
    writer.resources[-1].update({"focus": _target(event.message_id), **due})


def task_ended(event: ev.CaseMessageTaskEnded, writer: Writer) -> None:
    """As Task that is done."""
    task(writer, "completed", "task from a message", writer.told.node)
    writer.resources[-1].update({"focus": _target(event.message_id), "owner": account(writer.told.actor)})
