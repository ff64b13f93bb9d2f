"""Reading a file of FHIR (JSON, NDJSON or a Bundle) or of a laboratory (HL7 v2, CSV), plain or gzipped, one resource at a time.

Main job: `entries(source)` yields every resource of a file as raw JSON with its place (line or entry) or a problem there; what is wrong
with one entry does not hide the next. A file that is too large, no gzip or no JSON is one problem and ends.

**Source**: FHIR R4 JSON and NDJSON formats; RFC 1952 (gzip). Laboratory feeds are read in `feeds/feed.py`. **Units**: sizes in bytes after decompression.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO, cast

import msgspec

from baybridge.base import decoding
from baybridge.record.feeds.feed import read_feed
from baybridge.record.feeds.hl7v2 import looks_like
from baybridge.record.feeds.orders import Orders, ResultOf
from baybridge.record.fhir.validate import json_kind
from baybridge.record.fhir.wire import write
from baybridge.record.intake.addresses import base_of, without_version

DEFAULT_LIMIT = 256 * 2**20
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_BLOCK = 2**20


@dataclass(frozen=True, slots=True)
class Source:
    """A file that can be opened more than once, its name and its largest size after decompression."""

    name: str
    open: Callable[[], BinaryIO]
    limit: int = DEFAULT_LIMIT
    feed: Mapping[str, Any] | None = None  # how a laboratory's columns, codes and times are meant (`feeds/feed.py`)
    orders: Orders = field(default_factory=Orders, compare=False)  # what is known of a laboratory's orders before its messages are read

    def sha256(self) -> str:
        """SHA-256 of the file's bytes as they lie there."""
        digest = sha256()
        with self.open() as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands: its line (NDJSON), its entry (Bundle, list), both from 1 on; and the path of it."""

    line: int | None = None
    entry: int | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource as raw JSON, with what its Bundle says about it."""

    place: Place
    raw: msgspec.Raw | bytes
    full_url: str | None = None
    method: str | None = None
    from_feed: bool = False  # its ids are made here, of whose number it is and of what, and mean the same in every file
    result: ResultOf | None = None  # what a laboratory's result is known by beside its code
    by_sample: bool = False  # its id is made of the number of its sample


@dataclass(frozen=True, slots=True)
class Trouble:
    """What cannot be read, and where; `whole` when nothing more can be read from the file."""

    place: Place
    code: str
    expected: str
    found: str
    whole: bool = False
    odd: bool = False  # told, but nothing is left out for it


def is_told_alone(item: Entry | Trouble) -> bool:
    """Whether this is a word about a resource that came in, and none of its own: nothing is left out for it."""
    return isinstance(item, Trouble) and item.odd


class _TooLarge(Exception):
    pass


class _BundleEntry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw(b"null")
    fullUrl: Any = None  # noqa: N815 - FHIR's name
    request: Any = None


class _Id(msgspec.Struct):
    id: Any = None


class _Bundle(msgspec.Struct):
    resourceType: Any = None  # noqa: N815 - FHIR's name
    entry: list[msgspec.Raw] | None = None
    link: Any = None


_BUNDLE = decoding.decoder(_Bundle)
_ENTRY = decoding.decoder(_BundleEntry)
_IDS = decoding.decoder(_Id)
_ADDRESS = re.compile(r"/?[A-Za-z]+/([A-Za-z0-9\-.]{1,64})")
_LIST = decoding.decoder(list[msgspec.Raw])


def entries(source: Source) -> Iterator[Entry | Trouble]:
    """Every resource of a file in its order, and every trouble at its place."""
    try:
        with source.open() as opened, _unpacked(opened) as stream:
            yield from _read(source, stream)
    except _TooLarge:
        yield Trouble(Place(), "too_large", f"at most {source.limit} bytes after decompression", "more", whole=True)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        yield Trouble(Place(), "bad_gzip", "a complete gzip file", "a damaged or truncated one", whole=True)


def feed_data(source: Source) -> bytes | None:
    """The bytes of a laboratory's messages; None where the file is something else, or cannot be read."""
    try:
        with source.open() as opened, _unpacked(opened) as stream:
            first = _first_line(stream, source.limit)
            return first + stream.read(source.limit - len(first)) if looks_like(first) else None
    except (_TooLarge, gzip.BadGzipFile, EOFError, zlib.error):
        return None


def _unpacked(stream: BinaryIO) -> BinaryIO:
    head = stream.read(2)
    stream.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=stream)) if head == _GZIP else stream


def _read(source: Source, stream: BinaryIO) -> Iterator[Entry | Trouble]:
    first = _first_line(stream, source.limit)
    name = source.name.lower().removesuffix(".gz")
    if name.endswith((".ndjson", ".jsonl")):
        yield from _lines(first, stream, source.limit)
        return
    rest = stream.read(source.limit - len(first) + 1) if len(first) <= source.limit else b"x"
    if len(first) + len(rest) > source.limit:
        raise _TooLarge
    if name.endswith(".csv") or looks_like(first):
        yield from _feed(first + rest, source, is_csv=name.endswith(".csv"))
        return
    if rest.strip() and (_is_object(first) or _second_is_object(rest)) and not _is_json(first + rest):
        yield from _numbered([first, *rest.split(b"\n")])
    else:
        yield from _document((first + rest).removeprefix(_BOM))


def _first_line(stream: BinaryIO, limit: int) -> bytes:
    """Everything up to the end of the first line that holds more than blanks."""
    line = b""
    while not line.strip():
        more = stream.readline(limit + 1)
        if not more:
            break
        line += more
        if len(line) > limit:
            raise _TooLarge
    return line


def _is_json(data: bytes) -> bool:
    try:
        decoding.decode(data.removeprefix(_BOM), msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _is_object(line: bytes) -> bool:
    return line.removeprefix(_BOM).lstrip().startswith(b"{") and _is_json(line)


def _second_is_object(rest: bytes) -> bool:
    return _is_object(rest.lstrip().split(b"\n", 1)[0])


def _feed(data: bytes, source: Source, *, is_csv: bool) -> Iterator[Entry | Trouble]:
    """A laboratory's file: its resources as FHIR, and every fault at its message or line."""
    seen: set[bytes] = set()  # a patient comes with every message or line, and is told once
    for taken in read_feed(data, source.feed, is_csv=is_csv, orders=source.orders.copy()):
        at = {"line": taken.number} if is_csv and taken.number else {"entry": taken.number or None}
        for fault in taken.faults:
            whole = not taken.number
            yield Trouble(Place(**at, path=fault.where), fault.code, fault.expected, fault.found, whole=whole, odd=not fault.left_out)
        for resource in taken.resources:
            raw = write(resource)
            if (digest := sha256(raw).digest()) not in seen:
                seen.add(digest)
                yield Entry(Place(**at), raw, from_feed=True, result=taken.results.get(resource["id"]), by_sample=resource["id"] in taken.by_sample)


# --- NDJSON ---------------------------------------------------------------------------------------------------------


def _lines(first: bytes, stream: BinaryIO, limit: int) -> Iterator[Entry | Trouble]:
    def following() -> Iterator[bytes]:
        yield from first.split(b"\n")[:-1] if first.endswith(b"\n") else first.split(b"\n")
        size = len(first)
        while line := stream.readline(limit - size + 1):
            size += len(line)
            if size > limit:
                raise _TooLarge
            yield line

    yield from _numbered(following())


def _numbered(lines: Any) -> Iterator[Entry | Trouble]:
    empty = True
    for number, line in enumerate(lines, start=1):
        text = line.removeprefix(_BOM).strip()
        if text:
            empty = False
            yield from _value(text, Place(line=number), whole=False)
    if empty:
        yield Trouble(Place(), "empty", "FHIR resources", "an empty file", whole=True)


# --- JSON -----------------------------------------------------------------------------------------------------------


def _document(data: bytes) -> Iterator[Entry | Trouble]:
    if not data.strip():
        yield Trouble(Place(), "empty", "FHIR resources", "an empty file", whole=True)
        return
    if data.lstrip().startswith(b"["):
        yield from _list(data)
    else:
        yield from _value(data, Place(), whole=True)


def _list(data: bytes) -> Iterator[Entry | Trouble]:
    try:
        items = _LIST.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        yield _not_json(error, Place(), whole=True)
        return
    for number, raw in enumerate(items, start=1):
        yield Entry(Place(entry=number, path=f"[{number - 1}]"), raw)


def _value(data: bytes, place: Place, *, whole: bool) -> Iterator[Entry | Trouble]:
    """One JSON value: a resource, or a Bundle whose entries follow."""
    try:
        bundle = _BUNDLE.decode(data)
    except msgspec.ValidationError:
        yield from _misshapen(data, place, whole=whole)
        return
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        yield _not_json(error, place, whole=whole)
        return
    if bundle.resourceType != "Bundle":
        yield Entry(place, data)
        return
    if bundle.entry is None:
        yield Trouble(place, "empty", "a Bundle with entries", "a Bundle without", whole=whole)
        return
    for number, raw in enumerate(bundle.entry, start=1):
        yield from _bundle_entry(raw, Place(place.line, number, f"Bundle.entry[{number - 1}]"))
    links = bundle.link if isinstance(bundle.link, list) else []
    if any(isinstance(item, dict) and item.get("relation") == "next" for item in links):
        found = "a first part; the rest stands at its next link"
        yield Trouble(Place(place.line, None, "Bundle.link"), "bundle_more", "the whole of what was asked for", found, odd=True)


def _misshapen(data: bytes, place: Place, *, whole: bool) -> Iterator[Entry | Trouble]:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        yield _not_json(error, place, whole=whole)
        return
    if not isinstance(value, dict):
        yield Trouble(place, "not_fhir", "an object with resourceType", json_kind(value), whole=whole)
    elif value.get("resourceType") == "Bundle":
        at = Place(place.line, None, "Bundle.entry")
        yield Trouble(at, "not_fhir", "a list of entries", json_kind(value.get("entry")), whole=whole)
    else:
        yield Entry(place, data)


def _bundle_entry(raw: msgspec.Raw, place: Place) -> Iterator[Entry | Trouble]:
    try:
        read = _ENTRY.decode(raw)
    except msgspec.ValidationError:
        yield Trouble(place, "not_fhir", "an entry with a resource", "another kind of value")
        return
    request = read.request if isinstance(read.request, dict) else {}
    method = request.get("method") if isinstance(request.get("method"), str) else None
    full_url = read.fullUrl if isinstance(read.fullUrl, str) else None
    if method in ("DELETE", "GET", "HEAD", "PATCH"):  # the parameters of a patch are no resource of the record
        yield Trouble(place, "request_ignored", "a resource to take in", f"a request to {method}")
        return
    if bytes(read.resource) == b"null":
        yield Trouble(place, "no_resource", "an entry with a resource", "none")
        return
    given, url = _id_of(read.resource), request.get("url")
    address = _ADDRESS.fullmatch(url) if method == "PUT" and isinstance(url, str) else None
    if address and given is not None and address[1] != given:  # R4, RESTful API, "update": the id of the resource is that of the address
        yield Trouble(place, "address_mismatch", "the id of the address", "another one")
        return
    yield Entry(Place(place.line, place.entry, f"{place.path}.resource"), read.resource, full_url, method)
    if full_url and given is not None and base_of(full_url) and without_version(full_url)[0].rpartition("/")[2] != given:
        where = Place(place.line, place.entry, f"{place.path}.fullUrl")
        yield Trouble(where, "full_url_mismatch", "the id of the resource at its end", "another one", odd=True)


def _id_of(raw: msgspec.Raw) -> object:
    """The id of a resource as it came; None where it has none, or is no object."""
    try:
        return _IDS.decode(raw).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # told where the resource is read


def _not_json(error: Exception, place: Place, *, whole: bool) -> Trouble:
    if isinstance(error, UnicodeDecodeError):
        found = f"bytes that are not UTF-8 at byte {error.start}"
    elif isinstance(error, RecursionError):
        found = "nesting that is too deep"
    else:
        found = str(error).removeprefix("JSON is malformed: ")
    return Trouble(place, "not_json", "JSON in UTF-8", found, whole=whole)
