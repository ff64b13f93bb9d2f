"""Canonical bytes: one JSON text for one value, and its SHA-256.

Main job: make bytes that two regions agree on before they sign or compare them.

**Source**: RFC 8785 (JSON Canonicalization Scheme), by the `rfc8785` library; what `orjson` writes to the same bytes is left to it, because it takes a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

import orjson
import rfc8785

#: The largest whole number that JSON and a 64-bit fraction both carry exactly, so that every engine and neighbour reads the same.
#: Source: RFC 7493 section 2.2, RFC 8785 section 3.2.2.3.
MAX_INTEGER = 2**53 - 1
_dumps: Callable[..., bytes] = rfc8785.dumps  # which looks at each part itself
_WORDS = frozenset({str, bool, type(None)})


def canonical_bytes(value: object) -> bytes:
    """RFC 8785 bytes of a JSON value (dict, list, str, int, float, bool, None); ValueError for anything else."""
    with suppress(TypeError, RecursionError):  # a name that is no text, half of a surrogate pair, too deep: the library says what is wrong, if anything is
        if _is_written_alike(value):
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        whole = _with_whole_numbers(value)
        if _is_written_alike(whole):
            return orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)
    return _dumps(value)


def _with_whole_numbers(value: object) -> object:
    """The same value with whole numbers that were read as fractions (5.0) as whole numbers (5), as the standard writes them."""
    if isinstance(value, dict):
        return {name: part if type(part) in _WORDS else _with_whole_numbers(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [part if type(part) in _WORDS else _with_whole_numbers(part) for part in value]
    return int(value) if type(value) is float and value.is_integer() and abs(value) <= MAX_INTEGER else value


def _is_written_alike(value: object) -> bool:
    """Whether both libraries give the same bytes.

    Names in ASCII sort by bytes as they do by UTF-16. Whole numbers that were read as fractions, and fractions that are written with an exponent, are not.
    """
    if isinstance(value, dict):
        return (
            type(value) is dict
            and all(map(str.isascii, value))
            and all(_is_written_alike(part) for part in value.values() if type(part) not in _WORDS)
        )
    if isinstance(value, list | tuple):
        return type(value) in (list, tuple) and all(_is_written_alike(part) for part in value if type(part) not in _WORDS)
    if type(value) is float:
        return not value.is_integer() and 1e-4 <= abs(value) < 1e15
    return type(value) in _WORDS or (type(value) is int and abs(value) <= MAX_INTEGER)


def sha256_hex(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256."""
    return sha256(data).hexdigest()
