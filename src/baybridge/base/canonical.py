"""Canonical bytes: one JSON text for one value, and its SHA-256.

Main job: make bytes that two regions agree on before they sign or compare them.

**Source**: RFC 8785 (JSON Canonicalization Scheme), by the `rfc8785` library.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import rfc8785

#: The largest whole number that JSON and a 64-bit fraction both carry exactly, so that every engine and neighbour reads the same.
#: Source: RFC 7493 section 2.2, RFC 8785 section 3.2.2.3.
MAX_INTEGER = 2**53 - 1
_dumps: Callable[..., bytes] = rfc8785.dumps  # which looks at each part itself


def canonical_bytes(value: object) -> bytes:
    """RFC 8785 bytes of a JSON value (dict, list, str, int, float, bool, None); ValueError for anything else."""
    return _dumps(value)


def sha256_hex(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256."""
    return sha256(data).hexdigest()
