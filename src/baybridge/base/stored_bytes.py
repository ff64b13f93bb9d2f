"""Bytes in a database column, read back as bytes even where somebody put text there.

Main job: `StoredBytes`, the column type of every content that is hashed. SQLite keeps whatever type it is given; text is read as its UTF-8 bytes, so that a
changed content is compared with its hash instead of stopping whoever reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import LargeBinary


class StoredBytes(LargeBinary):
    """A binary column."""

    def result_processor(self, dialect: object, coltype: object) -> Callable[[Any], Any] | None:
        """How a value of the driver becomes bytes."""
        plain = super().result_processor(dialect, coltype)  # type: ignore[no-untyped-call]

        def read(value: Any) -> Any:
            if isinstance(value, str | int | float):
                return str(value).encode()
            return plain(value) if plain is not None else value

        return read
