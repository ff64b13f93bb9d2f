"""Requests that are no text: refused at the edge, before anything reads them.

Main job: `against(scope)` gives every reason why an address or a head cannot be read as text, or says two things of which one counts.

**Source**: RFC 9112 (one Host, ASCII; 6.3, a length beside chunks), RFC 9110 5.3 (a field that is no list comes once), RFC 3986 (percent-encoding).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from starlette.types import Scope

from baybridge.base.outcome import Reason
from baybridge.base.text import not_text

_HOST = re.compile(rb"(?:[A-Za-z0-9._~%!$&'()*+,;=-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

#: Heads of which one counts; of two, which was meant is not guessed.
_ONCE = (
    "authorization", "content-length", "content-type", "if-match", "if-modified-since", "if-none-exist", "if-none-match", "if-unmodified-since", "x-baybridge-reason",
    "x-csrf-token",
)  # fmt: skip


def against(scope: Scope) -> Iterator[Reason]:
    """Every reason why the address or the head of a request cannot be read."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) > 1 or not all(_HOST.fullmatch(value) for value in hosts):
        yield Reason("request.bad_host", where="Host")
    names = [name for name, _value in scope["headers"]]
    yield from (Reason("request.head_twice", {"head": name}, where=name) for name in _ONCE if names.count(name.encode()) > 1)
    if b"transfer-encoding" in names and b"content-length" in names:
        yield Reason("request.two_lengths", where="Content-Length")
    elif b"transfer-encoding" in names and scope["method"] in ("GET", "HEAD"):  # the server in front of us keeps back a length that came with chunks
        yield Reason("request.chunks_of_reading", {"method": scope["method"]}, where="Transfer-Encoding")
    for where, encoded in (("path", scope.get("raw_path") or str(scope["path"]).encode("utf-8", "replace")), ("query", scope["query_string"])):
        try:
            decoded = unquote_to_bytes(encoded.decode()).decode()
        except UnicodeDecodeError:
            yield Reason("request.not_utf8", {"part": where}, where=where)
            continue
        if not_text(decoded):
            yield Reason("request.not_text", {"part": where}, where=where)
