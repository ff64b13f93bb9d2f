"""Live pages: changes of calls, cases and tasks as server-sent events, and the banner that a page fetches again when one comes.

Main job: `LIVE_DOORS`: `GET /live` (`text/event-stream`), events `call`, `board`, `task` with `{"id", "case", "state", "at"}` and no name; a comment each 15 s;
`Last-Event-ID` (or `after`) goes on without loss for an hour, else the event `reload`. `once` answers what there is and ends. `GET /live/calls` is the banner alone.

Only clinical roles of this site come in; a case that somebody may not read is left out for that person. **Source**: HTML Living Standard, 9.2 (server-sent events).
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from baybridge.http.doors import COOKIE, Asked, Door
from baybridge.node.outage import StorageProblem
from baybridge.node.people import accounts
from baybridge.node.watch import board
from baybridge.web.page.page import render
from baybridge.web.page.told import may_see

_LOOK_EVERY_S, _COMMENT_EVERY_S = 1.0, 15.0


def live(asked: Asked) -> Response:
    """The stream of changes."""
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_stream(asked), media_type="text/event-stream", headers=headers)


async def _stream(asked: Asked) -> AsyncIterator[str]:
    number = await run_in_threadpool(_begin, asked)
    yield "retry: 3000\n\n"
    began = quiet_since = time.monotonic()
    while True:
        try:
            text, number = await run_in_threadpool(_news, asked, number)
        except StorageProblem:
            text = ""
        if text:
            quiet_since = time.monotonic()
            yield text
        if "once" in asked.query or time.monotonic() - began >= asked.node.streams_last.total_seconds():
            return
        if time.monotonic() - quiet_since >= _COMMENT_EVERY_S:
            quiet_since = time.monotonic()
            if not await run_in_threadpool(_signed_in, asked):
                yield "event: reload\ndata: {}\n\n"
                return
            yield ": here\n\n"
        await anyio.sleep(_LOOK_EVERY_S)


def _begin(asked: Asked) -> int:
    """The number after which changes are sent: where the browser left off, else now."""
    said = asked.headers.get("last-event-id") or asked.query.get("after") or ""
    if said.isdecimal():
        return int(said[:18])
    with asked.node.storage.reading() as connection:
        return board.last_number(connection) if not said else -2


def _news(asked: Asked, number: int) -> tuple[str, int]:
    """What changed since a number as text of the stream, and the number up to which it was told."""
    with asked.node.storage.reading() as connection:
        changes = board.since(connection, number) if number >= 0 else None
        last = board.last_number(connection)
    if changes is None:
        return f"id: {last}\nevent: reload\ndata: {{}}\n\n", last
    told = [change for change in _latest(changes) if may_see(asked, change.case_id)]
    return "".join(map(_event, told)), changes[-1].number if changes else number


def _latest(changes: list[board.Change]) -> list[board.Change]:
    """Each thing once, as it stands last."""
    by_thing = {(change.kind, change.what): change for change in changes}
    return sorted(by_thing.values(), key=lambda change: change.number)


def _event(change: board.Change) -> str:
    data = json.dumps({"id": change.what, "case": change.case_id, "state": change.state, "at": change.at})
    return f"id: {change.number}\nevent: {change.kind}\ndata: {data}\n\n"


def _signed_in(asked: Asked) -> bool:
    token = asked.headers.get("authorization", "").partition(" ")[2] or asked.cookies.get(COOKIE, "")
    with asked.node.storage.reading() as connection:
        return accounts.session_of(connection, token, asked.node.now()) is not None


# --- the banner -----------------------------------------------------------------------------------------------------------


def banner(asked: Asked) -> Response:
    """The banner of open calls alone, for a page that is open; without the one that the page shows itself, while that stands as shown."""
    return render(asked, "calls.html", shown_call=asked.query.get("shown", ""))


LIVE_DOORS = (
    Door("/live", ("GET",), "live", "live", live),
    Door("/live/calls", ("GET",), "live.calls", "live", banner),
)
