"""What a provider answers is believed where every check holds, and nowhere else: a provider of the test's own tells each lie."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jws, jwt
from joserfc.jwk import OctKey, RSAKey

from baybridge.documents.sign_in import OpenIdConnect, SaidThere
from baybridge.node.people.outside.openid import (
    Began,
    NotBelievedError,
    Providers,
    Said,
    UnreachableError,
    authorization,
    endpoint,
    said_of,
)

AT = datetime(2026, 3, 8, 9, 0, tzinfo=UTC)
NOW = int(AT.timestamp())
BACK = "http://127.0.0.1:8080/sign-in/outside/hospital/back"
KEY, OTHER = RSAKey.generate_key(2048, {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "two"})
SECRET = "the-clients-own-secret-that-is-long-enough"


class Liar:
    """A provider whose answers are what the test says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], str]] = []
        liar = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer("")

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers["content-length"])).decode())

            def _answer(self, body: str) -> None:
                liar.asked.append((self.path, dict(self.headers.items()), body))
                status, found = liar.says.get(self.path, (404, {}))
                content = found if isinstance(found, bytes) else json.dumps(found).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("location", f"{liar.issuer}/token")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.about = {"issuer": self.issuer, **{name: f"{self.issuer}/{path}" for name, path in ENDPOINTS.items()}}
        self.says: dict[str, tuple[int, Any]] = {
            "/.well-known/openid-configuration": (200, self.about),
            "/keys": (200, {"keys": [KEY.as_dict(private=False)]}),
        }
        self.tells(self.claims())

    def claims(self, **changed: Any) -> dict[str, Any]:
        told = {
            "iss": self.issuer, "aud": "baybridge", "sub": "u1", "exp": NOW + 60, "iat": NOW, "nonce": "n", "auth_time": NOW, "groups": ["nurses"], "amr": ["otp"],
        } | changed  # fmt: skip
        return {name: value for name, value in told.items() if value is not None}

    def tells(self, claims: dict[str, Any], key: Any = KEY, algorithm: str = "RS256", kid: str = "one") -> None:
        token = jwt.encode({"alg": algorithm, "kid": kid}, claims, key, algorithms=[algorithm])
        self.says["/token"] = (200, {"id_token": token, "access_token": "a", "token_type": "Bearer"})


ENDPOINTS = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "keys", "userinfo_endpoint": "me"}


@pytest.fixture
def liar() -> Iterator[Liar]:
    made = Liar()
    yield made
    made.server.shutdown()
    made.server.server_close()


def configured(liar: Liar, **more: Any) -> OpenIdConnect:
    given = {"title": {"en": "x"}, "issuer": liar.issuer, "client_id": "baybridge", "groups": {"nurses": ("nurse",)}, "second_factor": SaidThere(amr=("otp",))}
    return OpenIdConnect(**(given | more))


def asked(liar: Liar, providers: Providers | None = None, at: datetime = AT, **more: Any) -> Said:
    return said_of(providers or Providers(Path()), configured(liar, **more), SECRET, BACK, code="c", began=Began("n", "v", AT), at=at)


def test_a_true_answer_is_believed(liar: Liar) -> None:
    assert asked(liar) == Said(liar.issuer, "u1", ("nurses",), second_factor=True)
    _, headers, body = next(one for one in liar.asked if one[0] == "/token")
    assert parse_qs(body)["code_verifier"] == ["v"]
    assert SECRET not in body, "the secret goes where the method says"
    assert headers["Authorization"].startswith("Basic ")
    asked(liar, client_authentication="client_secret_post")
    assert parse_qs([body for path, _, body in liar.asked if path == "/token"][-1])["client_secret"] == [SECRET]


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "another audience": ({"aud": "another"}, "aud"),
    "no audience": ({"aud": None}, "aud"),
    "several audiences without us as the party": ({"aud": ["baybridge", "another"]}, "azp"),
    "another party": ({"azp": "another"}, "azp"),
    "another issuer": ({"iss": "https://elsewhere.example"}, "iss"),
    "another nonce": ({"nonce": "m"}, "nonce"),
    "no nonce": ({"nonce": None}, "nonce"),
    "over": ({"exp": NOW - 61}, "exp"),
    "without end": ({"exp": None}, "exp"),
    "issued later": ({"iat": NOW + 600}, "iat"),
    "no subject": ({"sub": None}, "sub"),
    "an empty subject": ({"sub": ""}, "sub"),
    "a subject that is no text": ({"sub": 7}, "sub"),
    "by an older sign-in": ({"auth_time": NOW - 3600}, "auth_time"),
    "without saying when": ({"auth_time": None}, "auth_time"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_does_not_hold_is_not_believed(liar: Liar, lie: str) -> None:
    changed, what = LIES[lie]
    liar.tells(liar.claims(**changed))
    with pytest.raises(NotBelievedError) as found:
        asked(liar)
    assert what in found.value.what


def test_no_key_but_the_providers_own_signs(liar: Liar) -> None:
    claims = liar.claims()
    liar.tells(claims, OTHER)  # another key under the known name
    with pytest.raises(NotBelievedError):
        asked(liar)
    liar.tells(claims, OctKey.import_key(SECRET), "HS256")  # the client's own secret
    with pytest.raises(NotBelievedError):
        asked(liar)
    public = KEY.as_pem(private=False)
    liar.tells(claims, OctKey.import_key(public.hex()), "HS256")  # the public key as a secret
    with pytest.raises(NotBelievedError):
        asked(liar)


def test_a_token_that_nobody_signed_is_not_believed(liar: Liar) -> None:
    body = jws.serialize_compact({"alg": "RS256"}, json.dumps(liar.claims()).encode(), KEY).split(".")[1]
    for head in ("eyJhbGciOiJub25lIn0", "eyJhbGciOiJOb25lIn0"):  # none, None
        for end in ("", "AAAA"):
            liar.says["/token"] = (200, {"id_token": f"{head}.{body}.{end}"})
            with pytest.raises(NotBelievedError):
                asked(liar)


@pytest.mark.parametrize("answer", [{}, {"id_token": None}, {"id_token": "a.b"}, {"id_token": "é"}, {"id_token": {"a": 1}}, {"id_token": ""}])
def test_no_token_is_no_answer(liar: Liar, answer: dict[str, Any]) -> None:
    liar.says["/token"] = (200, answer)
    with pytest.raises(NotBelievedError):
        asked(liar)


def test_fresh_keys_are_asked_for_once_a_minute_at_most(liar: Liar) -> None:
    providers = Providers(Path())
    asked(liar, providers)
    liar.tells(liar.claims(), OTHER, kid="two")
    with pytest.raises(NotBelievedError):
        asked(liar, providers)
    liar.says["/keys"] = (200, {"keys": [OTHER.as_dict(private=False)]})
    with pytest.raises(NotBelievedError):
        asked(liar, providers, AT + timedelta(seconds=30))
    later = AT + timedelta(minutes=2)
    liar.tells(liar.claims(exp=NOW + 600), OTHER, kid="two")
    assert asked(liar, providers, later).subject == "u1"
    assert sum(path == "/keys" for path, _, _ in liar.asked) == 2


def test_groups_come_from_the_details_of_the_same_person_alone(liar: Liar) -> None:
    liar.tells(liar.claims(groups=None))
    liar.says["/me"] = (200, {"sub": "u1", "groups": ["nurses"]})
    assert asked(liar).groups == ("nurses",)
    liar.says["/me"] = (200, {"sub": "u2", "groups": ["it"]})
    with pytest.raises(NotBelievedError):
        asked(liar)
    liar.says["/me"] = (200, {"sub": "u1", "groups": {"a": 1}})
    assert asked(liar).groups is None, "what is no list of groups says nothing of them"


def test_a_second_factor_counts_where_the_document_names_how(liar: Liar) -> None:
    for claims, expected in (({"amr": ["pwd"]}, False), ({"amr": None}, False), ({"amr": "otp"}, False), ({"amr": None, "acr": "high"}, True), ({"amr": ["otp"]}, True)):
        liar.tells(liar.claims(**claims))
        assert asked(liar, second_factor=SaidThere(acr=("high",), amr=("otp",))).second_factor is expected, claims
    liar.tells(liar.claims(amr=None, acr=None))
    assert not asked(liar, second_factor=SaidThere()).second_factor


def test_a_description_of_somebody_else_is_not_believed(liar: Liar) -> None:
    liar.says["/.well-known/openid-configuration"] = (200, {**liar.about, "issuer": f"{liar.issuer}/"})
    with pytest.raises(NotBelievedError):
        asked(liar)


@pytest.mark.parametrize("url", ["http://elsewhere.example/token", "ftp://x/", "", "//x/", "javascript:alert(1)"])
def test_an_address_less_safe_than_the_issuer_is_not_used(liar: Liar, url: str) -> None:
    with pytest.raises(NotBelievedError):
        endpoint(configured(liar), {"token_endpoint": url}, "token_endpoint")
    with pytest.raises(NotBelievedError):
        endpoint(configured(liar, issuer="https://x.example"), {"token_endpoint": "http://x.example/token"}, "token_endpoint")


@pytest.mark.parametrize(("status", "body"), [(500, {}), (302, {}), (200, b"<html>"), (200, b"[1]"), (200, b"x" * (1 << 21)), (200, b"[" * 100_000)])
def test_what_is_no_answer_is_an_outage_and_no_redirect_is_followed(liar: Liar, status: int, body: Any) -> None:
    liar.says["/.well-known/openid-configuration"] = (status, body)
    with pytest.raises((UnreachableError, NotBelievedError)):
        asked(liar)
    assert [path for path, _, _ in liar.asked] == ["/.well-known/openid-configuration"]


def test_a_browser_is_sent_with_everything_that_binds_the_answer(liar: Liar) -> None:
    url = authorization(configured(liar), liar.about, BACK, state="s", nonce="n", verifier="v" * 43)
    given = {name: values[0] for name, values in parse_qs(url.partition("?")[2]).items()}
    assert given == {
        "response_type": "code", "client_id": "baybridge", "redirect_uri": BACK, "scope": "openid profile", "state": "s", "nonce": "n",
        "code_challenge": given["code_challenge"], "code_challenge_method": "S256", "prompt": "login", "max_age": "300",
    }  # fmt: skip
    assert given["code_challenge"] != "v" * 43
