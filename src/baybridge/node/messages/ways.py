"""Each way out of the building: mail, the form of a gateway, the webhook of a group.

Main job: `send(way, message, to, folder, time_out_s)`; SendingProblem with what failed where it did. Nothing here knows of a case: the message is made
elsewhere and names nobody.

A connection is made over TLS with a certificate that fits, or not at all, but for an address of the site's own network (`inside`) that says `http`. Redirects are not
followed. An address that is not `inside` leads to public addresses alone.
**Source**: RFC 3207 (STARTTLS), RFC 6125 (certificate and name), RFC 5322 3.6.4 (Message-ID).
"""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from baybridge.documents.messages import Way
from baybridge.journey.chapters.messages import Problem
from baybridge.node.messages import contacts

_GOOD = range(200, 300)


class SendingProblem(Exception):
    """It did not leave; `problem` says why in a word."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Message:
    """What is said, and the id by which a repeat is known."""

    id: str
    subject: str
    text: str


def send(way: Way, message: Message, to: str, folder: Path, time_out_s: float) -> None:
    """Send a message; the same one may come twice."""
    try:
        _KINDS[way.kind](way, message, to, folder, time_out_s)
    except (ssl.SSLError, smtplib.SMTPNotSupportedError):  # no TLS that can be trusted, or none at all
        raise SendingProblem("not_trusted") from None
    except (smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError):
        raise SendingProblem("unreachable") from None
    except smtplib.SMTPException:
        raise SendingProblem("refused") from None
    except (OSError, httpx.HTTPError) as problem:
        raise SendingProblem("not_trusted" if "CERTIFICATE_VERIFY" in str(problem) else "unreachable") from None


def _context(way: Way, folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "keys" / contacts.FOLDER / way.authority) if way.authority else None)


def _secret(folder: Path, name: str | None) -> str:
    found = contacts.secret(folder, name) if name else None
    if not found:
        raise SendingProblem("no_secret")
    return found


# --- mail -----------------------------------------------------------------------------------------------------------


def _mail(way: Way, message: Message, to: str, folder: Path, time_out_s: float) -> None:
    mail = EmailMessage()  # refuses line ends in a head
    mail["From"], mail["To"], mail["Subject"] = way.sender, to, message.subject
    mail["Message-ID"] = f"<{message.id}@{way.sender.rpartition('@')[2]}>"
    mail["X-Baybridge-Message"] = message.id
    mail.set_content(message.text)
    context, port = _context(way, folder), way.port or 0
    if way.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(way.host, port, timeout=time_out_s, context=context)
    else:
        server = smtplib.SMTP(way.host, port, timeout=time_out_s)
    with server:
        if way.security != "tls":
            server.starttls(context=context)
        if way.account:
            server.login(way.account, _secret(folder, way.secret))
        server.send_message(mail)


# --- forms and webhooks ----------------------------------------------------------------------------------------------


def _form(way: Way, message: Message, to: str, folder: Path, time_out_s: float) -> None:
    said = {"to": to, "text": message.text, "id": message.id}
    fields = {name: _filled(pattern, said) for name, pattern in way.fields.items()} | {name: _secret(folder, one) for name, one in way.secrets.items()}
    _post(way, folder, time_out_s, data=fields)


def _filled(pattern: str, said: Mapping[str, str]) -> str:
    """A field of the form: only the three names are filled in, once each."""
    return said.get(pattern[1:-1], pattern) if pattern.startswith("{") and pattern.endswith("}") else pattern


def _webhook(way: Way, message: Message, _to: str, folder: Path, time_out_s: float) -> None:
    answer = _post(way, folder, time_out_s, json=_BODIES[way.form](f"{message.text} [{message.id[:40]}]"))
    if way.form in ("wecom", "dingtalk") and _errcode(answer) != 0:  # both answer 200 whatever they did with it
        raise SendingProblem("refused")


def _errcode(answer: httpx.Response) -> object:
    try:
        read = answer.json()
    except ValueError:
        return None
    return read.get("errcode") if isinstance(read, dict) else None


def _text(text: str) -> dict[str, object]:
    return {"msgtype": "text", "text": {"content": text}}


def _card(text: str) -> dict[str, object]:
    block = {"type": "TextBlock", "text": text, "wrap": True}
    card = {"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": [block]}
    return {"type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}]}


#: Source: developer documentation of WeCom (group robot), DingTalk (custom robot) and Microsoft Teams (workflow webhook with an adaptive card).
_BODIES = {"wecom": _text, "dingtalk": _text, "teams": _card}


def _post(way: Way, folder: Path, time_out_s: float, *, data: Mapping[str, str] | None = None, json: object = None) -> httpx.Response:
    address = _secret(folder, way.address)
    _allowed(way, address)
    with httpx.Client(verify=_context(way, folder), timeout=time_out_s, trust_env=False, follow_redirects=False) as client:
        answer = client.post(address, data=data, json=json)
    if answer.status_code not in _GOOD:
        raise SendingProblem("unreachable" if answer.status_code >= 500 else "refused")
    return answer


def _allowed(way: Way, address: str) -> None:
    """Refuses what is neither TLS into the world nor, where the document says so, the site's own network; link-local addresses always."""
    parts = urlsplit(address)
    if not parts.hostname or parts.username or parts.scheme not in (("https", "http") if way.inside else ("https",)):
        raise SendingProblem("address_forbidden")
    for *_, place in socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM):
        found = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if found.is_link_local or found.is_multicast or found.is_unspecified or not (way.inside or found.is_global):
            raise SendingProblem("address_forbidden")


_KINDS = {"mail": _mail, "form": _form, "webhook": _webhook}
