"""Keys: Ed25519 to sign, X25519 to seal, and rings of public keys that outlive a rotation.

Main job: sign and verify bytes, and say which key did it by a name that anyone can recompute.

**Source**: RFC 8032 (Ed25519), RFC 7748 (X25519), RFC 8037 (both as JSON Web Keys), RFC 7638 (key id = thumbprint of the key).
Elsewhere: `generate` draws entropy and is called by `node` only; `node` also reads and writes the texts that `to_text` answers.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from baybridge.base.canonical import canonical_bytes
from baybridge.base.time import parse_instant

_KEY_BYTES = 32


def b64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """The bytes of a base64url text without padding; ValueError where it is not the one canonical form."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        data = b""
    if b64url(data) != text:
        raise ValueError("expected base64url without padding in its canonical form")
    return data


def thumbprint(jwk: Mapping[str, str]) -> str:
    """The RFC 7638 thumbprint of an OKP key: base64url of the SHA-256 over its required members."""
    required = {name: jwk[name] for name in ("crv", "kty", "x")}
    return b64url(sha256(canonical_bytes(required)).digest())


def _okp_bytes(jwk: Mapping[str, object], curve: str, member: str) -> bytes:
    if jwk.get("kty") != "OKP" or jwk.get("crv") != curve:
        raise ValueError(f"expected an OKP key on {curve}, found kty {jwk.get('kty')!r} crv {jwk.get('crv')!r}")
    value = jwk.get(member)
    raw = b64url_decode(value) if isinstance(value, str) else b""
    if len(raw) != _KEY_BYTES:
        raise ValueError(f"expected {_KEY_BYTES} bytes in member {member!r} of the key, found {len(raw)}")
    return raw


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public Ed25519 key."""

    raw: bytes

    def __post_init__(self) -> None:
        Ed25519PublicKey.from_public_bytes(self.raw)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> VerifyKey:
        """The key of a public (or private) JWK; ValueError says what was expected and found."""
        return cls(_okp_bytes(jwk, "Ed25519", "x"))

    @property
    def kid(self) -> str:
        """The key's RFC 7638 thumbprint."""
        return thumbprint(self._members())

    def jwk(self) -> dict[str, str]:
        """The public JWK, with `kid`, `use` and `alg`."""
        return {**self._members(), "kid": self.kid, "use": "sig", "alg": "EdDSA"}

    def verify(self, signature: bytes, data: bytes) -> bool:
        """True if this key made `signature` over exactly `data`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def _members(self) -> dict[str, str]:
        return {"kty": "OKP", "crv": "Ed25519", "x": b64url(self.raw)}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private Ed25519 key; never printed by `repr`."""

    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> SigningKey:
        """A fresh key; called by `node` only."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_text(cls, text: str) -> SigningKey:
        """The key of a private JWK or PKCS #8 PEM text; ValueError says what was expected and found."""
        if text.lstrip().startswith("-----BEGIN"):
            key = load_pem_private_key(text.encode(), password=None)
            if not isinstance(key, Ed25519PrivateKey):
                raise ValueError("expected an Ed25519 private key in the PEM text")
            return cls(key.private_bytes_raw())
        return cls(_okp_bytes(_json_object(text), "Ed25519", "d"))

    @property
    def public(self) -> VerifyKey:
        """The public half."""
        return VerifyKey(self._private().public_key().public_bytes_raw())

    @property
    def kid(self) -> str:
        """The public key's thumbprint."""
        return self.public.kid

    def sign(self, data: bytes) -> bytes:
        """The 64-byte signature over `data`."""
        return self._private().sign(data)

    def to_text(self) -> str:
        """The private JWK as text, for `node` to keep."""
        return json.dumps({**self.public.jwk(), "d": b64url(self.seed)}, indent=1, sort_keys=True) + "\n"

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True, slots=True)
class SealKey:
    """A public X25519 key: packages are sealed to it."""

    raw: bytes

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> SealKey:
        """The key of a public (or private) JWK; ValueError says what was expected and found."""
        return cls(_okp_bytes(jwk, "X25519", "x"))

    @property
    def kid(self) -> str:
        """The key's RFC 7638 thumbprint."""
        return thumbprint({"kty": "OKP", "crv": "X25519", "x": b64url(self.raw)})

    def jwk(self) -> dict[str, str]:
        """The public JWK, with `kid`, `use` and `alg`."""
        return {"kty": "OKP", "crv": "X25519", "x": b64url(self.raw), "kid": self.kid, "use": "enc", "alg": "ECDH-ES+A256KW"}


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A private X25519 key that opens what was sealed to it; never printed by `repr`."""

    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> SealingKey:
        """A fresh key; called by `node` only."""
        return cls(X25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_text(cls, text: str) -> SealingKey:
        """The key of a private JWK text; ValueError says what was expected and found."""
        return cls(_okp_bytes(_json_object(text), "X25519", "d"))

    @property
    def public(self) -> SealKey:
        """The public half."""
        raw = X25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return SealKey(raw)

    @property
    def kid(self) -> str:
        """The public key's thumbprint."""
        return self.public.kid

    def shared(self, other: SealKey) -> bytes:
        """The raw Diffie-Hellman secret with `other`; to be put through a key derivation before use."""
        return X25519PrivateKey.from_private_bytes(self.seed).exchange(X25519PublicKey.from_public_bytes(other.raw))

    def private_jwk(self) -> dict[str, str]:
        """The private JWK as a dict, for the library that opens packages."""
        return {**self.public.jwk(), "d": b64url(self.seed)}

    def to_text(self) -> str:
        """The private JWK as text, for `node` to keep."""
        return json.dumps(self.private_jwk(), indent=1, sort_keys=True) + "\n"


@dataclass(frozen=True, slots=True)
class RingKey:
    """A public key and when signatures by it count; None is open on that side."""

    key: VerifyKey
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def covers(self, at: datetime | None) -> bool:
        """True if a signature said to be made at `at` falls into the key's time; an unknown time falls into every key's."""
        if at is None:
            return True
        return (self.valid_from is None or self.valid_from <= at) and (self.valid_until is None or at < self.valid_until)

    def as_json(self) -> dict[str, str]:
        """The public JWK with `valid_from` and `valid_until` where they are known."""
        times = {"valid_from": self.valid_from, "valid_until": self.valid_until}
        return {**self.key.jwk(), **{name: at.isoformat() for name, at in times.items() if at is not None}}


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The public signing keys of one party, old ones included, so that a rotation leaves old signatures verifiable."""

    keys: tuple[RingKey, ...] = ()

    @classmethod
    def of(cls, *keys: VerifyKey) -> KeyRing:
        """A ring of keys that are valid at any time."""
        return cls(tuple(RingKey(key) for key in keys))

    @classmethod
    def from_jwks(cls, jwks: Iterable[Mapping[str, object]]) -> KeyRing:
        """A ring from JWKs; keys of another kind than Ed25519 are left out, a broken Ed25519 key is a ValueError."""
        return cls(tuple(_ring_key(jwk) for jwk in jwks if jwk.get("crv") == "Ed25519"))

    def __iter__(self) -> Iterator[VerifyKey]:
        return (ring_key.key for ring_key in self.keys)

    def find(self, kid: str, at: datetime | None = None) -> VerifyKey | None:
        """The key of that id if it is in the ring and valid at `at`."""
        return next((known.key for known in self.keys if known.key.kid == kid and known.covers(at)), None)

    def verify(self, kid: str, signature: bytes, data: bytes, at: datetime | None = None) -> bool:
        """True if the ring has that key, valid at `at`, and it made `signature` over `data`."""
        key = self.find(kid, at)
        return key is not None and key.verify(signature, data)

    def as_json(self) -> list[dict[str, str]]:
        """The keys as public JWKs."""
        return [ring_key.as_json() for ring_key in self.keys]


def _ring_key(jwk: Mapping[str, object]) -> RingKey:
    from_, until = jwk.get("valid_from"), jwk.get("valid_until")
    return RingKey(
        VerifyKey.from_jwk(jwk),
        None if from_ is None else parse_instant(from_),
        None if until is None else parse_instant(until),
    )


def _json_object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as problem:
        raise ValueError(f"expected a JSON Web Key, found text that is not JSON (line {problem.lineno})") from None
    if not isinstance(value, dict):
        raise ValueError("expected a JSON Web Key as one JSON object")
    return value
