"""Servers that take messages, started by the tests: mail over TLS (aiosmtpd), and HTTP over TLS with what each request said.

Main job: `authority(folder)` makes a certificate for localhost; `mail_server`, `http_server` and `silent_server` run until their block ends.
"""

from __future__ import annotations

import datetime
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

PASSWORD = "mail-server-secret"


def authority(folder: Path, name: str = "localhost") -> Path:
    """A certificate for a name, which signs itself, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(issuer_name=named, subject_name=named, public_key=key.public_key(), serial_number=1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM))
    (folder / f"{name}.crt").write_bytes(made.public_bytes(Encoding.PEM))
    return path


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@dataclass
class Mails:
    """What a mail server took."""

    port: int = 0
    taken: list[Message] = field(default_factory=list)
    refusing: str = ""

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - the library's name
        if self.refusing:
            return self.refusing
        self.taken.append(message_from_bytes(envelope.content, policy=default))
        return "250 taken"


@contextmanager
def mail_server(certificate: Path, *, starttls: bool = True) -> Iterator[Mails]:
    """A mail server that takes nothing before STARTTLS (unless it offers none) and sign-in."""
    mails = Mails()

    def check(_server: object, _session: object, _envelope: object, _mechanism: object, given: Any) -> AuthResult:
        return AuthResult(success=given.password == PASSWORD.encode(), handled=False)

    options: dict[str, Any] = {"tls_context": _context(certificate), "require_starttls": True} if starttls else {}
    with socket.create_server(("127.0.0.1", 0)) as free:
        mails.port = free.getsockname()[1]
    controller = Controller(mails, hostname="127.0.0.1", port=mails.port, authenticator=check, auth_required=starttls, **options)
    controller.start()
    try:
        yield mails
    finally:
        controller.stop()


@dataclass
class Requests:
    """What an HTTP server was sent: path and body; and what it answers."""

    port: int = 0
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    status: int = 200
    answer: dict[str, Any] = field(default_factory=lambda: {"errcode": 0})


@contextmanager
def http_server(certificate: Path | None) -> Iterator[Requests]:
    """A server that takes every POST; over TLS where it has a certificate."""
    requests = Requests()

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.taken.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(requests.status)
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
            self.wfile.write(json.dumps(requests.answer).encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    if certificate is not None:
        server.socket = _context(certificate).wrap_socket(server.socket, server_side=True)
    requests.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent_server() -> Iterator[int]:
    """A server that lets callers in and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield listening.getsockname()[1]
