"""A directory of an organisation (LDAP): who somebody is by name and password, over TLS with a certificate that is checked.

Main job: `said_of(folder, directory, secret, name, password)` finds the entry of a name, reads its groups, and binds as it. A wrong name or password raises
`WrongError`, what cannot be reached `UnreachableError`, what the directory says wrongly `NotBelievedError`; none of them quotes what came.

A password that is empty is refused before anybody is asked: a server takes such a bind as one of nobody and says yes. Names travel as values of a filter, never as its
text. Referrals are not followed: they would take the password to another server. **Source**: RFC 4511; RFC 4513, 5.1.2 (unauthenticated bind). **Units**: seconds.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from baybridge.base.failures import why
from baybridge.documents.sign_in import Directory
from baybridge.node.people.outside.openid import NotBelievedError, Said, UnreachableError

if TYPE_CHECKING:
    from sansldap import LDAPClient, LDAPFilter, LDAPMessage

_SECONDS = 5.0  # for an answer
_ALL_SECONDS = 15.0  # for a sign-in, however slowly each part comes
_LONGEST = 1 << 20  # bytes of all answers
_MOST_GROUPS = 1000
_PIECE = 1 << 16


class WrongError(Exception):
    """Name or password is not right."""


def issuer_of(directory: Directory) -> str:
    """By which an identity is told from those of other directories."""
    return f"ldaps://{directory.host}:{directory.port}/{directory.base}"


def said_of(folder: Path, directory: Directory, secret: str, name: str, password: str) -> Said:
    """Who somebody is by name and password."""
    if not name.strip() or not password or "\0" in name + password:
        raise WrongError
    with _connected(folder, directory) as line:
        if not line.bind(directory.bind_name, secret):
            raise NotBelievedError("bind_name")
        entry = _only(line.search(directory.base, _equal(directory.name_attribute, name), (directory.subject_attribute, directory.groups_attribute), most=2))
        subjects = entry.values.get(directory.subject_attribute.lower(), ())
        if len(subjects) != 1 or not subjects[0]:
            raise NotBelievedError(directory.subject_attribute)
        groups = _groups(line, directory, entry)
        if not line.bind(entry.name, password):
            raise WrongError
    return Said(issuer_of(directory), _text(subjects[0]), groups, second_factor=False)


def reaches(folder: Path, directory: Directory, secret: str) -> None:
    """Connect and bind as this node; raises what is wrong."""
    with _connected(folder, directory) as line:
        if not line.bind(directory.bind_name, secret):
            raise NotBelievedError("bind_name")


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry as it was found: its name, and the values of attributes by their names in small letters."""

    name: str
    values: Mapping[str, Sequence[bytes]]


def _only(found: list[_Entry]) -> _Entry:
    """The one entry of a name. Two would be two people."""
    if not found:
        raise WrongError
    if len(found) > 1 or not found[0].name:
        raise NotBelievedError("name")
    return found[0]


def _groups(line: _Line, directory: Directory, entry: _Entry) -> tuple[str, ...]:
    """The names of somebody's groups: the entries that have the person as a member, else what the person's own entry says."""
    if directory.groups_base is None:
        return tuple(_text(value) for value in entry.values.get(directory.groups_attribute.lower(), ()))
    wanted = _equal(directory.member_attribute, entry.name)
    found = line.search(directory.groups_base, wanted, (directory.group_name_attribute,), most=_MOST_GROUPS)
    return tuple(_text(value) for one in found for value in one.values.get(directory.group_name_attribute.lower(), ()))


def _equal(attribute: str, value: str) -> LDAPFilter:
    from sansldap import FilterEquality

    return FilterEquality(attribute, value.encode(errors="replace"))


def _text(value: bytes) -> str:
    """A value as text; one that is no text, such as an identifier of sixteen bytes, by its hexadecimal digits."""
    try:
        found = value.decode()
    except UnicodeDecodeError:
        return value.hex()
    return found if found.isprintable() else value.hex()


@contextmanager
def _connected(folder: Path, directory: Directory) -> Iterator[_Line]:
    try:
        trust = ssl.create_default_context(cafile=str(folder / directory.authority) if directory.authority else None)
        raw = socket.create_connection((directory.host, directory.port), timeout=_SECONDS)
        with raw, trust.wrap_socket(raw, server_hostname=directory.host) as secured:
            yield _Line(secured, _client(), time.monotonic() + _ALL_SECONDS)
    except (OSError, ssl.SSLError) as problem:
        raise UnreachableError(why(problem)) from None


def _client() -> LDAPClient:
    from sansldap import LDAPClient

    return LDAPClient()


@dataclass(slots=True)
class _Line:
    """An open connection: what is asked, answered in order."""

    secured: ssl.SSLSocket
    client: LDAPClient
    until_s: float
    read: int = 0

    def bind(self, name: str, password: str) -> bool:
        """Whether a name binds with its password; where neither is given, as nobody."""
        from sansldap import BindResponse, LDAPResultCode

        if bool(name) != bool(password):
            raise NotBelievedError("bind")  # a name without a password would bind as nobody, and look like a yes
        self.client.bind_simple(name, password)
        answer = next((one for one in self._answers() if isinstance(one, BindResponse)), None)
        code = answer.result.result_code if answer is not None else None
        if code not in (LDAPResultCode.SUCCESS, LDAPResultCode.INVALID_CREDENTIALS):
            raise NotBelievedError("bind")
        return code is LDAPResultCode.SUCCESS

    def search(self, base: str, wanted: LDAPFilter, attributes: Sequence[str], *, most: int) -> list[_Entry]:
        """The entries below a base that fit. Referrals that come with them are left where they are."""
        from sansldap import DereferencingPolicy, LDAPResultCode, SearchResultDone, SearchResultEntry, SearchScope

        self.client.search_request(
            base, SearchScope.SUBTREE, DereferencingPolicy.NEVER, size_limit=most, time_limit=int(_SECONDS), filter=wanted, attributes=list(attributes)
        )
        found: list[_Entry] = []
        for one in self._answers():
            if isinstance(one, SearchResultEntry):
                found.append(_Entry(one.object_name, {part.name.lower(): part.values for part in one.attributes}))
            elif isinstance(one, SearchResultDone) and one.result.result_code not in (LDAPResultCode.SUCCESS, LDAPResultCode.NO_SUCH_OBJECT):
                raise NotBelievedError("search")
        return found

    def _answers(self) -> Iterator[LDAPMessage]:
        """The answers to what was asked, up to the one that ends it."""
        from sansldap import BindResponse, LDAPError, SearchResultDone

        self.secured.sendall(self.client.data_to_send())
        while True:
            if time.monotonic() > self.until_s:
                raise TimeoutError
            piece = self.secured.recv(_PIECE)
            self.read += len(piece)
            if not piece or self.read > _LONGEST:
                raise UnreachableError("closed" if not piece else "length")
            try:
                messages = self.client.receive(piece)
            except (LDAPError, ValueError, NotImplementedError, RecursionError):
                raise UnreachableError("no directory") from None
            yield from messages
            if any(isinstance(one, BindResponse | SearchResultDone) for one in messages):
                return
