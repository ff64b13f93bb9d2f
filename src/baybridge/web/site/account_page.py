"""A person's own account: second factor, sessions, the role in which it acts.

Main job: `ACCOUNT_DOORS`. Elsewhere: everybody's accounts in `accounts_page.py`; what a second factor is in `node/people/second_factor.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyotp
from starlette.responses import Response

from baybridge.base.outcome import Refusal
from baybridge.http.doors import COOKIE, Asked, Door
from baybridge.node.people import access, accounts, calendar_links, notifications, passkeys, proving, second_factor
from baybridge.node.people.outside import entering, identities
from baybridge.web.page.page import Reader, go, render
from baybridge.web.page.qr import qr_svg
from baybridge.web.site.accounts_page import ACCOUNTS_DOORS
from baybridge.web.site.rights_page import RIGHTS_DOORS
from baybridge.web.site.staff_page import STAFF_DOORS

_ISSUER = "Baybridge"


def own(asked: Asked, calendar: str = "") -> Response:
    """Who is signed in, and how the second factor stands; the address of a new calendar link, this once."""
    return _own(asked, None, calendar=calendar)


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
    against = proving.own(asked.node, asked.person.account, asked.form.get("password", ""), asked.form.get("code", ""))
    if against is not None:
        return _own(asked, against)
    with asked.node.unit() as unit:
        second_factor.turn_off(unit.connection, asked.person.account)
        unit.log("account", "", "second-factor-off", asked.person.account.encode(), asked.person)
    return go("/account")


def _own(asked: Asked, refusal: Refusal | None, codes: Sequence[str] = (), calendar: str = "") -> Response:
    with asked.node.storage.reading() as connection:
        state = second_factor.state_of(connection, asked.person.account)
        name = accounts.names(connection).get(asked.person.account, "")
        sessions = accounts.sessions_of(connection, asked.person.account, asked.node.now())
        keys = passkeys.of_account(connection, asked.person.account)
        bound = identities.of_account(connection, asked.person.account)
        link = calendar_links.of_account(connection, asked.person.account, asked.node.now())
        left_out = notifications.unwanted(connection, asked.person.account)
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
        sessions=sessions,
        bound=bound,
        link=link,
        told_of=[(kind, kind not in left_out) for kind in notifications.KINDS],
        calendar=calendar,
        may_link=access.may("calendar.link", asked.actor, asked.node.site) is None,
        passkeys=keys,
        may_have_passkeys=passkeys.party(asked.node) is not None,
        elsewhere=[(name, one.title, entering.issuer_of(one)) for name, one in entering.providers(asked.node).items()],
        this_one=accounts.key_of(asked.cookies.get(COOKIE, "")),
        roles=sorted(role.value for role in asked.person.roles),
        enrol_first=asked.session is not None and not state.on and accounts.must_enrol(asked.session, asked.node.people),
        sentences=[reader.reason(reason) for reason in refusal.reasons] if refusal else [],
    )


def end_session(asked: Asked) -> Response:
    """End one of the own sessions, or all but this one."""
    key, now = asked.form.get("key", ""), asked.node.now()
    with asked.node.unit() as unit:
        this_one = accounts.key_of(asked.cookies.get(COOKIE, ""))
        found = accounts.sessions_of(unit.connection, asked.person.account, now)
        wanted = [one.key for one in found if one.key == key or (key == "others" and one.key != this_one)]
        for one in wanted:
            accounts.close_one(unit.connection, asked.person.account, one, now)
        unit.log("account", "", "sessions-ended", f"{asked.person.account} {len(wanted)}".encode(), asked.person, "administration")
    return go("/account")


def act_as(asked: Asked) -> Response:
    """Act in another role of the account from now on, in this session."""
    role = next((one for one in asked.person.roles if one.value == asked.form.get("role")), None)
    if role is not None:
        with asked.node.storage.writing() as connection:
            accounts.act_as(connection, asked.cookies.get(COOKIE, ""), role)
    return go("/")


ACCOUNT_DOORS = (
    Door("/account", ("GET",), "account", "own-account", own),
    Door("/account/second-factor", ("POST",), "account.begin", "own-account", begin),
    Door("/account/second-factor/confirm", ("POST",), "account.confirm", "own-account", confirm),
    Door("/account/second-factor/off", ("POST",), "account.off", "own-account", off),
    Door("/account/sessions/end", ("POST",), "account.sessions.end", "own-account", end_session),
    Door("/account/role", ("POST",), "account.role", "own-account", act_as),
    *ACCOUNTS_DOORS,
    *RIGHTS_DOORS,
    *STAFF_DOORS,
)
