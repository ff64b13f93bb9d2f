"""A person's own account and its second factor; for an administrator, everybody's, to turn a lost one off.

Main job: `ACCOUNT_DOORS`. Elsewhere: what a second factor is in `node/people/second_factor.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyotp
from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.http.doors import Asked, Door
from baybridge.journey.checks import said
from baybridge.node.people import accounts, second_factor
from baybridge.web.page.page import Reader, go, render
from baybridge.web.page.qr import qr_svg

_ISSUER = "Baybridge"


def own(asked: Asked) -> Response:
    """Who is signed in, and how the second factor stands."""
    return _own(asked, None)


def begin(asked: Asked) -> Response:
    """Show a fresh secret as a QR code; it counts once a code of it was given."""
    with asked.node.storage.writing() as connection:
        second_factor.begin(connection, asked.person.account)
    return go("/account")


def confirm(asked: Asked) -> Response:
    """Turn the second factor on; the recovery codes are shown here and never again."""
    with asked.node.unit() as unit:
        codes = second_factor.confirm(unit.connection, asked.person.account, asked.form.get("code", ""), unit.at)
        if not isinstance(codes, Refusal):
            unit.log("account", "", "second-factor-on", asked.person.account.encode(), asked.person)
    return _own(asked, codes) if isinstance(codes, Refusal) else _own(asked, None, codes)


def off(asked: Asked) -> Response:
    """Turn the own second factor off, with password and a code."""
    with asked.node.unit() as unit:
        fits = accounts.proves(unit.connection, asked.person.account, asked.form.get("password", ""), asked.form.get("code", ""), unit.at)
        if fits:
            second_factor.turn_off(unit.connection, asked.person.account)
            unit.log("account", "", "second-factor-off", asked.person.account.encode(), asked.person)
    return go("/account") if fits else _own(asked, refuse(Reason("accounts.second.not_proven"), category=Category.INVALID))


def _own(asked: Asked, refusal: Refusal | None, codes: Sequence[str] = ()) -> Response:
    with asked.node.storage.reading() as connection:
        state = second_factor.state_of(connection, asked.person.account)
        name = accounts.names(connection).get(asked.person.account, "")
    uri = pyotp.TOTP(state.pending_secret).provisioning_uri(name=name, issuer_name=f"{_ISSUER} {asked.node.site.node}") if state.pending_secret else ""
    reader = Reader(asked)
    return render(
        asked,
        "account.html",
        refusal.surface.http_status if refusal else 200,
        name=name,
        state=state,
        picture=qr_svg([uri], error="M") if uri else "",
        secret=" ".join(state.pending_secret[at : at + 4] for at in range(0, len(state.pending_secret), 4)),
        codes=codes,
        sentences=[reader.reason(reason) for reason in refusal.reasons] if refusal else [],
    )


# --- administrator --------------------------------------------------------------------------------------------------


def everybody(asked: Asked) -> Response:
    """Every account of this organisation with how its second factor stands."""
    return _everybody(asked, None)


def off_for(asked: Asked) -> Response:
    """Turn somebody's second factor off: the device is lost; the log says who did it and why."""
    account, because = asked.form.get("account", ""), asked.form.get("because", "")
    reasons = []
    with asked.node.unit() as unit:
        if account not in {one["account"] for one in accounts.of_organisation(unit.connection, asked.person.organisation)}:
            reasons.append(Reason("accounts.unknown", where="account"))
        if not said(because):
            reasons.append(Reason("accounts.second.because_needed", where="because"))
        if not reasons:
            second_factor.turn_off(unit.connection, account)
            accounts.close_sessions(unit.connection, account)
            unit.log("account", "", "second-factor-off", f"{account}\n{because.strip()}".encode(), asked.person)
    return _everybody(asked, refuse(*reasons, category=Category.INVALID)) if reasons else go("/accounts?done=yes")


def _everybody(asked: Asked, refusal: Refusal | None) -> Response:
    with asked.node.storage.reading() as connection:
        rows = [(one, second_factor.state_of(connection, one["account"])) for one in accounts.of_organisation(connection, asked.person.organisation)]
    reader = Reader(asked)
    sentences = [reader.reason(reason) for reason in refusal.reasons] if refusal else []
    done = asked.query.get("done") == "yes"
    return render(asked, "accounts.html", refusal.surface.http_status if refusal else 200, rows=rows, sentences=sentences, done=done)


ACCOUNT_DOORS = (
    Door("/account", ("GET",), "account", "own-account", own),
    Door("/account/second-factor", ("POST",), "account.begin", "own-account", begin),
    Door("/account/second-factor/confirm", ("POST",), "account.confirm", "own-account", confirm),
    Door("/account/second-factor/off", ("POST",), "account.off", "own-account", off),
    Door("/accounts", ("GET",), "accounts", "accounts.manage", everybody),
    Door("/accounts/second-factor/off", ("POST",), "accounts.off", "accounts.manage", off_for),
)
