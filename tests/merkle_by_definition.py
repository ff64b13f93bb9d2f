"""The Merkle tree of RFC 9162 once more, word for word from its recursive definitions, as the measure of our own.

Main job: `tree_head`, `inclusion_proof` and `consistency_proof` over whole lists of entries; slow, and nothing in it is shared with `ledger/merkle.py`.

**Source**: RFC 9162, sections 2.1.1 (MTH), 2.1.3.1 (PATH) and 2.1.4.1 (PROOF, SUBPROOF).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256


def tree_head(entries: Sequence[bytes]) -> bytes:
    """MTH(D_n), section 2.1.1."""
    n = len(entries)
    if n == 0:
        return sha256(b"").digest()
    if n == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = _split(n)
    return sha256(b"\x01" + tree_head(entries[:k]) + tree_head(entries[k:])).digest()


def inclusion_proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D_n), section 2.1.3.1."""
    n = len(entries)
    if n == 1:
        return []
    k = _split(n)
    if m < k:
        return [*inclusion_proof(m, entries[:k]), tree_head(entries[k:])]
    return [*inclusion_proof(m - k, entries[k:]), tree_head(entries[:k])]


def consistency_proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PROOF(m, D_n) for 0 < m <= n, section 2.1.4.1."""
    return _subproof(m, entries, known=True)


def _subproof(m: int, entries: Sequence[bytes], *, known: bool) -> list[bytes]:
    n = len(entries)
    if m == n:
        return [] if known else [tree_head(entries)]
    k = _split(n)
    if m <= k:
        return [*_subproof(m, entries[:k], known=known), tree_head(entries[k:])]
    return [*_subproof(m - k, entries[k:], known=False), tree_head(entries[:k])]


def _split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k
