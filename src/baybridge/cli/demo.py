"""`demo`: four nodes on this machine, invented patients, ready for the browser."""

from __future__ import annotations

import shutil
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from baybridge.cli.arguments import Thorough
from baybridge.cli.progress import progress

if TYPE_CHECKING:
    from baybridge.demo.running import Running

_WHAT = {"mo": "Macao hospital", "gd": "Guangzhou centre and laboratory", "hk": "Hong Kong centre", "sh": "Shanghai manufacturer"}


@click.command(cls=Thorough)
@click.option("--folder", default="demo-network", show_default=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--reset", is_flag=True, help="Throw the demo network away and make it anew.")
@click.option("--make-only", is_flag=True, help="Make the network and stop.")
def demo(folder: Path, reset: bool, make_only: bool) -> None:  # noqa: FBT001 - click passes flags
    """The demo network: four nodes, about thirty invented patients, on free local ports. Ctrl-C stops it; the next start continues."""
    running = import_module("baybridge.demo.running")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if reset:
            shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            _make(folder)
        elif not running.is_current(folder):
            click.echo(f"{folder.name}: expected a demo network of this version, found one of another; start over with: make demo-reset", err=True)
            sys.exit(1)
        if make_only:
            return
        click.echo("Starting four nodes …")
        with running.Running(folder) as started:
            _say(started)
            started.wait()
            click.secho("A node ended by itself; its log is in the demo folder.", fg="red", bold=True, err=True)
            sys.exit(1)
    except KeyboardInterrupt:
        click.echo("\nStopped. `make demo` continues from here, `make demo-reset` starts over.")
    except running.NotStarted as problem:
        click.echo(str(problem), err=True)
        sys.exit(1)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _make(folder: Path) -> None:
    click.echo("Walking about thirty invented patients through the product …")
    with progress("steps") as told:
        import_module("baybridge.demo.running").make(folder, told)


def _say(started: Running) -> None:
    network = import_module("baybridge.demo.network")
    click.echo("\nBaybridge demo network: everything in it is synthetic")
    for name, address in started.addresses().items():
        note = "" if started.ports[name] == network.PREFERRED_PORTS[name] else f" (port {network.PREFERRED_PORTS[name]} was in use)"
        click.echo(f"  {name}  {_WHAT[name]:32} {address}{note}")
    click.echo(f"\nAccounts, all with the password {network.PASSWORD}")
    roles: dict[str, list[str]] = {}
    for account in network.ACCOUNTS:
        roles.setdefault(account.role.value, []).append(account.name)
    roles["patient"], roles["caregiver"] = ["patient.mo"], ["caregiver.mo"]
    for role, names in roles.items():
        click.echo(f"  {role:16} {'  '.join(names)}")
    first = started.addresses()
    click.echo(
        f"\nWhat to try first:\n"
        f"  1. {first['mo']}  as coordinator.mo: the tasks of the day, a case, its facts and eligibility; import a FHIR file.\n"
        f"  2. {first['hk']}  as nurse.hk: a case in monitoring; enter a temperature and an ICE score.\n"
        f"  3. {first['sh']}  as quality.sh: a batch to release.\n"
        f"  4. Download an evidence pack, then: baybridge verify FILE --trust {started.folder / 'trust.json'}\n"
        f"Ctrl-C stops everything."
    )
