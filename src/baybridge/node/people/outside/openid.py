"""A provider of OpenID Connect: what it says of itself, where a browser is sent, and who its ID token says somebody is.

Main job: `authorization(provider, …)` is the address to sign in at; `said_of(provider, …)` exchanges a code and answers who it is. What a provider says wrongly raises
`NotBelievedError`, what cannot be reached `UnreachableError`; neither quotes what came.

The flow is the authorisation code with PKCE (S256), state and nonce; the ID token is checked by joserfc with asymmetric algorithms that the document names: never
`none`, never one under the client's own secret. **Source**: OpenID Connect Core 1.0, 3.1.3.7; Discovery 1.0, 4.3; RFC 7636; RFC 9207 (issuer in the answer).
**Units**: seconds by name.
"""

from __future__ import annotations

import json
import secrets
import ssl
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import errors, jwt
from joserfc.jwk import KeySet

from baybridge.base.failures import why
from baybridge.base.json_value import JsonObject
from baybridge.documents.sign_in import OpenIdConnect
from baybridge.facts.fhir import mapping, text

if TYPE_CHECKING:
    from joserfc.jwk import KeySetSerialization

_SECONDS = 10.0
_LONGEST = 1 << 20  # bytes of an answer
_LEEWAY_S = 60  # by which clocks may differ; convention of this project
_ASKED_WITHIN_S = 300
_REMEMBERED = timedelta(minutes=10)
_FRESH_KEYS_AFTER = timedelta(minutes=1)  # a token with an unknown key makes them be asked for again, not more often
_LONGEST_SUBJECT = 255  # Source: OpenID Connect Core 1.0, 2


class UnreachableError(Exception):
    """The provider does not answer, or not as one."""


class NotBelievedError(Exception):
    """What the provider says does not hold; `what` names the check in a word."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, slots=True)
class Said:
    """Who somebody is by a provider; `groups` is None where it says nothing of them."""

    issuer: str
    subject: str
    groups: tuple[str, ...] | None
    second_factor: bool


@dataclass(frozen=True, slots=True)
class Began:
    """What only the one who began a sign-in knows, and when that was."""

    nonce: str
    verifier: str
    at: datetime


@dataclass(slots=True)
class _Remembered:
    """What a provider said of itself, and its keys, with when they were asked for."""

    about: JsonObject
    about_at: datetime
    keys: KeySet | None = None
    keys_at: datetime | None = None


@dataclass(slots=True)
class Providers:
    """What the providers of a node said of themselves, for some minutes."""

    folder: Path
    _known: dict[str, _Remembered] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def about(self, provider: OpenIdConnect, at: datetime) -> JsonObject:
        """The provider's own description."""
        with self._lock:
            known = self._known.get(provider.issuer)
        if known is not None and at - known.about_at < _REMEMBERED:
            return known.about
        found = self._asked(provider, "GET", provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found.get("issuer") != provider.issuer:
            raise NotBelievedError("issuer")
        with self._lock:
            self._known[provider.issuer] = _Remembered(found, at)
        return found

    def keys(self, provider: OpenIdConnect, at: datetime, *, anew: bool = False) -> KeySet:
        """The keys by which its tokens are checked."""
        about = self.about(provider, at)
        with self._lock:
            known = self._known[provider.issuer]
            asked = known.keys_at
        if known.keys is not None and asked is not None and at - asked < (_FRESH_KEYS_AFTER if anew else _REMEMBERED):
            return known.keys
        try:
            keys = KeySet.import_key_set(cast("KeySetSerialization", self._asked(provider, "GET", endpoint(provider, about, "jwks_uri"))))
        except (errors.JoseError, ValueError, TypeError, KeyError):
            raise NotBelievedError("keys") from None
        with self._lock:
            known.keys, known.keys_at = keys, at
        return keys

    def exchanged(self, provider: OpenIdConnect, about: JsonObject, secret: str, form: Mapping[str, str]) -> JsonObject:
        """The answer of the token endpoint."""
        method = provider.client_authentication
        auth = httpx.BasicAuth(_quoted(provider.client_id), _quoted(secret)) if method == "client_secret_basic" else None
        more = {} if auth else {"client_id": provider.client_id}
        if method == "client_secret_post":
            more["client_secret"] = secret
        return self._asked(provider, "POST", endpoint(provider, about, "token_endpoint"), form={**form, **more}, auth=auth)

    def details(self, provider: OpenIdConnect, about: JsonObject, token: str) -> JsonObject:
        """What the provider tells of the person beside the token."""
        return self._asked(provider, "GET", endpoint(provider, about, "userinfo_endpoint"), headers={"authorization": f"Bearer {token}"})

    def _asked(
        self, provider: OpenIdConnect, method: str, url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
        auth: httpx.BasicAuth | None = None,
    ) -> JsonObject:  # fmt: skip
        trust: ssl.SSLContext | bool = True
        try:
            if provider.authority:
                trust = ssl.create_default_context(cafile=str(self.folder / provider.authority))
            with httpx.Client(timeout=_SECONDS, trust_env=False, verify=trust) as client, client.stream(method, url, data=form, headers=headers, auth=auth) as answer:
                body = b""
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > _LONGEST:
                        raise UnreachableError("length")
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ssl.SSLError) as problem:
            raise UnreachableError(why(problem)) from None
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise UnreachableError(f"HTTP {status}")
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            raise UnreachableError(f"HTTP {status}") from None
        if status != httpx.codes.OK:
            raise NotBelievedError("code" if method == "POST" else "answer")
        if not isinstance(found, dict):
            raise UnreachableError("no JSON object")
        return found


def endpoint(provider: OpenIdConnect, about: JsonObject, name: str) -> str:
    """An address that the provider names; NotBelievedError where it is none, or less safe than the issuer's own."""
    url = text(about.get(name))
    scheme, own = urlsplit(url).scheme, urlsplit(provider.issuer)
    if scheme != "https" and not (own.scheme == "http" and scheme == "http" and urlsplit(url).hostname == own.hostname):
        raise NotBelievedError(name)
    return url


def fresh_verifier() -> str:
    """A verifier of PKCE, of 43 characters."""
    return secrets.token_urlsafe(32)


def authorization(provider: OpenIdConnect, about: JsonObject, back: str, *, state: str, nonce: str, verifier: str) -> str:
    """Where a browser is sent to sign in."""
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": back,
        "scope": " ".join(provider.scopes),
        "state": state,
        "nonce": nonce,
        "code_challenge": urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("="),
        "code_challenge_method": "S256",
        **({"prompt": "login", "max_age": str(_ASKED_WITHIN_S)} if provider.ask_again else {}),
        **({"acr_values": " ".join(provider.second_factor.acr)} if provider.second_factor.acr else {}),
    }
    url = endpoint(provider, about, "authorization_endpoint")
    return f"{url}{'&' if '?' in url else '?'}{urlencode(asked)}"


def leaving(provider: OpenIdConnect, about: JsonObject, back: str) -> str:
    """Where a browser is sent to sign out there too; empty where the provider offers none.

    Without the ID token as a hint: it would put personal data into an address. The provider asks the person instead.
    """
    if not text(about.get("end_session_endpoint")):
        return ""
    url = endpoint(provider, about, "end_session_endpoint")
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'client_id': provider.client_id, 'post_logout_redirect_uri': back})}"


def against_answer(provider: OpenIdConnect, about: JsonObject, query: Mapping[str, str]) -> str:
    """Which check the answer at our address fails, in a word; empty where it holds. Another provider's answer is not taken to this one."""
    promised = about.get("authorization_response_iss_parameter_supported") is True
    if ("iss" in query or promised) and query.get("iss") != provider.issuer:
        return "issuer"
    return "" if query.get("code") else "code"


def said_of(providers: Providers, provider: OpenIdConnect, secret: str, back: str, *, code: str, began: Began, at: datetime) -> Said:
    """Who somebody is by a code that came back to what was begun."""
    about = providers.about(provider, at)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": began.verifier}
    tokens = providers.exchanged(provider, about, secret, form)
    claims = _claims(providers, provider, text(tokens.get("id_token")), began, at)
    subject = claims["sub"]
    groups = _groups(provider, claims)
    if groups is None and provider.groups and text(about.get("userinfo_endpoint")) and text(tokens.get("access_token")):
        details = providers.details(provider, about, text(tokens.get("access_token")))
        if details.get("sub") != subject:
            raise NotBelievedError("sub")
        groups = _groups(provider, details)
    methods = claims.get("amr")
    amr = {one for one in methods if isinstance(one, str)} if isinstance(methods, list) else set()
    strong = claims.get("acr") in provider.second_factor.acr or bool(amr & {*provider.second_factor.amr})
    return Said(provider.issuer, str(subject), groups, strong)


def _claims(providers: Providers, provider: OpenIdConnect, token: str, began: Began, at: datetime) -> Mapping[str, object]:
    """The claims of an ID token that holds; NotBelievedError with what does not."""
    try:
        try:
            read = jwt.decode(token, providers.keys(provider, at), algorithms=list(provider.algorithms))
        except errors.InvalidKeyIdError:
            read = jwt.decode(token, providers.keys(provider, at, anew=True), algorithms=list(provider.algorithms))
        registry = jwt.JWTClaimsRegistry(
            now=int(at.timestamp()),
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": provider.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": began.nonce},
        )
        registry.validate(read.claims)
    except errors.JoseError as problem:
        raise NotBelievedError(getattr(problem, "claim", "") or problem.error) from None
    except (ValueError, TypeError, KeyError):
        raise NotBelievedError("id_token") from None
    claims = mapping(read.claims)
    several = isinstance(claims.get("aud"), list) and claims["aud"] != [provider.client_id]
    if (several or "azp" in claims) and claims.get("azp") != provider.client_id:
        raise NotBelievedError("azp")
    if provider.ask_again and not _asked_since(claims.get("auth_time"), began.at):
        raise NotBelievedError("auth_time")
    if not 0 < len(text(claims.get("sub"))) <= _LONGEST_SUBJECT:
        raise NotBelievedError("sub")
    return claims


def _asked_since(said: object, began_at: datetime) -> bool:
    """Whether the provider asked who it is after we sent the browser there: one that answers by an older sign-in may answer for the person before."""
    return isinstance(said, int) and said >= began_at.timestamp() - _LEEWAY_S


def _groups(provider: OpenIdConnect, claims: Mapping[str, object]) -> tuple[str, ...] | None:
    """The groups that are named; None where nothing is said, or something else than groups."""
    said = claims.get(provider.groups_claim)
    if isinstance(said, str):
        return (said,)
    if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
        return None
    return tuple(str(one) for one in said)


def _quoted(value: str) -> str:
    """As the header of a client has it. Source: RFC 6749, 2.3.1."""
    return urlencode({"": value})[1:]
