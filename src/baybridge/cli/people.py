"""`user`: who has an account at a node.

Main job: `add`, `invite`, `disable`, `reset`, `roles`, `leaving`, `import`, `list`, `rights`. **Source**: contract K4.
"""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from baybridge.base.outcome import Refusal
from baybridge.cli.arguments import Thorough
from baybridge.cli.records import open_or_fail
from baybridge.cli.saying import proof, say_refusal
from baybridge.cli.staff import say_report

if TYPE_CHECKING:
    from baybridge.journey.command import Actor
    from baybridge.node.node import Node
    from baybridge.node.people.account_changes import Change
    from baybridge.node.people.account_list import Listed

_NODE = click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True)
_BY = click.option("--account", "by", help="Sign-in name of the administrator who makes the change; two of them, one after the other, change who is one.")


@click.group()
def user() -> None:
    """Who has an account here: added, invited, given roles, disabled, reset."""


@user.command(cls=Thorough)
@click.argument("account", metavar="ACCOUNT")
@_NODE
@click.option("--person", required=True, help="Name of the person.")
@click.option("--role", "roles", multiple=True, required=True, help="One or more.")
@click.option("--person-id", help="Id of a person who has an account already; a new person without it.")
@click.option("--organisation", help="Such as a payer; the node's own without it.")
@click.option("--profession")
@click.option("--registration", help="Number in the register of the profession.")
@click.option("--leaves-on", type=click.DateTime(["%Y-%m-%d"]), help="Last day on which the account signs in.")
@click.option("--language", help="Of the pages; en without it.")
@click.option("--patient", "patient_id", help="Whose record an account of the role patient reads.")
@_BY
@_JSON
def add(account: str, folder: Path, person: str, roles: tuple[str, ...], leaves_on: datetime | None, by: str | None, as_json: bool, **more: str | None) -> None:  # noqa: FBT001 - click's signature
    """Add an account; prints its invitation, which is shown once."""
    from baybridge.node.people.account_changes import Add

    day: date | None = leaves_on.date() if leaves_on else None
    _change(folder, Add(account=account, person=person, roles=roles, leaves_on=day, **more), by, as_json=as_json)


@user.command(cls=Thorough)
@click.argument("account", metavar="ACCOUNT")
@_NODE
@_BY
@_JSON
def invite(account: str, folder: Path, by: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Invite anew who has no password yet or was disabled; the earlier invitation ends. An administrator is invited anew by two persons."""
    from baybridge.node.people.account_changes import Invite

    _change(folder, Invite(account), by, as_json=as_json)


@user.command(cls=Thorough)
@click.argument("account", metavar="ACCOUNT")
@_NODE
@click.option("--reason", required=True)
@_BY
@_JSON
def disable(account: str, folder: Path, reason: str, by: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Close an account; its sessions end at once. That of an administrator is closed by two persons, while there is another."""
    from baybridge.node.people.account_changes import Disable

    _change(folder, Disable(account, reason), by, as_json=as_json)


@user.command(cls=Thorough)
@click.argument("account", metavar="ACCOUNT")
@_NODE
@click.option("--password", "what", flag_value="password", help="The password ends, and an invitation for a new one is printed.")
@click.option("--second-factor", "what", flag_value="second-factor", help="The second factor ends; where the role asks for one, it is set up anew.")
@click.option("--outside", "what", flag_value="outside", help="The account is bound to no identity elsewhere any more.")
@click.option("--sessions", "what", flag_value="sessions", help="Every session ends.")
@_BY
@_JSON
def reset(account: str, folder: Path, what: Literal["password", "second-factor", "outside", "sessions"] | None, by: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """End the password, the second factor, the identities elsewhere or the sessions of an account. Password and second factor of an administrator end by two persons."""
    from baybridge.node.people.account_changes import Reset

    if what is None:
        raise click.UsageError("expected one of --password, --second-factor, --outside, --sessions")
    _change(folder, Reset(account, what), by, as_json=as_json)


@user.command(cls=Thorough)
@click.argument("account", metavar="ACCOUNT")
@_NODE
@click.option("--add", "added", multiple=True, metavar="ROLE")
@click.option("--remove", "removed", multiple=True, metavar="ROLE")
@_BY
@_JSON
def roles(account: str, folder: Path, added: tuple[str, ...], removed: tuple[str, ...], by: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Give an account roles, or take them away; prints the account as it is then."""
    from baybridge.node.people.account_changes import Roles

    _change(folder, Roles(account, added, removed), by, as_json=as_json)


@user.command(cls=Thorough)
@click.argument("account", metavar="ACCOUNT")
@_NODE
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="Last day on which the person signs in, by whichever account.")
@click.option("--never", is_flag=True, help="The person stays.")
@_BY
@_JSON
def leaving(account: str, folder: Path, day: datetime | None, never: bool, by: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Say when a person leaves, or that nobody knows of a day any more. That of an administrator is changed by two persons, while there is another."""
    from baybridge.node.people.account_changes import Leaving

    if (day is None) is not never:
        raise click.UsageError("expected one of --on, --never")
    _change(folder, Leaving(account, day.date() if day else None), by, as_json=as_json)


@user.command("import", cls=Thorough)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_NODE
@click.option("--check", is_flag=True, help="Say what the list would bring, and change nothing.")
@_BY
@_JSON
def import_(file: Path, folder: Path, check: bool, by: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Bring a staff list (CSV): all of it, or nothing and every problem. Prints the invitations of new accounts, once. Closes nobody."""
    from baybridge.node.people import staff_file, staff_list

    node = open_or_fail(folder)
    actor = _actor(node, by)
    if isinstance(actor, Refusal):
        say_refusal(node, actor, as_json=as_json)
    with file.open("rb") as opened:
        report = staff_list.bring(node, actor, opened.read(staff_file.MOST_BYTES + 1), check=check)
    say_report(node, report, as_json=as_json)
    if report.problems:
        sys.exit(1)


@user.command("list", cls=Thorough)
@_NODE
@_JSON
def list_(folder: Path, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Everybody who has an account."""
    found = _accounts(open_or_fail(folder))
    if as_json:
        click.echo(json.dumps([one.as_json() for one in found], ensure_ascii=False))
        return
    for one in found:
        factor = "second factor" if one.second_factor else "-"
        click.echo("  ".join((one.account, one.name, ",".join(one.roles), one.organisation, one.state, factor, one.last_sign_in or "-")))


@user.command(cls=Thorough)
@_NODE
@_JSON
def rights(folder: Path, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Who may do what: the roles of each person, the commands of each role, and who confirms them."""
    from baybridge.node.people import rights as of

    node = open_or_fail(folder)
    with node.storage.reading() as connection:
        people = of.of_people(connection, node.now())
    by_role = of.of_roles()
    if as_json:
        roles = [{"role": role.value, "commands": [one.as_json() for one in rows]} for role, rows in by_role.items()]
        click.echo(json.dumps({"people": [one.as_json() for one in people], "roles": roles}, ensure_ascii=False))
        return
    for one in people:
        click.echo("  ".join((one.name, one.person_id, ",".join(one.roles) or "-", ",".join(account.account for account in one.accounts), one.leaves_at or "-")))
    for role, rows in by_role.items():
        click.echo(f"{role.value}: {', '.join(row.command + (' (confirmed)' if row.confirmed_by else '') for row in rows) or '-'}")


def _change(folder: Path, what: Change, by: str | None = None, *, as_json: bool) -> None:
    from baybridge.node.people import administration

    node = open_or_fail(folder)
    actor = _actor(node, by)
    done = actor if isinstance(actor, Refusal) else administration.change(node, actor, what)
    if isinstance(done, Refusal):
        say_refusal(node, done, as_json=as_json)
    if done.asked:
        told = "Noted. Another person gives the same command within 15 minutes: an administrator with --account, or for an account given back the operator without it."
        click.echo(json.dumps(done.as_json()) if as_json else told)
        return
    if done.expires_at is not None:
        link = f"{node.address}/sign-in/invitation?token={done.invitation}"
        told = f"{done.account}  {done.person_id}\nInvitation, shown once, until {done.expires_at.isoformat()}:\n{link}"
        click.echo(json.dumps(done.as_json(), ensure_ascii=False) if as_json else told)
        return
    now = next(one for one in _accounts(node) if one.account == done.account)
    last_day = _last_day(node, now.account)
    click.echo(json.dumps(now.as_json(), ensure_ascii=False) if as_json else f"{now.account}  {','.join(now.roles)}  {now.state}{last_day}")


def _last_day(node: Node, account: str) -> str:
    from baybridge.node.people import account_list

    with node.storage.reading() as connection:
        day = account_list.last_days(connection, node.site.zone).get(account)
    return f"  last day {day.isoformat()}" if day else ""


def _actor(node: Node, by: str | None) -> Actor | Refusal:
    """The administrator who proves it, or the operator of the machine; a refusal where the proof is wrong or it is none."""
    from baybridge.journey.command import Actor, Role
    from baybridge.node.people import access, proving

    if by is None:
        return Actor("operator", Role.ADMINISTRATOR, node.site.organisation, via="shell")
    actor = proving.prove(node, by, *proof(), via="shell")
    if isinstance(actor, Refusal):
        return actor
    actor = actor.acting([Role.ADMINISTRATOR])
    return access.may("accounts.manage", actor, node.site) or actor


def _accounts(node: Node) -> list[Listed]:
    from baybridge.node.people import account_list

    with node.storage.reading() as connection:
        return account_list.listed(connection, node.now())
