"""Passwords: kept as argon2id hashes, compared in the same time whoever asks, and refused where anybody would guess them.

Main job: `hashed`, `matches`, `against`. **Source**: NIST SP 800-63B-4, 3.1.1.2 (length, no rules of composition, no known and no own names).
"""

from __future__ import annotations

import secrets
from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from baybridge.base.outcome import Reason
from baybridge.base.text import not_text


def _unpadded(value: bytes) -> str:
    return b64encode(value).decode().rstrip("=")


_HASHER = PasswordHasher()
_COSTS = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
#: The hash of no password, so that an unknown name costs the same time as a wrong password.
_NOBODY = f"$argon2id$v=19${_COSTS}${_unpadded(secrets.token_bytes(_HASHER.salt_len))}${_unpadded(secrets.token_bytes(_HASHER.hash_len))}"
_FEWEST_LETTERS = 5  # different ones beside the own name; "aaaaaaaaaaaa" is guessed first
_LONGEST = 1000


def hashed(password: str) -> str:
    """What is kept of a password."""
    return _HASHER.hash(password)


def matches(kept: str | None, password: str) -> bool:
    """Whether a password is the one that was kept; where none is, it costs the same time."""
    try:
        return _HASHER.verify(kept or _NOBODY, password) and bool(kept)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def against(password: str, name: str, at_least: int) -> Reason | None:
    """Why a new password of a name is not taken; None where it is."""
    if not_text(password) or not at_least <= len(password) <= _LONGEST:
        return Reason("accounts.password.length", {"at_least": at_least, "at_most": _LONGEST}, where="password")
    beside_name = password.casefold().replace(name.casefold() or "\0", "")
    if len(set(beside_name)) < _FEWEST_LETTERS:
        return Reason("accounts.password.guessed", where="password")
    return None
