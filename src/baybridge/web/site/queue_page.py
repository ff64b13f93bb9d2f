"""What follows from writes and keeps failing, for the administrator: what, of which case, why, how often, and a button that tries it now.

Beside it the messages of the last week, with whom they reached and what failed; of which case they are is not shown.

Main job: `QUEUE_DOORS`. Elsewhere: the queue itself in `node/consequences/queue.py`; a failure is named by its kind, because its message could quote a record.
"""

from __future__ import annotations

from starlette.responses import Response

from baybridge.documents.messages import Outbox
from baybridge.http.doors import Asked, Door
from baybridge.node.consequences import queue
from baybridge.node.messages import outbox
from baybridge.node.people import accounts
from baybridge.web.page.page import render


def failing(asked: Asked) -> Response:
    """Everything that failed at least once and waits."""
    return _show(asked)


def try_now(asked: Asked) -> Response:
    """Try one of them now, whatever it waits for."""
    done = queue.try_now(asked.node, asked.form.get("consequence", ""), asked.person)
    return _show(asked, "gone" if done is None else "done" if done else "failed")


def _show(asked: Asked, tried: str = "") -> Response:
    with asked.node.storage.reading() as connection:
        rows = queue.failing(connection)
        messages = outbox.latest(connection, asked.node.now())
        names = accounts.names(connection)
    ways = sorted(asked.node.documents.typed.the(Outbox).ways)
    return render(asked, "queue.html", 404 if tried == "gone" else 200, rows=rows, tried=tried, messages=messages, names=names, ways=ways)


QUEUE_DOORS = (
    Door("/queue", ("GET",), "queue", "queue.manage", failing),
    Door("/queue", ("POST",), "queue.try", "queue.manage", try_now),
)
