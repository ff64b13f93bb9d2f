"""What a page calls a patient without the whole name or number: initials for titles and for a screen on a wall, numbers of documents with their ends alone readable.

Who lies in a bed is told by the wrist band, never by these.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.facts.fhir import items, written_name
from baybridge.web.page.page import Reader

_SHOWN_ENDS = (1, 2)  # characters of a number that stay readable at its beginning and end
_MASK = "•••"


def initials_of(patient: Mapping[str, object]) -> str:
    """`C. T. M.` of Chan Tai Man, `陈` of 陈大文; empty where no name is known."""
    written = next(filter(None, map(written_name, items(patient.get("name")))), "")
    parts = written.split()
    return " ".join(part[0] if _is_han(part[0]) else f"{part[0].upper()}." for part in parts)


def _is_han(sign: str) -> bool:
    """Whether a sign is a Chinese character. Source: Unicode, CJK Unified Ideographs and extension A."""
    return "㐀" <= sign <= "鿿"


def masked(number: str) -> str:
    """A number of which only the ends can be read."""
    head, tail = _SHOWN_ENDS
    return f"{number[:head]}{_MASK}{number[-tail:]}" if len(number) > head + tail + 1 else _MASK


def system_word(reader: Reader, system: str) -> str:
    """What a kind of document is called."""
    key = f"identity.system.{system}"
    return reader.t(key) if reader.known(key) else reader.t("identity.system.other", system=system.removeprefix("urn:"))
