"""Requests for every route, in every role: some as a person or a program would send them, most with something wrong in them.

Main job: `Requests(world, seed)` is an endless, repeatable row of requests; what is right in them comes from the routes, the commands and the record of a
case that has gone half the road.
"""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import msgspec

import baybridge
from baybridge.api import fhir, health, services
from baybridge.http.doors import COOKIE, Door
from baybridge.node.commands.table import COMMANDS
from baybridge.record.fhir.definitions import parameters, resource_types
from baybridge.web.page import pages
from hostile.asgi import Request
from hostile.values import RAW, TEXTS, VALUES, body, spoilt, torn, written

DOORS: tuple[Door, ...] = (*health.DOORS, *services.DOORS, *fhir.DOORS, *pages.DOORS)
WAYS: tuple[tuple[str, Door], ...] = tuple((method, door) for door in DOORS for method in door.methods)
NOBODY = "nobody"
_BROWSERS, _OVER = 0.4, 0.06  # of signed-in clients: by cookie; in a session that opens nothing
_CHANGING = ("POST", "PUT", "DELETE", "PATCH")
_SOURCE = "\n".join(path.read_text() for path in Path(baybridge.__file__).parent.rglob("*.py"))
QUERIES = tuple(sorted(set(re.findall(r"asked\.query(?:\.get\(|\[)\"([^\"]+)\"", _SOURCE)) | {"language", "_since", "_type", "start", "count"}))
FORMS = tuple(sorted(set(re.findall(r"asked\.form(?:\.get\(|\[)\"([^\"]+)\"", _SOURCE)) | {"csrf", "next"}))
_ACCEPT = (b"text/html", b"application/json", b"application/fhir+json", b"*/*", b"")
_JSON = (
    b"application/json",
    b"application/fhir+json",
    b"application/json; charset=utf-16",
    b"text/plain",
    b"",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data",
    b"\xff",
)


@dataclass
class Known:
    """What a request can name that is there."""

    tokens: dict[str, str]  # role -> bearer token
    csrf: dict[str, str]  # role -> form token of that session
    over: dict[str, str]  # what is wrong with it -> a token that opens nothing: ended, expired, of another node, of a closed account
    case_id: str
    patient: str
    parameters: dict[str, tuple[str, ...]]  # of the path: values that are there
    resources: list[dict[str, Any]]
    now: datetime
    note: str  # a neighbour's checkpoint
    content: dict[str, Any]  # a neighbour's package
    seal: Callable[[bytes], bytes]
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)  # values by name of field that are there


@dataclass(frozen=True)
class _Client:
    name: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    kept_out: str = ""


def _bearer(token: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {token}".encode()


def _cookie(token: str) -> tuple[bytes, bytes]:
    return b"cookie", f"{COOKIE}={token}".encode()


class Requests:
    """An endless row of requests, the same for the same seed."""

    def __init__(self, known: Known, seed: int) -> None:
        self.known = known
        self.random = Random(seed)
        self._form_token: str | None = None  # that the next form carries
        self._ways = cycle(self.random.sample(WAYS, len(WAYS)))  # so that some hundreds of requests ask every route

    def __iter__(self) -> Requests:
        return self

    def __next__(self) -> Request:
        """The next request."""
        random = self.random
        method, door = next(self._ways) if random.random() < 0.75 else random.choice(_DEEP)
        if random.random() < 0.02:
            method = random.choice(("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "QUERY"))
        who = random.choice((*self.known.tokens, *_OFTEN, NOBODY))
        client = self._client(method, door, who)
        headers, content = self._content(method, door)
        query = self._query(door)
        headers = (*client.headers, *self._headers(), *headers)
        return Request(method, self._path(door), query, headers, content, f"{method} {door.path}", client.name, client.kept_out)

    # --- where ------------------------------------------------------------------------------------------------------

    def _path(self, door: Door) -> bytes:
        return re.sub(r"\{([^}]+)\}", lambda match: self._parameter(match[1]).decode("latin-1"), door.path).encode("latin-1")

    def _parameter(self, name: str) -> bytes:
        there = self.known.parameters.get(name.partition(":")[0], ("x",))
        if self.random.random() < 0.8:
            return self.random.choice(there).encode()
        if name.endswith(":int"):
            return self.random.choice((b"0", b"1", b"00", b"9" * 20, b"9" * 400, b"18446744073709551616", b"-1"))
        return self.random.choice(
            (quote_from_bytes(self._text(), safe=""), "%ff%fe", "%00", "%ed%a0%80", "%2e%2e", "\xff\xfe", "a b", "%", "%zz")
        ).encode("latin-1")

    def _text(self) -> bytes:
        return self.random.choice(TEXTS)[:600].encode("utf-8", "surrogatepass")

    def _query(self, door: Door) -> bytes:
        random = self.random
        if random.random() < 0.45 and not door.path.startswith("/fhir/{kind}"):
            return b""
        pairs = [self._pair(door) for _ in range(random.choice((0, 1, 1, 2, 3)))]
        query = urlencode(pairs).encode()
        return query if random.random() < 0.85 else torn(random, query or b"a=b")

    def _pair(self, door: Door) -> tuple[str, bytes]:
        random = self.random
        if "/fhir" in door.path:
            kind = random.choice(self.known.parameters["kind"][:6])
            names = (
                *parameters(kind),
                "_id",
                "_lastUpdated",
                "_count",
                "_sort",
                "_cursor",
                "_include",
                "_revinclude",
                "_summary",
                "_since",
                "_type",
                "_elements",
            )
            name = random.choice(names) + random.choice(("", "", "", ":missing", ":exact", ":contains", ":not", ":Patient", ":x", ":"))
            return name, self._search_value(name)
        name = random.choice(QUERIES)
        return name, self._value_of(name)

    def _search_value(self, name: str) -> bytes:
        near = {
            "_sort": ("_id", "-_lastUpdated", "date", "-code", "x"),
            "_include": ("Observation:subject", "Observation:*", "*", ":"),
            "_revinclude": ("Observation:subject",),
            "_count": ("0", "1", "1000", "99999999", "-1"),
            "_cursor": ("WzEsMV0=", "W251bGwsOTk5OTk5OTk5OTk5OTk5OTk5OTk5XQ==", "WzFlMzA5LDFd", "WyJhIiwtMV0="),
            "_summary": ("count", "true"),
            "_since": ("2026-03-02", "0001-01-01", "9999-12-31T23:59:59-12:00"),
            "_type": ("Observation", "x,y", ","),
        }
        if name in near and self.random.random() < 0.7:
            return self.random.choice(near[name]).encode()
        some = (
            "http://loinc.org|718-7",
            "718-7",
            "|",
            "http://loinc.org|",
            "|718-7",
            "Patient/" + self.known.patient,
            self.known.patient,
            "final",
            "ge2026-01-01",
            "lt0001-01-01",
            "eq9999-12-31",
            "sa9999",
            "eb0001",
            "ap2026-03",
            "gt5.4|http://unitsofmeasure.org|g/L",
            "5e3",
            "le1e400",
            "ap1e-400",
            "ne1e308",
            "9" * 400,
            "true",
            "a,b,,",
            "a\\,b\\",
            "\\",
            "$",
            "1|2|3|4",
            "2026-02-30",
            "ge",
            "Patient/a/_history/1",
            "urn:uuid:1",
        )
        return self.random.choice(some).encode() if self.random.random() < 0.7 else self._text()

    def _value_of(self, name: str) -> bytes:
        there = self.known.texts.get(name, ())
        return self.random.choice(there).encode() if there and self.random.random() < 0.5 else self._text()

    # --- who --------------------------------------------------------------------------------------------------------

    def _client(self, method: str, door: Door, who: str) -> _Client:
        """A program with a token or a browser with a cookie, signed in, or in a session that is over or was never here."""
        random, known = self.random, self.known
        self._form_token = None
        if who == NOBODY:
            return _Client(who)
        if random.random() < _OVER:
            what = random.choice(list(known.over))
            open_to_all = door.action == "public" or method == "OPTIONS"  # which methods an address takes is no secret
            kept_out = "" if open_to_all else f"let in with a session that is {what}"
            return _Client(what, (random.choice((_bearer, _cookie))(known.over[what]),), kept_out)
        if random.random() >= _BROWSERS:
            return _Client(who, (_bearer(known.tokens[who]),))
        others = random.choice([one for name, one in known.csrf.items() if name != who])
        right = random.random() < 0.75
        token = known.csrf[who] if right else random.choice(("", "x", others))
        where = random.choice(("form", "header", "both"))
        self._form_token = token if where != "header" else None
        headers = (_cookie(known.tokens[who]), *(((b"x-csrf-token", token.encode()),) if where != "form" else ()))
        by_session = not door.path.startswith("/exchange/")  # a neighbour's word counts by its seal, whoever carries it, and a session may be over by then
        kept_out = "changed something without the form token" if by_session and not right and method in _CHANGING else ""
        return _Client(f"{who} by cookie", headers, kept_out)

    def _headers(self) -> tuple[tuple[bytes, bytes], ...]:
        random = self.random
        found = [(b"accept", random.choice(_ACCEPT))]
        if random.random() < 0.25:
            name = random.choice(
                (
                    b"accept-language",
                    b"if-match",
                    b"if-none-match",
                    b"if-none-exist",
                    b"prefer",
                    b"cookie",
                    b"authorization",
                    b"content-length",
                    b"range",
                    b"x-forwarded-for",
                    b"host",
                    b"origin",
                    b"user-agent",
                )
            )
            some = (
                b"\xff",
                b"",
                b'W/"1"',
                b'W/"99999999999999"',
                b"Bearer",
                b"Bearer \xff",
                b"Basic eDp5",
                b"language=zh-Hant; baybridge=\xff",
                b"baybridge=x",
                b"handling=lenient",
                b"return=minimal",
                b"zh-Hant,en;q=\xff",
                b"a" * 5000,
                b"-1",
                b"9" * 400,
                b"identifier=a|b",
                b"?_id=1&_id=2",
                b"[::1",
                b"a:b:c",
                b"\xc2\xb2",
                b"bytes=0-",
            )
            found.append((name, random.choice(some)))
        return tuple(found)

    # --- what -------------------------------------------------------------------------------------------------------

    def _content(self, method: str, door: Door) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        if method in ("GET", "HEAD", "OPTIONS", "DELETE") and self.random.random() < 0.95:
            return (), b""
        maker = _MAKERS.get(door.path)
        if maker is not None and self.random.random() < 0.9:
            return maker(self)
        return self._form(door) if self.random.random() < 0.8 else self._json({"a": 1})

    def _json(self, value: Any) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        kind = self.random.choice(_JSON) if self.random.random() < 0.1 else b"application/json"
        return ((b"content-type", kind),), body(self.random, value)

    def _form(self, door: Door) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        pairs = [(name, self._value_of(name)) for name in self.random.sample(FORMS, k=min(len(FORMS), self.random.choice((0, 1, 3, 6, 12))))]
        if door.path == "/cases/{case_id}/do/{command}":
            pairs += [(name, str(value).encode("utf-8", "surrogatepass")) for name, value in _flat(self._given())]
        return self._as_form(pairs)

    def _as_form(self, pairs: list[tuple[str, bytes]], file: tuple[str, bytes] | None = None) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        if self._form_token is not None:
            pairs = [*pairs, ("csrf", self._form_token.encode())]
        if file is None and self.random.random() < 0.8:
            content = urlencode([(name.encode("utf-8", "surrogatepass"), value) for name, value in pairs]).encode()
            kind = b"application/x-www-form-urlencoded"
        else:
            parts = [
                b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode("utf-8", "surrogatepass"), value)
                for name, value in pairs
            ]
            if file is not None:
                parts.append(
                    b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\nContent-Type: application/json\r\n\r\n%s\r\n'
                    % (file[0].encode("utf-8", "surrogatepass"), file[1])
                )
            content, kind = b"".join([*parts, b"--b--\r\n"]), b"multipart/form-data; boundary=b"
        return ((b"content-type", kind),), content if self.random.random() < 0.9 else torn(self.random, content)

    def _given(self, name: str = "") -> dict[str, Any]:
        kind = COMMANDS[name or self.random.choice(list(COMMANDS))]
        given = {
            one.name: self._typed(one.name, one.type) for one in msgspec.structs.fields(kind.given) if one.required or self.random.random() < 0.5
        }
        return given if self.random.random() < 0.4 else spoilt(self.random, given) or {}

    def _typed(self, name: str, kind: Any) -> Any:
        random = self.random
        origin, inside = typing.get_origin(kind), typing.get_args(kind)
        if origin is typing.Annotated:
            return self._typed(name, inside[0])
        if origin is typing.Literal:
            return random.choice(inside)
        if inside and origin is not tuple and origin is not dict and origin is not list:  # a union
            return self._typed(name, random.choice(inside))
        if origin in (tuple, list) and inside:
            return [self._typed(name, inside[0])] if Ellipsis in inside or origin is list else [self._typed(name, one) for one in inside]
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return {one.name: self._typed(one.name, one.type) for one in msgspec.structs.fields(kind)}
        return self._plain(name, getattr(kind, "__name__", ""))

    def _plain(self, name: str, kind: str) -> Any:
        random, now = self.random, self.known.now
        there = self.known.texts.get(name)
        if kind == "str":
            return random.choice(there) if there and random.random() < 0.8 else random.choice(("x", "note", "1", *TEXTS[:8]))
        if kind == "bool":
            return random.random() < 0.7
        if kind in ("int", "float"):
            return random.choice((0, 1, 2, 7, 100, -1, 10**9, 2**63, 0.5))
        if kind == "datetime":
            return random.choice(
                (
                    now.isoformat(),
                    (now - timedelta(hours=2)).isoformat(),
                    "0001-01-01T00:00:00+14:00",
                    "9999-12-31T23:59:59-12:00",
                    "2026-03-08T09:00:00",
                )
            )
        if kind == "date":
            return random.choice((now.date().isoformat(), (now + timedelta(days=3)).date().isoformat(), "0001-01-01", "9999-12-31"))
        if kind == "dict":
            return {random.choice(self.known.texts["fact"]): random.choice(VALUES) for _ in range(3)}
        return None if kind == "NoneType" else random.choice(VALUES)

    def do(self) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        """A command."""
        return self._json({"case": self.known.case_id, "given": self._given(), "command_id": str(self.random.random())})

    def session(self) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        """A name and a password."""
        return self._json({"name": self.random.choice(("nobody", *TEXTS[:4])), "password": "x", "code": "123456"})

    def facts(self) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        """Facts to decide over."""
        one = {name: self.random.choice((1, 2.5, True, "x", 38, None, *VALUES)) for name in self.random.sample(self.known.texts["fact"], k=4)}
        return self._json(one if self.random.random() < 0.7 else [one, one])

    def resource(self) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        """A resource."""
        made = self.random.choice(self.known.resources)
        return self._json(made if self.random.random() < 0.8 else {**made, "resourceType": self.random.choice(resource_types_known)})

    def bundle(self) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        """A transaction or a batch."""
        entries = []
        for one in self.random.sample(self.known.resources, k=3):
            name = f"{one['resourceType']}/{one['id']}"
            method = self.random.choice(("PUT", "POST", "GET", "DELETE"))
            entries.append(
                {
                    "fullUrl": f"urn:uuid:{one['id']}",
                    "request": {"method": method, "url": one["resourceType"] if method == "POST" else name},
                    "resource": one,
                }
            )
        return self._json({"resourceType": "Bundle", "type": self.random.choice(("batch", "transaction")), "entry": entries})

    def collection(self) -> bytes:
        """A file of records."""
        random = self.random
        if random.random() < 0.25:
            return (
                random.choice((_HL7, _CSV, b"\n".join(written(one) for one in self.known.resources[:3])))
                if random.random() < 0.4
                else torn(random, random.choice((_HL7, _CSV)))
            )
        some = random.sample(self.known.resources, k=3)
        return body(random, {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in some]})

    def imported(self) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        """A file to take in."""
        name = self.random.choice(("records.json", "a.ndjson", "b.hl7", "c.csv", "d.gz", "", "\ud800", "../x"))
        return self._as_form([("source", self._text())] if self.random.random() < 0.2 else [], (name, self.collection()))

    def study(self) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        """A study of a registry."""
        return self._as_form([], ("study.json", body(self.random, _STUDY)))

    def package(self) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        """A package of a neighbour, whose signature holds whatever it says."""
        random = self.random
        content = {**self.known.content, "package_id": str(random.random())}
        if random.random() < 0.7:
            content = {**content, "told": content["told"][:2], "resources": content["resources"][:1]}
        payload = body(random, content)
        if random.random() < 0.4 and content["resources"]:
            payload = written({**content, "resources": [body(random, json.loads(content["resources"][0])).decode("latin-1")]})
        sealed = self.known.seal(payload)
        return ((b"content-type", b"application/jose"),), sealed if random.random() < 0.9 else torn(random, sealed)

    def checkpoint(self) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        """A neighbour's checkpoint."""
        note = self.known.note if self.random.random() < 0.5 else torn(self.random, self.known.note.encode()).decode("latin-1")
        return self._json({"note": note, "proof": ["00" * 32] * self.random.choice((0, 1, 3))})

    def cosigned(self) -> tuple[tuple[tuple[bytes, bytes], ...], bytes]:
        """A note."""
        return ((b"content-type", b"text/plain"),), torn(self.random, self.known.note.encode())


def _flat(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        return [(prefix, value)]
    return [pair for name, item in items for pair in _flat(item, f"{prefix}.{name}" if prefix else str(name))]


resource_types_known = sorted(resource_types())
_OFTEN = ("coordinator", "physician", "administrator")
_DEEP = tuple(
    (method, door)
    for method, door in WAYS
    if door.path in ("/do/{command}", "/fhir", "/fhir/{kind}", "/fhir/{kind}/{id}", "/exchange/packages", "/import", "/cases/{case_id}/do/{command}")
)
_MAKERS: dict[str, Callable[[Requests], tuple[tuple[tuple[bytes, bytes], ...], bytes]]] = {
    "/do/{command}": Requests.do,
    "/session": Requests.session,
    "/decide/{policy}": Requests.facts,
    "/fhir": Requests.bundle,
    "/fhir/": Requests.bundle,
    "/fhir/{kind}": Requests.resource,
    "/fhir/{kind}/{id}": Requests.resource,
    "/import": Requests.imported,
    "/cards": Requests.imported,
    "/trials": Requests.study,
    "/exchange/packages": Requests.package,
    "/exchange/checkpoints": Requests.checkpoint,
    "/exchange/restored": Requests.cosigned,
    "/exchange/cosignatures": Requests.cosigned,
}
_HL7 = (
    b"MSH|^~\\&|LIS|LAB|B|HK|20260301080000+0800||ORU^R01^ORU_R01|1|T|2.5.1|||||||UNICODE UTF-8\rPID|1||S1^^^LAB^MR||A^B||19660503|F\r"
    b"OBR|1|||P^P^99T|||20260301080000+0800|||||||||||||||20260301090000+0800|||F\rOBX|1|NM|718-7^Hb^LN||108|g/L^^UCUM|||||F|||20260301080000+0800\r"
)
_CSV = b"patient,birth_date,sex,code,value,unit,collected_at\nP1,1966-05-03,F,718-7,108,g/L,2026-03-01T08:00:00+08:00\nP1,1966-05-03,F,777-3,1e400,10*9/L,0001-01-01\n"
_STUDY = {
    "protocolSection": {
        "identificationModule": {"nctId": "NCT99999902", "briefTitle": "A study"},
        "statusModule": {"overallStatus": "RECRUITING", "startDateStruct": {"date": "2026-01"}},
        "eligibilityModule": {
            "eligibilityCriteria": "Inclusion Criteria:\n* Age >= 18\n\nExclusion Criteria:\n* Pregnant",
            "minimumAge": "18 Years",
            "sex": "ALL",
        },
        "contactsLocationsModule": {"locations": [{"facility": "F", "city": "Hong Kong", "country": "Hong Kong"}]},
    }
}
assert RAW
