"""JSON in and out without changing a number.

Main job: `72.50` stays `72.50`: numbers with a fraction are read as exact decimals and written back digit for digit. What comes from outside is read by `taken_in`, which
refuses numbers and texts that no other program could hold.

**Source**: FHIR R4, datatypes, decimal ("the precision of the decimal value has significance"). **Units**: bytes are UTF-8.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from hashlib import sha256
from typing import Any, cast

import msgspec

from baybridge.base.text import not_text_inside

Json = dict[str, Any]


class Written(Decimal):
    """A decimal whose text differs from how Python would print it, such as 1e5."""

    text: str


def _number(text: str) -> Decimal:
    plain = Decimal(text)
    if str(plain) == text:
        return plain
    kept = Written(text)
    kept.text = text
    return kept


def _bounded(text: str) -> Decimal:
    """A number from outside: one that every reader of FHIR can hold; ValueError for another."""
    number = _number(text)
    exponent = number.as_tuple().exponent
    if not number.is_finite() or not isinstance(exponent, int) or exponent < -_LARGEST or number.adjusted() > _LARGEST or len(text) > _LONGEST:
        raise ValueError(f"a number beyond 1e{_LARGEST}, or with more than {_LONGEST} digits")
    return number


def _write_special(value: object) -> object:
    if isinstance(value, Written):
        return msgspec.Raw(value.text.encode())
    raise TypeError(f"expected a JSON value, found {type(value).__name__}")


_LARGEST = 300  # powers of ten; binary numbers of other programs end at 308
_LONGEST = 400  # characters of a number
_UNSURE = (b"\\u0000", b"\\ud", b"\\uD")  # how a NUL and half of a surrogate pair are written in JSON

_OUTSIDE = msgspec.json.Decoder(float_hook=_bounded)
_DECODER = msgspec.json.Decoder(float_hook=_number)
_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=_write_special)
_SORTED = msgspec.json.Encoder(decimal_format="number", enc_hook=_write_special, order="sorted")


def parse(data: bytes | memoryview | msgspec.Raw) -> Any:
    """A JSON value, fractions as exact decimals; ValueError says what is wrong and where, never what the text was."""
    return _read(_DECODER, data)


def taken_in(data: bytes | memoryview | msgspec.Raw) -> Any:
    """A JSON value from outside: as `parse`, and without numbers and texts that cannot be kept as they came."""
    value = _read(_OUTSIDE, data)
    whole = bytes(data)
    if any(mark in whole for mark in _UNSURE) and not_text_inside(value):
        raise ValueError("a NUL, or half of a surrogate pair")
    return value


def _read(decoder: msgspec.json.Decoder[Any], data: bytes | memoryview | msgspec.Raw) -> Any:
    try:
        return decoder.decode(data)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    except ArithmeticError:
        raise ValueError("a number that is too large") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"the text is not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise ValueError("the nesting is too deep") from None


def twice(data: bytes | memoryview | msgspec.Raw, value: Any) -> list[tuple[str, bool]]:
    """Keys that one object of a JSON text has twice, with their paths, and whether both have the same value; `value` is what was parsed.

    Readers of JSON disagree on what such a text means. Source: RFC 8259 section 4.
    """
    if _quotes(bytes(data)) == _quotes(write(value)):
        return []
    found: list[tuple[str, bool]] = []
    _told_twice(json.loads(bytes(data), object_pairs_hook=_Pairs), "", found)
    return found


class _Pairs(list[tuple[str, Any]]):
    """The properties of an object in their order, with repeats."""


_ESCAPED = re.compile(rb"\\.", re.DOTALL)


def _quotes(data: bytes) -> int:
    """How many quotation marks stand around texts; a key that comes twice is lost with its marks when it is parsed."""
    return (_ESCAPED.sub(b"", data) if b"\\" in data else data).count(b'"')


def _told_twice(value: Any, path: str, found: list[tuple[str, bool]]) -> None:
    seen: dict[str, Any] = {}
    for key, item, here in _inside(value, path):
        if key is not None and key in seen:
            found.append((here, seen[key] == item))
        elif key is not None:
            seen[key] = item
        _told_twice(item, here, found)


def _inside(value: Any, path: str) -> Iterator[tuple[str | None, Any, str]]:
    if isinstance(value, _Pairs):
        yield from ((key, item, f"{path}.{key}" if path else key) for key, item in value)
    elif isinstance(value, list):
        yield from ((None, item, f"{path}[{index}]") for index, item in enumerate(value))


def write(value: Any) -> bytes:
    """Compact JSON in the given order of keys, numbers as they were read."""
    return _ENCODER.encode(value)


_ASSIGNED = frozenset({"versionId", "lastUpdated"})  # by a server


def content_sha256(resource: Json) -> str:
    """SHA-256 of a resource whatever the order of its keys, without the version and time that a server assigns."""
    meta = resource.get("meta")
    if isinstance(meta, dict):
        rest = {key: value for key, value in meta.items() if key not in _ASSIGNED} if meta.keys() - _ASSIGNED else None
        resource = {**resource, "meta": rest}
        if not rest:
            del resource["meta"]
    return sha256(_SORTED.encode(resource)).hexdigest()


def stamped(resource: Json, version: int, last_updated: str) -> Json:
    """The resource with the version and time of this store in its `meta`; everything else is as given."""
    meta = {"versionId": str(version), "lastUpdated": last_updated}
    given = resource.get("meta")
    if isinstance(given, dict):
        meta |= {key: value for key, value in given.items() if key not in meta}
        return {**resource, "meta": meta}
    head = {key: resource[key] for key in ("resourceType", "id") if key in resource}
    return cast("Json", {**head, "meta": meta, **{key: value for key, value in resource.items() if key not in {*head, "meta"}}})
