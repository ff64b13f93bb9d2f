"""Passkeys (WebAuthn): set up by the owner, asked after the password or alone where the site says so, and for one act of signing.

Main job: `set_up`, `register`; `ask`, `answered`, which says who it is; `of_account`, `remove`. Everything is checked against the address that the site configured, never
against what a request says of itself: an address of numbers is no relying party, and such a node has no passkeys.

Each challenge counts once, for ten minutes and in the browser that got it. The person is verified at the device (by finger, face or PIN) each time. A counter that
does not rise is a copy: that passkey counts no more, and the log says so. **Source**: Web Authentication Level 2 (W3C), 6.1.1 (counter), 7.1, 7.2; the library webauthn
checks what a device answers.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec.structs import replace
from sqlalchemy import Connection, Row, delete, insert, select, update

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.text import not_text
from baybridge.node.people import accounts, refused_entry, second_factor
from baybridge.node.people.outside.begun import Begun, begin, take
from baybridge.node.tables import account as account_table
from baybridge.node.tables import passkey as table

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_LONGEST_NAME = 60
_MOST = 20  # of one account; convention of this project
_LONGEST_ANSWER = 1 << 16  # characters
_NUMBERS = re.compile(r"[\d.]+|.*:.*")  # addresses of the internet protocol


@dataclass(frozen=True, slots=True)
class Party:
    """The name that passkeys of this node are for, and the address of its pages."""

    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser hands to the device: a key that comes back, and the options as JSON."""

    key: str
    options: str


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as its owner sees it."""

    credential_id: str
    name: str
    made_at: str
    last_used_at: str | None
    copied: bool


def party(node: Node) -> Party | None:
    """For which name passkeys are made here; None where the node has no name, or is not reached safely."""
    parts = urlsplit(node.address)
    name = parts.hostname or ""
    if not name or _NUMBERS.fullmatch(name) or (parts.scheme != "https" and name != "localhost"):
        return None
    return Party(name, f"{parts.scheme}://{parts.netloc}")


def of_account(connection: Connection, account: str) -> list[Passkey]:
    """The passkeys of an account, the oldest first."""
    rows = connection.execute(select(table).where(table.c.account == account).order_by(table.c.made_at))
    return [Passkey(row.credential_id, row.name, row.made_at, row.last_used_at, row.copied_at is not None) for row in rows]


def remove(connection: Connection, account: str, credential_id: str = "") -> int:
    """Take a passkey of an account away, or all; how many there were."""
    mine = (table.c.account == account, *((table.c.credential_id == credential_id,) if credential_id else ()))
    return connection.execute(delete(table).where(*mine)).rowcount


# --- setting up -----------------------------------------------------------------------------------------------------


def set_up(node: Node, account: str, name: str, browser: str) -> Asked | Refusal:
    """What the device is asked to make a passkey of an account."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    here = party(node)
    if here is None:
        return refuse(Reason("accounts.passkey.no_party"), category=Category.CONFLICT)
    if not name.strip() or len(name) > _LONGEST_NAME or not_text(name) or not name.isprintable():
        return refuse(Reason("accounts.passkey.name", {"longest": _LONGEST_NAME}, where="name"), category=Category.INVALID)
    challenge = secrets.token_bytes(32)
    with node.storage.writing() as connection:
        known = of_account(connection, account)
        if len(known) >= _MOST:
            return refuse(Reason("accounts.passkey.most", {"most": _MOST}), category=Category.CONFLICT)
        signs_in_as = str(connection.execute(select(account_table.c.name).where(account_table.c.account == account)).scalar())
        begun = Begun(what="passkey-set-up", way="passkey", provider="", account=account, nonce=_text(challenge), to=name.strip())
        key = begin(connection, begun, browser, node.now())
    options = generate_registration_options(
        rp_id=here.name,
        rp_name=node.site.organisation,
        user_name=signs_in_as,
        user_id=sha256(account.encode()).digest(),
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=_bytes(one.credential_id)) for one in known],
    )
    return Asked(key, options_to_json(options))


def register(node: Node, unit: Unit, account: str, key: str, answer: str, browser: str) -> tuple[str, ...] | Refusal:
    """Keep the passkey that a device made; recovery codes where the account had no second factor before, shown once."""
    from webauthn import verify_registration_response

    here, begun = party(node), take(unit.connection, key, browser, unit.at)
    if here is None or begun is None or begun.what != "passkey-set-up" or begun.account != account:
        refused_entry.note(unit, "passkey-refused", "accounts.passkey.over", account)
        return refuse(Reason("accounts.passkey.over"), category=Category.CONFLICT)
    try:
        made = verify_registration_response(
            credential=answer[:_LONGEST_ANSWER], expected_challenge=_bytes(begun.nonce), expected_rp_id=here.name, expected_origin=here.origin,
            require_user_verification=True,
        )  # fmt: skip
    except Exception as problem:  # noqa: BLE001 - whatever a library says of what came from outside
        return _not_believed(node, unit, account, type(problem).__name__)
    credential_id = _text(made.credential_id)
    if unit.connection.execute(select(table.c.account).where(table.c.credential_id == credential_id)).first():
        return refuse(Reason("accounts.passkey.known"), category=Category.CONFLICT)
    first = not accounts.has_passkey(unit.connection, account) and not second_factor.state_of(unit.connection, account).on
    row = {
        "credential_id": credential_id, "account": account, "public_key": made.credential_public_key, "name": begun.to, "made_at": unit.at.isoformat(),
        "last_count": made.sign_count,
    }  # fmt: skip
    unit.connection.execute(insert(table).values(row))
    unit.log("account", "", "passkey-set-up", account.encode(), node.system(), "administration")
    return second_factor.fresh_codes(unit.connection, account) if first else ()


# --- asking ---------------------------------------------------------------------------------------------------------


def ask(node: Node, connection: Connection, begun: Begun, browser: str) -> Asked | None:
    """What the device is asked: for a passkey of the account that was begun for, or for any that it has; None where this node has none."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor, UserVerificationRequirement

    here, challenge = party(node), secrets.token_bytes(32)
    if here is None:
        return None
    known = [PublicKeyCredentialDescriptor(id=_bytes(one.credential_id)) for one in of_account(connection, begun.account) if not one.copied]
    key = begin(connection, replace(begun, way="passkey", nonce=_text(challenge)), browser, node.now())
    options = generate_authentication_options(
        rp_id=here.name, challenge=challenge, allow_credentials=known or None, user_verification=UserVerificationRequirement.REQUIRED
    )
    return Asked(key, options_to_json(options))


def answered(node: Node, unit: Unit, key: str, answer: str, browser: str, what: tuple[str, ...]) -> tuple[str, Begun] | Refusal:
    """The account whose passkey answered, and what had been begun; `what` are the purposes that are looked for."""
    from webauthn import verify_authentication_response
    from webauthn.helpers import parse_authentication_credential_json

    here, begun = party(node), take(unit.connection, key, browser, unit.at)
    if here is None or begun is None or begun.way != "passkey" or begun.what not in what:
        refused_entry.note(unit, "passkey-refused", "accounts.passkey.over", begun.account if begun else "")
        return refuse(Reason("accounts.passkey.over"), category=Category.UNAUTHENTICATED)
    try:
        credential = parse_authentication_credential_json(answer[:_LONGEST_ANSWER])
        row = unit.connection.execute(select(table).where(table.c.credential_id == _text(credential.raw_id))).first()
        if row is None or row.copied_at is not None or (begun.account and row.account != begun.account):
            return _not_believed(node, unit, begun.account, "unknown")
        handle = credential.response.user_handle
        if handle is not None and handle != sha256(row.account.encode()).digest():
            return _not_believed(node, unit, row.account, "handle")
        found = verify_authentication_response(
            credential=credential, expected_challenge=_bytes(begun.nonce), expected_rp_id=here.name, expected_origin=here.origin,
            credential_public_key=bytes(row.public_key), credential_current_sign_count=0, require_user_verification=True,
        )  # fmt: skip
    except Exception as problem:  # noqa: BLE001 - whatever a library says of what came from outside
        return _not_believed(node, unit, begun.account, type(problem).__name__)
    refusal = _counted(node, unit, row, found.new_sign_count)
    return refusal or (str(row.account), begun)


def _counted(node: Node, unit: Unit, row: Row[tuple[object, ...]], count: int) -> Refusal | None:
    """Note a use; the refusal of a passkey whose counter did not rise, which is a copy or was copied."""
    mine = table.c.credential_id == row.credential_id
    if (count or row.last_count) and count <= row.last_count:
        unit.connection.execute(update(table).where(mine).values(copied_at=unit.at.isoformat()))
        unit.log("account", "", "passkey-copied", str(row.account).encode(), node.system(), "administration")
        return refuse(Reason("accounts.passkey.copied"), category=Category.UNAUTHENTICATED)
    unit.connection.execute(update(table).where(mine).values(last_count=count, last_used_at=unit.at.isoformat()))
    return None


def _not_believed(node: Node, unit: Unit, account: str, what: str) -> Refusal:
    if not accounts.counted(unit.connection, f"passkey {account}", unit.at):
        unit.log("account", "", "passkey-refused", f"{account}\n{what}".encode(), node.system(), "administration")
    return refuse(Reason("accounts.passkey.wrong"), category=Category.UNAUTHENTICATED)


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(value: str) -> bytes:
    return urlsafe_b64decode(value + "=" * (-len(value) % 4))
