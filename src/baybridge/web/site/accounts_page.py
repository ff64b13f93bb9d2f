"""The accounts of a node, for its administrators: added by an invitation that is shown once, given roles, disabled, reset.

Main job: `ACCOUNTS_DOORS`. Elsewhere: every change is made by `node/people/administration.py`; the own account in `account_page.py`.
"""

from __future__ import annotations

from datetime import date

from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.http.doors import Asked, Door
from baybridge.node.people import account_changes, account_list, administration
from baybridge.node.people.account_changes import Add, Change, Changed, Disable, EndSession, Invite, Leaving, Reset, Roles
from baybridge.web.page.page import Reader, render

#: The fields of the form that adds an account, given back where it was refused.
_TYPED = ("account", "person", "person_id", "organisation", "profession", "registration", "leaves_on", "language", "patient_id")


def everybody(asked: Asked) -> Response:
    """Every account of this node."""
    return _show(asked)


def add(asked: Asked) -> Response:
    """Add an account; its invitation is shown on the page that answers and never again."""
    form, leaves_on = asked.form, _last_day(asked)
    if isinstance(leaves_on, Refusal):
        return _show(asked, leaves_on)
    what = Add(
        account=form.get("account", "").strip(),
        person=form.get("person", "").strip(),
        roles=_chosen(asked, "role"),
        person_id=form.get("person_id", "").strip() or None,
        organisation=form.get("organisation", "").strip() or None,
        profession=form.get("profession", "").strip() or None,
        registration=form.get("registration", "").strip() or None,
        leaves_on=leaves_on,
        language=form.get("language") or None,
        patient_id=form.get("patient_id", "").strip() or None,
    )
    return _made(asked, what)


def _last_day(asked: Asked) -> date | Refusal | None:
    """The last day as the form gives it; None where it is empty."""
    try:
        return date.fromisoformat(asked.form["leaves_on"]) if asked.form.get("leaves_on") else None
    except ValueError:
        return refuse(Reason("accounts.bad_day", where="leaves_on"), category=Category.INVALID)


def change(asked: Asked) -> Response:
    """One change of an account; what the form asks for by `what`."""
    account, what, because = asked.form.get("account", ""), asked.form.get("what", ""), asked.form.get("because", "")
    leaves_on = _last_day(asked)
    if isinstance(leaves_on, Refusal):
        return _show(asked, leaves_on)
    has, wanted = _roles_of(asked, account), _chosen(asked, "role")
    changes: dict[str, Change] = {
        "invite": Invite(account),
        "disable": Disable(account, because),
        "password": Reset(account, "password", because),
        "second-factor": Reset(account, "second-factor", because),
        "outside": Reset(account, "outside", because),
        "sessions": Reset(account, "sessions", because),
        "session": EndSession(account, asked.form.get("key", "")),
        "leaving": Leaving(account, leaves_on),
        "roles": Roles(account, tuple(role for role in wanted if role not in has), tuple(role for role in has if role not in wanted)),
    }
    if what not in changes:
        return _show(asked, refuse(Reason("accounts.nothing_chosen", where="what"), category=Category.INVALID))
    if what in ("password", "second-factor", "outside") and not because.strip():
        return _show(asked, refuse(Reason("accounts.second.because_needed", where="because"), category=Category.INVALID))
    return _made(asked, changes[what])


def _chosen(asked: Asked, name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for field, text in asked.forms if field == name and text))


def _roles_of(asked: Asked, account: str) -> tuple[str, ...]:
    with asked.node.storage.reading() as connection:
        return next((one.roles for one in account_list.listed(connection, asked.node.now()) if one.account == account), ())


def _made(asked: Asked, what: Change) -> Response:
    done = administration.change(asked.node, asked.person, what)
    return _show(asked, done) if isinstance(done, Refusal) else _show(asked, None, done)


def _show(asked: Asked, refusal: Refusal | None = None, changed: Changed | None = None) -> Response:
    with asked.node.storage.reading() as connection:
        rows = account_list.listed(connection, asked.node.now())
        sessions = account_list.sessions(connection, asked.node.now())
        links = account_list.calendar_links_of(connection, asked.node.now())
        last_days = account_list.last_days(connection, asked.node.site.zone)
        bound = account_list.identities_of(connection)
    reader = Reader(asked)
    link = f"{asked.node.address}/sign-in/invitation?token={changed.invitation}" if changed is not None and changed.invitation else ""
    return render(
        asked,
        "accounts.html",
        refusal.surface.http_status if refusal else 200,
        rows=rows,
        sessions=sessions,
        links=links,
        bound=bound,
        last_days=last_days,
        every_role=[role.value for role in account_changes.ASSIGNABLE],
        typed={name: asked.form.get(name, "") if refusal else "" for name in _TYPED},
        chosen=_chosen(asked, "role") if refusal else (),
        sentences=[reader.reason(reason) for reason in refusal.reasons] if refusal else [],
        changed=changed,
        link=link,
    )


ACCOUNTS_DOORS = (
    Door("/accounts", ("GET",), "accounts", "accounts.manage", everybody),
    Door("/accounts/add", ("POST",), "accounts.add", "accounts.manage", add),
    Door("/accounts/change", ("POST",), "accounts.change", "accounts.manage", change),
)
