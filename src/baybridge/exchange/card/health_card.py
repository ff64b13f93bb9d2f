"""SMART Health Cards: laboratory results that the patient carries, signed by the laboratory, verifiable by anyone offline.

Main job: `issue(...)` signs results as a card; `read_card(data)` reads a card file, a QR text or a bare token; `Card.by(keys)` says who signed.

**Source**: SMART Health Cards Framework 1.4 (payload, DEFLATE, ES256, `shc:/` numeric form); RFC 7515, RFC 7518 (ES256), RFC 7638.
Elsewhere: its place in `baybridge verify` in `report.py`. The private key is drawn and kept by `node`.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Required, TypedDict

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from baybridge.base.canonical import canonical_bytes
from baybridge.base.json_value import each_key_once
from baybridge.base.keys import b64url, b64url_decode
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.resource import Resource
from baybridge.base.time import CHINA
from baybridge.facts.fhir import items, text
from baybridge.record.fhir.validate import validate
from baybridge.record.fhir.wire import taken_in, twice, write

_TYPES = ["https://smarthealth.cards#health-card", "https://smarthealth.cards#laboratory"]
_FHIR_VERSION = "4.0.1"
_NUMBER_BYTES = 32
_DIGIT_OFFSET = 45  # ord("-"): the lowest character of a token. Source: SMART Health Cards, "Encoding Chunks as QR Codes"
LARGEST_IN_ONE_CODE = 1195  # characters of a token. Source: SMART Health Cards 1.4, "Health Cards are Small"
_LARGEST = 4 * 2**20  # bytes after decompression; convention of this project
_QR = re.compile(r"^shc:/(?:([0-9]+)/([0-9]+)/)?([0-9]+)$", re.IGNORECASE)
_MILLISECONDS = 10**11  # a later time in seconds is a slip of the issuer's: milliseconds
_LEEWAY = timedelta(minutes=5)  # clocks differ; convention of this project
_BY_PLACE = "record.invalid.reference"  # "resource:0" is how a card names its patient
_BOM = b"\xef\xbb\xbf"
#: Members that a card leaves out or that narrative would repeat. Source: SMART Health Cards, "Health Cards are Small".
_LEFT_OUT = ("text", "id", "meta", "extension", "contained", "note", "performer", "basedOn", "specimen", "encounter", "device")


# --- keys -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardVerifyKey:
    """A public P-256 key."""

    x: bytes
    y: bytes

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> CardVerifyKey:
        """The key of a JWK; ValueError says what was expected and found."""
        if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
            raise ValueError(f"expected an EC key on P-256, found kty {jwk.get('kty')!r} crv {jwk.get('crv')!r}")
        x, y = (b64url_decode(str(jwk.get(name) or "")) for name in ("x", "y"))
        if len(x) != _NUMBER_BYTES or len(y) != _NUMBER_BYTES:
            raise ValueError(f"expected {_NUMBER_BYTES} bytes in members x and y of the key")
        key = cls(x, y)
        key._public()  # refuses a point that is not on the curve
        return key

    @property
    def kid(self) -> str:
        """The RFC 7638 thumbprint."""
        return b64url(sha256(canonical_bytes(self._members())).digest())

    def jwk(self) -> dict[str, str]:
        """The public JWK for `/.well-known/jwks.json`."""
        return {**self._members(), "kid": self.kid, "use": "sig", "alg": "ES256"}

    def verify(self, signature: bytes, data: bytes) -> bool:
        """True if this key made the signature (r and s, 64 bytes) over exactly these bytes."""
        if len(signature) != 2 * _NUMBER_BYTES:
            return False
        r, s = (int.from_bytes(part) for part in (signature[:_NUMBER_BYTES], signature[_NUMBER_BYTES:]))
        try:
            self._public().verify(encode_dss_signature(r, s), data, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    def _public(self) -> ec.EllipticCurvePublicKey:
        return ec.EllipticCurvePublicNumbers(int.from_bytes(self.x), int.from_bytes(self.y), ec.SECP256R1()).public_key()

    def _members(self) -> dict[str, str]:
        return {"crv": "P-256", "kty": "EC", "x": b64url(self.x), "y": b64url(self.y)}


@dataclass(frozen=True, slots=True)
class CardKey:
    """A private P-256 key; never printed by `repr`."""

    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> CardKey:
        """A fresh key; called by `node` only."""
        return cls(ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(_NUMBER_BYTES))

    @classmethod
    def from_text(cls, text: str) -> CardKey:
        """The key of a private JWK text; ValueError says what was expected."""
        try:
            jwk = json.loads(text)
            secret = b64url_decode(jwk["d"])
        except (ValueError, TypeError, KeyError):
            raise ValueError("expected a private JSON Web Key on P-256") from None
        key = cls(secret)
        if len(secret) != _NUMBER_BYTES or {**key.public.jwk(), "d": jwk["d"]}["x"] != jwk.get("x"):
            raise ValueError("expected a private JSON Web Key on P-256 whose halves fit")
        return key

    def to_text(self) -> str:
        """The private JWK as text, for `node` to keep."""
        return json.dumps({**self.public.jwk(), "d": b64url(self.secret)}, indent=1, sort_keys=True) + "\n"

    @property
    def public(self) -> CardVerifyKey:
        """The public half."""
        numbers = self._private().public_key().public_numbers()
        return CardVerifyKey(numbers.x.to_bytes(_NUMBER_BYTES), numbers.y.to_bytes(_NUMBER_BYTES))

    def sign(self, data: bytes) -> bytes:
        """The signature as r and s, 64 bytes."""
        r, s = decode_dss_signature(self._private().sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(_NUMBER_BYTES) + s.to_bytes(_NUMBER_BYTES)

    def _private(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(self.secret), ec.SECP256R1())


# --- making ---------------------------------------------------------------------------------------------------------


def issue(patient: Mapping[str, object], observations: Sequence[Mapping[str, object]], *, issuer: str, at: datetime, key: CardKey) -> str:
    """A card over a patient's final results as a compact token; `issuer` is the https address whose jwks.json names the key.

    ValueError where the issuer's address is not one, or a result is not final.
    """
    if not issuer.startswith("https://") or issuer.endswith("/"):
        raise ValueError("expected the issuer as an https address without a slash at its end")
    if not observations or any(item.get("status") not in ("final", "amended", "corrected") for item in observations):
        raise ValueError("expected one or more final results")
    subject = {"fhirVersion": _FHIR_VERSION, "fhirBundle": _bundle(patient, observations)}
    payload = {"iss": issuer, "nbf": int(at.timestamp()), "vc": {"type": _TYPES, "credentialSubject": subject}}
    header = {"zip": "DEF", "alg": "ES256", "kid": key.public.kid}
    signed = f"{b64url(_minified(header))}.{b64url(_deflated(_minified(payload)))}"
    return f"{signed}.{b64url(key.sign(signed.encode('ascii')))}"


def issue_in_codes(patient: Mapping[str, object], observations: Sequence[Mapping[str, object]], *, issuer: str, at: datetime, key: CardKey) -> tuple[str, ...]:
    """As few cards as hold the results with each fitting one QR code; a result that alone does not fit has a card that travels as a file only.

    **Source**: SMART Health Cards 1.4: a card of at most 1195 characters fits one V22 code; splitting one card over codes is deprecated.
    """
    cards: list[str] = []
    waiting: list[Mapping[str, object]] = []
    fitting = ""
    for observation in observations:
        tried = issue(patient, [*waiting, observation], issuer=issuer, at=at, key=key)
        if waiting and len(tried) > LARGEST_IN_ONE_CODE:
            cards.append(fitting)
            waiting, tried = [], issue(patient, [observation], issuer=issuer, at=at, key=key)
        waiting.append(observation)
        fitting = tried
    return (*cards, fitting) if fitting else ()


def _bundle(patient: Mapping[str, object], observations: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The smallest bundle that says whose results these are, references by place."""
    person = {name: patient[name] for name in ("resourceType", "name", "birthDate") if patient.get(name)}
    found = [person, *({**_small(item), "subject": {"reference": "resource:0"}} for item in observations)]
    return {"resourceType": "Bundle", "type": "collection", "entry": [_entry(number, item) for number, item in enumerate(found)]}


def _entry(number: int, resource: Mapping[str, object]) -> dict[str, object]:
    return {"fullUrl": f"resource:{number}", "resource": resource}


def _small(observation: Mapping[str, object]) -> dict[str, object]:
    """An observation without narrative; the name of who performed it stays, because recognition asks for it."""
    kept = {name: value for name, value in observation.items() if name not in _LEFT_OUT}
    names = [name for item in items(observation.get("performer")) if (name := text(item.get("display")))]
    performers = {"performer": [{"type": "Organization", "#": name} for name in names]} if names else {}
    return {name: _without_display(item) for name, item in {**kept, **performers}.items() if name != "display"}


def _without_display(value: object) -> object:
    """No display texts and no text beside a code, as the framework asks; a marked name of a performer is kept."""
    if isinstance(value, Mapping):
        left_out = ("display", "text") if value.get("coding") else ("display",)
        kept = {name: _without_display(item) for name, item in value.items() if name not in left_out}
        return {**{name: item for name, item in kept.items() if name != "#"}, **({"display": value["#"]} if "#" in value else {})}
    return [_without_display(item) for item in value] if isinstance(value, list) else value


def _minified(value: object) -> bytes:
    return write(value)  # digit for digit: 72.50 stays 72.50


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def qr_text(token: str) -> str:
    """The `shc:/` text for a QR code: each character of the token as two digits (to be coded in numeric mode)."""
    return "shc:/" + "".join(f"{ord(character) - _DIGIT_OFFSET:02d}" for character in token)


def card_file(tokens: Iterable[str]) -> bytes:
    """A `.smart-health-card` file."""
    return json.dumps({"verifiableCredential": list(tokens)}, separators=(",", ":")).encode()


# --- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Card:
    """A card as read: who says to have issued it and when, what it holds, and what was signed.

    Times are in seconds; None where the card says none or something that is no time. `faults` are what keeps it from holding whoever signed
    it, as codes with values.
    """

    issuer: str
    kid: str
    issued_at: float | None
    expires_at: float | None
    resources: tuple[Resource, ...]
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    faults: tuple[tuple[str, Mapping[str, str | int]], ...] = ()

    def faults_at(self, at: datetime | None) -> tuple[tuple[str, Mapping[str, str | int]], ...]:
        """Why the card does not hold at a moment; without one only what its own times and content say."""
        ends, begins = (None if time is None else datetime.fromtimestamp(time, UTC) for time in (self.expires_at, self.issued_at))
        found = list(self.faults)
        if ends is not None and (ends <= at if at is not None else begins is not None and ends <= begins):
            found.append(("expired", {"on": ends.astimezone(CHINA).date().isoformat()}))
        if at is not None and begins is not None and begins > at + _LEEWAY:
            found.append(("not_yet", {"on": begins.astimezone(CHINA).date().isoformat()}))
        return tuple(found)

    @property
    def sha256(self) -> str:
        """SHA-256 of what was signed; names the card without saying what it holds."""
        return sha256(self.signed).hexdigest()

    def by(self, keys: Iterable[CardVerifyKey]) -> CardVerifyKey | None:
        """The key among these that the card names and that made its signature."""
        return next((key for key in keys if key.kid == self.kid and key.verify(self.signature, self.signed)), None)


def looks_like_card(data: bytes) -> bool:
    """Whether a file is a health card rather than one of this project's own signed documents."""
    head = data.removeprefix(_BOM).lstrip()[:4096]
    return head[:5].lower() == b"shc:/" or b'"verifiableCredential"' in head or b'"zip":"DEF"' in _head_of(head)


def _head_of(head: bytes) -> bytes:
    try:
        return b64url_decode(head.split(b".")[0].decode("ascii")).replace(b" ", b"")
    except ValueError:
        return b""


class _Entry(TypedDict, total=False):
    """An entry of a card's bundle."""

    fullUrl: str
    resource: Required[Resource]


def read_card(data: bytes) -> tuple[Card, ...] | Refusal:
    """The cards of a file, a QR text (of one or several codes, one a line) or a token; a refusal says what was expected."""
    try:
        tokens = _tokens(data.removeprefix(_BOM).decode("utf-8").strip())
        return tuple(_card(token) for token in tokens)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error):
        return refuse(Reason("exchange.card.unreadable"), category=Category.INVALID)


def _tokens(text: str) -> list[str]:
    if text[:5].lower() == "shc:/":
        return [_from_digits(text.split())]
    if text.startswith("{"):
        tokens = json.loads(text, object_pairs_hook=each_key_once)["verifiableCredential"]
        if not tokens or not all(isinstance(token, str) for token in tokens):
            raise ValueError("expected tokens")
        return list(tokens)
    return [text]


def _from_digits(parts: Sequence[str]) -> str:
    """The token of one code, or of several in whatever order they were scanned."""
    found = [_QR.match(part) for part in parts]
    if not all(found):
        raise ValueError("expected shc:/ and digits")
    numbered = sorted((int(item[1] or 1), int(item[2] or 1), item[3]) for item in found if item)
    if [number for number, _, _ in numbered] != list(range(1, len(numbered) + 1)) or {of for _, of, _ in numbered} != {len(numbered)}:
        raise ValueError("expected every code of the card once")
    digits = "".join(part for _, _, part in numbered)
    if len(digits) % 2:
        raise ValueError("expected pairs of digits")
    return "".join(chr(int(digits[place : place + 2]) + _DIGIT_OFFSET) for place in range(0, len(digits), 2))


def _card(token: str) -> Card:
    head, body, signature = token.split(".")
    header = json.loads(b64url_decode(head), object_pairs_hook=each_key_once)
    if header["alg"] != "ES256" or header["zip"] != "DEF":
        raise ValueError("expected ES256 and DEF")
    raw = _inflated(b64url_decode(body))
    payload = taken_in(raw)
    if twice(raw, payload):
        raise ValueError("expected each key once")
    subject = payload["vc"]["credentialSubject"]
    resources = tuple(entry["resource"] for entry in subject["fhirBundle"]["entry"])
    times = {name: _seconds(payload.get(name)) for name in ("nbf", "exp")}
    faults = [("no_seconds", {"member": name}) for name in times if times[name] is None and (name == "nbf" or payload.get(name) is not None)]
    faults += [(code, {}) for code in _content_faults(payload["vc"]["type"], subject["fhirBundle"]["entry"])]
    signed = f"{head}.{body}".encode("ascii")
    return Card(_text(payload["iss"]), _text(header["kid"]), times["nbf"], times["exp"], resources, signed, b64url_decode(signature), tuple(faults))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def _seconds(value: object) -> float | None:
    """A time in seconds since 1970; None for milliseconds, texts, truth values and what lies before."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 < value < _MILLISECONDS:
        return None
    return float(value)


#: Elements that say whose a resource is. Source: FHIR R4, compartment of Patient (immunizations and allergies have `patient`, coverage its beneficiary).
_WHOSE = ("subject", "patient", "beneficiary")


def _content_faults(types: Sequence[str], entries: Sequence[_Entry]) -> Iterator[str]:
    """What of a card's content is not as the framework asks: its type, one patient whose results these are, resources that are FHIR."""
    if not isinstance(types, list) or _TYPES[0] not in types:
        yield "no_health_card"
    patients = [entry for entry in entries if entry["resource"].get("resourceType") == "Patient"]
    if len(patients) != 1:
        yield "two_patients" if patients else "no_patient"
    else:
        own = {None, patients[0].get("fullUrl")}
        said = (entry["resource"].get(name) for entry in entries for name in _WHOSE)
        subjects = [one.get("reference") for one in said if isinstance(one, Mapping)]
        if any(subject not in own for subject in subjects):
            yield "other_patient"
    problems = [problem for entry in entries for problem in validate(entry["resource"], "")]
    if any(problem.severity == "error" and problem.code != _BY_PLACE for problem in problems):
        yield "no_fhir"


def _inflated(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    found = unpacker.decompress(data, _LARGEST)
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise ValueError("expected a whole payload of a card's size")
    return found
