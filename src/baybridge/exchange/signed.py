"""Signed documents: one shape for everything that leaves a node as a file with a signature.

Main job: sign a JSON payload of a named kind, and read such a file so strictly that one changed byte is always noticed.

A document is `{"kind", "payload", "anchor", "protected", "signature"}` in canonical JSON: the payload stays readable, and `protected` and
`signature` are a JWS with detached content (RFC 7515 appendix F) over the canonical `{"anchor", "kind", "payload"}`. `anchor` shows that
the signer's key stands in a witnessed log (`evidence/anchor.py`), or is null. A compact JWS (packages, receipts between nodes) is read too.

**Source**: RFC 7515 (JWS), RFC 8037 and RFC 9864 (Ed25519), RFC 8785 (canonical JSON).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from baybridge.base.canonical import canonical_bytes
from baybridge.base.json_value import KeyTwiceError, each_key_once
from baybridge.base.keys import SigningKey, VerifyKey, b64url, b64url_decode
from baybridge.base.outcome import Category, Reason, Refusal, refuse

LARGEST_BYTES = 256 * 1024 * 1024
_ALGORITHMS = ("Ed25519", "EdDSA")
_MEMBERS = {"kind", "payload", "anchor", "protected", "signature"}
_COMPACT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """A document whose form is right and whose signature was made by `key`; whose key that is, only trust can say.

    `named` is the key that the document itself names, if it does: one that proves nothing alone.
    """

    kind: str
    payload: Any
    anchor: Any
    kid: str
    signed: bytes
    signature: bytes
    named: VerifyKey | None

    def by(self, keys: Iterable[VerifyKey]) -> VerifyKey | None:
        """The key among `keys` that made the signature."""
        return next((key for key in keys if key.kid == self.kid and key.verify(self.signature, self.signed)), None)


def sign_document(kind: str, payload: object, key: SigningKey, anchor: object = None) -> bytes:
    """The file bytes of a signed document; ValueError where the payload is no plain JSON."""
    header = {"alg": "Ed25519", "jwk": key.public.jwk(), "kid": key.kid, "typ": _type_of(kind)}
    protected = b64url(canonical_bytes(header))
    content = {"anchor": anchor, "kind": kind, "payload": payload}
    signature = key.sign(_signing_input(protected, canonical_bytes(content)))
    return canonical_bytes({**content, "protected": protected, "signature": b64url(signature)})


def _type_of(kind: str) -> str:
    return f"baybridge-{kind}+jws"


def _signing_input(protected: str, content: bytes) -> bytes:
    return f"{protected}.{b64url(content)}".encode("ascii")


# --- reading --------------------------------------------------------------------------------------------------------


def read_document(data: bytes) -> SignedDocument | Refusal:
    """A signed document or compact JWS read strictly; its signature is not judged here but for the key that it names."""
    if _COMPACT.fullmatch(data):
        return _read_compact(data)
    value = read_canonical(data)
    if isinstance(value, Refusal):
        return value
    if not isinstance(value, dict) or set(value) != _MEMBERS or not isinstance(value["kind"], str):
        return _broken("not_signed")
    header = _header(value["protected"])
    if header is None or header.get("typ") != _type_of(value["kind"]):
        return _broken("header")
    content = canonical_bytes({name: value[name] for name in ("anchor", "kind", "payload")})
    parts = (value["kind"], value["payload"], value["anchor"])
    return _document(header, parts, _signing_input(value["protected"], content), value["signature"])


def _read_compact(data: bytes) -> SignedDocument | Refusal:
    protected, payload, signature = data.decode("ascii").split(".")
    header = _header(protected)
    if header is None or not isinstance(header.get("typ"), str):
        return _broken("header")
    try:
        value = json.loads(b64url_decode(payload), object_pairs_hook=each_key_once)
    except (ValueError, RecursionError):
        return _broken("not_json")
    kind = str(header["typ"]).removeprefix("baybridge-").removesuffix("+jws")
    return _document(header, (kind, value, None), f"{protected}.{payload}".encode("ascii"), signature)


def _header(protected: object) -> dict[str, object] | None:
    """The protected header: Ed25519 by a named key and no extension that must be understood; None where it is anything else."""
    try:
        header = json.loads(b64url_decode(protected), object_pairs_hook=each_key_once) if isinstance(protected, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(header, dict) or header.get("alg") not in _ALGORITHMS or not isinstance(header.get("kid"), str) or "crit" in header:
        return None
    return header


def _document(header: Mapping[str, object], parts: tuple[str, object, object], signed: bytes, signature: object) -> SignedDocument | Refusal:
    try:
        value = b64url_decode(signature) if isinstance(signature, str) else b""
        jwk, kid = header.get("jwk"), str(header["kid"])
        named = VerifyKey.from_jwk(jwk) if isinstance(jwk, dict) else None
    except ValueError:
        return _broken("header")
    if named is not None and (named.kid != kid or not named.verify(value, signed)):
        return refuse(Reason("ledger.signed.bad_signature", {"kid": kid}), category=Category.INVALID)
    kind, payload, anchor = parts
    return SignedDocument(kind, payload, anchor, kid, signed, value, named)


def read_canonical(data: bytes) -> object | Refusal:
    """The JSON value of canonical bytes.

    Refused: other encodings than UTF-8, duplicate keys, other layout, trailing data, NaN, numbers that lose digits, absurd depth or size.
    """
    if len(data) > LARGEST_BYTES:
        return refuse(Reason("ledger.signed.too_large", {"most": LARGEST_BYTES, "found": len(data)}), category=Category.TOO_LARGE)
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=each_key_once, parse_constant=_no_constant)
        again = canonical_bytes(value)
    except KeyTwiceError as duplicate:
        return refuse(Reason("ledger.signed.duplicate_key", {"key": str(duplicate)}), category=Category.INVALID)
    except (ValueError, RecursionError):
        return _broken("not_json")
    return value if again == data else _broken("not_canonical")


def _no_constant(name: str) -> object:
    raise ValueError(f"expected a number, found {name}")


def _broken(code: str) -> Refusal:
    return refuse(Reason(f"ledger.signed.{code}"), category=Category.INVALID)
