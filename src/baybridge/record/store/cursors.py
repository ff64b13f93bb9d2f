"""Cursors: where the next page of a list begins, bound to the list that it was written for.

Main job: `mark(*of)` names a list, `written(place, mark)` makes the text of a cursor, `read(text, mark, form)` answers the place again.

A cursor of another list would be a place in an order that it does not have: the paging would end early and say nothing. It is told from this list's own and refused.
What only shapes the answer, such as how many stand on a page, may change between pages.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import TypeVar

import msgspec

from baybridge.base import decoding
from baybridge.base.outcome import Reason

#: Parameters that change nothing of what is listed, nor its order.
SHAPING = frozenset({"_count", "_cursor", "_format", "_pretty", "_total", "language"})
_MARK = 12  # bytes of the name of a list
T = TypeVar("T")


class NoCursorError(ValueError):
    """A text that is no cursor of this node."""


class OtherListError(ValueError):
    """A cursor of another list."""


def mark(of: str, given: Iterable[tuple[str, str]]) -> str:
    """The name of a list: what is listed (a type, or an address), and the parameters that choose and order it."""
    chosen = sorted((name, value) for name, value in given if name not in SHAPING)
    return urlsafe_b64encode(sha256(msgspec.json.encode((of, chosen))).digest()[:_MARK]).decode()


def written(place: object, of: str) -> str:
    """The cursor of a place in the list with this name."""
    return urlsafe_b64encode(msgspec.json.encode((of, place))).decode().rstrip("=")


def read(text: str, of: str, form: type[T]) -> T:
    """The place of a cursor, which has this form; NoCursorError or OtherListError where it is none of this list."""
    try:
        data = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        found, place = decoding.decode(data, tuple[str, msgspec.Raw])
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise NoCursorError from None
    if found != of:
        raise OtherListError
    try:
        return decoding.decode(bytes(place), form)
    except (msgspec.MsgspecError, ValueError):
        raise NoCursorError from None


def against(problem: ValueError) -> Reason:
    """Why a cursor is refused."""
    if isinstance(problem, OtherListError):
        return Reason("record.search.cursor_of_another", where="_cursor")
    return Reason("record.search.value", {"parameter": "_cursor", "expected": "the cursor of a next link"}, where="_cursor")
