"""The log of this node, the public keys by which evidence is checked, and what the alliance sees: numbers over all cases, never one of them.

Main job: `LOG_DOORS`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import orjson
from starlette.responses import Response

from baybridge.alliance.indicators import SMALLEST, indicators
from baybridge.base.ids import mark_of
from baybridge.http.doors import Asked, Door
from baybridge.journey.command import Role
from baybridge.ledger import keeping, log
from baybridge.node import cases as case_list
from baybridge.node.integrity import daily
from baybridge.node.keeping import records, standing
from baybridge.node.neighbours import refused_packages, witnessing
from baybridge.node.node import Node
from baybridge.node.people import access
from baybridge.node.people.access import PERSONAL
from baybridge.web.page.page import Reader, render

_KEY = re.compile(r"[\w-]{20,}")  # the print of a key

#: How many of the newest entries the page shows.
_NEWEST = 50
_MEND = (Role.QUALITY, Role.ADMINISTRATOR)
_STAFF = (Role.COORDINATOR, Role.PHYSICIAN, Role.QUALITY, Role.ADMINISTRATOR, Role.MANUFACTURER)


def log_page(asked: Asked) -> Response:
    """This node's log, and what it saw of its neighbours' logs."""
    note = witnessing.latest_note(asked.node)
    with asked.node.storage.reading() as connection:
        size = log.size(connection)
        seen = keeping.all_seen(connection)
        start = max(0, size - _NEWEST)
        show = asked.person.role not in (*PERSONAL, Role.PAYER)
        entries = [(item.position, item.entry) for item in log.entries(connection, start, size)][::-1] if show else []
        refused = refused_packages.listed(connection) if asked.person.role in _STAFF else []
        checked = daily.latest(connection) if asked.person.role in _MEND else None
        heard = standing.heard(connection)
        mends = asked.person.role in _MEND
        good, tried = (records.latest(connection, good=good) if mends else None for good in (True, False))
    backups = {"good": good, "failed": tried if tried and not tried.good else None, "by_itself": asked.node.config.backup is not None} if mends else None
    whole = access.may("log.entries", asked.actor, asked.node.site) is None
    reader = Reader(asked)
    return render(
        asked, "log.html", said=lambda what: said(reader, what), whole=whole, note=note, size=size, seen=seen, entries=entries, refused=refused, checked=checked,
        heard=heard, backups=backups,
    )  # fmt: skip


def said(reader: Reader, what: str) -> str:
    """What an entry of the log is of, for people: a page by its words, a record by its kind, a row of this node by its last signs; the file has it whole."""
    kind, _, name = what.partition("/")
    if name and not kind[:1].isupper():
        return f"…{mark_of(name)}"
    if name or "." not in what:
        return f"…{mark_of(what)}" if _KEY.fullmatch(what) else reader.plainly(what)
    return next((reader.t(key) for key in (f"tab.{what}", f"tab.{what.partition('.')[2]}") if reader.known(key)), "")


def trust_file(asked: Asked) -> Response:
    """The public keys of this node and its neighbours, as a file for `baybridge verify --trust`."""
    body = orjson.dumps(trusted(asked.node), option=orjson.OPT_INDENT_2)
    return Response(body, media_type="application/json", headers={"content-disposition": 'attachment; filename="trust.json"'})


def trusted(node: Node) -> dict[str, object]:
    """Nodes with the names of their logs, their public signing keys and those of the cards they issue; nothing secret."""
    own = (node.site.node, list(node.keys.shown.signing_keys), list(node.keys.shown.card_keys), node.config.issuer, node.keys.number)
    near = sorted(node.neighbours.items())
    others = [(name, list(one.signing_keys), list(one.card_keys), one.issuer, one.key_change) for name, one in near]
    return {"nodes": [_trusted(*row) for row in (own, *others)]}


def _trusted(name: str, signing: Sequence[Mapping[str, object]], card: Sequence[Mapping[str, object]], issuer: str, key_change: int) -> dict[str, object]:
    said = {"node": name, "log_origin": f"baybridge/{name}", "signing_keys": signing, "card_keys": card, "issuer": issuer, "key_change": key_change}
    return {key: value for key, value in said.items() if value}


def indicators_page(asked: Asked) -> Response:
    """Indicators of quality over the cases of this node; a value only where there are enough of them."""
    with asked.node.storage.reading() as connection:
        figures = case_list.figures(connection)
    return render(asked, "indicators.html", results=indicators(figures), count=len(figures), smallest=SMALLEST)


LOG_DOORS = (
    Door("/log", ("GET",), "log.page", "log.pages", log_page),
    Door("/log/trust.json", ("GET",), "log.trust", "public", trust_file),
    Door("/indicators", ("GET",), "indicators", "alliance.indicators", indicators_page),
)
