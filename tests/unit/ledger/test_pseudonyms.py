"""The name of a case in the log is a keyed hash by the book, however often the key was used before."""

from __future__ import annotations

import hmac

import pytest

from baybridge.ledger import log


@pytest.mark.parametrize("secret", [b"", b"k" * 32, b"k" * 64, b"k" * 65, b"k" * 300], ids=len)
def test_pseudonym_is_hmac_sha256_each_time(secret: bytes) -> None:
    for case_id in ("", "case-1", "case-1", "陳大文", "case-2"):
        assert log.pseudonym(secret, case_id) == hmac.digest(secret, case_id.encode(), "sha256").hex()
