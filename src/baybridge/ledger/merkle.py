"""The Merkle tree of the log: hashes, roots, proofs, and their verification.

Main job: from the hashes of complete subtrees make the root of any size and short proofs that an entry is in it and that it only grew.

**Source**: RFC 9162 section 2.1 (the tree of RFC 6962, SHA-256, leaf prefix 0x00, node prefix 0x01).
**Units**: a node is named (level, index): the root of the complete subtree over entries index·2^level up to (index+1)·2^level.
Elsewhere: where nodes are stored is `log.py`; here they come from any `fetch`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from hmac import compare_digest

Place = tuple[int, int]  # level, index
Fetch = Callable[[Sequence[Place]], Mapping[Place, bytes]]

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two neighbouring subtrees."""
    return sha256(b"\x01" + left + right).digest()


# --- growing --------------------------------------------------------------------------------------------------------


def grow(size: int, leaves: Sequence[bytes], fetch: Fetch) -> dict[Place, bytes]:
    """The nodes that become complete when `leaves` (hashes) follow the first `size` entries, the leaves among them."""
    made: dict[Place, bytes] = {}
    known = dict(fetch(peaks(size))) if leaves and size else {}
    for index, leaf in enumerate(leaves, start=size):
        level, position, value = 0, index, leaf
        made[level, position] = value
        while position % 2:
            sibling = (level, position - 1)
            value = node_hash(made.get(sibling) or known[sibling], value)
            level, position = level + 1, position // 2
            made[level, position] = value
    return made


def peaks(size: int) -> list[Place]:
    """The complete subtrees, left to right, that make up a tree of that size."""
    return _peaks(0, size)


def _peaks(start: int, end: int) -> list[Place]:
    """The complete subtrees, left to right, that make up entries start..end; start is a multiple of a power of two >= end-start."""
    places = []
    while start < end:
        level = (end - start).bit_length() - 1
        places.append((level, start >> level))
        start += 1 << level
    return places


def _fold(hashes: Sequence[bytes]) -> bytes:
    value = hashes[-1]
    for left in reversed(hashes[:-1]):
        value = node_hash(left, value)
    return value


def _hash_ranges(ranges: Sequence[tuple[int, int]], fetch: Fetch) -> list[bytes]:
    parts = [_peaks(start, end) for start, end in ranges]
    wanted = [place for places in parts for place in places]
    known = fetch(wanted) if wanted else {}
    return [_fold([known[place] for place in places]) for places in parts]


def root(size: int, fetch: Fetch) -> bytes:
    """The root over the first `size` entries."""
    return _hash_ranges([(0, size)], fetch)[0] if size else EMPTY_ROOT


# --- proving --------------------------------------------------------------------------------------------------------


def _split(start: int, end: int) -> int:
    """Where RFC 9162 cuts a range: after the largest power of two that is smaller than its length."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, fetch: Fetch) -> list[bytes]:
    """The proof that entry `index` is in the tree of `size` entries; ValueError if it cannot be."""
    if not 0 <= index < size:
        raise ValueError(f"expected an index below the size {size}, found {index}")
    start, end, ranges = 0, size, []
    while end - start > 1:
        middle = _split(start, end)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return _hash_ranges(ranges[::-1], fetch)


def consistency_proof(old: int, new: int, fetch: Fetch) -> list[bytes]:
    """The proof that the tree of `new` entries begins with the tree of `old`; ValueError unless 1 <= old <= new."""
    if not 1 <= old <= new:
        raise ValueError(f"expected sizes 1 <= old <= new, found {old} and {new}")
    start, end, ranges = 0, new, []
    while end != old:
        middle = _split(start, end)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:
        ranges.append((start, end))
    return _hash_ranges(ranges[::-1], fetch)


# --- verifying ------------------------------------------------------------------------------------------------------


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], tree_root: bytes) -> bool:
    """True if `proof` shows the entry with hash `leaf` at `index` of the tree of that size and root (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size or not _all_hashes((leaf, tree_root, *proof)):
        return False
    position, last, value = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if position % 2 or position == last:
            value = node_hash(step, value)
            position, last = _up_to_right_child(position, last)
        else:
            value = node_hash(value, step)
        position, last = position >> 1, last >> 1
    return last == 0 and compare_digest(value, tree_root)


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """True if `proof` shows that the tree (new, new_root) begins with the tree (old, old_root) (RFC 9162 section 2.1.4.2).

    Nothing follows from an empty tree, so `old` = 0 is refused.
    """
    if not 1 <= old <= new:
        return False
    if old == new:
        return not proof and compare_digest(old_root, new_root)
    if not proof or not _all_hashes((old_root, new_root, *proof)):
        return False
    steps = list(proof) if old & (old - 1) else [old_root, *proof]
    return _replay_consistency(old - 1, new - 1, old_root, new_root, steps)


def _replay_consistency(position: int, last: int, old_root: bytes, new_root: bytes, steps: Sequence[bytes]) -> bool:
    while position % 2:
        position, last = position >> 1, last >> 1
    old_value = new_value = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if position % 2 or position == last:
            old_value, new_value = node_hash(step, old_value), node_hash(step, new_value)
            position, last = _up_to_right_child(position, last)
        else:
            new_value = node_hash(new_value, step)
        position, last = position >> 1, last >> 1
    return last == 0 and compare_digest(old_value, old_root) and compare_digest(new_value, new_root)


def _up_to_right_child(position: int, last: int) -> Place:
    """Skip the levels at which the right edge of the tree has no sibling."""
    while position and not position % 2:
        position, last = position >> 1, last >> 1
    return position, last


def _all_hashes(values: Iterable[bytes]) -> bool:
    return all(len(value) == HASH_BYTES for value in values)
