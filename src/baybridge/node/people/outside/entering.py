"""Coming in from elsewhere: a sign-in is begun, comes back, and leads to the account that is bound to who it is.

Main job: `begun(node, provider, …)` is where the browser goes, or that name and password of a directory are asked for here; `came_back(node, provider, …)` and
`with_password` answer a session, a code that is still asked for, or a refusal; `with_code` takes that code. Three things are begun: signing in, binding the own account,
and taking an invitation, which binds the account that it is for.

An identity without an account lets nobody in: an account is made by an administrator, and whoever holds its invitation binds it. What is refused is an entry of the log,
as often as an attempt at a password is counted. Elsewhere: what a provider says, `openid.py`; a directory, `directory.py`; roles by groups, `given_roles.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select, update

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.sign_in import Directory, OpenIdConnect, SignIn
from baybridge.node.config import ConfigProblem
from baybridge.node.people import accounts, invitations, passkeys, refused_entry, second_factor
from baybridge.node.people.account_list import spelling
from baybridge.node.people.outside import directory, given_roles, identities, openid
from baybridge.node.people.outside.begun import Begun, begin, take
from baybridge.node.people.outside.directory import WrongError
from baybridge.node.people.outside.openid import NotBelievedError, Said, UnreachableError
from baybridge.node.people.outside.secrets import secret_of
from baybridge.node.people.passkeys import Asked as PasskeyAsked
from baybridge.node.tables import account as table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


@dataclass(frozen=True, slots=True)
class CodeAsked:
    """Who it is, is known; a code of the second factor is asked for here, once more where it was wrong. `key` travels in the form."""

    key: str
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class PasswordAsked:
    """Name and password of a directory are asked for here, once more where they were wrong. `key` travels in the form."""

    provider: str
    key: str
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """A session, and where it leads."""

    session: accounts.Session
    to: str


@dataclass(frozen=True, slots=True)
class Bound:
    """The own account is bound now; the session goes on."""


def providers(node: Node) -> Mapping[str, OpenIdConnect | Directory]:
    """The places where people of this site sign in too."""
    return node.documents.typed.the(SignIn).every


def issuer_of(place: OpenIdConnect | Directory) -> str:
    """By which the identities of a place are told from those of others."""
    return place.issuer if isinstance(place, OpenIdConnect) else directory.issuer_of(place)


def return_address(node: Node, name: str) -> str:
    """Where a provider sends a browser back to: one address for each, so that the answer of one is never taken for another's. Source: RFC 9700, 4.4."""
    return f"{node.address}/sign-in/outside/{name}/back"


def begun(node: Node, name: str, what: Begun, browser: str) -> str | PasswordAsked | Refusal:
    """Where a browser goes to sign in elsewhere, or the question for name and password; a refusal with what can be done meanwhile where nobody answers there."""
    provider = providers(node).get(name)
    if provider is None:
        return _unknown()
    if not isinstance(provider, OpenIdConnect):
        with node.storage.writing(even_restored=True) as connection:
            return PasswordAsked(name, begin(connection, msgspec.structs.replace(what, provider=name, way="ldap"), browser, node.now()))
    try:
        about = node.outside.about(provider, node.now())
        nonce, verifier = openid.fresh_verifier(), openid.fresh_verifier()
        with node.storage.writing(even_restored=True) as connection:
            kept = msgspec.structs.replace(what, provider=name, nonce=nonce, verifier=verifier, at=node.now())
            state = begin(connection, kept, browser, node.now())
        return openid.authorization(provider, about, return_address(node, name), state=state, nonce=nonce, verifier=verifier)
    except UnreachableError:
        return _down(name)
    except NotBelievedError as problem:
        return _not_believed(node, name, problem.what)


def came_back(
    node: Node, name: str, query: Mapping[str, str], browser: str, *, signed_in: str = "", device: str = ""
) -> Entered | CodeAsked | PasskeyAsked | Bound | Refusal:
    """What follows when a browser comes back from a provider; `signed_in` is the account of its session, if it has one."""
    provider = providers(node).get(name)
    if not isinstance(provider, OpenIdConnect):
        return _unknown()
    with node.storage.writing(even_restored=True) as connection:
        what = take(connection, query.get("state", ""), browser, node.now())
    if what is None or (what.provider, what.way) != (name, "openid"):
        return _refused(node, name, "sign_in.outside.not_begun")
    if query.get("error"):
        return _refused(node, name, "sign_in.outside.cancelled")
    try:
        about = node.outside.about(provider, node.now())
        wrong = openid.against_answer(provider, about, query)
        if wrong:
            return _not_believed(node, name, wrong)
        secret = secret_of(node.config.folder, name)
        back = return_address(node, name)
        began = openid.Began(what.nonce, what.verifier, what.at or node.now())
        said = openid.said_of(node.outside, provider, secret, back, code=query["code"], began=began, at=node.now())
    except (UnreachableError, ConfigProblem):
        return _down(name)
    except NotBelievedError as problem:
        return _not_believed(node, name, problem.what)
    return _let_in(node, said, what, browser, signed_in=signed_in, device=device)


def with_password(
    node: Node, key: str, name: str, password: str, browser: str, *, signed_in: str = "", device: str = "", known: str = ""
) -> Entered | CodeAsked | PasswordAsked | PasskeyAsked | Bound | Refusal:
    """What follows from name and password of a directory; `known` is the token of a browser from which somebody signed in before.

    Attempts are counted like those at passwords of here, before the directory is asked: nobody guesses through us, nor has somebody's account locked there by it.
    """
    with node.storage.writing(even_restored=True) as connection:
        what = take(connection, key, browser, node.now())
    place = providers(node).get(what.provider) if what is not None else None
    if what is None or what.way != "ldap" or not isinstance(place, Directory):
        return _not_begun(node)
    counts_as = f"outside {what.provider} {spelling(name)}"
    with node.storage.writing(even_restored=True) as connection:
        wait_s = accounts.counted(connection, counts_as, node.now())
        if wait_s and not accounts.is_known(connection, accounts.digest(counts_as), known):
            return PasswordAsked(what.provider, begin(connection, what, browser, node.now()), _waits(wait_s))
    try:
        said = directory.said_of(node.config.folder, place, secret_of(node.config.folder, what.provider), name, password)
    except WrongError:
        with node.unit(even_restored=True) as unit:
            wrong = _note(node, unit, what.provider, "accounts.wrong")
            return PasswordAsked(what.provider, begin(unit.connection, what, browser, unit.at), wrong)
    except (UnreachableError, ConfigProblem):
        return _down(what.provider)
    except NotBelievedError as problem:
        return _not_believed(node, what.provider, problem.what)
    found = _let_in(node, said, what, browser, signed_in=signed_in, device=device)
    if not isinstance(found, Refusal):
        with node.storage.writing(even_restored=True) as connection:
            accounts.forget_attempts(connection, counts_as)
            token = accounts.remember_device(connection, accounts.digest(counts_as), known, node.now())
        if isinstance(found, Entered):
            return replace(found, session=replace(found.session, device=token))
    return found


def _waits(seconds: int) -> Refusal:
    return refuse(Reason("accounts.wait", {"seconds": seconds}), category=Category.UNAUTHENTICATED)


def _let_in(node: Node, said: Said, what: Begun, browser: str, *, signed_in: str, device: str) -> Entered | CodeAsked | PasskeyAsked | Bound | Refusal:
    """Lead somebody whose identity is known to the account that it is, or becomes, bound to."""
    name, provider = what.provider, providers(node)[what.provider]
    if provider.groups and said.groups is None:
        return _refused(node, name, "sign_in.outside.no_groups")
    with node.unit(even_restored=True) as unit:
        account = _account_for(node, unit, said, what, signed_in)
        if isinstance(account, Refusal):
            return account
        given = given_roles.apply(unit, account, name, provider, said.groups or ())
        identities.seen(unit.connection, said.issuer, said.subject, unit.at, password_days=provider.password_days, held=given.held)
        if given.closed:
            return refuse(Reason("sign_in.outside.no_role", {"provider": name}), category=Category.FORBIDDEN)
        if what.what == "bind" and not given.lost:
            return Bound()
        if not said.second_factor and second_factor.state_of(unit.connection, account).on:
            after = Begun(what="code", way="code", provider=name, to=what.to, account=account)
            return CodeAsked(begin(unit.connection, after, browser, unit.at))
        if not said.second_factor and accounts.has_passkey(unit.connection, account):
            device_asked = passkeys.ask(node, unit.connection, Begun(what="sign-in", provider=name, account=account, to=what.to), browser)
            return device_asked or refuse(Reason("accounts.passkey.no_party"), category=Category.CONFLICT)
        return _opened(node, unit, account, what, strong=said.second_factor, device=device)


def _account_for(node: Node, unit: Unit, said: Said, what: Begun, signed_in: str) -> str | Refusal:
    """The account of an identity, which is open; it is bound first where that is what was begun."""
    if what.what == "sign-in":
        account, against = identities.account_of(unit.connection, said.issuer, said.subject), "sign_in.outside.no_account"
    elif what.what == "invitation":
        account, against = invitations.account_of(unit.connection, what.invitation, unit.at), "accounts.invitation.over"
    else:
        account, against = what.account if what.account and what.account == signed_in else None, "sign_in.outside.other_session"
    if account is None:
        return _note(node, unit, what.provider, against)
    if accounts.open_actor(unit.connection, account, unit.at) is None:
        return _note(node, unit, what.provider, "sign_in.outside.closed")
    if what.what == "sign-in":
        return account
    refusal = identities.bind(unit.connection, account, said.issuer, said.subject, unit.at)
    if refusal is not None:
        return refusal
    if what.what == "invitation":
        invitations.end_all(unit.connection, account, unit.at)
    unit.log("account", "", "identity-bound", f"{account}\n{what.provider}".encode(), node.system(), "administration")
    return account


def _opened(node: Node, unit: Unit, account: str, what: Begun, *, strong: bool, device: str) -> Entered:
    unit.connection.execute(update(table).where(table.c.account == account).values(last_sign_in=unit.at.isoformat()))
    session = accounts.open_session(
        unit.connection, account, unit.at, hours=node.people.session_hours, device=device, provider=what.provider, strong=strong
    )
    return Entered(session, what.to)


def with_code(node: Node, key: str, code: str, browser: str, device: str) -> Entered | CodeAsked | Refusal:
    """A session of somebody whose identity is known, with the code that was asked for; a wrong one is asked for again, and counted."""
    with node.storage.writing(even_restored=True) as connection:
        what = take(connection, key, browser, node.now())
        name = connection.execute(select(table.c.name).where(table.c.account == what.account)).scalar() if what is not None else None
    if what is None or what.what != "code" or name is None:
        return _not_begun(node)
    held_up = accounts.waits(node.storage, name, code, "", node.now())
    with node.unit(even_restored=True) as unit:
        secret = unit.connection.execute(select(table.c.totp_secret).where(table.c.account == what.account)).scalar()
        open_now = accounts.open_actor(unit.connection, what.account, unit.at) is not None
        if held_up is not None or not open_now or not secret or not second_factor.accepts(unit.connection, what.account, secret, code, unit.at):
            refused_entry.note(unit, "sign-in-refused", held_up.reasons[0].code if held_up else "accounts.second.wrong_code", what.account)
            return CodeAsked(begin(unit.connection, what, browser, unit.at), held_up or refuse(Reason("accounts.second.wrong_code"), category=Category.UNAUTHENTICATED))
        accounts.forget_attempts(unit.connection, name)
        return _opened(node, unit, what.account, what, strong=False, device=device)


# --- refusing -------------------------------------------------------------------------------------------------------


def _not_begun(node: Node) -> Refusal:
    """The refusal of what this browser did not begin, or began too long ago, or has used already."""
    refused_entry.note_alone(node, "sign-in-refused", "sign_in.outside.not_begun")
    return refuse(Reason("sign_in.outside.not_begun"), category=Category.UNAUTHENTICATED)


def _unknown() -> Refusal:
    return refuse(Reason("sign_in.outside.unknown"), category=Category.NOT_FOUND)


def _down(name: str) -> Refusal:
    return refuse(Reason("sign_in.outside.down", {"provider": name}), category=Category.BUSY)


def _not_believed(node: Node, name: str, what: str) -> Refusal:
    return _refused(node, name, "sign_in.outside.not_believed", check=what)


def _refused(node: Node, name: str, code: str, **values: str) -> Refusal:
    with node.unit(even_restored=True) as unit:
        return _note(node, unit, name, code, **values)


def _note(node: Node, unit: Unit, name: str, code: str, **values: str) -> Refusal:
    """A refusal, noted in the log as often as attempts are counted: nobody outside makes it grow without end."""
    if not accounts.counted(unit.connection, f"outside {name}", unit.at):
        unit.log("account", "", "sign-in-refused", "\n".join((name, code, *values.values())).encode(), node.system(), "administration")
    return refuse(Reason(code, {"provider": name, **values}), category=Category.UNAUTHENTICATED)
