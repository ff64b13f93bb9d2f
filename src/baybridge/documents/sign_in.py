"""Where else the people of a site prove who they are, and which roles that gives them: `data/access/sign-in.yaml`.

Main job: `SignIn`: providers of OpenID Connect and directories (LDAP) by their names, each with the roles of its groups. No secret stands in a document.

**Source**: OpenID Connect Core 1.0; RFC 4511 (LDAP). **Units**: days and seconds by name. How long a password counts after the last sign-in there is a convention of
this project: long enough for an outage of a provider, short enough for somebody who left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from msgspec import Meta

from baybridge.documents.heading import EMPTY, Days, Heading, Part, Translated

#: Roles that a group may give. A patient's account belongs to a record, which no group says.
GIVEN = ("administrator", "alliance", "coordinator", "laboratory", "manufacturer", "nurse", "payer", "pharmacist", "physician", "quality")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_TLS = re.compile(r"https://[^\s/?#@]+[^\s?#]*")
_OWN_MACHINE = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/[^\s?#]*)?")

Groups = Mapping[str, tuple[str, ...]]
Attribute = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9;-]*$")]
Contradiction = tuple[tuple[str | int, ...], str, str]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]


class Elsewhere(Part, frozen=True, kw_only=True):
    """What holds of every other place where people sign in.

    `groups`: the roles that each group gives; where it is empty, roles stay the administrators'. `authority`: a file of the node's folder with the certificates that are
    believed, where they are not the machine's. `password_days`: how long an account's own password counts after its last sign-in there.
    """

    title: Translated
    groups: Groups = EMPTY
    authority: str | None = None
    password_days: Days = 7

    @property
    def governed(self) -> frozenset[str]:
        """The roles that some group gives: whoever is in no such group has them not."""
        return frozenset(role for roles in self.groups.values() for role in roles)

    def mapped(self, groups: tuple[str, ...]) -> frozenset[str]:
        """The roles that somebody's groups give."""
        return frozenset(role for group in groups for role in self.groups.get(group, ()))

    def contradictions(self) -> Iterator[Contradiction]:
        """Each role is one that a group may give."""
        for group, roles in self.groups.items():
            for at, role in enumerate(roles):
                if role not in GIVEN:
                    yield ("groups", group, at), f"one of {', '.join(GIVEN)}", role
        if not self.title.get("en"):
            yield ("title",), "a name in English, and in the other languages where there is one", ", ".join(self.title) or "none"


class SaidThere(Part, frozen=True, kw_only=True):
    """What a provider says where it asked for a second factor: a class of authentication (`acr`), or one of its methods (`amr`, RFC 8176). Nothing: never."""

    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()


class OpenIdConnect(Elsewhere, frozen=True, kw_only=True):
    """A provider of OpenID Connect. `client_id`: what this node is called there; `groups_claim`: where a token or the person's details name the groups.

    `ask_again`: the provider asks who it is at every sign-in, and says when it did, because the person before at this device may still be signed in there.
    """

    issuer: str
    client_id: Annotated[str, Meta(min_length=1)]
    scopes: tuple[str, ...] = ("openid", "profile")
    groups_claim: str = "groups"
    second_factor: SaidThere = SaidThere()
    ask_again: bool = True
    client_authentication: Literal["client_secret_basic", "client_secret_post", "none"] = "client_secret_basic"
    algorithms: Annotated[tuple[Algorithm, ...], Meta(min_length=1)] = ("RS256", "PS256", "ES256", "EdDSA")

    def contradictions(self) -> Iterator[Contradiction]:
        """The issuer is reached by TLS, and its tokens are asked for."""
        yield from Elsewhere.contradictions(self)
        if not _TLS.fullmatch(self.issuer) and not _OWN_MACHINE.fullmatch(self.issuer):
            yield ("issuer",), "an https address without question mark", self.issuer
        if "openid" not in self.scopes:
            yield ("scopes",), "openid among them", ", ".join(self.scopes) or "none"


class Directory(Elsewhere, frozen=True, kw_only=True):
    """A directory that is asked by LDAP over TLS. Names of `groups` are the names of entries below `groups_base`, or else the values of `groups_attribute`.

    `bind_name`: as whom this node asks; nobody without it. `subject_attribute` names a person for good, which a sign-in name does not: names are given again.
    """

    host: Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:-]+$")]
    port: Annotated[int, Meta(ge=1, le=65535)] = 636
    base: Annotated[str, Meta(min_length=1)]
    bind_name: str = ""
    name_attribute: Attribute = "uid"
    subject_attribute: Attribute = "entryUUID"
    groups_attribute: Attribute = "memberOf"
    groups_base: str | None = None
    member_attribute: Attribute = "member"
    group_name_attribute: Attribute = "cn"


class SignIn(Heading, frozen=True, kw_only=True):
    """The whole document."""

    openid_connect: Mapping[str, OpenIdConnect] = EMPTY
    ldap: Mapping[str, Directory] = EMPTY

    @property
    def every(self) -> Mapping[str, OpenIdConnect | Directory]:
        """Every place where people sign in, by its name."""
        return {**self.openid_connect, **self.ldap}

    def contradictions(self) -> Iterator[Contradiction]:
        """Names stand in addresses and file names; two places with one name or issuer could not be told apart."""
        issuers: dict[str, str] = {}
        for kind, places in (("openid_connect", self.openid_connect), ("ldap", self.ldap)):
            for name, place in places.items():
                if not _NAME.fullmatch(name):
                    yield (kind, name), "a name of a-z, 0-9 and -", name
                if name in self.openid_connect and name in self.ldap:
                    yield (kind, name), "a name that stands once", name
                issuer = place.issuer if isinstance(place, OpenIdConnect) else f"{place.host}:{place.port}/{place.base}"
                other = issuers.setdefault(issuer, name)
                if other != name:
                    yield (kind, name), f"another issuer than that of {other}", issuer
                yield from (((kind, name, *where), expected, found) for where, expected, found in place.contradictions())
