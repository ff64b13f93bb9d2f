"""Bytes in a database column, read back as bytes even where somebody put text there.

Main job: `StoredBytes`, the column type of every content that is hashed. SQLite keeps whatever type it is given; text is read as its UTF-8 bytes, so that a
changed content is compared with its hash instead of stopping whoever reads it.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import LargeBinary


def as_bytes(value: object) -> bytes:
    """What SQLite keeps in such a column, as bytes."""
    if type(value) is bytes:  # nearly always, of hundreds of thousands
        return value
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else str(value).encode()


class StoredBytes(LargeBinary):
    """A binary column."""

    def result_processor(self, dialect: object, coltype: object) -> Callable[[object], bytes | None] | None:
        """How a value of the driver becomes bytes."""
        plain: Callable[[object], bytes | None] | None = super().result_processor(dialect, coltype)  # type: ignore[no-untyped-call]

        def read(value: object) -> bytes | None:
            if type(value) is bytes or isinstance(value, str | int | float):
                return as_bytes(value)
            if plain is not None:
                return plain(value)
            return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else None

        return read
