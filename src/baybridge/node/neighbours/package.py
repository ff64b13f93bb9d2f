"""Packages between nodes: what they hold, signing, sealing, opening, receipts.

Main job: `seal` turns content into bytes that only the receiver can read and that everybody can see come from the sender; `open_sealed` undoes it
or answers every reason against. The signature stays with the receiver as proof of what was sent.

**Source**: JWS with EdDSA (RFC 7515, 8037), JWE with ECDH-ES and A256GCM to X25519 (RFC 7516, 8037), by the `joserfc` library.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson
from joserfc import jwe, jws
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry
from msgspec import Struct, ValidationError

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.decoding import convert
from baybridge.base.failures import why
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.text import not_text_inside
from baybridge.journey.events import Told

SIGNED_TYPE = "baybridge-package+jws"
RECEIPT_TYPE = "baybridge-receipt+jws"
TOLD_TYPE = "baybridge-told+jws"

#: A transfer of data, a correction of data that went before, a consent that was withdrawn.
TRANSFER, CORRECTION, WITHDRAWAL = "transfer", "correction", "withdrawal"
KINDS = (TRANSFER, CORRECTION, WITHDRAWAL)

#: Largest package taken in, in bytes; a whole patient's record is well below it. Room for two encodings in base64.
LIMIT = 64 * 1024 * 1024
SEALED_LIMIT = 2 * LIMIT  # signed and sealed, each in base64


class _Signatures(JWSRegistry):
    max_payload_length = LIMIT


class _Seals(JWERegistry):
    max_ciphertext_length = SEALED_LIMIT


_SIGNATURES = _Signatures(algorithms=["Ed25519", "EdDSA"])
_SEALS = _Seals(algorithms=["ECDH-ES", "A256GCM"])


class Content(Struct, frozen=True, kw_only=True):
    """What a package carries: the check that allowed it, told events and resources of one case for one purpose."""

    package_id: str
    kind: str  # one of KINDS
    from_node: str
    to_node: str
    case_id: str
    patient_id: str
    synthetic: bool
    purpose: str
    route: str
    codes: tuple[str, ...]
    sent_at: str
    decision: dict[str, Any]
    told: tuple[dict[str, Any], ...]
    resources: tuple[str, ...]  # JSON text as stored, so that no number loses a digit
    corrected: tuple[str, ...] = ()  # Type/id of what this package corrects, whether or not its content may go along
    gone: tuple[str, ...] = ()  # Type/id of what the sender no longer stands by


class Receipt(Struct, frozen=True, kw_only=True):
    """The receiver's word that it filed a package."""

    package_id: str
    content_sha256: str
    from_node: str
    to_node: str
    received_at: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A package whose signature and seal held: its content and the signed bytes to keep."""

    content: Content
    content_sha256: str
    signed: bytes


def key_of(text_or_jwk: str | Mapping[str, object]) -> OKPKey:
    """A signing or sealing key from PEM text or a JWK."""
    return OKPKey.import_key(text_or_jwk if isinstance(text_or_jwk, str) else {name: value for name, value in text_or_jwk.items() if isinstance(value, str)})


def new_keys() -> tuple[str, str]:
    """Fresh private keys as PEM: Ed25519 for signing, X25519 for sealing."""
    return (_pem(OKPKey.generate_key("Ed25519")), _pem(OKPKey.generate_key("X25519")))


def _pem(key: OKPKey) -> str:
    return key.as_pem(private=True).decode()


def public_jwk(pem: str) -> dict[str, object]:
    """The public half as a JWK whose `kid` is its RFC 7638 thumbprint."""
    key = key_of(pem)
    return {**key.as_dict(private=False), "kid": key.thumbprint()}


def sign(payload: bytes, signing_pem: str, kind: str) -> bytes:
    """Compact JWS over payload; `typ` names what was signed, so that one kind never passes for another."""
    key = key_of(signing_pem)
    header = {"alg": "Ed25519", "typ": kind, "kid": key.thumbprint()}
    return jws.serialize_compact(header, payload, key, registry=_SIGNATURES).encode()


def check_signed(signed: bytes, keys: Sequence[Mapping[str, object]], kind: str) -> bytes | Refusal:
    """The payload of a signature by one of these keys over this kind, or why not."""
    try:
        found = jws.extract_compact(signed, registry=_SIGNATURES).headers()
    except (JoseError, ValueError):
        return refuse(Reason("federation.not_signed"), category=Category.INVALID)
    if found.get("typ") != kind:
        return refuse(Reason("federation.wrong_kind", {"expected": kind, "found": str(found.get("typ"))}), category=Category.INVALID)
    for jwk in keys:
        key = key_of(jwk)
        if key.thumbprint() == found.get("kid"):
            try:
                return jws.deserialize_compact(signed, key, registry=_SIGNATURES).payload
            except JoseError:
                return refuse(Reason("federation.bad_signature"), category=Category.FORBIDDEN)
    return refuse(Reason("federation.unknown_signer"), category=Category.FORBIDDEN)


def signer_of(signed: bytes) -> str:
    """The `kid` of the key that a signature, checked before, names."""
    return str(jws.extract_compact(signed, registry=_SIGNATURES).headers().get("kid"))


def told_bytes(case_id: str, told: Told) -> bytes:
    """What a node signs of an event that it tells: all of it but the patient's identifier, which is left out for some purposes."""
    plain = msgspec.to_builtins(msgspec.structs.replace(told, signature=""))
    if "patient_id" in plain["event"]:
        plain["event"] = {**plain["event"], "patient_id": ""}
    return canonical_bytes({"case_id": case_id, **plain})


def attest(case_id: str, told: Told, signing_pem: str) -> Told:
    """An event with the signature of the node that recorded it, so that others can hand it on; the signature holds no content."""
    header, _payload, signature = sign(told_bytes(case_id, told), signing_pem, TOLD_TYPE).split(b".")
    return msgspec.structs.replace(told, signature=f"{header.decode()}..{signature.decode()}")


def attested(case_id: str, told: Told, keys: Sequence[Mapping[str, object]]) -> bool:
    """Whether one of these keys signed this event of this case."""
    header, separator, signature = told.signature.partition("..")
    if not separator:
        return False
    payload = urlsafe_b64encode(told_bytes(case_id, told)).rstrip(b"=").decode()
    return isinstance(check_signed(f"{header}.{payload}.{signature}".encode("utf-8", "replace"), keys, TOLD_TYPE), bytes)


def content_bytes(content: Content) -> bytes:
    """Canonical bytes of a content, over which its SHA-256 is taken."""
    return canonical_bytes(_plain(content))


def _plain(value: Struct) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


def seal(payload: bytes, signing_pem: str, receiver: Mapping[str, object]) -> bytes:
    """Payload signed by the sender, then encrypted to the receiver."""
    signed = sign(payload, signing_pem, SIGNED_TYPE)
    protected = {"alg": "ECDH-ES", "enc": "A256GCM", "cty": "JWS"}
    return jwe.encrypt_compact(protected, signed, key_of(receiver), registry=_SEALS).encode()


def open_sealed(sealed: bytes, sealing_pem: str | Sequence[str], senders: Mapping[str, Sequence[Mapping[str, object]]], me: str) -> Opened | Refusal:
    """The content of a package sealed to this node by a known sender, or why not; `sealing_pem` are its sealing keys, the one in use first.

    `senders` maps node names to their public signing keys; the name inside the package must be the one whose key signed it.
    """
    signed = next(filter(None, (_unsealed(sealed, pem) for pem in ((sealing_pem,) if isinstance(sealing_pem, str) else sealing_pem))), None)
    if signed is None:
        return refuse(Reason("federation.not_sealed_to_us"), category=Category.INVALID)
    keys = [key for keys in senders.values() for key in keys]
    payload = check_signed(signed, keys, SIGNED_TYPE)
    if isinstance(payload, Refusal):
        return payload
    content = read_content(payload)
    if isinstance(content, Refusal):
        return content
    return _addressed(content, payload, signed, senders, me)


def _unsealed(sealed: bytes, sealing_pem: str) -> bytes | None:
    try:
        return jwe.decrypt_compact(sealed, key_of(sealing_pem), registry=_SEALS).plaintext
    except (JoseError, ValueError):
        return None


def _addressed(content: Content, payload: bytes, signed: bytes, senders: Mapping[str, Sequence[Mapping[str, object]]], me: str) -> Opened | Refusal:
    own = check_signed(signed, senders.get(content.from_node, ()), SIGNED_TYPE)
    reasons = []
    if isinstance(own, Refusal):
        reasons.append(Reason("federation.sender_mismatch", {"node": content.from_node}))
    if content.to_node != me:
        reasons.append(Reason("federation.not_for_us", {"node": content.to_node}))
    if reasons:
        return refuse(*reasons, category=Category.FORBIDDEN)
    return Opened(content, sha256_hex(payload), signed)


def read_content(payload: bytes) -> Content | Refusal:
    """A content from its bytes."""
    try:
        plain = orjson.loads(payload)
        if not not_text_inside(plain):
            return convert(plain, Content)
    except (ValueError, ValidationError, RecursionError) as problem:
        return refuse(Reason("federation.unreadable", {"problem": why(problem)}), category=Category.INVALID)
    return refuse(Reason("federation.unreadable", {"problem": "text"}), category=Category.INVALID)


def make_receipt(receipt: Receipt, signing_pem: str) -> bytes:
    """A receipt, signed by the receiver."""
    return sign(canonical_bytes(_plain(receipt)), signing_pem, RECEIPT_TYPE)


def read_receipt(signed: bytes, keys: Sequence[Mapping[str, object]]) -> Receipt | Refusal:
    """A receipt signed by one of these keys, or why not."""
    payload = check_signed(signed, keys, RECEIPT_TYPE)
    if isinstance(payload, Refusal):
        return payload
    try:
        return convert(orjson.loads(payload), Receipt)
    except (orjson.JSONDecodeError, ValidationError):
        return refuse(Reason("federation.unreadable", {"problem": "receipt"}), category=Category.INVALID)
