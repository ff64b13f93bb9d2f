"""`person`: the rights of the person whose data this is.

Main job: `copy`, `restrict`, `hold`, `erase`. Erasing takes two persons, one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from baybridge.base.outcome import Refusal
from baybridge.cli.arguments import Thorough
from baybridge.cli.records import open_or_fail
from baybridge.cli.saying import proof, say_refusal

if TYPE_CHECKING:
    from baybridge.journey.command import Actor
    from baybridge.node.node import Node

_NODE = click.option("--node", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True)
_PATIENT = click.argument("patient", metavar="PATIENT")


def _marks(command: Callable[..., None]) -> Callable[..., None]:
    """The arguments of a command that marks a person's record, or lifts the mark."""
    for each in (_JSON, click.option("--lift", is_flag=True, help="End it instead."), click.option("--reason", required=True), _NODE, _PATIENT):
        command = each(command)
    return command


class Marking(Protocol):
    """Sets or lifts a mark of a person's record; whether anything changed, or why not."""

    def __call__(self, node: Node, patient_id: str, reason: str, actor: Actor, *, lift: bool) -> bool | Refusal:
        """Mark the record of this person."""
        ...


@click.group()
def person() -> None:
    """A person's rights over the own data: a copy, restriction, erasure."""


@person.command(cls=Thorough)
@_PATIENT
@_NODE
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder that is new or empty.")
@click.option("--language", default="en", show_default=True, help="Of the page to print.")
@_JSON
def copy(patient: str, folder: Path, out: Path, language: str, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Write everything that this node holds of a person: files for a program, and a page to print."""
    from baybridge.node.people import copying

    node = open_or_fail(folder)
    done = copying.copy(node, _id(patient), out, language, _operator(node))
    _print(node, done if isinstance(done, Refusal) else done.as_json(), as_json=as_json)


@person.command(cls=Thorough)
@_marks
def restrict(patient: str, folder: Path, reason: str, lift: bool, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Keep a person's record and no longer use it but for care, at the person's own wish."""
    from baybridge.node.people import erasure

    _mark(erasure.restrict, patient, folder, reason, "restricted", lift=lift, as_json=as_json)


@person.command(cls=Thorough)
@_marks
def hold(patient: str, folder: Path, reason: str, lift: bool, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Let nothing of a person be erased while a proceeding goes on."""
    from baybridge.node.people import erasure

    _mark(erasure.hold, patient, folder, reason, "held", lift=lift, as_json=as_json)


@person.command(cls=Thorough)
@_PATIENT
@_NODE
@click.option("--what", multiple=True, required=True, help="An event's id, or Type/id of a resource; several times.")
@click.option("--basis", required=True, help="The reason in law.")
@click.option("--account", required=True, help="Who asks; password and code are asked, or stand in BAYBRIDGE_PASSWORD and BAYBRIDGE_CODE.")
@_JSON
def erase(patient: str, folder: Path, what: tuple[str, ...], basis: str, account: str, as_json: bool) -> None:  # noqa: FBT001 - click's signature
    """Erase events or resources of a person; two persons give the same command within 15 minutes. Refused under a hold or a law that keeps."""
    from baybridge.node.consequences import queue
    from baybridge.node.neighbours import witnessing
    from baybridge.node.people import erasure, proving

    node = open_or_fail(folder)
    actor = proving.prove(node, account, *proof(), via="shell")
    if isinstance(actor, Refusal):
        say_refusal(node, actor, as_json=as_json)
    done = erasure.erase(node, erasure.Wanted(_id(patient), what, basis), actor.acting(erasure.MAY_ERASE))
    queue.drain(node, queue.OF_A_COMMAND)
    witnessing.sign_checkpoint(node)
    _print(node, done if isinstance(done, Refusal) else done.as_json(), as_json=as_json)


def _id(patient: str) -> str:
    return patient.removeprefix("Patient/")


def _operator(node: Node) -> Actor:
    from baybridge.journey.command import Actor, Role

    return Actor("operator", Role.ADMINISTRATOR, node.site.organisation, via="shell")


def _mark(mark: Marking, patient: str, folder: Path, reason: str, state: str, *, lift: bool, as_json: bool) -> None:
    """Set a mark of a person's record, or lift it; prints what holds then."""
    from baybridge.node.neighbours import witnessing

    node = open_or_fail(folder)
    done = mark(node, _id(patient), reason, _operator(node), lift=lift)
    witnessing.sign_checkpoint(node)
    state = "lifted" if lift else state
    _print(node, done if isinstance(done, Refusal) else {"patient": _id(patient), "state": state, "changed": done}, as_json=as_json)


def _print(node: Node, answer: Mapping[str, object] | Refusal, *, as_json: bool) -> None:
    if isinstance(answer, Refusal):
        say_refusal(node, answer, as_json=as_json)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        for name, value in answer.items():
            click.echo(f"{name}: {json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value}")
