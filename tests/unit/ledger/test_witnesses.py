"""What a witness says of a log that grows, forks, shrinks, or shows two neighbours two histories."""

from __future__ import annotations

import pytest

from baybridge.base.keys import SigningKey
from baybridge.ledger import checkpoint as notes
from baybridge.ledger import merkle
from baybridge.ledger.checkpoint import Checkpoint
from baybridge.ledger.merkle import Place
from baybridge.ledger.witness import Verdict, compare, judge

KEY = SigningKey(b"\x01" * 32)
STRANGER = SigningKey(b"\x02" * 32)
ORIGIN = "baybridge/sh"


class Log:
    """A log of entries, its checkpoints and proofs."""

    def __init__(self, *entries: str) -> None:
        leaves = [merkle.leaf_hash(entry.encode()) for entry in entries]
        self.nodes = merkle.grow(0, leaves, self.fetch)

    def fetch(self, places: list[Place]) -> dict[Place, bytes]:
        return {place: self.nodes[place] for place in places}

    def note(self, size: int, key: SigningKey = KEY, origin: str = ORIGIN) -> str:
        return str(notes.sign(Checkpoint(origin, size, merkle.root(size, self.fetch)), key))

    def proof(self, old: int, new: int) -> list[bytes]:
        return merkle.consistency_proof(old, new, self.fetch)


HONEST = Log("a", "b", "c", "d", "e")
REWRITTEN = Log("a", "B", "c", "d", "e")


def verdict(last: str | None, new: str, proof: list[bytes] | None = None) -> Verdict:
    return judge(last, new, origin=ORIGIN, keys=[KEY.public], proof=proof).verdict


def test_a_log_that_grew_is_consistent() -> None:
    assert verdict(HONEST.note(3), HONEST.note(5), HONEST.proof(3, 5)) is Verdict.CONSISTENT


@pytest.mark.parametrize("last", [None, ""])
def test_the_first_sight_is_consistent(last: str | None) -> None:
    assert verdict(last, HONEST.note(5)) is Verdict.CONSISTENT


def test_the_same_again_is_consistent() -> None:
    assert verdict(HONEST.note(5), HONEST.note(5)) is Verdict.CONSISTENT


def test_an_empty_log_may_grow_into_anything() -> None:
    assert verdict(Log().note(0), HONEST.note(5)) is Verdict.CONSISTENT


def test_rewritten_history_is_a_fork_whatever_is_offered_as_proof() -> None:
    for proof in (REWRITTEN.proof(3, 5), HONEST.proof(3, 5), []):
        assert verdict(HONEST.note(3), REWRITTEN.note(5), proof) is Verdict.FORKED
    assert verdict(HONEST.note(5), REWRITTEN.note(5)) is Verdict.FORKED


def test_a_log_without_proof_is_not_known_to_be_fine() -> None:
    judgement = judge(HONEST.note(3), HONEST.note(5), origin=ORIGIN, keys=[KEY.public])
    assert judgement.verdict is Verdict.UNPROVEN
    assert not judgement.consistent


def test_a_log_that_lost_entries_shrank() -> None:
    assert verdict(HONEST.note(5), HONEST.note(3), HONEST.proof(3, 5)) is Verdict.SHRUNK


@pytest.mark.parametrize("new", [HONEST.note(5, STRANGER), HONEST.note(5, origin="baybridge/mo"), "no note", ""])
def test_a_checkpoint_that_the_log_did_not_sign_is_no_checkpoint(new: str) -> None:
    assert verdict(HONEST.note(3), new, HONEST.proof(3, 5)) is Verdict.BAD_SIGNATURE


def test_two_neighbours_that_saw_different_histories_say_so_in_either_order() -> None:
    for mine, theirs in ((HONEST.note(5), REWRITTEN.note(5)), (REWRITTEN.note(5), HONEST.note(5))):
        assert compare(mine, theirs, origin=ORIGIN, keys=[KEY.public]).verdict is Verdict.FORKED
    proof = REWRITTEN.proof(3, 5)
    assert compare(HONEST.note(3), REWRITTEN.note(5), origin=ORIGIN, keys=[KEY.public], proof=proof).verdict is Verdict.FORKED


def test_two_neighbours_that_saw_one_history_at_different_sizes_agree() -> None:
    for mine, theirs in ((HONEST.note(3), HONEST.note(5)), (HONEST.note(5), HONEST.note(3))):
        assert compare(mine, theirs, origin=ORIGIN, keys=[KEY.public], proof=HONEST.proof(3, 5)).consistent


def test_a_forged_checkpoint_accuses_nobody() -> None:
    assert compare(HONEST.note(5), REWRITTEN.note(5, STRANGER), origin=ORIGIN, keys=[KEY.public]).verdict is Verdict.BAD_SIGNATURE
