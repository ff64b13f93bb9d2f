"""Identifiers: opaque and time-ordered; a key of the catalogue is a type of its own.

Main job: make an identifier that carries no personal data and sorts by time of creation.

**Source**: RFC 9562 section 5.7 (UUID version 7).
"""

from __future__ import annotations

from typing import NewType
from uuid import UUID

#: A product of the catalogue, by the id of its document.
ProductId = NewType("ProductId", str)

_RANDOM_BYTES = 10


def uuid7(unix_ms: int, random: bytes) -> str:
    """A version 7 UUID from a time in milliseconds since 1970 and ten random bytes; the caller owns clock and entropy."""
    if len(random) != _RANDOM_BYTES:
        raise ValueError(f"uuid7 needs {_RANDOM_BYTES} random bytes, got {len(random)}")
    value = (unix_ms & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(random, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))


def mark_of(case_id: str) -> str:
    """The short mark of a case, or of a key, where no name is shown; without the low line of a key's print, which reads as a name of a program."""
    return case_id[-6:].upper().replace("_", "-")
