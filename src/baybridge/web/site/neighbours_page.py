"""Which other nodes this one believes, by which keys, and the keys of this node: looked at, and changed with one's password once more.

Main job: `NEIGHBOUR_DOORS`. The acts are those of the commands `neighbour` and `key`, by the same rules; a card comes as a file, and never from an address that somebody
types into a page. Elsewhere: the rules in `node/neighbours/register.py`, `alliance_directory.py` and `key_rotation.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.http import bodies
from baybridge.http.doors import Asked, Door
from baybridge.node.neighbours import alliance_directory, key_rotation, own_keys, register
from baybridge.node.neighbours.key_changes import What
from baybridge.node.people import proving
from baybridge.node.upkeep.founding import card
from baybridge.web.page.page import Reader, render

if TYPE_CHECKING:
    from baybridge.node.node import Node

_GROUP = 4  # signs of a print that are read out in one go
Said = tuple[str, dict[str, object]]


def shown(asked: Asked) -> Response:
    """The page."""
    return _show(asked)


def add(asked: Asked) -> Response:
    """Believe a node from now on, by the card that was brought and the print that was read out."""
    read = _against(asked) or register.read_card(_file(asked, "card"), asked.node.site.node, asked.node.regions)
    done = read if isinstance(read, Refusal) else register.add(asked.node, read, asked.form.get("fingerprint", ""), asked.person)
    return _show(asked, done) if isinstance(done, Refusal) else _show(asked, said=("neighbours.added", {"node": done.node}))


def remove(asked: Asked) -> Response:
    """Part with a neighbour."""
    name = asked.form.get("node", "")
    done = _against(asked) or register.remove(asked.node, name, asked.form.get("reason", ""), asked.person)
    return _show(asked, done) if isinstance(done, Refusal) else _show(asked, said=("neighbours.removed", {"node": name}))


def clear(asked: Asked) -> Response:
    """Lift the brand of a log, as the first or the second of two persons."""
    name = asked.form.get("node", "")
    done = _against(asked) or register.clear(asked.node, name, asked.form.get("reason", ""), asked.person)
    if isinstance(done, Refusal):
        return _show(asked, done)
    return _show(asked, said=("neighbours.clear_asked" if done is None else "neighbours.cleared", {"node": name}))


def rotate(asked: Asked) -> Response:
    """Put a new key in the place of one of this node's own."""
    what: What | None = next((one for one in get_args(What) if one == asked.form.get("key")), None)
    if what is None:
        return _show(asked, refuse(Reason("neighbours.no_key", where="key"), category=Category.INVALID))
    lost = asked.form.get("lost") == "yes"
    done = _against(asked) or key_rotation.rotate(asked.node, what, asked.form.get("reason", ""), asked.person, lost=lost)
    return _show(asked, done) if isinstance(done, Refusal) else _show(asked, said=("neighbours.rotated", {"fingerprint": _spaced(_own(asked.node))}))


def take(asked: Asked) -> Response:
    """Take a directory that a neighbour signed."""
    done = alliance_directory.take(asked.node, _file(asked, "directory"), asked.form.get("by", ""), asked.person)
    return _show(asked, done) if isinstance(done, Refusal) else _show(asked, said=("neighbours.directory.taken", {"version": done.version}))


def make(asked: Asked) -> Response:
    """Sign a directory of this node and its neighbours; the file."""
    days = asked.form.get("days", "")
    signed = _against(asked) or alliance_directory.make(asked.node, int(days) if days.isdecimal() and len(days) < 4 else 0, asked.person)
    if isinstance(signed, Refusal):
        return _show(asked, signed)
    name = f"directory-{asked.node.site.node}.jws"
    return Response(signed + b"\n", media_type="application/jose", headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"})


def _file(asked: Asked, name: str) -> bytes:
    upload = asked.uploads.get(name)
    return upload.content if upload is not None else b""


def _against(asked: Asked) -> Refusal | None:
    """Why the person has not proved once more who it is: an open session alone makes nobody a neighbour."""
    return proving.own(asked.node, asked.person.account, asked.form.get("password", ""), asked.form.get("code", ""))


def _own(node: Node) -> str:
    return register.fingerprint(card(node.config.folder, ""))


def _spaced(fingerprint: str) -> str:
    """A print in groups, for two people on the telephone."""
    return " ".join(fingerprint[start : start + _GROUP] for start in range(0, len(fingerprint), _GROUP))


def _show(asked: Asked, refusal: Refusal | None = None, said: Said | None = None) -> Response:
    node, reader = asked.node, Reader(asked)
    kept = alliance_directory.kept(node)
    return render(
        asked,
        "neighbours.html",
        refusal.surface.http_status if refusal else 200,
        own=_spaced(_own(node)),
        keys=own_keys.listed(own_keys.read_own(node.config.folder).shown),
        kinds=get_args(What),
        neighbours=register.listed(node),
        unfollowed={*node.keys_not_believed} & {*node.neighbours},
        spaced=_spaced,
        directory=kept,
        rows=alliance_directory.compared(node, kept) if kept is not None else [],
        over=kept is not None and kept.expires_at <= node.now(),
        counts=kept is not None and alliance_directory.counts(node, kept),
        most_days=alliance_directory.MOST_DAYS,
        manages=asked.person.role.value == "administrator",
        sentences=[reader.reason(reason) for reason in refusal.reasons] if refusal else [],
        said=reader.t(said[0], **said[1]) if said else "",
    )


_PAGE = "/operation/neighbours"
NEIGHBOUR_DOORS = (
    Door(_PAGE, ("GET",), "neighbours", "neighbours.read", shown),
    Door(f"{_PAGE}/add", ("POST",), "neighbours.add", "neighbours.manage", add, largest=bodies.MEGABYTE),
    Door(f"{_PAGE}/remove", ("POST",), "neighbours.remove", "neighbours.manage", remove),
    Door(f"{_PAGE}/clear", ("POST",), "neighbours.clear", "neighbours.read", clear),
    Door(f"{_PAGE}/rotate", ("POST",), "neighbours.rotate", "neighbours.manage", rotate),
    Door(f"{_PAGE}/directory", ("POST",), "neighbours.directory.take", "neighbours.manage", take, largest=bodies.MEGABYTE),
    Door(f"{_PAGE}/directory/made", ("POST",), "neighbours.directory.make", "neighbours.manage", make),
)
