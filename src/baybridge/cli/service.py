"""`systemd`: the units by which a machine serves a node.

Main job: the command; what stands in the units is `node/setup/service.py`'s.
"""

from __future__ import annotations

import getpass
import json
import pwd
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import click

from baybridge.base.failures import why
from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--to", "to", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the units, such as /etc/systemd/system.")
@click.option("--user", help="User of the machine that runs the node; the one that runs this command without it.")
@click.option("--private-key", type=_FILE, help="Key that reads backups, where it may be on this machine: then the newest is read again each week.")
@click.option("--log-folder", type=click.Path(file_okay=False, path_type=Path), help="Folder for serve.log; the journal without it.")
@click.option("--json", "as_json", is_flag=True, help="Plain JSON.")
def systemd(folder: Path, to: Path, user: str | None, private_key: Path | None, log_folder: Path | None, *, as_json: bool) -> None:
    """Write units for systemd: serve the node in DIR, back it up each day, read its backups again each week."""
    from baybridge.node.config import ConfigProblem, read_config
    from baybridge.node.setup.service import Service, units

    program = Path(sysconfig.get_path("scripts")) / "baybridge"
    try:
        config = read_config(folder.absolute())
        given = Service(user or getpass.getuser(), program, private_key and private_key.absolute(), log_folder and log_folder.absolute())
        written = units(config, given)
        to.mkdir(parents=True, exist_ok=True)
        for name, text in written.items():
            (to / name).write_text(text, encoding="utf-8")
    except ConfigProblem as problem:
        fail(str(problem))
    except OSError as problem:
        fail(f"{problem.filename or to}: cannot be written ({why(problem)})")
    for doubt in _doubts(given.user, config.folder):
        click.echo(doubt, err=True)
    if as_json:
        click.echo(json.dumps({"units": [str(to / name) for name in written]}))
        return
    for name in written:
        click.echo(str(to / name))
    starts = " ".join(name for name in written if name.endswith(".timer") or name == f"baybridge-{config.site.node}.service")
    click.echo(f"Look at them, then: systemctl daemon-reload && systemctl enable --now {starts}")


def _doubts(user: str, folder: Path) -> Iterator[str]:
    """What would keep the service from its node, as far as this machine says; the units may be for another one."""
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        yield f"This machine has no user {user}: make it before the service starts, or name another with --user."
        return
    if found.pw_uid == 0:
        yield "The service would run as root: name with --user the user for whom the node was set up."
    elif (owner := folder.stat().st_uid) != found.pw_uid:
        yield f"The folder of the node belongs to another user (number {owner}): {user} could not open it. Give it away first: chown -R {user} {folder}"
