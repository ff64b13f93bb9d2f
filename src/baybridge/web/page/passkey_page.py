"""Passkeys in the browser: after the password, alone, and the own ones on the account page.

Main job: `PASSKEY_DOORS`; `asked_for(asked, what)` is the page that asks a device. Elsewhere: what is believed, `node/people/passkeys.py`.
"""

from __future__ import annotations

from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.http.doors import COOKIE, DEVICE, Asked, Door, device_kind
from baybridge.node.people import accounts, passkey_entry, passkeys
from baybridge.web.page.page import Reader, go, own_address, render
from baybridge.web.page.signed_in import began, browser_of, remembering, signed_in


def asked_for(asked: Asked, what: passkeys.Asked, browser: str, problem: str = "") -> Response:
    """The page on which a device is asked to sign in."""
    page = render(asked, "passkey.html", 401 if problem else 200, key=what.key, options=what.options, making=False, codes=(), problem=problem)
    return remembering(asked, page, browser)


def alone(asked: Asked) -> Response:
    """Sign in by a passkey and nothing else, where the site says so."""
    browser = browser_of(asked)
    found = passkey_entry.alone(asked.node, own_address(asked.query.get("to", "/")), browser)
    return _refused(asked, found) if isinstance(found, Refusal) else asked_for(asked, found, browser)


def answered(asked: Asked) -> Response:
    """The device's answer."""
    given = asked.form.get("key", ""), asked.form.get("answer", ""), began(asked)
    found = passkey_entry.enter(asked.node, *given, kind=device_kind(asked.headers), known=asked.cookies.get(DEVICE, ""))
    return _refused(asked, found) if isinstance(found, Refusal) else signed_in(asked, found.session, found.to)


def _refused(asked: Asked, refusal: Refusal) -> Response:
    sentence = Reader(asked).reason(refusal.reasons[0])
    return render(asked, "passkey.html", refusal.surface.http_status, key="", options="", making=False, codes=(), problem=sentence)


# --- the own ones ---------------------------------------------------------------------------------------------------


def make(asked: Asked) -> Response:
    """Ask this device to make a passkey of the own account."""
    found = _stale(asked) or passkeys.set_up(asked.node, asked.person.account, asked.form.get("name", ""), _session(asked))
    if isinstance(found, Refusal):
        return _refused(asked, found)
    return render(asked, "passkey.html", key=found.key, options=found.options, making=True, codes=(), problem="")


def made(asked: Asked) -> Response:
    """Keep it; where it is the first second factor, its recovery codes are shown here and never again."""
    with asked.node.unit() as unit:
        given = asked.form.get("key", ""), asked.form.get("answer", ""), _session(asked)
        found = passkeys.register(asked.node, unit, asked.person.account, *given)
    if isinstance(found, Refusal):
        return _refused(asked, found)
    return render(asked, "passkey.html", key="", options="", making=True, codes=found, problem="") if found else go("/account")


def remove(asked: Asked) -> Response:
    """Take one of the own passkeys away."""
    stale = _stale(asked)
    if stale is not None:
        return _refused(asked, stale)
    with asked.node.unit() as unit:
        if passkeys.remove(unit.connection, asked.person.account, asked.form.get("passkey", "-")):
            unit.log("account", "", "passkey-removed", asked.person.account.encode(), asked.person, "administration")
    return go("/account")


def _session(asked: Asked) -> str:
    return asked.cookies.get(COOKIE, "")


def _stale(asked: Asked) -> Refusal | None:
    """The refusal of a session that began too long ago for a change of what proves who somebody is."""
    with asked.node.storage.reading() as connection:
        fresh = accounts.is_fresh(connection, _session(asked), asked.node.now())
    return None if fresh else refuse(Reason("accounts.passkey.sign_in_again"), category=Category.CONFLICT)


PASSKEY_DOORS = (
    Door("/sign-in/passkey", ("GET",), "passkey.page", "public", alone),
    Door("/sign-in/passkey", ("POST",), "passkey", "public", answered),
    Door("/account/passkeys", ("POST",), "account.passkey", "own-account", make),
    Door("/account/passkeys/made", ("POST",), "account.passkey.made", "own-account", made),
    Door("/account/passkeys/remove", ("POST",), "account.passkey.remove", "own-account", remove),
)
