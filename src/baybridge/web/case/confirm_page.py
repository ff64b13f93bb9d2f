"""What waits for a second person: the list of what waits for the reader, and the page on which somebody confirms, from the own account or at the same device.

Main job: `CONFIRM_DOORS`. Elsewhere: what happens on a yes, `node/commands/signing.py`; who may, `signing/confirming.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from baybridge.base.ids import mark_of
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.consent.requests import AnswerRequest
from baybridge.http.doors import COOKIE, Asked, Door
from baybridge.journey.command import Actor, Command
from baybridge.journey.exceptions import SignException
from baybridge.journey.row import always
from baybridge.node.clock import new_id
from baybridge.node.commands import signing
from baybridge.node.commands.table import COMMANDS, CommandRow
from baybridge.node.handle import handle
from baybridge.node.people import passkey_entry, proving
from baybridge.supply.manufacture import Release
from baybridge.web.case import readable, tabs
from baybridge.web.case.batch_tests import before_release
from baybridge.web.case.requests_page import erases
from baybridge.web.case.touched import touched
from baybridge.web.case.view import CaseView, sentences_at, with_view
from baybridge.web.page import signers
from baybridge.web.page.page import Reader, go, refused, render


@dataclass(frozen=True, slots=True)
class Confirms:
    """Who confirms a command, in the reader's words, how long that may take, and whether every input asks for it."""

    roles: str
    minutes: int
    always: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list: the case by its mark, the command, who asked when, until when, and whether the reader answers or waits."""

    mark: str
    address: str
    command: str
    asked_by: str
    role: str
    expires_at: object
    mine: bool


def address(case_id: str, confirmation_id: str) -> str:
    """Where a confirmation stands."""
    return f"/cases/{case_id}/confirmations/{confirmation_id}"


def who_confirms(view: CaseView, kind: CommandRow) -> Confirms | None:
    """What the form says about the second person; None where none is asked."""
    if kind.second is None:
        return None
    roles = kind.second.roles or (kind.roles if kind.second.among is None else kind.second.among(view.look.situation(kind.needs), None))
    within = view.asked.node.people.confirmed_within(kind.name)
    return Confirms(_roles(view.reader, sorted(role.value for role in roles)), round(within.total_seconds() / 60), kind.second.when is always)


def _roles(reader: Reader, names: list[str]) -> str:
    return ", ".join(reader.code("role", name) for name in names)


# --- the list -------------------------------------------------------------------------------------------------------


def everything(asked: Asked) -> Response:
    """What waits for the reader, and what the reader waits for."""
    reader, names = Reader(asked), signers.names(asked.node)
    rows = [
        Row(
            mark_of(one.case_id), address(one.case_id, one.entry.event.confirmation_id), one.entry.event.command,
            names.get(one.entry.event.signed_by[0].person, ""), one.entry.event.signed_by[0].role, one.entry.event.expires_at, not one.may_answer(asked.person),
        )
        for one in signing.waiting(asked.node, asked.person)
    ]  # fmt: skip
    return render(asked, "confirmations.html", rows=rows, labels=reader)


# --- one ------------------------------------------------------------------------------------------------------------


def one(asked: Asked) -> Response:
    """What was entered, by whom, and the form to confirm it."""
    return _page(asked, None)


def _page(asked: Asked, refusal: Refusal | None) -> Response:
    found = signing.one_of(asked.node, asked.parameters["case_id"], asked.parameters["confirmation"])
    if found is None:
        return refused(asked, refuse(Reason("signing.confirm.unknown"), category=Category.NOT_FOUND))
    return with_view(asked, lambda view: _show(view, *found, refusal), _tab(asked, found[0]))


def _tab(asked: Asked, waits: signing.Waiting) -> str:
    kind = COMMANDS.get(waits.entry.event.command)
    wanted = kind.page if kind else "overview"
    return wanted if wanted in tabs.shown(asked.person.role) else tabs.home_tab(asked.person.role)


def _show(view: CaseView, waits: signing.Waiting, over: bool, refusal: Refusal | None) -> Response:  # noqa: FBT001 - as `one_of` answers
    event, person = waits.entry.event, view.asked.person
    closed = readable.against(view, waits.entry)
    if closed is not None and not waits.may_answer(person) and person.account not in {one.account for one in event.signed_by}:
        return refused(view.asked, closed)
    covered = sentences_at(view, str(waits.given.get("gate")), waits.given.get("codes") or ()) if event.command == SignException.__name__ else ()
    erased = erases(view, waits.given) if event.command == AnswerRequest.__name__ else []
    entry = touched(view, waits.given, signs=waits.may_answer(person) or person.account in {one.account for one in event.signed_by})
    return view.render(
        "confirmation.html",
        refusal.surface.http_status if refusal else 200,
        event=event,
        given=waits.given,
        covered=covered,
        erased=erased,
        touched=entry,
        judged=[one for one in before_release(view) if one.batch.batch == waits.given.get("batch")] if event.command == Release.__name__ else [],
        left_out={*(("codes",) if covered else ()), *(("what", "request_id") if erased else ()), *(("event_id", "given") if entry else ())},
        over=over,
        first=event.signed_by[0],
        names=signers.names(view.asked.node),
        own=waits.may_answer(person),
        roles=_roles(view.reader, list(event.roles)),
        sentences=[view.reader.reason(reason) for reason in refusal.reasons] if refusal else [],
        here=address(waits.case_id, event.confirmation_id),
        back=tabs.address(waits.case_id, view.tab),
        command_id=new_id(view.asked.node.now),
        passkey=None if over else passkey_entry.to_sign(view.asked.node, event.confirmation_id, view.asked.cookies.get(COOKIE, "")),
    )


def answer(asked: Asked) -> Response:
    """The answer of the second person: who is signed in, or who proves it at this device."""
    actor = _who(asked)
    if isinstance(actor, Refusal):
        return _page(asked, actor)
    form = asked.form
    given = {"confirmation_id": asked.parameters["confirmation"], "agrees": form.get("agrees") == "yes", "note": form.get("note", "").strip()}
    if form.get("agrees") not in ("yes", "no"):
        return _page(asked, refuse(Reason("signing.confirm.choose", where="agrees"), category=Category.INVALID))
    command_id = form.get("command_id") or new_id(asked.node.now)
    done = handle(asked.node, Command(signing.CONFIRM, asked.parameters["case_id"], given, actor, command_id))
    if isinstance(done, Refusal):
        return _page(asked, done)
    found = signing.one_of(asked.node, done.case_id, asked.parameters["confirmation"])
    tab, command = (_tab(asked, found[0]), found[0].entry.event.command) if found else ("overview", signing.CONFIRM)
    return go(f"{tabs.address(done.case_id, tab)}?done={command if given['agrees'] else signing.CONFIRM}")


def _who(asked: Asked) -> Actor | Refusal:
    if asked.form.get("answer"):
        given = asked.form.get("key", ""), asked.form["answer"], asked.cookies.get(COOKIE, "")
        return passkey_entry.prove(asked.node, *given, asked.parameters["confirmation"])
    name = asked.form.get("account", "").strip()
    if not name:
        return asked.person
    return proving.prove(asked.node, name, asked.form.get("password", ""), asked.form.get("code", ""))


CONFIRM_DOORS = (
    Door("/confirmations", ("GET",), "confirmations", "confirmation.list", everything),
    Door("/cases/{case_id}/confirmations/{confirmation}", ("GET",), "case.confirmation", "case.confirm", one),
    Door("/cases/{case_id}/confirmations/{confirmation}", ("POST",), "case.confirm", "case.confirm", answer),
)
