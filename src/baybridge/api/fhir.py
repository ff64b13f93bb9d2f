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

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from baybridge.api import media_types
from baybridge.api.fhir_writing import (
    FHIR_JSON,
    bundle,
    capability,
    entry,
    http_date,
    oddities,
    outcome,
    response_entry,
    sound,
    status_of,
    suppressed,
)
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.time import parse_instant_or_day
from baybridge.http.doors import Asked, Door, language_of
from baybridge.node.asking import REQUEST
from baybridge.node.fhir import interactions, pages
from baybridge.node.fhir.bundle import Done, batch, one, transaction
from baybridge.node.fhir.conditions import chosen_by, expected_version, only_if_none, unknown_conditions, version_of
from baybridge.node.fhir.interactions import Interaction
from baybridge.node.node import Node
from baybridge.record.fhir.definitions import parameters, resource_types
from baybridge.record.fhir.wire import taken_in, write
from baybridge.record.fhir.wire import twice as keys_twice
from baybridge.record.store import cursors
from baybridge.record.store.search import FORMATS, ONCE, RESULT_PARAMETERS, Pairs, twice
from baybridge.record.store.store import Version, time_text

Answer = Response | Refusal
_ANYWHERE = frozenset({"_format", "_pretty", "language"})


def is_of(path: str) -> bool:
    """Whether an address is FHIR's, however it was put together: what is answered there is FHIR."""
    return path.lstrip("/").partition("/")[0] == "fhir"


def told(node: Node, language: str, refusal: Refusal, status: int | None = None) -> Response:
    """A refusal as an OperationOutcome in a language."""
    return Response(outcome(node, language, refusal), status or status_of(refusal), media_type=FHIR_JSON)


def nowhere(node: Node, request: Request, status: int) -> Response:
    """What is answered at an address of FHIR's where nothing stands, or not for this method; OPTIONS asks what there is."""
    methods = _methods_at(request.url.path)
    if status != 405 or not methods:
        return told(node, language_of(node, request, None), refuse(Reason("record.not_found", {"type": "resource"}), category=Category.NOT_FOUND), 404)
    allowed = {"Allow": ", ".join(methods)}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=allowed)
    reason = Reason("record.method", {"found": request.method[:10], "known": ", ".join(methods)})
    response = told(node, language_of(node, request, None), refuse(reason, category=Category.UNSUPPORTED), 405)
    response.headers.update(allowed)
    return response


def failed() -> Response:
    """What is answered to a defect of this software: the id by which an operator finds it in the log."""
    issue = {"severity": "fatal", "code": "exception", "diagnostics": REQUEST.get()}
    return Response(write({"resourceType": "OperationOutcome", "issue": [issue]}), 500, media_type=FHIR_JSON)


def _methods_at(path: str) -> list[str]:
    """The methods that an address takes, whoever asks."""
    found = {method for door in DOORS if door is not _UNKNOWN and compile_path(door.path)[0].match(path) for method in door.methods}
    return sorted({*found, "OPTIONS", *(("HEAD",) if "GET" in found else ())}) if found else []


def refused(asked: Asked, refusal: Refusal) -> Response:
    """A refusal as an OperationOutcome in the reader's language."""
    response = told(asked.node, asked.language, refusal)
    if refusal.category is Category.UNAUTHENTICATED:
        response.headers["www-authenticate"] = "Bearer"
    return response


def answered(work: Callable[[Asked], Answer]) -> Callable[[Asked], Response]:
    """An endpoint whose refusals become OperationOutcomes."""

    def endpoint(asked: Asked) -> Response:
        result = media_types.against(asked) or work(asked)
        return refused(asked, result) if isinstance(result, Refusal) else result

    return endpoint


def _base(asked: Asked) -> str:
    return f"{asked.base_url}/fhir"


# --- reading --------------------------------------------------------------------------------------------------------


def metadata(asked: Asked) -> Answer:
    """What this server can do."""
    if (refusal := _only(asked, "metadata", "mode")) is not None:
        return refusal
    if asked.query.get("mode", "full") not in ("full", "normative"):
        return _unreadable("mode", "full")
    return Response(capability(_base(asked), cors=bool(asked.node.config.serving.fhir_origins)), media_type=FHIR_JSON)


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
    return _paged(asked, "history", found, _newest_first, lambda version: response_entry(_base(asked), version))


def _since(asked: Asked) -> str | Refusal:
    """The moment of `_since` as versions have it; '' where none was given."""
    try:
        return time_text(parse_instant_or_day(asked.query["_since"])) if "_since" in asked.query else ""
    except (ValueError, OverflowError):
        return _unreadable("_since", "2026-03-08T09:00:00+08:00")


def _unreadable(name: str, expected: str) -> Refusal:
    return refuse(Reason("record.search.value", {"parameter": name, "expected": expected}, where=name), category=Category.INVALID)


def _only(asked: Asked, interaction: str, *known: str) -> Refusal | None:
    """Why an interaction is refused: a parameter that it does not take is not passed over, nor one of two where one counts."""
    takes = sorted({*known, "_format", "_pretty"})
    doubled = tuple(twice(asked.queries, ONCE | {"_since", "language"}))
    if doubled:
        return refuse(*doubled, category=Category.INVALID)
    unknown = [name for name, _value in asked.queries if name not in takes and name != "language"]
    if unknown:
        values = {"parameter": "".join(char for char in unknown[0][:40] if char.isalnum() or char in "-_:"), "known": ", ".join(takes)}
        return refuse(
            Reason("record.parameter", {"interaction": interaction, **values}, where=values["parameter"]), category=Category.INVALID
        )
    return _unreadable("_format", "json") if asked.query.get("_format", "json") not in FORMATS else None


def _paged(asked: Asked, kind: str, found: Sequence[Version], order: Callable[[Version], str], written: Callable[[Version], bytes], told: Sequence[bytes] = ()) -> Answer:
    """A page of a list of versions, and what is told beside; all of it where `_count` is not given.

    `order` is what the list is sorted by: a page begins behind the last one of the page before, wherever that stands by now, so that nothing is lost or met twice
    while others write.
    """
    count = _whole(asked.query.get("_count"))
    if count == -1:
        return _unreadable("_count", "0, 1, 2, …")
    of = cursors.mark(asked.path, asked.queries)
    try:
        begin = cursors.read(_place(asked, asked.query["_cursor"]), of, str) if "_cursor" in asked.query else ""
    except (cursors.NoCursorError, cursors.OtherListError) as problem:
        return refuse(cursors.against(problem), category=Category.INVALID)
    rest = sorted((version for version in found if order(version) > begin), key=order)
    page = rest if count is None else rest[:count]
    links = []
    if page and len(page) < len(rest):
        given = [pair for pair in asked.queries if pair[0] != "_cursor"]
        links.append(("next", f"{asked.base_url}{asked.path}?{urlencode([*given, ('_cursor', _sealed(asked, cursors.written(order(page[-1]), of)))])}"))
    return _bundle(asked, kind, [*map(written, page), *told], total=len(found), links=links)


def _newest_first(version: Version) -> str:
    return f"{_LAST_NUMBER - version.number:010}"


def _patient_first(version: Version) -> str:
    return f"{int(version.type != 'Patient')} {version.reference}"


_LAST_NUMBER = 10**10 - 1


def _whole(text: str | None) -> int | None:
    """A count; None where none was given, -1 where it is no whole number."""
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else -1


def search(asked: Asked) -> Answer:
    """A page of a search, by GET or by POST `_search`."""
    kind = asked.parameters["kind"]
    given = [*asked.queries, *asked.forms]
    doubled = tuple(twice(given, {"language", pages.PAGE} - parameters_of(kind)))
    if doubled:
        return refuse(*doubled, category=Category.INVALID)
    given = [(name, _local(asked, value)) for name, value in given if name != "language" or "language" in parameters_of(kind)]
    is_private = asked.method == "POST"
    if [name for name, _value in given] == [pages.PAGE]:
        kept = pages.opened(asked.node, kind, given[0][1])
        if kept is None:
            return _unreadable(pages.PAGE, "the address of a next link")
        given, is_private = kept, True
    if "handling=lenient" in asked.headers.get("prefer", "").replace(" ", ""):
        given = [pair for pair in given if pair[0].split(":")[0] in (*parameters_of(kind), *RESULT_PARAMETERS)]
    result = interactions.find(asked.node, asked.actor, kind, [(name, _place(asked, value) if name == "_cursor" else value) for name, value in given])
    if isinstance(result, Refusal):
        return result
    entries = [entry(_base(asked), version, "match") for version in result.found]
    entries += [entry(_base(asked), version, "include") for version in result.included]
    links = [("self", _search_url(asked, kind, [pair for pair in given if pair[0].startswith("_")] if is_private else given))]
    if result.next_cursor:
        following = [*(pair for pair in given if pair[0] != "_cursor"), ("_cursor", _sealed(asked, result.next_cursor))]
        shown = [(pages.PAGE, pages.sealed(asked.node, kind, following))] if is_private else following
        links.append(("next", _search_url(asked, kind, shown)))
    return _bundle(asked, "searchset", entries, total=result.total, links=links)


def _sealed(asked: Asked, cursor: str) -> str:
    """A cursor for an address: it says by what the list is sorted, such as a birth date."""
    return pages.sealed(asked.node, "_cursor", [("_cursor", cursor)])


def _place(asked: Asked, cursor: str) -> str:
    """Where a page begins, as its link sealed it; nothing for what is none of ours, which is refused with the search."""
    kept = pages.opened(asked.node, "_cursor", cursor)
    return kept[0][1] if kept else ""


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
    kinds = {kind for name, value in asked.queries if name == "_type" for kind in value.split(",")}
    if not kinds <= resource_types():
        return _unreadable("_type", "Observation,Condition")
    versions = interactions.everything(asked.node, asked.actor, asked.parameters["id"])
    if isinstance(versions, Refusal):
        return versions
    found = [version for version in versions if version.recorded_at > since and (not kinds or version.type in kinds)]
    closed = interactions.left_out(asked.actor)
    told = [suppressed(asked.node, asked.language, Reason("record.types_left_out", {"types": ", ".join(closed)}))] if closed else []
    return _paged(asked, "searchset", found, _patient_first, lambda version: entry(_base(asked), version, "match"), told)


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
    """File the next version of a resource, or the first under this id; `If-Match` asks for the version it replaces.

    Without an id, a search behind the address chooses it: what it finds alone is replaced, and where it finds nothing the resource is created.
    """
    resource = _body(asked)
    if isinstance(resource, Refusal):
        return resource
    expected = expected_version(asked.headers.get("if-match"), asked.headers.get("if-none-match"))
    if isinstance(expected, Refusal):
        return expected
    chosen = _chosen(asked)
    if isinstance(chosen, Refusal):
        return chosen
    interaction = Interaction("PUT", asked.parameters["kind"], asked.parameters.get("id", ""), resource, expected, chosen_by=chosen)
    done = one(asked.node, asked.actor, interaction, _base(asked))
    return done if isinstance(done, Refusal) else _of_written(asked, done)


def delete(asked: Asked) -> Answer:
    """Mark a resource as deleted; its history stays. The header `X-Baybridge-Reason` says why, in a code."""
    if (refusal := _not_a_write(asked)) is not None:
        return refusal
    expected = expected_version(asked.headers.get("if-match"))
    if isinstance(expected, Refusal):
        return expected
    chosen = _chosen(asked)
    if isinstance(chosen, Refusal):
        return chosen
    reason = asked.headers.get("x-baybridge-reason", "").strip()
    interaction = Interaction("DELETE", asked.parameters["kind"], asked.parameters.get("id", ""), None, expected, reason=reason, chosen_by=chosen)
    done = one(asked.node, asked.actor, interaction, _base(asked))
    if isinstance(done, Refusal):
        return done
    return Response(status_code=204, headers=_headers(asked, done.outcome) if isinstance(done.outcome, Version) else {})


def _chosen(asked: Asked) -> Pairs | Refusal | None:
    """The search that chooses what is written where the address names no id."""
    if "id" in asked.parameters:
        return None
    return chosen_by([(name, _local(asked, value)) for name, value in asked.queries if name not in _ANYWHERE])


def validated(asked: Asked) -> Answer:
    """What would be wrong with the form of a resource if it were filed, alone or as `resource` of a Parameters; nothing is filed."""
    given = _body(asked)
    if isinstance(given, Refusal):
        return given
    kind = asked.parameters["kind"]
    if kind not in resource_types():
        return refuse(Reason("record.search.type", {"type": "".join(filter(str.isalnum, kind[:40]))}), category=Category.NOT_FOUND)
    inside = given.get("parameter") if given.get("resourceType") == "Parameters" and kind != "Parameters" else [{"name": "resource", "resource": given}]
    if not isinstance(inside, list) or len(inside) != 1 or not isinstance(inside[0], dict) or inside[0].get("name") != "resource":
        return refuse(Reason("record.parameter", {"interaction": "$validate", "parameter": "Parameters.parameter", "known": "resource"}), category=Category.INVALID)
    interaction = Interaction("POST", kind, "", inside[0].get("resource"))
    actor = interactions.writer(asked.actor, [interaction])
    refusal = interactions.against_writing(asked.node, actor, [interaction])
    if refusal is not None:
        return refusal
    odd: list[Reason] = []
    reasons = interactions.form_reasons(interaction, odd)
    if reasons:
        return told(asked.node, asked.language, refuse(*reasons, category=Category.INVALID), 200)
    if odd:
        return Response(oddities(asked.node, asked.language, odd), media_type=FHIR_JSON)
    return Response(sound(asked.node, asked.language, Reason("record.validate.sound", {"type": kind})), media_type=FHIR_JSON)


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
    chosen = asked.method in ("PUT", "DELETE") and "id" not in asked.parameters
    known = [name for name, _value in asked.queries] if chosen else []  # of a search, which is read where it is asked
    if asked.queries and (refusal := _only(asked, asked.method, *known)) is not None:
        return refusal
    return unknown_conditions(asked.headers, asked.method)


def _body(asked: Asked) -> dict[str, Any] | Refusal:
    if (refusal := _not_a_write(asked)) is not None:
        return refusal
    try:
        value = taken_in(asked.body)
        doubled = keys_twice(asked.body, value)
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


_UNKNOWN = Door("/fhir/{rest:path}", ("GET", "POST", "PUT", "DELETE"), "fhir.unknown", "fhir.read", answered(unknown))
DOORS = (
    Door("/fhir/metadata", ("GET",), "fhir.metadata", "public", answered(metadata)),
    Door("/fhir", ("POST",), "fhir.together", "fhir.write", answered(together)),
    Door("/fhir/", ("POST",), "fhir.together.slash", "fhir.write", answered(together)),
    Door("/fhir/{kind}/_search", ("POST",), "fhir.search.post", "fhir.search", answered(search)),
    Door("/fhir/{kind}/$validate", ("POST",), "fhir.validate", "fhir.write", answered(validated)),
    Door("/fhir/Patient/{id}/$everything", ("GET",), "fhir.everything", "fhir.read", answered(everything)),
    Door("/fhir/{kind}/{id}/_history/{version}", ("GET",), "fhir.vread", "fhir.read", answered(vread)),
    Door("/fhir/{kind}/{id}/_history", ("GET",), "fhir.history", "fhir.read", answered(history)),
    Door("/fhir/{kind}/{id}", ("GET",), "fhir.read", "fhir.read", answered(read)),
    Door("/fhir/{kind}/{id}", ("PUT",), "fhir.update", "fhir.write", answered(update)),
    Door("/fhir/{kind}/{id}", ("DELETE",), "fhir.delete", "fhir.delete", answered(delete)),
    Door("/fhir/{kind}", ("PUT",), "fhir.update.chosen", "fhir.write", answered(update)),
    Door("/fhir/{kind}", ("DELETE",), "fhir.delete.chosen", "fhir.delete", answered(delete)),
    Door("/fhir/{kind}", ("GET",), "fhir.search", "fhir.search", answered(search)),
    Door("/fhir/{kind}", ("POST",), "fhir.create", "fhir.write", answered(create)),
    _UNKNOWN,
)
