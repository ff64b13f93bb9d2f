"""The certificate of a node that serves over TLS itself: read, held against its key and the clock, and told before it ends.

Main job: `read(certificate, key, now)` answers a `Certificate`, or ConfigProblem with everything that is wrong. The server takes a key as PKCS#8 alone; one of an
older form is written again as such into the node's own folder of keys (`usable_key`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key

from baybridge.node.config import ConfigProblem, write_private

#: How long before its end a certificate is spoken of. Source: convention of this project; a site renews at two thirds of ninety days or earlier.
SOON = timedelta(days=21)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a browser is shown: for which names, from when to when."""

    names: tuple[str, ...]
    begins: datetime
    ends: datetime

    def ends_soon(self, now: datetime) -> bool:
        """Whether somebody should renew it now."""
        return now >= self.ends - SOON

    def is_for(self, host: str) -> bool:
        """Whether a browser takes it for this name or address; `*.` stands for one part of a name. Source: RFC 6125, 6.4.3."""
        rest = host.lower().partition(".")[2]
        return any(name.lower() in (host.lower(), f"*.{rest}" if rest else "") for name in self.names)


def read(certificate: Path, key: Path, now: datetime) -> Certificate:
    """The first certificate of a PEM file, which its key fits and which holds now; ConfigProblem with every reason against it."""
    problems, found, public = [], None, None
    try:
        found = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    except (OSError, ValueError) as problem:
        problems.append(f"certificate {certificate.name}: expected a file of certificates in PEM form, found {_said(problem)}")
    try:
        public = load_pem_private_key(key.read_bytes(), password=None).public_key()
    except TypeError:
        problems.append(f"key {key.name}: expected a private key without a password, found one with; decrypt it into a file that only this node's user reads")
    except (OSError, ValueError) as problem:
        problems.append(f"key {key.name}: expected a private key in PEM form, found {_said(problem)}")
    if found is not None and public is not None and _bytes(found.public_key()) != _bytes(public):
        problems.append(f"key {key.name}: expected the key of certificate {certificate.name}, found another")
    if found is not None and not found.not_valid_before_utc <= now < found.not_valid_after_utc:
        held = f"{found.not_valid_before_utc:%Y-%m-%d %H:%M} to {found.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        problems.append(f"certificate {certificate.name}: expected one that holds now, found one that holds from {held}; renew it, or look at this machine's clock")
    if problems or found is None:
        raise ConfigProblem("\n".join(problems))
    return Certificate(_names(found), found.not_valid_before_utc, found.not_valid_after_utc)


def usable_key(key: Path, keys: Path) -> Path:
    """The key as PKCS#8: the file itself, or a private copy in the folder `keys` where it has another form."""
    content = key.read_bytes()
    if b"-----BEGIN PRIVATE KEY-----" in content:
        return key
    copy = keys / "tls-key.pem"
    write_private(copy, load_pem_private_key(content, password=None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    return copy


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in alternatives if isinstance(name, x509.DNSName | x509.IPAddress))


def _bytes(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]  # every kind of public key has it


def _said(problem: Exception) -> str:
    return "none" if isinstance(problem, FileNotFoundError) else "one that cannot be opened" if isinstance(problem, OSError) else "something else"
