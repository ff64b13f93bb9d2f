"""FHIR R4 over HTTP: `/fhir/metadata`, read, vread, history, search, create, update, delete, transaction, batch, `$everything`.

Main job: turn requests into calls of `node/fhir/interactions.py` and answers into FHIR JSON. Stored bytes are answered unparsed; every refusal is an
OperationOutcome with each reason. Only the capability statement is public.

**Source**: FHIR R4, RESTful API and "HTTP" (ETag, Last-Modified, Location, If-Match, If-None-Exist, Prefer). Elsewhere: rules of access
and log in `node/fhir/interactions.py`, Bundles of requests in `node/fhir/bundle.py`, the written forms in `fhir_writing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from baybridge.api.fhir_writing import (
    FHIR_JSON,
    bundle,
    capability,
    entry,
    http_date,
    outcome,
    response_entry,
    status_of,
)
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.time import parse_instant_or_day
from baybridge.http.doors import Asked, Door
from baybridge.node.fhir import interactions
from baybridge.node.fhir.bundle import batch, expected_version, transaction
from baybridge.node.fhir.interactions import Interaction
from baybridge.record.fhir.definitions import parameters, resource_types
from baybridge.record.fhir.wire import taken_in
from baybridge.record.store.search import RESULT_PARAMETERS
from baybridge.record.store.store import Version

Answer = Response | Refusal


def refused(asked: Asked, refusal: Refusal) -> Response:
    """A refusal as an OperationOutcome in the reader's language."""
    response = Response(outcome(asked.node, asked.language, refusal), status_of(refusal), media_type=FHIR_JSON)
    if refusal.category is Category.UNAUTHENTICATED:
        response.headers["www-authenticate"] = "Bearer"
    return response


def answered(work: Callable[[Asked], Answer]) -> Callable[[Asked], Response]:
    """An endpoint whose refusals become OperationOutcomes."""

    def endpoint(asked: Asked) -> Response:
        result = work(asked)
        return refused(asked, result) if isinstance(result, Refusal) else result

    return endpoint


def _base(asked: Asked) -> str:
    return f"{asked.base_url}/fhir"


# --- reading --------------------------------------------------------------------------------------------------------


def metadata(asked: Asked) -> Answer:
    """What this server can do."""
    return Response(capability(_base(asked)), media_type=FHIR_JSON)


def read(asked: Asked) -> Answer:
    """The current version of a resource; 304 where the client has it, 410 where it was deleted."""
    version = interactions.read(asked.node, asked.actor, asked.parameters["kind"], asked.parameters["id"])
    return version if isinstance(version, Refusal) else _of_version(asked, version)


def vread(asked: Asked) -> Answer:
    """One version of a resource."""
    number = asked.parameters["version"]
    if not number.isdecimal():
        return refuse(Reason("record.not_found", {"type": "resource"}), category=Category.NOT_FOUND)
    version = interactions.read(asked.node, asked.actor, asked.parameters["kind"], asked.parameters["id"], int(number[:9]))
    return version if isinstance(version, Refusal) else _of_version(asked, version)


def _of_version(asked: Asked, version: Version) -> Response:
    if version.deleted:
        gone = refuse(Reason("record.deleted", {"type": version.type}), category=Category.NOT_FOUND)
        return Response(outcome(asked.node, asked.language, gone), 410, _headers(asked, version), FHIR_JSON)
    if expected_version(asked.headers.get("if-none-match")) == version.number:
        return Response(status_code=304, headers=_headers(asked, version))
    return Response(version.body, headers=_headers(asked, version), media_type=FHIR_JSON)


def _headers(asked: Asked, version: Version, *, location: bool = False) -> dict[str, str]:
    headers = {"ETag": f'W/"{version.number}"', "Last-Modified": http_date(version.recorded_at)}
    if location:
        headers["Location"] = f"{_base(asked)}/{version.reference}/_history/{version.number}"
    return headers


def history(asked: Asked) -> Answer:
    """Every version of a resource as a history Bundle."""
    versions = interactions.history(asked.node, asked.actor, asked.parameters["kind"], asked.parameters["id"])
    if isinstance(versions, Refusal):
        return versions
    entries = [response_entry(_base(asked), version) for version in versions]
    return _bundle(asked, "history", entries, total=len(versions))


def search(asked: Asked) -> Answer:
    """A page of a search, by GET or by POST `_search`."""
    kind = asked.parameters["kind"]
    given = [*asked.queries, *asked.forms]
    given = [(name, value) for name, value in given if name != "language" or "language" in parameters_of(kind)]
    if "handling=lenient" in asked.headers.get("prefer", "").replace(" ", ""):
        given = [pair for pair in given if pair[0].split(":")[0] in (*parameters_of(kind), *RESULT_PARAMETERS)]
    result = interactions.find(asked.node, asked.actor, kind, given)
    if isinstance(result, Refusal):
        return result
    entries = [entry(_base(asked), version, "match") for version in result.found]
    entries += [entry(_base(asked), version, "include") for version in result.included]
    links = [("self", _search_url(asked, kind, given))]
    if result.next_cursor:
        following = [pair for pair in given if pair[0] != "_cursor"]
        links.append(("next", _search_url(asked, kind, [*following, ("_cursor", result.next_cursor)])))
    return _bundle(asked, "searchset", entries, total=result.total, links=links)


def parameters_of(kind: str) -> frozenset[str]:
    """The names of a type's search parameters; none for an unknown type."""
    return frozenset(parameters(kind)) if kind in resource_types() else frozenset()


def _search_url(asked: Asked, kind: str, given: Sequence[tuple[str, str]]) -> str:
    """The address of a search; values that may be personal stay out of it where the search came by POST."""
    if asked.method == "POST":
        given = [pair for pair in given if pair[0].startswith("_")]
        if any(name == "_cursor" for name, _value in given):
            return f"{_base(asked)}/{kind}/_search?{urlencode(given)}"
    return f"{_base(asked)}/{kind}" + (f"?{urlencode(given)}" if given else "")


def everything(asked: Asked) -> Answer:
    """A patient's whole record as a searchset; `_since` and `_type` narrow it."""
    try:
        since: datetime | None = parse_instant_or_day(asked.query["_since"]) if "_since" in asked.query else None
    except ValueError:
        reason = Reason("record.search.value", {"parameter": "_since", "expected": "2026-03-08T09:00:00+08:00"}, where="_since")
        return refuse(reason, category=Category.INVALID)
    versions = interactions.everything(asked.node, asked.actor, asked.parameters["id"], since)
    if isinstance(versions, Refusal):
        return versions
    kinds = set(asked.query["_type"].split(",")) if "_type" in asked.query else None
    found = [version for version in versions if kinds is None or version.type in kinds]
    return _bundle(asked, "searchset", [entry(_base(asked), version, "match") for version in found], total=len(found))


def _bundle(asked: Asked, kind: str, entries: list[bytes], *, total: int | None = None, links: Sequence[tuple[str, str]] = ()) -> Response:
    return Response(bundle(kind, entries, total, links, asked.node.now()), media_type=FHIR_JSON)


# --- writing --------------------------------------------------------------------------------------------------------


def create(asked: Asked) -> Answer:
    """File a new resource; the id is given here. `If-None-Exist` files it only where nothing matches."""
    resource = _body(asked)
    if isinstance(resource, Refusal):
        return resource
    condition = asked.headers.get("if-none-exist")
    only = parse_qsl(condition.lstrip("?"), keep_blank_values=True) if condition else None
    interaction = Interaction("POST", asked.parameters["kind"], "", resource, None, only)
    done = interactions.write(asked.node, asked.actor, [interaction])
    return done if isinstance(done, Refusal) else _of_written(asked, done[0])


def update(asked: Asked) -> Answer:
    """File the next version of a resource, or the first under this id; `If-Match` asks for the version it replaces."""
    resource = _body(asked)
    if isinstance(resource, Refusal):
        return resource
    expected = expected_version(asked.headers.get("if-match"))
    interaction = Interaction("PUT", asked.parameters["kind"], asked.parameters["id"], resource, expected)
    done = interactions.write(asked.node, asked.actor, [interaction])
    return done if isinstance(done, Refusal) else _of_written(asked, done[0])


def delete(asked: Asked) -> Answer:
    """Mark a resource as deleted; its history stays."""
    expected = expected_version(asked.headers.get("if-match"))
    interaction = Interaction("DELETE", asked.parameters["kind"], asked.parameters["id"], None, expected)
    done = interactions.write(asked.node, asked.actor, [interaction])
    if isinstance(done, Refusal):
        return done
    return Response(status_code=204, headers=_headers(asked, done[0]) if done[0] is not None else {})


def together(asked: Asked) -> Answer:
    """A transaction (all or nothing) or a batch (each on its own)."""
    given = _body(asked)
    if isinstance(given, Refusal):
        return given
    kind = given.get("type") if given.get("resourceType") == "Bundle" else None
    if kind not in ("transaction", "batch"):
        reason = Reason("record.bundle.entry", {"expected": "a Bundle of type transaction or batch", "found": "another resource"})
        return refuse(reason, category=Category.INVALID)
    work = transaction if kind == "transaction" else batch
    done = work(asked.node, asked.actor, given)
    if isinstance(done, Refusal):
        return done
    entries = [response_entry(_base(asked), item, asked.node, asked.language) for item in done]
    return _bundle(asked, f"{kind}-response", entries)


def _body(asked: Asked) -> dict[str, Any] | Refusal:
    try:
        value = taken_in(asked.body)
    except ValueError as problem:
        return refuse(Reason("record.not_json", {"problem": str(problem)}), category=Category.INVALID)
    if not isinstance(value, dict):
        return refuse(Reason("record.not_json", {"problem": "expected an object with resourceType"}), category=Category.INVALID)
    return value


def _of_written(asked: Asked, version: Version | None) -> Response:
    if version is None:
        return Response(status_code=204)
    status = 201 if version.change == "created" else 200
    headers = _headers(asked, version, location=True)
    if "return=minimal" in asked.headers.get("prefer", ""):
        return Response(status_code=status, headers=headers)
    return Response(version.body, status, headers, FHIR_JSON)


def unknown(asked: Asked) -> Answer:
    """An address that this server does not have."""
    del asked
    return refuse(Reason("record.not_found", {"type": "resource"}), category=Category.NOT_FOUND)


DOORS = (
    Door("/fhir/metadata", ("GET",), "fhir.metadata", "public", answered(metadata)),
    Door("/fhir", ("POST",), "fhir.together", "fhir.write", answered(together)),
    Door("/fhir/", ("POST",), "fhir.together.slash", "fhir.write", answered(together)),
    Door("/fhir/{kind}/_search", ("POST",), "fhir.search.post", "fhir.search", answered(search)),
    Door("/fhir/Patient/{id}/$everything", ("GET",), "fhir.everything", "fhir.read", answered(everything)),
    Door("/fhir/{kind}/{id}/_history/{version}", ("GET",), "fhir.vread", "fhir.read", answered(vread)),
    Door("/fhir/{kind}/{id}/_history", ("GET",), "fhir.history", "fhir.read", answered(history)),
    Door("/fhir/{kind}/{id}", ("GET",), "fhir.read", "fhir.read", answered(read)),
    Door("/fhir/{kind}/{id}", ("PUT",), "fhir.update", "fhir.write", answered(update)),
    Door("/fhir/{kind}/{id}", ("DELETE",), "fhir.delete", "fhir.write", answered(delete)),
    Door("/fhir/{kind}", ("GET",), "fhir.search", "fhir.search", answered(search)),
    Door("/fhir/{kind}", ("POST",), "fhir.create", "fhir.write", answered(create)),
    Door("/fhir/{rest:path}", ("GET", "POST", "PUT", "DELETE"), "fhir.unknown", "fhir.read", answered(unknown)),
)
