"""Patient-carried cards: what third parties can verify, and what a changed bit does."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from baybridge.base.keys import SigningKey, b64url, b64url_decode
from baybridge.base.outcome import Refusal
from baybridge.exchange.card.health_card import (
    LARGEST_IN_ONE_CODE,
    Card,
    CardKey,
    CardVerifyKey,
    card_file,
    issue,
    issue_in_codes,
    qr_text,
    read_card,
)
from baybridge.exchange.card.report import results_of
from baybridge.exchange.evidence.trust import read_trust
from baybridge.exchange.evidence.verify import verify_file

KEY, OTHER = CardKey(bytes(range(1, 33))), CardKey(bytes(range(2, 34)))
ISSUER = "https://lab.example"
AT = datetime(2026, 3, 8, 4, tzinfo=UTC)
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"text": "陳大文"}], "birthDate": "1970-03-04", "address": [{"city": "Macao"}]}
RESULT: dict[str, Any] = {
    "resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/p1"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0", "display": "Creatinine"}]},
    "effectiveDateTime": "2026-03-08T09:00:00+08:00", "valueQuantity": {"value": Decimal("72.50"), "unit": "umol/L"},
    "performer": [{"type": "Organization", "display": "Hospital X"}], "text": {"div": "long"},
}  # fmt: skip
TOKEN = issue(PATIENT, [RESULT], issuer=ISSUER, at=AT, key=KEY)
TRUST = read_trust({"node": "mo", "url": f"{ISSUER}/", "signing_keys": [KEY.public.jwk()]})


def card(data: bytes) -> Card:
    cards = read_card(data)
    assert not isinstance(cards, Refusal)
    return cards[0]


def test_a_library_that_nobody_here_wrote_verifies_the_token() -> None:
    public = ECKey.import_key(KEY.public.jwk())
    assert public.thumbprint() == KEY.public.kid
    found = jws.deserialize_compact(TOKEN, public, registry=JWSRegistry(algorithms=["ES256"], strict_check_header=False))
    payload = json.loads(zlib.decompress(found.payload, -15))
    assert payload["iss"] == ISSUER
    assert payload["nbf"] == int(AT.timestamp())
    assert payload["vc"]["type"][0] == "https://smarthealth.cards#health-card"
    assert payload["vc"]["credentialSubject"]["fhirVersion"] == "4.0.1"


def test_the_bundle_is_small_and_names_by_place() -> None:
    patient, result = card(TOKEN.encode()).resources
    assert patient == {"resourceType": "Patient", "name": [{"text": "陳大文"}], "birthDate": "1970-03-04"}
    assert result["subject"] == {"reference": "resource:0"}
    assert result["performer"] == [{"type": "Organization", "display": "Hospital X"}]
    assert "text" not in result
    assert "id" not in result
    assert "display" not in result["code"]["coding"][0]
    assert result["valueQuantity"]["value"] == 72.5


def test_file_code_and_token_are_one_card() -> None:
    digits = qr_text(TOKEN)
    assert set(digits.removeprefix("shc:/")) <= set("0123456789")
    cards = [card(data) for data in (TOKEN.encode(), digits.encode(), card_file([TOKEN]))]
    assert cards[0] == cards[1] == cards[2]
    body = digits.removeprefix("shc:/")
    half = len(body) // 4 * 2
    assert card(f"shc:/2/2/{body[half:]}\nshc:/1/2/{body[:half]}".encode()) == cards[0]
    assert isinstance(read_card(f"shc:/1/2/{body[:half]}".encode()), Refusal)


@pytest.mark.parametrize("data", [TOKEN.encode(), qr_text(TOKEN).encode(), card_file([TOKEN])])
def test_the_receiving_site_verifies_offline(data: bytes) -> None:
    report = verify_file(data, TRUST)
    assert report.ok
    assert report.kind == "health-card"
    assert report.trust.values["node"] == "mo"
    assert len(results_of(card(data))) == 1


def test_an_unknown_key_another_issuer_and_no_trust_do_not_verify() -> None:
    forged = issue(PATIENT, [RESULT], issuer=ISSUER, at=AT, key=OTHER)
    elsewhere = issue(PATIENT, [RESULT], issuer="https://other.example", at=AT, key=KEY)
    for data, trust in ((forged, TRUST), (elsewhere, TRUST), (TOKEN, None)):
        report = verify_file(data.encode(), trust)
        assert not report.ok
        assert [reason.code for reason in report.problems] == ["ledger.verify.card.unknown_key"]


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("ABCabc019-_"))
@settings(max_examples=150, deadline=None)
def test_one_changed_character_is_found(place: int, character: str) -> None:
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]
    assert verify_file(changed.encode(), TRUST).ok is (changed == TOKEN)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for found in (data, b"shc:/" + data, b'{"verifiableCredential":[' + data, b"a." + data):
        read_card(found)


def test_a_bomb_is_refused() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(b" " * (8 * 2**20)) + packer.flush()
    head = TOKEN.split(".", maxsplit=1)[0]
    assert isinstance(read_card(f"{head}.{b64url(bomb)}.{TOKEN.rsplit('.', 1)[1]}".encode()), Refusal)


def test_only_final_results_of_a_secure_address_become_a_card() -> None:
    for result, issuer in (({**RESULT, "status": "preliminary"}, ISSUER), (RESULT, "http://lab.example"), (RESULT, f"{ISSUER}/")):
        with pytest.raises(ValueError, match="expected"):
            issue(PATIENT, [result], issuer=issuer, at=AT, key=KEY)


def test_keys_keep_their_halves_together() -> None:
    assert CardKey.from_text(KEY.to_text()) == KEY
    assert "secret" not in repr(KEY)
    assert CardVerifyKey.from_jwk(KEY.public.jwk()) == KEY.public
    with pytest.raises(ValueError, match="P-256"):
        CardVerifyKey.from_jwk(SigningKey(bytes(32)).public.jwk())
    crooked = {**KEY.public.jwk(), "y": b64url(bytes(32))}
    with pytest.raises(ValueError):
        CardVerifyKey.from_jwk(crooked)
    generated = CardKey.generate()
    assert generated.public.verify(generated.sign(b"x"), b"x")
    assert len(b64url_decode(TOKEN.rsplit(".", 1)[1])) == 64


def test_many_results_make_as_many_cards_as_codes_and_none_is_lost() -> None:
    results = [{**RESULT, "valueQuantity": {"value": number * 7919 % 997, "unit": f"u{number}"}} for number in range(60)]
    tokens = issue_in_codes(PATIENT, results, issuer=ISSUER, at=AT, key=KEY)
    assert 1 < len(tokens) < len(results)
    assert all(len(token) <= LARGEST_IN_ONE_CODE for token in tokens)
    found = [item["valueQuantity"]["unit"] for token in tokens for item in results_of(card(token.encode()))]
    assert found == [f"u{number}" for number in range(60)]


def test_words_beside_a_code_are_left_out_and_words_alone_stay() -> None:
    worded = {**RESULT, "code": {**RESULT["code"], "text": "creatinine"}, "method": {"text": "enzymatic"}}
    _, result = card(issue(PATIENT, [worded], issuer=ISSUER, at=AT, key=KEY).encode()).resources
    assert result["code"] == {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]}
    assert result["method"] == {"text": "enzymatic"}


# --- cards that must not hold ---------------------------------------------------------------------------------------

NOW = datetime(2026, 3, 9, tzinfo=UTC)


def signed(change: Any = None, text: str | None = None) -> bytes:
    """A card with a changed payload, signed as an issuer would sign its own mistake."""
    head, body, _ = TOKEN.split(".")
    payload = json.loads(zlib.decompress(b64url_decode(body), -15))
    if change is not None:
        change(payload)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress((text or json.dumps(payload)).encode()) + packer.flush()
    content = f"{head}.{b64url(packed)}"
    return f"{content}.{b64url(KEY.sign(content.encode()))}".encode()


def _entries(payload: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = payload["vc"]["credentialSubject"]["fhirBundle"]["entry"]
    return found


def _immunization(patient: str) -> dict[str, Any]:
    said = {"status": "completed", "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "207"}]}, "occurrenceDateTime": "2026-01-05"}
    return {"fullUrl": "resource:8", "resource": {"resourceType": "Immunization", **said, "patient": {"reference": patient}}}


def test_an_immunization_of_the_cards_own_patient_holds() -> None:
    assert verify_file(signed(lambda p: _entries(p).append(_immunization("resource:0"))), TRUST, at=NOW).ok


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda p: p.update(exp=1_700_000_000), "expired"),
        (lambda p: p.update(exp=int(NOW.timestamp())), "expired"),
        (lambda p: p.update(exp=1_800_000_000_000), "no_seconds"),
        (lambda p: p.update(exp="never"), "no_seconds"),
        (lambda p: p.update(nbf=int(NOW.timestamp()) + 3600), "not_yet"),
        (lambda p: p.update(nbf=1_772_000_000_000), "no_seconds"),
        (lambda p: p.update(nbf="1772000000"), "no_seconds"),
        (lambda p: p.update(nbf=True), "no_seconds"),
        (lambda p: p.update(nbf=-5), "no_seconds"),
        (lambda p: p.pop("nbf"), "no_seconds"),
        (lambda p: p.update(nbf=float("nan")), "unreadable"),
        (lambda p: _entries(p).append({"fullUrl": "resource:9", "resource": {"resourceType": "Patient"}}), "two_patients"),
        (lambda p: _entries(p).pop(0), "no_patient"),
        (lambda p: _entries(p)[1]["resource"].update(subject={"reference": "resource:7"}), "other_patient"),
        (lambda p: _entries(p).append(_immunization("resource:7")), "other_patient"),
        (lambda p: p["vc"].update(type=["https://smarthealth.cards#immunization"]), "no_health_card"),
        (lambda p: p["vc"].update(type="https://smarthealth.cards#health-card"), "no_health_card"),
        (lambda p: _entries(p)[1]["resource"].update(status=7), "no_fhir"),
        (lambda p: p.update(iss=7), "unreadable"),
        (lambda p: p.update(vc=[]), "unreadable"),
        (lambda p: _entries(p)[1].update(resource="x"), "unreadable"),
    ],
)
def test_an_issuers_mistake_does_not_hold(change: Any, code: str) -> None:
    report = verify_file(signed(change), TRUST, at=NOW)
    assert (report.ok, code in {reason.code.rsplit(".", 1)[1] for reason in report.problems}) == (False, True)


def test_a_card_that_ends_before_it_begins_never_held_whatever_the_time_is() -> None:
    assert [reason.code for reason in verify_file(signed(lambda p: p.update(exp=1_700_000_000)), TRUST).problems] == ["ledger.verify.card.expired"]


def test_a_card_that_ends_later_holds_now_and_a_key_twice_is_unreadable() -> None:
    assert verify_file(signed(lambda p: p.update(exp=int(NOW.timestamp()) + 60)), TRUST, at=NOW).ok
    twice = json.dumps(json.loads(zlib.decompress(b64url_decode(TOKEN.split(".")[1]), -15))).replace('"nbf"', '"nbf": 1, "nbf"', 1)
    assert not verify_file(signed(text=twice), TRUST, at=NOW).ok


def test_a_mark_of_byte_order_and_capitals_are_read() -> None:
    digits = qr_text(TOKEN)
    for data in (b"\xef\xbb\xbf" + TOKEN.encode(), digits.upper().encode(), b"\xef\xbb\xbf" + digits.encode(), b"\xef\xbb\xbf" + card_file([TOKEN])):
        assert verify_file(data, TRUST, at=NOW).ok, data[:12]


def test_numbers_keep_their_digits_from_record_to_card() -> None:
    _, body, _ = TOKEN.split(".")
    assert b'"value":72.50' in zlib.decompress(b64url_decode(body), -15)
    assert str(card(TOKEN.encode()).resources[1]["valueQuantity"]["value"]) == "72.50"
