"""Transport: HTTP between nodes.

Main job: `post(neighbour, path, body)` answers status and bytes; an outage raises OSError, which the caller keeps with the package and tries again.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache

import httpx

from baybridge.base.failures import why
from baybridge.node.config import ConfigProblem, Neighbour, read_settings

_SECONDS = 10.0


@cache
def _client() -> httpx.Client:
    """The one client of this process, for all threads: making one reads every certificate of the machine, which cost an idle node most of its work."""
    return httpx.Client(timeout=_SECONDS, trust_env=False, verify=_authorities(read_settings()["BAYBRIDGE_AUTHORITIES"]))


def _authorities(file: str) -> ssl.SSLContext | bool:
    """Who vouches for a neighbour's server: the public authorities, with those of a file; ConfigProblem where that cannot be read."""
    if not file:
        return True
    context = httpx.create_ssl_context(trust_env=False)
    try:
        context.load_verify_locations(file)
    except OSError as problem:  # of the file, or of what stands in it (ssl.SSLError)
        raise ConfigProblem(f"BAYBRIDGE_AUTHORITIES: expected a file of certificates in PEM form, found {why(problem)}") from None
    return context


@dataclass(frozen=True, slots=True)
class Fetched:
    """A card as it came, and when its server said that it was."""

    card: bytes
    said_at: datetime | None = None


def fetch(address: str) -> Fetched:
    """The node card at an address: the card itself, or the node that has it; OSError when it cannot be had."""
    card = "/.well-known/baybridge.json"
    url = address if address.endswith(".json") else address.rstrip("/") + card
    try:
        answer = _client().get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        raise ConnectionError(why(problem)) from None
    if answer.status_code != 200:
        raise ConnectionError(f"HTTP {answer.status_code}")
    return Fetched(answer.content, _date(answer.headers.get("date", "")))


def _date(text: str) -> datetime | None:
    """The moment of a Date header; None where it is none."""
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def post(neighbour: Neighbour, path: str, body: bytes | None) -> tuple[int, bytes]:
    """POST bytes to a neighbour, or GET where there is no body; OSError when it cannot be reached."""
    try:
        url = neighbour.url.rstrip("/") + path
        answer = _client().get(url) if body is None else _client().post(url, content=body, headers={"content-type": "application/jose"})
    except httpx.HTTPError as problem:
        raise ConnectionError(why(problem)) from None
    return answer.status_code, answer.content
