"""The next page of a search whose values must not stand in an address.

Main job: `sealed` makes an opaque text of a search that came by POST, `opened` reads it again; without the node's secret it says nothing.

**Source**: design section 9 (generated addresses carry opaque identifiers only); AES-GCM, NIST SP 800-38D.
"""

from __future__ import annotations

import binascii
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from baybridge.base import decoding

if TYPE_CHECKING:
    from baybridge.node.node import Node

PAGE = "_page"
_NONCE = 12


def sealed(node: Node, kind: str, given: Sequence[tuple[str, str]]) -> str:
    """The parameters of a search as a text for an address."""
    nonce = os.urandom(_NONCE)
    return urlsafe_b64encode(nonce + _cipher(node).encrypt(nonce, msgspec.json.encode(given), kind.encode())).decode().rstrip("=")


def opened(node: Node, kind: str, text: str) -> list[tuple[str, str]] | None:
    """The parameters again; None where the text is none of this node for this type."""
    try:
        data = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        plain = _cipher(node).decrypt(data[:_NONCE], data[_NONCE:], kind.encode())
    except (ValueError, binascii.Error, InvalidTag):
        return None
    return decoding.decode(plain, list[tuple[str, str]])


def _cipher(node: Node) -> AESGCM:
    return AESGCM(sha256(b"search pages\x00" + node.config.secrets["session"].encode()).digest())
