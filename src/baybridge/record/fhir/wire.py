"""JSON in and out without changing a number.

Main job: `72.50` stays `72.50`: numbers with a fraction are read as exact decimals and written back digit for digit.

**Source**: FHIR R4, datatypes, decimal ("the precision of the decimal value has significance"). **Units**: bytes are UTF-8.
"""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import Any, cast

import msgspec

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


def _write_special(value: object) -> object:
    if isinstance(value, Written):
        return msgspec.Raw(value.text.encode())
    raise TypeError(f"expected a JSON value, found {type(value).__name__}")


_DECODER = msgspec.json.Decoder(float_hook=_number)
_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=_write_special)
_SORTED = msgspec.json.Encoder(decimal_format="number", enc_hook=_write_special, order="sorted")


def parse(data: bytes | memoryview | msgspec.Raw) -> Any:
    """A JSON value, fractions as exact decimals; ValueError says what is wrong and where, never what the text was."""
    try:
        return _DECODER.decode(data)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    except UnicodeDecodeError as error:
        raise ValueError(f"the text is not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise ValueError("the nesting is too deep") from None


def write(value: Any) -> bytes:
    """Compact JSON in the given order of keys, numbers as they were read."""
    return _ENCODER.encode(value)


def content_sha256(resource: Json) -> str:
    """SHA-256 of a resource whatever the order of its keys, without the version and time that a server assigns."""
    meta = resource.get("meta")
    if isinstance(meta, dict):
        rest = {key: value for key, value in meta.items() if key not in {"versionId", "lastUpdated"}}
        resource = {**resource, "meta": rest} if rest else {key: value for key, value in resource.items() if key != "meta"}
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
