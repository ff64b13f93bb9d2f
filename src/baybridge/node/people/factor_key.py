"""The key under which secrets of second factors are kept in the database: in a file of its own, or the service manager's credential.

Main job: `factor_key(folder)`; `Sealer` seals a secret for one account and opens it again. Whoever has the database alone, or a copy of it, has no second factor.

**Source**: AES-256 in Galois/counter mode (NIST SP 800-38D), the account as additional data; systemd credentials (`CREDENTIALS_DIRECTORY`).
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from baybridge.node.config import ConfigProblem, credentials_folder

CREDENTIAL = "baybridge-factors"
FILE = "factors.key"
_BYTES, _NONCE, _MARK = 32, 12, "v1:"


def factor_key(folder: Path) -> bytes:
    """The key of a node folder, made at its first opening; ConfigProblem where what stands there is none."""
    given = credentials_folder()
    if given is not None and (given / CREDENTIAL).exists():
        return _read(given / CREDENTIAL)
    own = folder / "keys" / FILE
    with suppress(FileExistsError):
        handle = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES))
    return _read(own)


def _read(file: Path) -> bytes:
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except (ValueError, UnicodeDecodeError):
        key = b""
    if len(key) != _BYTES:
        raise ConfigProblem(f"{file}: expected {2 * _BYTES} hexadecimal digits, the key of second factors; put the file back from where it is kept apart")
    return key


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals secrets for accounts."""

    key: bytes

    def seal(self, account: str, secret: str) -> str:
        """A secret as the database keeps it."""
        nonce = secrets.token_bytes(_NONCE)
        return _MARK + (nonce + AESGCM(self.key).encrypt(nonce, secret.encode(), account.encode())).hex()

    def open(self, account: str, stored: str) -> str:
        """The secret of an account; empty, so that no code fits, where it was sealed for another account or by another key.

        What an older version kept is not sealed and is answered as it stands.
        """
        if not is_sealed(stored):
            return stored
        body = bytes.fromhex(stored.removeprefix(_MARK))
        try:
            return AESGCM(self.key).decrypt(body[:_NONCE], body[_NONCE:], account.encode()).decode()
        except InvalidTag:
            return ""


def is_sealed(stored: str) -> bool:
    """Whether a stored secret is sealed."""
    return stored.startswith(_MARK)
