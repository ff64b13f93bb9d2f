"""Plain values and JSON read as a type, safely from several threads at once.

Main job: `convert(value, kind)`, `decode(body, kind)` and `decoder(kind)`, as msgspec has them; nothing else of Baybridge asks msgspec for a type.

msgspec works out what a type is made of when it first meets it, and lets other threads see the unfinished work: two requests that were the first to read the same
type ended the whole process (msgspec 0.22). Here a type is finished under a lock before anything is read as it.

**Errors**: msgspec's ValidationError and DecodeError, as of the same functions there.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import TypeVar

import msgspec

T = TypeVar("T")

_one_at_a_time = RLock()
_finished: set[object] = set()


def convert(value: object, kind: type[T], *, strict: bool = True, dec_hook: Callable[[type, object], object] | None = None) -> T:
    """A plain value as the type."""
    if kind not in _finished:
        _finish(kind)
    return msgspec.convert(value, kind, strict=strict, dec_hook=dec_hook)


def decode(body: bytes | str, kind: type[T], *, strict: bool = True) -> T:
    """JSON as the type."""
    if kind not in _finished:
        _finish(kind)
    return msgspec.json.decode(body, type=kind, strict=strict)


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """A reader of JSON as the type, for many bodies."""
    with _one_at_a_time:
        return msgspec.json.Decoder(kind)


def _finish(kind: type[T]) -> None:
    """Let msgspec work out all that the type is made of while no other thread does."""
    decoder(kind)
    _finished.add(kind)
