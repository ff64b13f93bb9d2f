"""Events of signing in FHIR: who asked whom to confirm, and a no. A yes stands in the Provenance of what was confirmed.

**Source**: FHIR R4, Task (a request that waits for somebody).
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.journey import events as ev
from baybridge.journey.fhir.writer import Json, Writer, identifier

_CONFIRMATION = "urn:baybridge:confirmation"


def _task(writer: Writer, confirmation_id: str, command: str, status: str, **more: Mapping[str, object] | str) -> Json:
    content = {
        "identifier": [identifier(_CONFIRMATION, confirmation_id)],
        "status": status,
        "intent": "order",
        "code": {"text": f"confirm {command}"},
        "for": writer.patient,
        "requester": writer.actor,
        "authoredOn": writer.at,
        **more,
    }
    return writer.add("Task", content, logical_id=f"confirmation-{confirmation_id}"[:64])


def asked(event: ev.ConfirmationAsked, writer: Writer) -> None:
    """As Task, until it is over."""
    period: Json = {"end": event.expires_at.isoformat()}
    _task(writer, event.confirmation_id, event.command, "requested", restriction={"period": period})


def declined(event: ev.ConfirmationDeclined, writer: Writer) -> None:
    """As the Task, rejected."""
    made = _task(writer, event.confirmation_id, event.command, "rejected")
    writer.provenance([made], "confirmation declined")
