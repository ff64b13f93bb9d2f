"""Over generated logs: every proof verifies, no tampered proof does, roots and proofs are those of the definitions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from baybridge.ledger import log, merkle
from baybridge.ledger.log import Entry
from baybridge.ledger.merkle import Place
from baybridge.ledger.tables import metadata
from merkle_by_definition import consistency_proof, inclusion_proof, tree_head

SIZES = st.integers(1, 130)


class Grown:
    """A tree grown leaf by leaf."""

    def __init__(self, size: int) -> None:
        self.leaves = [b"entry %d" % number for number in range(size)]
        self.hashes = [merkle.leaf_hash(leaf) for leaf in self.leaves]
        self.nodes: dict[Place, bytes] = {}
        for number, leaf in enumerate(self.hashes):
            self.nodes |= merkle.grow(number, [leaf], self.fetch)

    def fetch(self, places: Sequence[Place]) -> dict[Place, bytes]:
        return {place: self.nodes[place] for place in places}

    def root(self, size: int) -> bytes:
        return merkle.root(size, self.fetch)


TREE = Grown(130)


@given(SIZES)
def test_the_root_is_that_of_the_definition(size: int) -> None:
    assert TREE.root(size) == tree_head(TREE.leaves[:size])


@given(st.data())
def test_inclusion_proofs_are_those_of_the_definition_and_verify(data: st.DataObject) -> None:
    size = data.draw(SIZES)
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(index, size, TREE.fetch)
    assert merkle.verify_inclusion(TREE.hashes[index], index, size, proof, TREE.root(size))
    assert proof == inclusion_proof(index, TREE.leaves[:size])


@given(st.data())
def test_consistency_proofs_are_those_of_the_definition_and_verify(data: st.DataObject) -> None:
    new = data.draw(SIZES)
    old = data.draw(st.integers(1, new))
    proof = merkle.consistency_proof(old, new, TREE.fetch)
    assert proof == consistency_proof(old, TREE.leaves[:new])
    assert merkle.verify_consistency(old, new, TREE.root(old), TREE.root(new), proof)


@given(st.data())
def test_a_tampered_inclusion_proof_fails(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 130))
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(index, size, TREE.fetch)
    leaf, root = TREE.hashes[index], TREE.root(size)
    changed = tampered(data, proof)
    assert not merkle.verify_inclusion(leaf, index, size, changed, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda one: one != index))
    assert not merkle.verify_inclusion(leaf, other, size, proof, root)


@given(st.data())
def test_a_tampered_consistency_proof_fails(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 130))
    old = data.draw(st.integers(1, new - 1))
    proof = merkle.consistency_proof(old, new, TREE.fetch)
    roots = TREE.root(old), TREE.root(new)
    assert not merkle.verify_consistency(old, new, *roots, tampered(data, proof))
    assert not merkle.verify_consistency(old, new, *reversed(roots), proof)
    assert not merkle.verify_consistency(old, new, merkle.leaf_hash(roots[0]), roots[1], proof)


def tampered(data: st.DataObject, proof: list[bytes]) -> list[bytes]:
    """The proof with a bit turned, a step lost, a step added or two steps exchanged."""
    at = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    turned = bytearray(proof[at])
    turned[bit // 8] ^= 1 << bit % 8
    ways = [
        [*proof[:at], bytes(turned), *proof[at + 1 :]],
        [*proof[:at], *proof[at + 1 :]],
        [*proof[: at + 1], proof[at], *proof[at + 1 :]],
        [*proof, bytes(32)],
        [bytes(32), *proof],
    ]
    if len(proof) > 1:
        ways.append([*proof[1:], proof[0]])
    return data.draw(st.sampled_from(ways))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=20), min_size=1, max_size=9), max_size=12))
def test_entries_appended_in_any_portions_make_the_same_tree(portions: list[list[bytes]]) -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    at = datetime(2026, 3, 8, tzinfo=UTC)
    entry = Entry(kind="k", at=at, node="n", organisation="o", actor="a", role="r", purpose="p", subject="s", what="w")
    contents = [content for portion in portions for content in portion]
    with engine.connect() as connection:
        for portion in portions:
            log.append(connection, [(entry, content) for content in portion], lambda: bytes(32))
        size, root = log.size_and_root(connection)
        assert size == len(contents)
        bodies = [one.body for one in log.entries(connection, 0, size)]
        assert [log.read_entry(body).sha256 for body in bodies] == [log.content_sha256(bytes(32), content) for content in contents]
        for position, body in enumerate(bodies):
            assert merkle.verify_inclusion(merkle.leaf_hash(body), position, size, log.proof(connection, position, size), root)
