"""What JSON can hold, as types: for a FHIR resource of any shape, the body of a request or of an event.

Main job: `JsonObject` for what is read, `JsonDict` for what is being made. What stands under a key is any JSON value; whoever looks deeper checks its shape
first, for instance by the readers of `facts/fhir.py`. A thing with known keys has a struct of its own instead. `each_key_once` is the hook of whoever reads a
text from outside: readers of JSON disagree on what an object with a key twice means.

**Source**: RFC 8259, section 4. **Units**: a number with a fraction is an exact decimal where `record/fhir/wire.py` read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

JsonValue: TypeAlias = str | int | float | Decimal | bool | Mapping[str, "JsonValue"] | Sequence["JsonValue"] | None
JsonObject: TypeAlias = Mapping[str, JsonValue]
JsonDict: TypeAlias = dict[str, JsonValue]

_SHOWN = 40  # characters of a key that are repeated


class KeyTwiceError(ValueError):
    """An object of a JSON text names a key twice; the text of the error is the first such key."""


def each_key_once(pairs: Sequence[tuple[str, JsonValue]]) -> JsonDict:
    """The object of its pairs; `KeyTwiceError` where a key stands twice. An `object_pairs_hook`."""
    made: JsonDict = {}
    for key, value in pairs:
        if key in made:
            raise KeyTwiceError(key[:_SHOWN])
        made[key] = value
    return made
