"""Log lines of a node that serves: one JSON object a line, with fields from a closed list and the id of the request that it belongs to.

Main job: `JsonLines()` formats for machines, `PlainLines()` for people; the id of the request that is answered stands in `node/asking.py`. What else a line is given is
left out, so that no value from outside reaches a log by accident.
"""

from __future__ import annotations

import logging
import os
import re
from datetime import UTC, datetime

import orjson

from baybridge.node.asking import REQUEST

#: What a line may say beside its time, level, logger and message.
FIELDS = ("method", "route", "status", "ms", "what", "problem", "place")
_FROM_OUTSIDE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


def request_id(given: bytes | None) -> str:
    """The id that a trusted proxy gave, where it has the form of one; else a new one."""
    return given.decode() if given is not None and _FROM_OUTSIDE.fullmatch(given) else os.urandom(16).hex()


class JsonLines(logging.Formatter):
    """A log line as JSON: `time` (UTC), `level`, `logger`, `message`, `request` and the fields of `FIELDS` that were given."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if REQUEST.get():
            line["request"] = REQUEST.get()
        line.update({name: record.__dict__[name] for name in FIELDS if name in record.__dict__})
        return orjson.dumps(line).decode()


class PlainLines(logging.Formatter):
    """A log line as a person reads it: time, logger, message, and the request's id where there is one."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        found = super().format(record)
        return f"{found} [{REQUEST.get()}]" if REQUEST.get() else found
