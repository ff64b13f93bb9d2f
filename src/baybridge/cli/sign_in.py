"""`sign-in`: where else people of this node sign in.

Main job: `list`, `try`, `secret`. The providers stand in the site's document `access/sign-in`, which `baybridge check` looks at.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail
from baybridge.cli.records import open_or_fail

_NODE = click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True)


@click.group()
def sign_in() -> None:
    """Where else people of this node sign in, by its document access/sign-in."""


@sign_in.command("list", cls=Thorough)
@_NODE
@_JSON
def list_(folder: Path, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Every provider, with the address that it sends people back to, which is registered there."""
    from baybridge.documents.sign_in import OpenIdConnect
    from baybridge.node.people.outside import entering
    from baybridge.node.people.outside.secrets import secret_of

    node = open_or_fail(folder)
    rows = [
        {
            "provider": name,
            "issuer": entering.issuer_of(one),
            "return_address": entering.return_address(node, name) if isinstance(one, OpenIdConnect) else None,
            "secret": bool(secret_of(folder, name)),
        }
        for name, one in entering.providers(node).items()
    ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        click.echo("  ".join((str(row["provider"]), str(row["issuer"]), str(row["return_address"] or "-"), "secret kept" if row["secret"] else "no secret")))


@sign_in.command("try", cls=Thorough)
@click.argument("provider")
@_NODE
def try_(provider: str, folder: Path) -> None:
    """Ask a provider for its description and its keys, or a directory whether it lets this node in; says what does not hold."""
    from baybridge.documents.sign_in import OpenIdConnect
    from baybridge.node.people.outside import directory, entering, openid
    from baybridge.node.people.outside.secrets import secret_of

    node = open_or_fail(folder)
    found = entering.providers(node).get(provider)
    if found is None:
        fail(f"{provider}: expected one of {', '.join(entering.providers(node)) or 'none'}; name it in data/access/sign-in.yaml")
    issuer = entering.issuer_of(found)
    try:
        if isinstance(found, OpenIdConnect):
            count = len(node.outside.keys(found, node.now()).keys)
            click.echo(f"{issuer}: answers, {count} keys")
        else:
            directory.reaches(folder, found, secret_of(folder, provider))
            click.echo(f"{issuer}: answers, and this node is let in")
    except openid.UnreachableError as problem:
        fail(f"{issuer}: expected a provider that answers, found {problem}; look at its address, its certificate and `authority`")
    except openid.NotBelievedError as problem:
        fail(f"{issuer}: what it says does not hold ({problem.what}); compare `issuer` letter by letter, or `bind_name` and its secret")


@sign_in.command(cls=Thorough)
@click.argument("provider")
@_NODE
def secret(provider: str, folder: Path) -> None:
    """Keep the client's secret of a provider: asked on the terminal, or read from standard input; never an argument, which others on the machine read."""
    from baybridge.node.people.outside import entering
    from baybridge.node.people.outside.secrets import keep

    node = open_or_fail(folder)
    if provider not in entering.providers(node):
        fail(f"{provider}: expected one of {', '.join(entering.providers(node)) or 'none'}; name it in data/access/sign-in.yaml")
    given = click.prompt("Secret", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not given.strip():
        fail("expected a secret, found none")
    click.echo(f"kept in {keep(folder, provider, given).name}")
