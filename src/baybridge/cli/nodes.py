"""`init`, `serve` and `do`: make a node, run it, carry out a step of the pathway."""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

import click
import yaml

from baybridge.base.json_value import KeyTwiceError, each_key_once
from baybridge.base.outcome import Refusal
from baybridge.cli.arguments import Thorough
from baybridge.cli.failing import fail

if TYPE_CHECKING:
    from baybridge.base.json_value import JsonDict
    from baybridge.journey.command import Actor
    from baybridge.node.commands.done import Done
    from baybridge.node.node import Node


_PEM = click.Path(exists=True, dir_okay=False, path_type=Path)


def without_password(_: click.Context, __: click.Parameter, url: str | None) -> str | None:
    """A database URL without a password: a command line is read by everybody on the machine."""
    from baybridge.node.config import carries_password

    if url is not None and carries_password(url):
        raise click.BadParameter("it names a password, which everybody on this machine could read; put the URL into BAYBRIDGE_DATABASE, or use a password file")
    return url


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--organisation", required=True, help="Name of the organisation that runs the node.")
@click.option("--jurisdiction", required=True, help="Region, such as CN, HK or MO; a region of your own stands in DIR/data/regions first.")
@click.option("--city")
@click.option("--profile", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="YAML with gd9, ciio, kinds, roles, accounts.")
@click.option("--database", callback=without_password, help="Database URL, kept with the keys; an SQLite file in the folder without it.")
@click.option("--json", "as_json", is_flag=True)
def init(folder: Path, organisation: str, jurisdiction: str, city: str | None, profile: Path | None, database: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Make a node folder with keys and an empty database."""
    from baybridge.node.config import ConfigProblem, regions_at
    from baybridge.node.neighbours import witnessing
    from baybridge.node.node import open_node
    from baybridge.node.upkeep.founding import found

    try:
        known = regions_at(folder / "data")
    except ConfigProblem as problem:
        fail(str(problem))
    if jurisdiction not in known:
        raise click.BadParameter(f"expected one of {', '.join(known)}, found {jurisdiction!r}", param_hint="--jurisdiction")

    name = re.sub(r"[^a-z0-9-]+", "-", folder.resolve().name.lower()).strip("-") or "node"
    whole: JsonDict = {"node": name, "kinds": ["centre", "laboratory"]}
    if profile is not None:
        read = yaml.safe_load(profile.read_text(encoding="utf-8")) or {}
        if not isinstance(read, dict):
            fail(f"{profile.name}: expected a YAML mapping, found {type(read).__name__}")
        whole |= read
    whole |= {"organisation": organisation, "jurisdiction": jurisdiction}
    if city:
        whole["city"] = city
    try:
        found(folder, whole, database)
        node = open_node(folder, database=database)
        witnessing.sign_checkpoint(node)  # so that the first entries are covered from the first moment
        node.storage.close()
    except ConfigProblem as problem:
        fail(str(problem))
    click.echo(json.dumps({"node": whole["node"], "folder": str(folder)}) if as_json else f"Node {whole['node']} made in {folder}.")


@click.command(cls=Thorough)
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--port", type=int, help="Port on loopback; the one of node.yaml, or 8080.")
@click.option("--database", callback=without_password, help="Database URL; the one of the node's founding without it.")
@click.option("--host", help="Address to listen on; the one of node.yaml, or 127.0.0.1.")
@click.option("--certificate", type=_PEM, help="Certificates in PEM form, for TLS; with --key. Read again at SIGHUP. In place of node.yaml's `serving`.")
@click.option("--key", type=_PEM, help="Private key of the certificate, without a password.")
@click.option("--trusted-proxy", "proxies", multiple=True, metavar="ADDRESS", help="Address or network of a server in front, whose X-Forwarded headers count.")
@click.option("--metrics-port", type=int, help="Port of loopback that answers /metrics for Prometheus.")
def serve(
    folder: Path,
    port: int | None,
    database: str | None,
    host: str | None,
    certificate: Path | None,
    key: Path | None,
    proxies: tuple[str, ...],
    metrics_port: int | None,
) -> None:
    """Run a node: pages, services, workers."""
    if (certificate is None) != (key is None):
        raise click.UsageError("expected --certificate and --key together, found one of them")
    from importlib import import_module

    from baybridge.node.config import ConfigProblem, read_config
    from baybridge.node.upkeep.answering import PORT

    try:
        config = read_config(folder, database)
    except ConfigProblem as problem:
        fail(str(problem))
    gc.disable()  # what is imported stays; looking through it again and again while it grows is a tenth of the start
    try:
        serving = import_module("baybridge.serving")
    finally:
        gc.enable()
    written = config.serving
    how = replace(
        written,
        certificate=certificate or written.certificate,
        key=key or written.key,
        trusted_proxies=proxies or written.trusted_proxies,
        metrics_port=metrics_port if metrics_port is not None else written.metrics_port,
    )
    try:
        serving.log_to(sys.stderr, config.settings["BAYBRIDGE_LOG"])
        serving.serve(folder, database, host or written.host, port or config.port or PORT, how)
    except (serving.PortProblem, ConfigProblem) as problem:
        fail(str(problem))
    _end_process()


def _end_process() -> NoReturn:
    """The end of a served process, all being closed: threads of the server may still be ending, and abort a process that Python is taking down."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


@click.command(cls=Thorough)
@click.argument("command")
@click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--case", "case_id", help="The case; a fresh identifier for OpenCase without it.")
@click.option("--input", "source", type=click.File("rb"), help="JSON file with what the command needs, or - for standard input.")
@click.option("--role", help="Act in this role; the first that the command allows without it.")
@click.option("--organisation", help="Act for this organisation, such as the payer that was asked; the node's own without it.")
@click.option("--account", help="Sign-in name of who gives the command; password and code are asked, or taken from BAYBRIDGE_PASSWORD and BAYBRIDGE_CODE.")
@click.option("--command-id", help="Makes a repeat harmless: the same id answers what it answered before.")
@click.option("--json", "as_json", is_flag=True)
def do(
    folder: Path,
    command: str,
    case_id: str | None,
    source: BinaryIO | None,
    role: str | None,
    organisation: str | None,
    account: str | None,
    command_id: str | None,
    as_json: bool,  # noqa: FBT001 - click passes flags
) -> None:
    """Carry out one step of the pathway at a node; prints the events, or every reason against."""
    from baybridge.node.config import ConfigProblem
    from baybridge.node.consequences import queue
    from baybridge.node.neighbours import witnessing
    from baybridge.node.neighbours.transport import post
    from baybridge.node.node import open_node

    try:
        given = _given(source) if source else {}
        node = open_node(folder, transport=post)
    except ConfigProblem as problem:
        fail(str(problem))
    actor = _actor(node, command, role, organisation, account)
    answer = actor if isinstance(actor, Refusal) else _carry_out(node, command, case_id, given, actor, command_id)
    queue.drain(node, queue.OF_A_COMMAND)
    witnessing.sign_checkpoint(node)
    _print(node, answer, as_json=as_json)


def _given(source: BinaryIO) -> JsonDict:
    """What a command is given: one JSON object, or the end with what was found instead."""
    try:
        given = json.load(source, object_pairs_hook=each_key_once)
    except json.JSONDecodeError as problem:
        fail(f"{source.name}: expected JSON, found an error at line {problem.lineno}, column {problem.colno}: {problem.msg}")
    except KeyTwiceError as twice:
        fail(f"{source.name}: expected each key of an object once, found {twice} given twice")
    except (ValueError, RecursionError):
        fail(f"{source.name}: expected JSON in UTF-8, found something else")
    if not isinstance(given, dict):
        fail(f"{source.name}: expected one JSON object, found {type(given).__name__}")
    return given


def _actor(node: Node, name: str, role: str | None, organisation: str | None, account: str | None) -> Actor | Refusal:
    """Who gives the command: the account that proves itself, else the operator of the machine; a refusal where the proof is wrong."""
    from baybridge.cli.saying import proof
    from baybridge.journey.command import Actor, Role
    from baybridge.node.commands.table import COMMANDS
    from baybridge.node.people import proving

    kind = COMMANDS.get(name)
    allowed = sorted(kind.roles) if kind else [Role.COORDINATOR]
    if role is not None and role not in list(Role):
        fail(f"--role: expected one of {', '.join(Role)}, found {role!r}")
    if account is None:
        return Actor("operator", Role(role) if role else allowed[0], organisation or node.site.organisation, via="shell")
    actor = proving.prove(node, account, *proof(), via="shell")
    if isinstance(actor, Refusal):
        return actor
    if role is not None and role not in actor.roles:
        fail(f"--role: expected one of {', '.join(sorted(actor.roles))}, the roles of this account, found {role!r}")
    return actor.acting([Role(role)] if role else allowed)


def _carry_out(node: Node, name: str, case_id: str | None, given: JsonDict, actor: Actor, command_id: str | None) -> Done | Refusal:
    from baybridge.journey.command import Command
    from baybridge.node.clock import new_id
    from baybridge.node.handle import handle

    return handle(node, Command(name, case_id or new_id(), given, actor, command_id or new_id()))


def _print(node: Node, answer: Done | Refusal, *, as_json: bool) -> None:
    from baybridge.cli.saying import say_refusal
    from baybridge.journey.stored import event_as_json
    from baybridge.language.texts import Texts

    if isinstance(answer, Refusal):
        say_refusal(node, answer, as_json=as_json)
    texts = Texts(node.documents)
    if as_json:
        events = [{"sequence": item.sequence, "event_id": item.event_id, "event": event_as_json(item.event)} for item in answer.events]
        click.echo(json.dumps({"case": answer.case_id, "events": events, "decisions": list(answer.decisions)}, ensure_ascii=False))
        return
    click.echo(f"case {answer.case_id}")
    for item in answer.events:
        body = dict(event_as_json(item.event))
        click.echo(f"{item.sequence:>4}  {body.pop('type')}  " + "  ".join(f"{key}={value}" for key, value in body.items() if value not in (None, [], "")))
        if body.get("not_firm"):
            click.echo(f"      {texts.say('en', 'funding.not_firm')}")
