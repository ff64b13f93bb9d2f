"""Where people are reached and by which secrets a node sends: files of the node alone, never documents, which pages show.

Main job: `contacts(folder)` from `DIR/keys/contacts.yaml`, `secret(folder, name)` from the credentials of the service or `DIR/keys/messages/NAME`.

    dr-chan: {mail: chan@hospital.example, sms: "+85260000000"}     # sign-in name, then an address for each way
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from baybridge.base.failures import why
from baybridge.documents.loader import plain_yaml
from baybridge.node.config import credentials_folder

FILE, FOLDER = "contacts.yaml", "messages"
#: What an address may be: nothing that ends a line or a field.
_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f<>,;\"\\]{1,200}")


class ContactsProblem(Exception):
    """The file of contacts cannot be read; the message names no contact."""


def contacts(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """The addresses by sign-in name and way; empty where there is no file. ContactsProblem where it cannot be read."""
    path = folder / "keys" / FILE
    if not path.is_file():
        return {}
    try:
        read = plain_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise ContactsProblem(f"{FILE}: expected YAML, found {why(problem)}") from None
    if not isinstance(read, dict) or not all(isinstance(one, dict) for one in read.values()):
        raise ContactsProblem(f"{FILE}: expected for each sign-in name a map of ways and addresses")
    wrong = [str(name) for name, ways in read.items() if not all(is_address(address) for address in ways.values())]
    if wrong:
        raise ContactsProblem(f"{FILE}: expected addresses without blanks, quotes and line ends; look at {len(wrong)} of the entries")
    return {str(name): {str(way): str(address) for way, address in ways.items()} for name, ways in read.items()}


def is_address(address: object) -> bool:
    """Whether this can stand in the head of a mail or the field of a form."""
    return isinstance(address, str) and _ADDRESS.fullmatch(address) is not None


def secret(folder: Path, name: str) -> str | None:
    """A secret by its name; None where there is no such file."""
    given = credentials_folder()
    for path in (*([given / name] if given else []), folder / "keys" / FOLDER / name):
        if path.is_file():
            return path.read_text(encoding="utf-8").strip()
    return None
