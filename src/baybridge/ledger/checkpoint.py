"""Checkpoints: the size and root of a log, signed by the log and co-signed by its witnesses.

Main job: write and read notes that any other implementation of these specifications can check.

**Source**: C2SP signed-note v1.0.0 (lines "— name base64(key id || signature)"; key id is the first four bytes of
SHA-256(name || 0x0A || type || key)), C2SP tlog-checkpoint v1.0.0 (origin, size, root), C2SP tlog-cosignature (cosignature/v1, type 0x04).
**Units**: co-signing times are whole seconds since 1970. Elsewhere: what a witness checks before it signs is `witness.py`.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from baybridge.base.keys import SigningKey, VerifyKey
from baybridge.ledger.merkle import HASH_BYTES

_ED25519 = b"\x01"
_COSIGNATURE = b"\x04"
_DASH = "\u2014 "
_KEY_ID_BYTES = 4
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64
_MOST_SIGNATURES = 64
_MOST_CHARACTERS = 64_000
_LATEST_SECOND = 2**63 - 1
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_NAME = re.compile(r"[^\s+]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: name, key id and the bytes behind it."""

    name: str
    key_id: bytes
    value: bytes

    def line(self) -> str:
        """The line as it stands in the note, with its newline."""
        return f"{_DASH}{self.name} {b64encode(self.key_id + self.value).decode('ascii')}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A signed note: its text with the final newline, and its signatures."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)

    def joined(self, lines: Iterable[NoteSignature]) -> Note:
        """The note with more signatures; one by the same name and key replaces the earlier one."""
        new = tuple(lines)
        replaced = {(one.name, one.key_id) for one in new}
        return Note(self.text, (*(one for one in self.signatures if (one.name, one.key_id) not in replaced), *new))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: its origin, how many entries it has, and the root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The note text."""
        lines = (self.origin, str(self.size), b64encode(self.root).decode("ascii"), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def origin_of(node: str) -> str:
    """The name of a node's log, which is also its name as a witness."""
    return f"baybridge/{node}"


def key_id(name: str, key: VerifyKey) -> bytes:
    """The key id of a log's signature."""
    return sha256(name.encode() + b"\n" + _ED25519 + key.raw).digest()[:_KEY_ID_BYTES]


def cosigner_id(name: str, key: VerifyKey) -> bytes:
    """The key id of a witness's co-signature."""
    return sha256(name.encode() + b"\n" + _COSIGNATURE + key.raw).digest()[:_KEY_ID_BYTES]


# --- writing --------------------------------------------------------------------------------------------------------


def sign(checkpoint: Checkpoint, key: SigningKey) -> Note:
    """The checkpoint as a note signed by the log under its origin; ValueError where the origin cannot be a key name."""
    if not _NAME.fullmatch(checkpoint.origin):
        raise ValueError(f"expected an origin without spaces and plus signs, found {checkpoint.origin!r}")
    text = checkpoint.text()
    signature = NoteSignature(checkpoint.origin, key_id(checkpoint.origin, key.public), key.sign(text.encode()))
    return Note(text, (signature,))


def cosign(note: Note, name: str, key: SigningKey, seconds: int) -> NoteSignature:
    """A witness's co-signature at `seconds` since 1970 over a checkpoint that it found consistent with all it saw before."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"expected a name without spaces and plus signs, found {name!r}")
    value = seconds.to_bytes(_TIME_BYTES, "big") + key.sign(_cosigned(note.text, seconds))
    return NoteSignature(name, cosigner_id(name, key.public), value)


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


# --- reading --------------------------------------------------------------------------------------------------------


def parse(note: str) -> Note:
    """The note of a text; ValueError says what was expected and found."""
    if len(note) > _MOST_CHARACTERS or _CONTROL.search(note):
        raise ValueError(f"expected a note of at most {_MOST_CHARACTERS} characters without control characters")
    text, blank, lines = note.rpartition("\n\n")
    if not blank or not text or not lines.endswith("\n"):
        raise ValueError("expected a text, a blank line and signature lines, each ended by a newline")
    signatures = tuple(_parse_signature(line) for line in lines[:-1].split("\n"))
    if len(signatures) > _MOST_SIGNATURES:
        raise ValueError(f"expected at most {_MOST_SIGNATURES} signatures, found {len(signatures)}")
    return Note(text + "\n", signatures)


def _parse_signature(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not _NAME.fullmatch(name):
        raise ValueError("expected a signature line: em dash, space, name, space, base64")
    data = _base64(encoded)
    if len(data) <= _KEY_ID_BYTES:
        raise ValueError(f"expected more than {_KEY_ID_BYTES} bytes in a signature, found {len(data)}")
    return NoteSignature(name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def _base64(text: str) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        data = b""
    if not data or b64encode(data).decode("ascii") != text:
        raise ValueError("expected standard base64 in its canonical form")
    return data


def read(note: Note) -> Checkpoint:
    """The checkpoint that a note's text says, whoever signed it; ValueError says what was expected and found."""
    lines = note.text[:-1].split("\n")
    if len(lines) < len(("origin", "size", "root")) or not all(lines):
        raise ValueError("expected origin, size and root, each on its own line, and no empty line")
    origin, size, root, *extensions = lines
    if not _SIZE.fullmatch(size) or int(size) > _LATEST_SECOND:
        raise ValueError("expected the tree size as a decimal number without leading zeroes")
    root_bytes = _base64(root)
    if len(root_bytes) != HASH_BYTES:
        raise ValueError(f"expected a root of {HASH_BYTES} bytes, found {len(root_bytes)}")
    return Checkpoint(origin, int(size), root_bytes, tuple(extensions))


def signer(note: Note, origin: str, keys: Iterable[VerifyKey]) -> VerifyKey | None:
    """The key among `keys` that signed the note as the log of `origin`; None if none did, or if one of theirs fails to verify."""
    found = None
    for key in keys:
        for signature in note.signatures:
            if signature.name == origin and signature.key_id == key_id(origin, key):
                if not key.verify(signature.value, note.text.encode()):
                    return None
                found = found or key
    return found


def verify(note: str, origin: str, keys: Iterable[VerifyKey]) -> Checkpoint | None:
    """The checkpoint of `origin` that one of `keys` signed; None where it is unreadable, of another log, or not signed by them."""
    try:
        parsed = parse(note)
        checkpoint = read(parsed)
    except ValueError:
        return None
    if checkpoint.origin != origin or signer(parsed, origin, keys) is None:
        return None
    return checkpoint


def cosigned_at(note: Note, name: str, keys: Iterable[VerifyKey]) -> int | None:
    """When (seconds since 1970) the witness of that name co-signed the note; None if it did not, or if one of its lines fails to verify."""
    latest = None
    for key in keys:
        for signature in note.signatures:
            if signature.name == name and signature.key_id == cosigner_id(name, key):
                seconds = _verified_time(note, key, signature)
                if seconds is None:
                    return None
                latest = max(latest or 0, seconds)
    return latest


def _verified_time(note: Note, key: VerifyKey, signature: NoteSignature) -> int | None:
    if len(signature.value) != _TIME_BYTES + _SIGNATURE_BYTES:
        return None
    seconds = int.from_bytes(signature.value[:_TIME_BYTES], "big")
    if seconds > _LATEST_SECOND or not key.verify(signature.value[_TIME_BYTES:], _cosigned(note.text, seconds)):
        return None
    return seconds
