"""Keys: published vectors, texts that keep them, rings that outlive a rotation."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from baybridge.base.keys import KeyRing, RingKey, SealingKey, SealKey, SigningKey, VerifyKey, b64url, b64url_decode

# RFC 8037 appendix A: key, public key, thumbprint, and the JWS example's signature
D = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
SIGNING_INPUT = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
SIGNATURE = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
AT = datetime(2026, 3, 8, tzinfo=UTC)


def test_the_published_key_has_its_published_name_and_signature() -> None:
    key = SigningKey(b64url_decode(D))
    assert key.public.jwk()["x"] == X
    assert key.kid == THUMBPRINT
    assert b64url(key.sign(SIGNING_INPUT)) == SIGNATURE


def test_texts_keep_keys() -> None:
    key, seal = SigningKey.generate(), SealingKey.generate()
    assert SigningKey.from_text(key.to_text()) == key
    assert SealingKey.from_text(seal.to_text()) == seal
    assert VerifyKey.from_jwk(key.public.jwk()) == key.public
    assert SealKey.from_jwk(seal.public.jwk()) == seal.public


def test_two_sides_share_one_secret() -> None:
    one, other = SealingKey.generate(), SealingKey.generate()
    assert one.shared(other.public) == other.shared(one.public)


def test_a_private_key_is_never_printed() -> None:
    key, seal = SigningKey.generate(), SealingKey.generate()
    assert b64url(key.seed) not in repr(key)
    assert repr(key.seed) not in repr(key)
    assert repr(seal.seed) not in repr(seal)
    assert "d" not in key.public.jwk()


def test_a_signature_over_other_bytes_or_by_another_key_fails() -> None:
    key = SigningKey.generate()
    signature = key.sign(b"this")
    assert key.public.verify(signature, b"this")
    assert not key.public.verify(signature, b"that")
    assert not SigningKey.generate().public.verify(signature, b"this")
    assert not key.public.verify(b"", b"this")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kty":"OKP","crv":"X25519","x":"AA"}', '{"kty":"OKP","crv":"Ed25519","d":"AA"}'])
def test_what_is_no_key_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        SigningKey.from_text(text)


@pytest.mark.parametrize("text", ["AA=", "AB", "A A", "AA\n", "é", "A"])
def test_only_canonical_base64url_is_read(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        b64url_decode(text)


def test_a_rotated_key_still_verifies_what_it_signed_while_it_was_valid() -> None:
    old, new = SigningKey.generate(), SigningKey.generate()
    ring = KeyRing((RingKey(old.public, None, AT), RingKey(new.public, AT)))
    signature = old.sign(b"x")
    assert ring.verify(old.kid, signature, b"x", AT - timedelta(days=1))
    assert ring.verify(old.kid, signature, b"x")
    assert not ring.verify(old.kid, signature, b"x", AT + timedelta(days=1))
    assert ring.find(new.kid, AT) == new.public
    assert ring.find(new.kid, AT - timedelta(days=1)) is None


def test_a_ring_reads_back_from_json_and_leaves_other_kinds_of_keys_out() -> None:
    ring = KeyRing((RingKey(SigningKey.generate().public, None, AT), RingKey(SigningKey.generate().public, AT)))
    text = json.dumps([*ring.as_json(), SealingKey.generate().public.jwk()])
    assert KeyRing.from_jwks(json.loads(text)) == ring
