"""FHIR R4 over HTTP: `/fhir/metadata`, read, vread, history, search, create, update, delete, transaction, batch, `$everything`.

Main job: turn requests into calls of `node/fhir/interactions.py` and answers into FHIR JSON. Stored bytes are answered unparsed; every refusal is an
OperationOutcome with each reason. Only the capability statement is public.

**Source**: FHIR R4, RESTful API and "HTTP" (ETag, Last-Modified, Location, If-Match, If-None-Exist, Prefer). Elsewhere: rules of access
and log in `node/fhir/interactions.py`, Bundles of requests in `node/fhir/bundle.py`, the written forms in `fhir_writing.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

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
    suppressed,
)
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.time import parse_instant_or_day
from baybridge.http.doors import Asked, Door
from baybridge.node.fhir import interactions, pages
from baybridge.node.fhir.bundle import Done, batch, one, transaction
from baybridge.node.fhir.conditions import expected_version, only_if_none, unknown_conditions, version_of
from baybridge.node.fhir.interactions import Interaction
from baybridge.record.fhir.definitions import parameters, resource_types
from baybridge.record.fhir.wire import taken_in, twice
from baybridge.record.store.search import FORMATS, RESULT_PARAMETERS
from baybridge.record.store.store import Version, time_text

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
    if (refusal := _only(asked, "read")) is not None:
        return refusal
    version = interactions.read(asked.node, asked.actor, asked.parameters["kind"], asked.parameters["id"])
    return version if isinstance(version, Refusal) else _of_version(asked, version)


def vread(asked: Asked) -> Answer:
    """One version of a resource."""
    if (refusal := _only(asked, "vread")) is not None:
        return refusal
    number = asked.parameters["version"]
    if not number.isdecimal():
        return refuse(Reason("record.not_found", {"type": "resource"}), category=Category.NOT_FOUND)
    version = interactions.read(asked.node, asked.actor, asked.parameters["kind"], asked.parameters["id"], int(number[:9]))
    return version if isinstance(version, Refusal) else _of_version(asked, version)


def _of_version(asked: Asked, version: Version) -> Response:
    if version.deleted:
        gone = refuse(Reason("record.deleted", {"type": version.type}), category=Category.NOT_FOUND)
        return Response(outcome(asked.node, asked.language, gone), 410, _headers(asked, version), FHIR_JSON)
    if version_of(asked.headers.get("if-none-match")) == version.number:
        return Response(status_code=304, headers=_headers(asked, version))
    return Response(version.body, headers=_headers(asked, version), media_type=FHIR_JSON)


def _headers(asked: Asked, version: Version, *, location: bool = False) -> dict[str, str]:
    headers = {"ETag": f'W/"{version.number}"', "Last-Modified": http_date(version.recorded_at)}
    if location:
        headers["Location"] = f"{_base(asked)}/{version.reference}/_history/{version.number}"
    return headers


def history(asked: Asked) -> Answer:
    """Every version of a resource as a history Bundle, the newest first, in pages where `_count` asks for them."""
    since = _only(asked, "history", "_count", "_since", "_cursor") or _since(asked)
    if isinstance(since, Refusal):
        return since
    versions = interactions.history(asked.node, asked.actor, asked.parameters["kind"], asked.parameters["id"])
    if isinstance(versions, Refusal):
        return versions
    found = [version for version in versions if version.recorded_at >= since]
    return _paged(asked, "history", found, lambda version: response_entry(_base(asked), version))


def _since(asked: Asked) -> str | Refusal:
    """The moment of `_since` as versions have it; '' where none was given."""
    try:
        return time_text(parse_instant_or_day(asked.query["_since"])) if "_since" in asked.query else ""
    except (ValueError, OverflowError):
        return _unreadable("_since", "2026-03-08T09:00:00+08:00")


def _unreadable(name: str, expected: str) -> Refusal:
    return refuse(Reason("record.search.value", {"parameter": name, "expected": expected}, where=name), category=Category.INVALID)


def _only(asked: Asked, interaction: str, *known: str) -> Refusal | None:
    """Why an interaction is refused: a parameter that it does not take is not passed over."""
    takes = sorted({*known, "_format", "_pretty"})
    unknown = [name for name, _value in asked.queries if name not in takes and name != "language"]
    if unknown:
        values = {"parameter": "".join(char for char in unknown[0][:40] if char.isalnum() or char in "-_:"), "known": ", ".join(takes)}
        return refuse(
            Reason("record.parameter", {"interaction": interaction, **values}, where=values["parameter"]), category=Category.INVALID
        )
    return _unreadable("_format", "json") if asked.query.get("_format", "json") not in FORMATS else None


def _paged(asked: Asked, kind: str, found: Sequence[Version], written: Callable[[Version], bytes], told: Sequence[bytes] = ()) -> Answer:
    """A page of a list of versions, and what is told beside; all of it where `_count` is not given."""
    count, start = (_whole(asked.query.get(name)) for name in ("_count", "_cursor"))
    if count == -1 or start == -1:
        return _unreadable("_count" if count == -1 else "_cursor", "0, 1, 2, …" if count == -1 else "the cursor of a next link")
    begin = start or 0
    page = found[begin:] if count is None else found[begin : begin + count]
    links = []
    if count and begin + count < len(found):
        given = [pair for pair in asked.queries if pair[0] != "_cursor"]
        links.append(("next", f"{asked.base_url}{asked.path}?{urlencode([*given, ('_cursor', str(begin + count))])}"))
    return _bundle(asked, kind, [*map(written, page), *told], total=len(found), links=links)


def _whole(text: str | None) -> int | None:
    """A count; None where none was given, -1 where it is no whole number."""
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else -1


def search(asked: Asked) -> Answer:
    """A page of a search, by GET or by POST `_search`."""
    kind = asked.parameters["kind"]
    given = [*asked.queries, *asked.forms]
    given = [(name, _local(asked, value)) for name, value in given if name != "language" or "language" in parameters_of(kind)]
    is_private = asked.method == "POST"
    if [name for name, _value in given] == [pages.PAGE]:
        kept = pages.opened(asked.node, kind, given[0][1])
        if kept is None:
            return _unreadable(pages.PAGE, "the address of a next link")
        given, is_private = kept, True
    if "handling=lenient" in asked.headers.get("prefer", "").replace(" ", ""):
        given = [pair for pair in given if pair[0].split(":")[0] in (*parameters_of(kind), *RESULT_PARAMETERS)]
    result = interactions.find(asked.node, asked.actor, kind, given)
    if isinstance(result, Refusal):
        return result
    entries = [entry(_base(asked), version, "match") for version in result.found]
    entries += [entry(_base(asked), version, "include") for version in result.included]
    links = [("self", _search_url(asked, kind, [pair for pair in given if pair[0].startswith("_")] if is_private else given))]
    if result.next_cursor:
        following = [*(pair for pair in given if pair[0] != "_cursor"), ("_cursor", result.next_cursor)]
        shown = [(pages.PAGE, pages.sealed(asked.node, kind, following))] if is_private else following
        links.append(("next", _search_url(asked, kind, shown)))
    return _bundle(asked, "searchset", entries, total=result.total, links=links)


def parameters_of(kind: str) -> frozenset[str]:
    """The names of a type's search parameters; none for an unknown type."""
    return frozenset(parameters(kind)) if kind in resource_types() else frozenset()


def _local(asked: Asked, value: str) -> str:
    """A reference to this server in its full form is the reference that is stored."""
    return value.removeprefix(f"{_base(asked)}/")


def _search_url(asked: Asked, kind: str, given: Sequence[tuple[str, str]]) -> str:
    """The address of a search; the caller leaves out what may be personal where the search came by POST."""
    return f"{_base(asked)}/{kind}" + (f"?{urlencode(given)}" if given else "")


def everything(asked: Asked) -> Answer:
    """A patient's whole record as a searchset; `_since` and `_type` narrow it."""
    since = _only(asked, "$everything", "_count", "_since", "_type", "_cursor") or _since(asked)
    if isinstance(since, Refusal):
        return since
    versions = interactions.everything(asked.node, asked.actor, asked.parameters["id"])
    if isinstance(versions, Refusal):
        return versions
    kinds = set(asked.query["_type"].split(",")) if "_type" in asked.query else None
    found = [version for version in versions if version.recorded_at > since and (kinds is None or version.type in kinds)]
    closed = interactions.left_out(asked.actor)
    told = [suppressed(asked.node, asked.language, Reason("record.types_left_out", {"types": ", ".join(closed)}))] if closed else []
    return _paged(asked, "searchset", found, lambda version: entry(_base(asked), version, "match"), told)


def _bundle(asked: Asked, kind: str, entries: list[bytes], *, total: int | None = None, links: Sequence[tuple[str, str]] = ()) -> Response:
    return Response(bundle(kind, entries, total, links, asked.node.now()), media_type=FHIR_JSON)


# --- writing --------------------------------------------------------------------------------------------------------


def create(asked: Asked) -> Answer:
    """File a new resource; the id is given here. `If-None-Exist` files it only where nothing matches."""
    resource = _body(asked)
    if isinstance(resource, Refusal):
        return resource
    only = only_if_none(asked.headers.get("if-none-exist"))
    if isinstance(only, Refusal):
        return only
    interaction = Interaction("POST", asked.parameters["kind"], "", resource, None, only)
    done = one(asked.node, asked.actor, interaction, _base(asked))
    return done if isinstance(done, Refusal) else _of_written(asked, done)


def update(asked: Asked) -> Answer:
    """File the next version of a resource, or the first under this id; `If-Match` asks for the version it replaces."""
    resource = _body(asked)
    if isinstance(resource, Refusal):
        return resource
    expected = expected_version(asked.headers.get("if-match"), asked.headers.get("if-none-match"))
    if isinstance(expected, Refusal):
        return expected
    interaction = Interaction("PUT", asked.parameters["kind"], asked.parameters["id"], resource, expected)
    done = one(asked.node, asked.actor, interaction, _base(asked))
    return done if isinstance(done, Refusal) else _of_written(asked, done)


def delete(asked: Asked) -> Answer:
    """Mark a resource as deleted; its history stays. The header `X-Baybridge-Reason` says why, in a code."""
    if (refusal := _not_a_write(asked)) is not None:
        return refusal
    expected = expected_version(asked.headers.get("if-match"))
    if isinstance(expected, Refusal):
        return expected
    reason = asked.headers.get("x-baybridge-reason", "").strip()
    interaction = Interaction("DELETE", asked.parameters["kind"], asked.parameters["id"], None, expected, reason=reason)
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
    done = work(asked.node, asked.actor, given, _base(asked))
    if isinstance(done, Refusal):
        return done
    entries = [response_entry(_base(asked), item, asked.node, asked.language) for item in done]
    return _bundle(asked, f"{kind}-response", entries)


def _not_a_write(asked: Asked) -> Refusal | None:
    """Why a write is not carried out: conditions that are not known, or a search behind its address that would be passed over."""
    if asked.queries and (refusal := _only(asked, asked.method)) is not None:
        return refusal
    return unknown_conditions(asked.headers, asked.method)


def _body(asked: Asked) -> dict[str, Any] | Refusal:
    if (refusal := _not_a_write(asked)) is not None:
        return refusal
    try:
        value = taken_in(asked.body)
        doubled = twice(asked.body, value)
    except ValueError as problem:
        return refuse(Reason("record.not_json", {"problem": str(problem)}), category=Category.INVALID)
    if not isinstance(value, dict):
        return refuse(Reason("record.not_json", {"problem": "expected an object with resourceType"}), category=Category.INVALID)
    if doubled:
        return refuse(*(Reason("record.key_twice", where=path[:200]) for path, _same in doubled[:20]), category=Category.INVALID)
    return value


def _of_written(asked: Asked, done: Done) -> Response:
    version = done.outcome
    if not isinstance(version, Version):
        return Response(status_code=204)
    status = 201 if version.change == "created" else 200
    headers = _headers(asked, version, location=True)
    if done.told:  # Source: RFC 7234 5.5.6, 199: whatever a person should know
        headers["Warning"] = ", ".join(f'199 baybridge "{reason.code} {reason.where or ""}"' for reason in done.told)
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
    Door("/fhir/{kind}/{id}", ("DELETE",), "fhir.delete", "fhir.delete", answered(delete)),
    Door("/fhir/{kind}", ("GET",), "fhir.search", "fhir.search", answered(search)),
    Door("/fhir/{kind}", ("POST",), "fhir.create", "fhir.write", answered(create)),
    Door("/fhir/{rest:path}", ("GET", "POST", "PUT", "DELETE"), "fhir.unknown", "fhir.read", answered(unknown)),
)
