"""Witnesses: neighbours that see to it that a node's log only grows, and that it shows everybody the same one.

Main job: judge a neighbour's new checkpoint against the last one seen, and against what another neighbour saw.

**Source**: C2SP tlog-witness (a witness signs only what extends the largest tree that it has seen). Pure; fetching is `node/neighbours`' work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from baybridge.base.keys import VerifyKey
from baybridge.ledger import checkpoint, merkle
from baybridge.ledger.checkpoint import Checkpoint


class Verdict(StrEnum):
    """What a witness says of two checkpoints of one log."""

    CONSISTENT = "consistent"
    FORKED = "forked"  # both are signed, and no one history leads through both
    SHRUNK = "shrunk"  # the newer one has fewer entries
    BAD_SIGNATURE = "bad_signature"  # unreadable, of another log, or not signed by its keys
    UNPROVEN = "unproven"  # sizes differ and no proof was given: not known, not fine


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and the new checkpoint where it is readable and signed."""

    verdict: Verdict
    checkpoint: Checkpoint | None = None

    @property
    def consistent(self) -> bool:
        """True only if the history is known to be one."""
        return self.verdict is Verdict.CONSISTENT


def judge(last: str | None, new: str, *, origin: str, keys: Iterable[VerifyKey], proof: Sequence[bytes] | None = None) -> Judgement:
    """Whether the checkpoint `new` of the log `origin` continues `last`, the one that this witness kept (None or "" if it has none).

    `proof` is the consistency proof from last to new; without need of one (first sight, same size, empty tree) it is ignored if empty.
    """
    keys = tuple(keys)
    found = checkpoint.verify(new, origin, keys)
    if found is None:
        return Judgement(Verdict.BAD_SIGNATURE)
    if not last:
        return Judgement(Verdict.CONSISTENT, found)
    known = checkpoint.verify(last, origin, keys)
    if known is None:
        return Judgement(Verdict.BAD_SIGNATURE, found)
    return Judgement(_continues(known, found, proof), found)


def _continues(old: Checkpoint, new: Checkpoint, proof: Sequence[bytes] | None) -> Verdict:
    if new.size < old.size:
        return Verdict.SHRUNK
    if new.size == old.size:
        return Verdict.CONSISTENT if new.root == old.root and not proof else Verdict.FORKED
    if old.size == 0:
        return Verdict.CONSISTENT if old.root == merkle.EMPTY_ROOT else Verdict.FORKED
    if proof is None:
        return Verdict.UNPROVEN
    holds = merkle.verify_consistency(old.size, new.size, old.root, new.root, proof)
    return Verdict.CONSISTENT if holds else Verdict.FORKED


def compare(mine: str, theirs: str, *, origin: str, keys: Iterable[VerifyKey], proof: Sequence[bytes] | None = None) -> Judgement:
    """Whether two neighbours hold checkpoints of one history of the log `origin`; `proof` leads from the smaller to the larger.

    `forked` with both signed means that the log showed different histories; the two notes together are the evidence. A checkpoint that the
    log did not sign accuses nobody: `bad_signature`.
    """
    keys = tuple(keys)
    first, second = checkpoint.verify(mine, origin, keys), checkpoint.verify(theirs, origin, keys)
    if first is None or second is None:
        return Judgement(Verdict.BAD_SIGNATURE, first or second)
    old, new = sorted((first, second), key=lambda one: one.size)
    return Judgement(_continues(old, new, proof), new)
