"""A device with passkeys, in software: answers what a page asks, as a browser would, and can be told to lie.

Main job: `Device.makes(options)` and `Device.answers(options)` give the JSON that the page's script sends. **Source**: Web Authentication Level 2, 6.1, 6.5.4.
"""

from __future__ import annotations

import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


def text(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def read(value: str) -> bytes:
    return urlsafe_b64decode(value + "=" * (-len(value) % 4))


@dataclass
class Device:
    """One passkey on one device."""

    origin: str = "http://localhost:8080"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: bytes = b""
    count: int = 0

    def makes(self, options: dict[str, Any], **lies: Any) -> str:
        """A passkey, as a page asked for it."""
        self.handle = read(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)})
        attested = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id + public
        about = self._about(options["rp"]["id"], attested, **lies)
        response = {
            "clientDataJSON": self._client("webauthn.create", options, **lies),
            "attestationObject": text(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": about})),
        }
        return self._said(response)

    def answers(self, options: dict[str, Any], **lies: Any) -> str:
        """The answer to a challenge."""
        self.count = lies.get("count", self.count + 1)
        about, client = self._about(options["rpId"], b"", **lies), self._client("webauthn.get", options, **lies)
        signer: ec.EllipticCurvePrivateKey = lies.get("key", self.key)
        signature = signer.sign(about + sha256(read(client)).digest(), ec.ECDSA(hashes.SHA256()))
        handle = lies.get("handle", self.handle)
        return self._said({"clientDataJSON": client, "authenticatorData": text(about), "signature": text(signature), "userHandle": text(handle)})

    def _about(self, asked_party: str, attested: bytes, **lies: Any) -> bytes:
        flags = lies.get("flags", _PRESENT | _VERIFIED) | (_ATTESTED if attested else 0)
        return sha256(str(lies.get("party", asked_party)).encode()).digest() + bytes([flags]) + struct.pack(">I", self.count) + attested

    def _client(self, asked_kind: str, options: dict[str, Any], **lies: Any) -> str:
        said = {"type": lies.get("kind", asked_kind), "challenge": lies.get("challenge", options["challenge"]), "origin": lies.get("origin", self.origin)}
        return text(json.dumps(said).encode())

    def _said(self, response: dict[str, str]) -> str:
        named = text(self.credential_id)
        return json.dumps({"id": named, "rawId": named, "type": "public-key", "response": response, "clientExtensionResults": {}})
