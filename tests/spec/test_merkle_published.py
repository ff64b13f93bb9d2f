"""What RFC 6962 and its reference implementation publish of a small tree: roots, audit paths and consistency proofs.

**Source**: RFC 6962, section 2.1.3 (the example of seven entries, by the letters of its figure); the roots of the eight test entries of the
reference implementation (google/certificate-transparency, merkletree tests; C2SP and transparency-dev/merkle use the same).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest

import merkle_by_definition as definition
from baybridge.ledger import merkle
from baybridge.ledger.merkle import Place

ENTRIES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
#: The figure of section 2.1.3: a..f and j are leaves, g = (a, b), h = (c, d), i = (e, f), k = (g, h), l = (i, j).
FIGURE_PATHS = {0: "bhl", 3: "cgl", 4: "fjk", 6: "ik"}
FIGURE_PROOFS = {3: "cdgl", 4: "l", 6: "ijk"}


def figure() -> dict[str, bytes]:
    """The hashes of the figure by its letters, over the first seven test entries."""
    found = {letter: sha256(b"\x00" + entry).digest() for letter, entry in zip("abcdefj", ENTRIES[:7], strict=True)}
    for letter, (left, right) in {"g": "ab", "h": "cd", "i": "ef", "k": "gh", "l": "ij"}.items():
        found[letter] = sha256(b"\x01" + found[left] + found[right]).digest()
    return found


class Tree:
    """Our tree over the test entries."""

    def __init__(self) -> None:
        self.nodes: dict[Place, bytes] = merkle.grow(0, [merkle.leaf_hash(entry) for entry in ENTRIES], self.fetch)

    def fetch(self, places: Sequence[Place]) -> dict[Place, bytes]:
        return {place: self.nodes[place] for place in places}


@pytest.mark.parametrize("size", sorted(ROOTS))
def test_roots(size: int) -> None:
    assert definition.tree_head(ENTRIES[:size]).hex() == ROOTS[size]
    assert (merkle.root(size, Tree().fetch) if size else merkle.EMPTY_ROOT).hex() == ROOTS[size]


@pytest.mark.parametrize("index", sorted(FIGURE_PATHS))
def test_audit_paths_of_the_figure(index: int) -> None:
    expected = [figure()[letter] for letter in FIGURE_PATHS[index]]
    assert definition.inclusion_proof(index, ENTRIES[:7]) == expected
    assert merkle.inclusion_proof(index, 7, Tree().fetch) == expected


@pytest.mark.parametrize("old", sorted(FIGURE_PROOFS))
def test_consistency_proofs_of_the_figure(old: int) -> None:
    expected = [figure()[letter] for letter in FIGURE_PROOFS[old]]
    assert definition.consistency_proof(old, ENTRIES[:7]) == expected
    assert merkle.consistency_proof(old, 7, Tree().fetch) == expected
