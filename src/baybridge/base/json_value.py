"""What JSON can hold, as types: for a FHIR resource of any shape, the body of a request or of an event.

Main job: `JsonObject` for what is read, `JsonDict` for what is being made. What stands under a key is any JSON value; whoever looks deeper checks its shape
first, for instance by the readers of `facts/fhir.py`. A thing with known keys has a struct of its own instead.

**Source**: RFC 8259. **Units**: a number with a fraction is an exact decimal where `record/fhir/wire.py` read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

JsonValue: TypeAlias = str | int | float | Decimal | bool | Mapping[str, "JsonValue"] | Sequence["JsonValue"] | None
JsonObject: TypeAlias = Mapping[str, JsonValue]
JsonDict: TypeAlias = dict[str, JsonValue]
