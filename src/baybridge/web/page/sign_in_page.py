"""Signing in and out, and setting the password of an invitation.

Main job: `SIGN_IN_DOORS`. Elsewhere: who is let in, `node/people/accounts.py` and `node/people/invitations.py`; providers in `elsewhere_page.py`.
"""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from baybridge.base.outcome import Reason, Refusal
from baybridge.documents.sign_in import OpenIdConnect
from baybridge.http.doors import COOKIE, DEVICE, Asked, Door, device_kind, given_token
from baybridge.node.people import accounts, invitations, passkey_entry, passkeys, refused_entry
from baybridge.node.people.outside import entering
from baybridge.web.page.page import Reader, go, own_address, render
from baybridge.web.page.passkey_page import asked_for
from baybridge.web.page.signed_in import browser_of, signed_in


def sign_in_page(asked: Asked) -> Response:
    """The form to sign in."""
    return sign_in_form(asked, to=own_address(asked.query.get("to", "/")), kept=asked.query.get("kept") == "yes")


def sign_in_form(asked: Asked, status: int = 200, *, to: str, problem: str = "", kept: bool = False) -> Response:
    """The form to sign in, with what stood against it."""
    return render(asked, "sign-in.html", status, problem=problem, to=to, kept=kept, providers=entering.providers(asked.node), passkey_alone=_alone(asked))


def _alone(asked: Asked) -> bool:
    """Whether a passkey signs in here without a password."""
    return asked.node.people.second_factor.passkey_alone and passkeys.party(asked.node) is not None


def sign_in(asked: Asked) -> Response:
    """Check name, password and code; open a session, and lead to the page that was asked for."""
    node, form = asked.node, asked.form
    to = own_address(form.get("to", "/"))
    given = form.get("name", ""), form.get("password", ""), form.get("code", "")
    session = refused_entry.sign_in(node, *given, device=asked.cookies.get(DEVICE, ""), kind=device_kind(asked.headers))
    if isinstance(session, Refusal) and session.reasons[0].code == "accounts.passkey.needed":
        browser = browser_of(asked)
        wanted = passkey_entry.after_password(node, form.get("name", ""), to, browser)
        if wanted is not None:
            return asked_for(asked, wanted, browser)
    if isinstance(session, Refusal):
        return sign_in_form(asked, 401, to=to, problem=Reader(asked).reason(session.reasons[0]))
    return signed_in(asked, session, to)


def sign_out(asked: Asked) -> Response:
    """End the session; who signed in elsewhere is led to sign out there too."""
    provider = asked.session.provider if asked.session else ""
    there = isinstance(entering.providers(asked.node).get(provider), OpenIdConnect)
    return _ended(asked, f"/sign-in/outside/{provider}/leave" if there else "/sign-in")


def hand_over(asked: Asked) -> Response:
    """End the session, and ask the next person at this device who it is; the page that was open comes next."""
    return _ended(asked, f"/sign-in?{urlencode({'to': own_address(asked.form.get('to', '/'))})}")


def _ended(asked: Asked, to: str) -> Response:
    with asked.node.storage.writing(even_restored=True) as connection:
        accounts.close_session(connection, given_token(asked), asked.node.now())
    response = go(to)
    response.delete_cookie(COOKIE)
    return response


# --- invitation -----------------------------------------------------------------------------------------------------


def invitation_page(asked: Asked) -> Response:
    """The form that sets the password of an invitation."""
    return _invitation(asked, asked.query.get("token", ""), None)


def accept(asked: Asked) -> Response:
    """Set the password, sign in, and lead to the account page, where a second factor is set up."""
    node, form = asked.node, asked.form
    token, password = form.get("token", "").strip(), form.get("password", "")
    if password != form.get("again", ""):
        return _invitation(asked, token, Reason("accounts.password.twice"))
    account = invitations.accept(node, token, password)
    if isinstance(account, Refusal):  # one that is over is noted where its page is made
        return _invitation(asked, token, account.reasons[0], account.surface.http_status)
    with node.storage.writing() as connection:
        session = accounts.open_session(connection, account, node.now(), hours=node.people.session_hours, device=device_kind(asked.headers))
    return signed_in(asked, session, "/account")


def _invitation(asked: Asked, token: str, problem: Reason | None, status: int = 200) -> Response:
    with asked.node.storage.reading() as connection:
        name = invitations.name_of(connection, token, asked.node.now())
    if token and not name:
        problem, status = invitations.refused(asked.node, token).reasons[0], 403
    said = Reader(asked).reason(problem) if problem else ""
    status = 400 if problem and status == 200 else status
    at_least = asked.node.people.password_at_least
    return render(asked, "invitation.html", status, problem=said, token=token if name else "", name=name, at_least=at_least, providers=entering.providers(asked.node))


SIGN_IN_DOORS = (
    Door("/sign-in", ("GET",), "sign-in.page", "public", sign_in_page),
    Door("/sign-in", ("POST",), "sign-in", "public", sign_in),
    Door("/sign-out", ("POST",), "sign-out", "own-session", sign_out),
    Door("/hand-over", ("POST",), "hand-over", "own-session", hand_over),
    Door("/sign-in/invitation", ("GET",), "invitation.page", "public", invitation_page),
    Door("/sign-in/invitation", ("POST",), "invitation", "public", accept),
)
