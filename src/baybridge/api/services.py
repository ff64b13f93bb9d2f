"""Commands, decisions, the log and node-to-node exchange over HTTP.

Main job: `POST /do/{Command}`, `POST /decide/{policy}`, `/log/…`, `POST /exchange/packages`, `/.well-known/…`, `POST /session`. Thin: reads JSON, calls the node,
renders the answer; a refusal is rendered by `refused` from the one table of outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import orjson
from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.facts.given import read_given, set_aside, with_set_aside
from baybridge.http.answers import answer, refused
from baybridge.http.doors import Asked, Door, read_json
from baybridge.journey.command import Actor, Command
from baybridge.journey.stored import event_as_json
from baybridge.ledger import log
from baybridge.node.case_state import state_for
from baybridge.node.clock import new_id
from baybridge.node.commands.signing import CONFIRM
from baybridge.node.handle import handle
from baybridge.node.keeping import standing
from baybridge.node.neighbours import transfers, witnessing
from baybridge.node.neighbours.key_changes import MOST, Shown
from baybridge.node.neighbours.package import SEALED_LIMIT
from baybridge.node.people import proving, refused_entry
from baybridge.policy.one_case.decide import decide


def with_json(work: Callable[[Asked, Any], Any | Refusal]) -> Callable[[Asked], Response]:
    """An endpoint that receives the JSON body and answers JSON."""

    def endpoint(asked: Asked) -> Response:
        body = read_json(asked)
        result = body if isinstance(body, Refusal) else work(asked, body)
        if isinstance(result, Response):
            return result
        return refused(asked, result) if isinstance(result, Refusal) else answer(result)

    return endpoint


#: What the body of a command has; anything else would be left unread.
_OF_A_COMMAND = ("case", "given", "command_id", "second")


def do(asked: Asked, body: Any) -> Any | Refusal:
    """Carry out a command: `{"case": …, "given": {…}, "command_id": …}`."""
    if not isinstance(body, dict) or not isinstance(body.get("given", {}), dict):
        return refuse(Reason("request.not_object"), category=Category.INVALID)
    if strays := [str(name) for name in body if name not in _OF_A_COMMAND]:
        known = ", ".join(_OF_A_COMMAND)
        return refuse(*(Reason("request.unknown_key", {"field": name[:40], "known": known}, where=name[:40]) for name in strays), category=Category.INVALID)
    given = body.get("given", {})
    actor = _who(asked, body.get("second") or given.get("second")) if asked.parameters["command"] == CONFIRM else asked.person
    if isinstance(actor, Refusal):
        return actor
    command = Command(
        name=asked.parameters["command"],
        case_id=str(body.get("case") or new_id(asked.node.now)),
        given={name: value for name, value in given.items() if name != "second" or actor is asked.person},
        actor=actor,
        command_id=str(body.get("command_id") or new_id(asked.node.now)),
    )
    done = handle(asked.node, command)
    return done if isinstance(done, Refusal) else done_as_json(done)


def _who(asked: Asked, second: Any) -> Actor | Refusal:
    """Who confirms: the signed-in person, or another one at the same device who proves it by password or one-time code, kept nowhere."""
    if second is None:
        return asked.person
    if not isinstance(second, dict) or not all(isinstance(value, str) for value in second.values()) or not second.keys() <= {"account", "password", "code"}:
        return refuse(Reason("signing.second_unread", where="second"), category=Category.INVALID)
    return proving.prove(asked.node, second.get("account", ""), second.get("password", ""), second.get("code", ""))


def done_as_json(done: Any) -> dict[str, Any]:
    """What a command did, as JSON: the case, its new events, the decisions they rest on."""
    events = [{**msgspec.to_builtins(msgspec.structs.replace(item, event=None)), "event": event_as_json(item.event)} for item in done.events]
    return {"case": done.case_id, "events": events, "decisions": list(done.decisions)}


def decide_policy(asked: Asked, body: Any) -> Any | Refusal:
    """Decide a policy over given facts (one object or a list), as `baybridge decide` does."""
    library = asked.node.policies
    if asked.parameters["policy"] not in library.ids():
        return refuse(Reason("policy.unknown", {"policy": asked.parameters["policy"]}), category=Category.NOT_FOUND)
    policy = library.get(asked.parameters["policy"])
    results: list[Any] = []
    wrong: list[Reason] = []
    for number, item in enumerate(body if isinstance(body, list) else [body]):
        where = f"[{number}]" if isinstance(body, list) else ""
        if not isinstance(item, dict):
            wrong.append(Reason("request.not_object", where=where))
            continue
        values, problems = read_given(item, asked.node.dictionary)
        wrong += [Reason(problem.code, problem.values, where=".".join(filter(None, (where, problem.where)))) for problem in problems]
        usable, told = set_aside(values, asked.node.dictionary)
        if not wrong:
            results.append(decide(policy, usable).as_json() | with_set_aside(told))
    if wrong:
        return refuse(*wrong, category=Category.INVALID)
    return results if isinstance(body, list) else results[0]


def case_state(asked: Asked) -> Response:
    """The state of a case as JSON, as of `at` by what is known now, or of `known_at` by what was known then."""
    unknown = sorted(set(asked.query) - {"at", "known_at", "language"})
    if unknown:
        values = {"found": ", ".join(name[:40] for name in unknown), "known": "at, known_at"}
        return refused(asked, refuse(Reason("request.unknown_parameter", values), category=Category.INVALID))
    found = state_for(asked.node, asked.parameters["case_id"], asked.query.get("at"), asked.query.get("known_at"))
    return refused(asked, found) if isinstance(found, Refusal) else answer(found)


_SIGN_IN_KEYS = ("name", "password", "code")
_MOST_TOLD = 20  # unknown keys of one body


def _against_form(body: Any) -> Iterator[Reason]:
    """What is wrong with the form of a sign-in, whoever it is of."""
    if not isinstance(body, dict):
        yield Reason("request.sign_in.not_object", {"known": ", ".join(_SIGN_IN_KEYS)})
        return
    for key in [key for key in body if key not in _SIGN_IN_KEYS][:_MOST_TOLD]:
        yield Reason("request.sign_in.unknown", {"key": key[:40], "known": ", ".join(_SIGN_IN_KEYS)}, where=key[:40])
    for key in ("name", "password"):
        if not isinstance(body.get(key), str):
            yield Reason("request.sign_in.missing", {"key": key}, where=key)


def session(asked: Asked, body: Any) -> Any | Refusal:
    """A bearer token for a name and password (and one-time code); a body of another form is told, and is no failed sign-in."""
    against = tuple(_against_form(body))
    if against:
        return refuse(*against, category=Category.INVALID)
    name, password, code = (str(body.get(key, "")) for key in _SIGN_IN_KEYS)
    opened = refused_entry.sign_in(asked.node, name, password, code)
    if isinstance(opened, Refusal):
        return opened
    return {"token": opened.token, "role": opened.actor.role.value, "organisation": opened.actor.organisation}


# --- log ------------------------------------------------------------------------------------------------------------

_DIGITS = 15  # of a position; the database counts further than any log grows
_MOST_ENTRIES = 1000  # in one answer
_NOTE_LIMIT = 256 * 1024  # bytes of a checkpoint with its co-signatures and proof



def checkpoint(asked: Asked) -> Response:
    """The newest signed checkpoint, with the neighbours' co-signatures, as a C2SP note."""
    return Response(witnessing.latest_note(asked.node), media_type="text/plain; charset=utf-8")


def witnessed(asked: Asked) -> Response:
    """The latest checkpoint that this node saw of each neighbour, so that two neighbours can compare."""
    return answer(witnessing.witnessed(asked.node))


def inclusion(asked: Asked) -> Response:
    """The inclusion proof of an entry in a tree of that size."""
    position, size = int(asked.parameters["position"]), int(asked.parameters["size"])
    with asked.node.storage.reading() as connection:
        try:
            proof = log.proof(connection, position, size)
        except ValueError as problem:
            return refused(asked, refuse(Reason("log.no_such_proof", {"problem": str(problem)}), category=Category.NOT_FOUND))
    return answer({"position": position, "size": size, "proof": [part.hex() for part in proof]})


def consistency(asked: Asked) -> Response:
    """The proof that the tree of one size begins with that of another."""
    old, new = int(asked.parameters["old"]), int(asked.parameters["new"])
    with asked.node.storage.reading() as connection:
        try:
            proof = log.consistency(connection, old, new)
        except ValueError as problem:
            return refused(asked, refuse(Reason("log.no_such_proof", {"problem": str(problem)}), category=Category.NOT_FOUND))
    return answer({"old": old, "new": new, "proof": [part.hex() for part in proof]})


def entries(asked: Asked) -> Response:
    """Entries of the log, for signed-in staff and neighbours."""
    given = {"start": asked.query.get("start", "0"), "count": asked.query.get("count", "100")}
    bad = [name for name, text in given.items() if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS)]
    if bad:
        reasons = (Reason("request.not_a_number", {"parameter": name}, where=name) for name in bad)
        return refused(asked, refuse(*reasons, category=Category.INVALID))
    start, count = int(given["start"]), min(int(given["count"]), _MOST_ENTRIES)
    with asked.node.storage.reading() as connection:
        found = log.entries(connection, start, start + count)
    return answer([{"position": item.position, "entry": orjson.loads(item.body)} for item in found])


# --- node to node ---------------------------------------------------------------------------------------------------


def packages(asked: Asked) -> Response:
    """File a sealed package; the answer is the signed receipt. The package's own signature says who sends it."""
    receipt = transfers.receive(asked.node, asked.body)
    return refused(asked, receipt) if isinstance(receipt, Refusal) else Response(receipt, media_type="application/jose")


def cosignatures(asked: Asked) -> Response:
    """A neighbour's co-signature of our checkpoint, or its complaint; the note's own signature says who sends it."""
    problem = witnessing.accept_cosignature(asked.node, asked.body.decode(errors="replace"))
    return refused(asked, problem) if isinstance(problem, Refusal) else answer({"accepted": True})


def restored(asked: Asked) -> Response:
    """A neighbour says that it was restored from a backup and lacks entries; the note's own signature says who sends it."""
    problem = standing.hear(asked.node, asked.body.decode(errors="replace"))
    return refused(asked, problem) if isinstance(problem, Refusal) else answer({"accepted": True})


def checkpoints(asked: Asked, body: Any) -> Response:
    """A neighbour shows its newest checkpoint; the answer is our co-signature, or (409) the size that we saw last."""
    try:
        note, proof = str(body["note"]), [bytes.fromhex(part) for part in body["proof"]]
    except (KeyError, TypeError, ValueError):
        return refused(asked, refuse(Reason("log.not_a_note"), category=Category.INVALID))
    found = witnessing.consider(asked.node, note, proof)
    if isinstance(found, Refusal):
        return refused(asked, found)
    return answer({"seen": found}, 409) if isinstance(found, int) else Response(found, media_type="text/plain; charset=utf-8")


def node_card(asked: Asked) -> Response:
    """Who this node is and by which keys its word is known."""
    site, config = asked.node.site, asked.node.config
    card = {
        "node": site.node,
        "organisation": site.organisation,
        "jurisdiction": site.jurisdiction,
        "city": site.city,
        "kinds": sorted(site.kinds),
        "gd9": site.gd9,
        "url": asked.node.address,
        **asked.node.keys.as_card(),
        **({"issuer": config.issuer} if config.issuer else {}),
        "log_origin": witnessing.origin(asked.node),
    }
    return answer(card)


def jwks(asked: Asked) -> Response:
    """The public keys, earlier ones too: of packages and the log (Ed25519), and of patient-carried cards (ES256), readable from any page."""
    shown = asked.node.keys.shown
    response = answer({"keys": [*shown.signing_keys, *shown.card_keys]})
    response.headers["access-control-allow-origin"] = "*"  # Source: SMART Health Cards 1.4, "Determining keys associated with an issuer"
    return response


def key_changes(asked: Asked) -> Response:
    """The changes of this node's keys after the one that the asker knows, each signed by the key before it."""
    after = asked.query.get("after", "0")
    number = int(after) if after.isascii() and after.isdigit() and len(after) <= _DIGITS else 0
    return answer(msgspec.to_builtins(Shown(changes=asked.node.keys.changes[number : number + MOST])))


def smart(asked: Asked) -> Response:
    """Which parts of SMART App Launch this node offers: none yet, and the document says so; a bearer token comes from `/session`."""
    base = asked.node.address
    offered: dict[str, list[str]] = {"capabilities": [], "grant_types_supported": [], "code_challenge_methods_supported": []}
    return answer({"issuer": f"{base}/fhir", "jwks_uri": f"{base}/.well-known/jwks.json", "session_endpoint": f"{base}/session", **offered})


DOORS = (
    Door("/session", ("POST",), "session.open", "public", with_json(session)),
    Door("/do/{command}", ("POST",), "do", "case.list", with_json(do)),
    Door("/decide/{policy}", ("POST",), "decide", "policy.decide", with_json(decide_policy)),
    Door("/cases/{case_id}/state.json", ("GET",), "case.state", "case.read", case_state),
    Door("/log/checkpoint", ("GET",), "log.checkpoint", "public", checkpoint),
    Door("/log/witnessed", ("GET",), "log.witnessed", "public", witnessed),
    Door("/log/proof/{position:int}/{size:int}", ("GET",), "log.inclusion", "public", inclusion),
    Door("/log/consistency/{old:int}/{new:int}", ("GET",), "log.consistency", "public", consistency),
    Door("/log/keys", ("GET",), "log.keys", "public", key_changes),
    Door("/log/entries", ("GET",), "log.entries", "log.entries", entries),
    Door("/exchange/packages", ("POST",), "exchange.packages", "public", packages, unsigned=SEALED_LIMIT),
    Door("/exchange/checkpoints", ("POST",), "exchange.checkpoints", "public", with_json(checkpoints), unsigned=_NOTE_LIMIT),
    Door("/exchange/restored", ("POST",), "exchange.restored", "public", restored, unsigned=_NOTE_LIMIT),
    Door("/exchange/cosignatures", ("POST",), "exchange.cosignatures", "public", cosignatures, unsigned=_NOTE_LIMIT),
    Door("/.well-known/baybridge.json", ("GET",), "node.card", "public", node_card),
    Door("/.well-known/jwks.json", ("GET",), "node.jwks", "public", jwks),
    Door("/.well-known/smart-configuration", ("GET",), "node.smart", "public", smart),
)
