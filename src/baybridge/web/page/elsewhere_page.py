"""Signing in by a provider that the organisation has: the way there, back, the code that is still asked for, binding the own account, and signing out there too.

Main job: `ELSEWHERE_DOORS`. Elsewhere: who is let in, `node/people/outside/entering.py`. A form never leads to another host, which the pages forbid: a link does.
"""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from baybridge.base.outcome import Refusal
from baybridge.documents.sign_in import OpenIdConnect
from baybridge.http.doors import DEVICE, Asked, Door, device_kind
from baybridge.node.people import invitations, proving
from baybridge.node.people.outside import entering, identities, openid
from baybridge.node.people.outside.begun import Begun
from baybridge.node.people.outside.entering import Bound, CodeAsked, Entered, PasswordAsked
from baybridge.node.people.passkeys import Asked as PasskeyAsked
from baybridge.web.page.page import Reader, go, own_address, render
from baybridge.web.page.passkey_page import asked_for
from baybridge.web.page.sign_in_page import sign_in_form
from baybridge.web.page.signed_in import began, browser_of, remembering, signed_in


def leave_for(asked: Asked) -> Response:
    """To the provider, to sign in there."""
    name, browser = asked.parameters["provider"], browser_of(asked)
    to = entering.begun(asked.node, name, Begun(what="sign-in", provider=name, to=own_address(asked.query.get("to", "/"))), browser)
    if isinstance(to, Refusal):
        return problem(asked, to)
    return remembering(asked, RedirectResponse(to, 302) if isinstance(to, str) else _form(asked, to), browser)


def _form(asked: Asked, what: PasswordAsked) -> Response:
    """The form for name and password of a directory."""
    said = Reader(asked).reason(what.refusal.reasons[0]) if what.refusal else ""
    return render(asked, "sign-in-directory.html", what.refusal.surface.http_status if what.refusal else 200, key=what.key, provider=what.provider, problem=said)


def password(asked: Asked) -> Response:
    """Name and password of a directory."""
    account, form = asked.actor.account if asked.actor else "", asked.form
    found = entering.with_password(
        asked.node, form.get("key", ""), form.get("name", ""), form.get("password", ""), began(asked),
        signed_in=account, device=device_kind(asked.headers), known=asked.cookies.get(DEVICE, ""),
    )  # fmt: skip
    return _entered(asked, found)


def come_back(asked: Asked) -> Response:
    """From the provider, with its answer."""
    account = asked.actor.account if asked.actor else ""
    found = entering.came_back(
        asked.node, asked.parameters["provider"], asked.query, began(asked), signed_in=account, device=device_kind(asked.headers)
    )
    return _entered(asked, found)


def code(asked: Asked) -> Response:
    """The code of the second factor of somebody whom the provider named."""
    given = asked.form.get("key", ""), asked.form.get("code", "")
    return _entered(asked, entering.with_code(asked.node, *given, began(asked), device_kind(asked.headers)))


def _entered(asked: Asked, found: Entered | CodeAsked | PasswordAsked | PasskeyAsked | Bound | Refusal) -> Response:
    if isinstance(found, Refusal):
        return problem(asked, found)
    if isinstance(found, Bound):
        return go("/account")
    if isinstance(found, PasswordAsked):
        return _form(asked, found)
    if isinstance(found, PasskeyAsked):
        return asked_for(asked, found, browser_of(asked))
    if isinstance(found, CodeAsked):
        said = Reader(asked).reason(found.refusal.reasons[0]) if found.refusal else ""
        return render(asked, "sign-in-code.html", found.refusal.surface.http_status if found.refusal else 200, key=found.key, problem=said)
    return signed_in(asked, found.session, found.to)


def problem(asked: Asked, refusal: Refusal) -> Response:
    """Why nobody came in, beside the form for who has a password here."""
    sentence = Reader(asked).reason(refusal.reasons[0])
    return sign_in_form(asked, refusal.surface.http_status, to="/", problem=sentence)


# --- binding --------------------------------------------------------------------------------------------------------


def by_invitation(asked: Asked) -> Response:
    """Sign in elsewhere for good, instead of setting a password."""
    token, name = asked.form.get("token", "").strip(), asked.form.get("provider", "")
    with asked.node.storage.reading() as connection:
        known = invitations.name_of(connection, token, asked.node.now())
    if not known:
        return problem(asked, invitations.refused(asked.node, token))
    return _onward(asked, name, Begun(what="invitation", provider=name, to="/account", invitation=token))


def bind(asked: Asked) -> Response:
    """Bind the own account, with its password and a code once more."""
    name, person = asked.form.get("provider", ""), asked.person
    against = _against(asked)
    if against is not None:
        return problem(asked, against)
    return _onward(asked, name, Begun(what="bind", provider=name, to="/account", account=person.account))


def unbind(asked: Asked) -> Response:
    """Take the own identity elsewhere away, with password and code."""
    against = _against(asked)
    if against is not None:
        return problem(asked, against)
    with asked.node.unit() as unit:
        if identities.unbind(unit.connection, asked.person.account, asked.form.get("issuer", "-")):
            unit.log("account", "", "identity-unbound", asked.person.account.encode(), asked.person, "administration")
    return go("/account")


def _against(asked: Asked) -> Refusal | None:
    """Why the person has not proved who it is once more."""
    return proving.own(asked.node, asked.person.account, asked.form.get("password", ""), asked.form.get("code", ""))


def _onward(asked: Asked, name: str, what: Begun) -> Response:
    """A page with the link to the provider."""
    browser = browser_of(asked)
    to = entering.begun(asked.node, name, what, browser)
    if isinstance(to, Refusal):
        return problem(asked, to)
    page = _form(asked, to) if isinstance(to, PasswordAsked) else render(asked, "onward.html", to=to, provider=name, leaving=False)
    return remembering(asked, page, browser)


# --- signing out ----------------------------------------------------------------------------------------------------


def leave(asked: Asked) -> Response:
    """Signed out here; the page that leads to signing out at the provider, where it offers that."""
    name = asked.parameters["provider"]
    provider = entering.providers(asked.node).get(name)
    if not isinstance(provider, OpenIdConnect):
        return go("/sign-in")
    try:
        to = openid.leaving(provider, asked.node.outside.about(provider, asked.node.now()), f"{asked.node.address}/sign-in")
    except (openid.UnreachableError, openid.NotBelievedError):
        to = ""
    return render(asked, "onward.html", to=to, provider=name, leaving=True)


ELSEWHERE_DOORS = (
    Door("/sign-in/outside/{provider}", ("GET",), "outside.leave_for", "public", leave_for),
    Door("/sign-in/outside/{provider}/back", ("GET",), "outside.back", "public", come_back),
    Door("/sign-in/outside/{provider}/leave", ("GET",), "outside.leave", "public", leave),
    Door("/sign-in/directory", ("POST",), "outside.directory", "public", password),
    Door("/sign-in/code", ("POST",), "outside.code", "public", code),
    Door("/sign-in/invitation/outside", ("POST",), "outside.invitation", "public", by_invitation),
    Door("/account/outside", ("POST",), "account.outside", "own-account", bind),
    Door("/account/outside/end", ("POST",), "account.outside.end", "own-account", unbind),
)
