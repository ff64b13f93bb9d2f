"""The chain-of-identity id: one per therapy event, on every bag, form and shipment, never reused.

Main job: make a provisional id with its check character; a scanned one is compared with the case's own.

**Source**: ISBT 128 as laid out in ICCBBA ST-001 v6.2.2 structure 040 (`CH`, facility of five characters, year, sequence) and
ISO/IEC 7064 MOD 37-2 for the check character. No facility number is held: ours begin with `0`, which no facility identification
number does (first character A to N, P to Z, 1 to 9), and stand behind the prefix `LOCAL`. The sequence is longer than the six
characters of structure 040, because it is drawn, not counted.
"""

from __future__ import annotations

import re
from hashlib import sha256

#: Source: ISO/IEC 7064, MOD 37-2: values 0 to 36.
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
RADIX = 2
MODULUS = 37

PREFIX = "LOCAL"
_SEQUENCE = 10
_LETTERS = ALPHABET[:36]


def check_character(content: str) -> str:
    """The ISO/IEC 7064 MOD 37-2 check character of letters and digits; ValueError where a character has no value."""
    remainder = 0
    for letter in content:
        value = ALPHABET.find(letter)
        if value < 0 or letter == "*":
            raise ValueError("expected capital letters A to Z and digits only")
        remainder = (remainder + value) * RADIX % MODULUS
    return ALPHABET[(MODULUS + 1 - remainder) % MODULUS]


def provisional_id(node: str, year: int, unique: str) -> str:
    """A new provisional chain-of-identity id of a node, from an identifier that was never used before."""
    facility = "0" + re.sub(r"[^A-Z0-9]", "", node.upper())[:4].ljust(4, "0")
    content = f"CH{facility}{year % 100:02d}{_sequence(unique)}"
    return f"{PREFIX}-{content}-{check_character(content)}"


def _sequence(unique: str) -> str:
    number = int.from_bytes(sha256(unique.encode()).digest()[:16], "big")
    letters = []
    for _ in range(_SEQUENCE):
        number, rest = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return "".join(letters)
