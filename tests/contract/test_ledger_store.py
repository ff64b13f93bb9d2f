"""What every database must do for the ledger."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, delete, select, update
from sqlalchemy import event as listening

import databases
from baybridge.base.canonical import canonical_bytes
from baybridge.base.keys import KeyRing, SigningKey
from baybridge.ledger import checking, heads, keeping, log, merkle, streams
from baybridge.ledger import checkpoint as notes
from baybridge.ledger.log import Entry
from baybridge.ledger.streams import StoredEvent, StreamConflictError
from baybridge.ledger.tables import checkpoint, content_salt, event, log_entry, log_node, metadata
from baybridge.ledger.witness import Judgement, Verdict

KEY = SigningKey(b"\x01" * 32)
NEIGHBOUR = SigningKey(b"\x02" * 32)
ORIGIN = "baybridge/mo"
AT = "2026-03-08T09:00:00+08:00"


@pytest.fixture(params=databases.KINDS)
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    engine = create_engine(databases.url_of(request.param, tmp_path))
    metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def stored(sequence: int, case_id: str = "case", **changes: object) -> StoredEvent:
    event_id = f"{case_id}-{sequence}"
    kind = changes.get("type", "CaseOpened")
    body = canonical_bytes({"event_id": event_id, "case_id": case_id, "sequence": sequence, "event": {"type": kind}})
    told = {"event_id": event_id, "case_id": case_id, "sequence": sequence, "type": "CaseOpened", "at": AT, "recorded_at": AT, "body": body}
    return StoredEvent(**{**told, **changes})  # type: ignore[arg-type]


def entry(**changes: str) -> Entry:
    told = {"kind": "event", "node": "mo", "organisation": "o", "actor": "a", "role": "nurse", "purpose": "care"}
    return Entry(at=datetime.fromisoformat(AT), **{**told, "subject": "s", "what": "w", **changes})


def salt() -> bytes:
    return os.urandom(32)


def happen(connection: Connection, *events: StoredEvent) -> None:
    for one in events:
        streams.append(connection, [one], one.sequence - 1)
        logged = entry(subject=f"s-{one.case_id}", what=f"{one.type}/{one.event_id}")
        log.append(connection, [(logged, one.body)], salt)


def check(connection: Connection, **more: dict[str, str]) -> set[str]:
    found = checking.check(connection, KeyRing.of(KEY.public), {"gd": KeyRing.of(NEIGHBOUR.public)}, **more)
    return {reason.code.removeprefix("ledger.check.") for reason in found}


def a_sound_ledger(connection: Connection) -> str:
    happen(connection, *(stored(number) for number in range(1, 8)), stored(1, "other"))
    heads.write(connection, "case", entry(subject="s-case"), salt)
    return keeping.issue(connection, ORIGIN, KEY, entry(), salt)


# --- streams --------------------------------------------------------------------------------------------------------


def test_events_come_back_byte_for_byte_in_order(connection: Connection) -> None:
    events = [stored(1), stored(2), stored(3)]
    streams.append(connection, events, 0)
    assert streams.read(connection, "case") == events
    assert streams.read(connection, "case", upto=2) == events[:2]
    assert streams.read(connection, "nobody") == []
    assert streams.last_sequence(connection, "case") == 3
    assert streams.last_sequence(connection, "nobody") == 0


def test_a_writer_that_saw_too_little_or_too_much_is_told(connection: Connection) -> None:
    streams.append(connection, [stored(1)], 0)
    for behind in (0, 2):
        with pytest.raises(StreamConflictError) as conflict:
            streams.append(connection, [stored(behind + 1, event_id="new")], behind)
        assert conflict.value.found == 1
    assert len(streams.read(connection, "case")) == 1


def test_the_same_event_or_command_is_not_taken_twice(connection: Connection) -> None:
    streams.append(connection, [stored(1, command_id="c"), stored(2, command_id="c")], 0)
    assert streams.by_command(connection, "c") == ["case-1", "case-2"]
    assert streams.by_command(connection, "d") == []
    for again in (stored(3, event_id="case-1"), stored(3, command_id="c")):
        with pytest.raises(StreamConflictError), connection.begin_nested():
            streams.append(connection, [again], 2)
    assert streams.last_sequence(connection, "case") == 2


def test_events_of_two_cases_or_with_a_gap_are_a_mistake_of_the_caller(connection: Connection) -> None:
    for events in ([stored(1), stored(3)], [stored(1), stored(2, "other")]):
        with pytest.raises(ValueError, match="expected sequence"):
            streams.append(connection, events, 0)


# --- log ------------------------------------------------------------------------------------------------------------


def test_every_entry_of_every_size_is_proven(connection: Connection) -> None:
    for number in range(20):
        assert log.append(connection, [(entry(what=str(number)), b"content")], salt) == [number]
        size, root = log.size_and_root(connection)
        for one in log.entries(connection, 0, size):
            proof = log.proof(connection, one.position, size)
            assert merkle.verify_inclusion(merkle.leaf_hash(one.body), one.position, size, proof, root)
        for old in range(1, size + 1):
            proof = log.consistency(connection, old, size)
            assert merkle.verify_consistency(old, size, log.size_and_root(connection, old)[1], root, proof)


def test_writers_in_turn_and_transactions_taken_back_leave_one_sound_tree(connection: Connection) -> None:
    chance = random.Random(11)
    with connection.engine.connect() as other:
        for number in range(60):
            writer = chance.choice((connection, other))
            for _ in range(chance.choice((1, 1, 2))):  # twice in one transaction too
                log.append(writer, [(entry(what=f"w{number}"), b"c")] * chance.randint(1, 5), salt)
            writer.rollback() if chance.random() < 0.4 else writer.commit()
    leaves = [merkle.leaf_hash(one.body) for one in log.entries(connection, 0, log.size(connection))]
    made = merkle.grow(0, leaves, lambda _places: {})
    length, root = log.size_and_root(connection)
    assert length == len(leaves) > 60
    assert root == merkle.root(length, lambda places: {place: made[place] for place in places})
    assert {(row.level, row.position): row.hash for row in connection.execute(select(log_node))} == made


def test_an_erased_content_cannot_be_guessed_and_its_entry_still_proven(connection: Connection) -> None:
    log.append(connection, [(entry(), b"yes"), (entry(), b"no")], salt)
    before = log.size_and_root(connection)
    first = log.entries(connection, 0, 1)[0]
    assert first.salt is not None
    assert log.content_sha256(first.salt, b"yes") == first.entry.sha256
    log.erase(connection, [0], entry(purpose="erasure"), b"the law that demands it", salt)
    again = log.entries(connection, 0, 1)[0]
    assert again.salt is None
    assert again.body == first.body
    assert log.size_and_root(connection, 2) == before  # the erasure is an entry of its own
    assert merkle.verify_inclusion(merkle.leaf_hash(again.body), 0, 2, log.proof(connection, 0, 2), before[1])


def test_an_entry_holds_neither_content_nor_case(connection: Connection) -> None:
    subject = log.pseudonym(b"secret", "case-of-somebody")
    log.append(connection, [(entry(subject=subject), b"canary-content")], salt)
    body = log.entries(connection, 0, 1)[0].body
    assert b"canary" not in body
    assert b"case-of-somebody" not in body
    assert log.pseudonym(b"other", "case-of-somebody") != subject != log.pseudonym(b"secret", "another")


def test_proofs_beyond_the_log_are_refused(connection: Connection) -> None:
    log.append(connection, [(entry(), b"")], salt)
    for ask in (lambda: log.proof(connection, 0, 2), lambda: log.proof(connection, 1, 1), lambda: log.consistency(connection, 0, 1)):
        with pytest.raises(ValueError, match="expected"):
            ask()


def test_a_short_salt_is_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="expected a salt of 32 bytes"):
        log.append(connection, [(entry(), b"")], lambda: b"short")


def test_a_thousand_entries_in_one_transaction_need_no_more_statements_than_a_few(connection: Connection) -> None:
    statements: list[str] = []
    listening.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))
    log.append(connection, [(entry(), b"content")] * 1000, salt)
    assert 0 < len(statements) < 100


# --- checkpoints ----------------------------------------------------------------------------------------------------


def test_a_checkpoint_is_signed_over_the_log_with_its_key_in_it_and_kept(connection: Connection) -> None:
    note = a_sound_ledger(connection)
    size, root = log.size_and_root(connection)
    assert notes.verify(note, ORIGIN, [KEY.public]) == notes.Checkpoint(ORIGIN, size, root)
    assert [one.entry.kind for one in log.entries_on(connection, KEY.kid, "key")] == ["key"]
    assert keeping.issue(connection, ORIGIN, KEY, entry(), salt) == note == keeping.latest(connection)


def test_co_signatures_join_and_are_not_doubled(connection: Connection) -> None:
    note = notes.parse(a_sound_ledger(connection))
    size = notes.read(note).size
    for seconds in (1, 2):
        joined = keeping.join_cosignatures(connection, size, [notes.cosign(note, "baybridge/gd", NEIGHBOUR, seconds)])
    assert joined == keeping.at_size(connection, size)
    assert notes.cosigned_at(notes.parse(joined or ""), "baybridge/gd", [NEIGHBOUR.public]) == 2
    assert len(notes.parse(joined or "").signatures) == 2
    assert keeping.join_cosignatures(connection, size + 1, []) is None


def test_a_new_key_gets_its_entry_and_the_old_checkpoints_stay_good(connection: Connection) -> None:
    old = a_sound_ledger(connection)
    new = keeping.issue(connection, ORIGIN, NEIGHBOUR, entry(), salt)
    assert notes.verify(new, ORIGIN, [NEIGHBOUR.public]) is not None
    assert keeping.all_notes(connection)[0][1] == old
    problems = checking.check(connection, KeyRing.of(KEY.public, NEIGHBOUR.public), {})
    assert problems == []


def test_a_fork_stays_on_record_until_a_person_clears_it(connection: Connection) -> None:
    fine, forked = Judgement(Verdict.CONSISTENT), Judgement(Verdict.FORKED)
    keeping.remember(connection, "gd", "note 1", fine, AT)
    keeping.remember(connection, "gd", "note 2", forked, AT)
    kept = keeping.remember(connection, "gd", "note 3", fine, AT)
    assert (kept.note, kept.consistent, kept.problem, kept.problem_note) == ("note 3", False, "forked", "note 2")
    assert check(connection) == {"neighbour"}
    keeping.clear(connection, "gd")
    assert keeping.all_seen(connection)[0].consistent


def test_another_problem_ends_with_the_next_consistent_answer(connection: Connection) -> None:
    keeping.remember(connection, "gd", "note 1", Judgement(Verdict.UNPROVEN), AT)
    assert keeping.remember(connection, "gd", "note 2", Judgement(Verdict.CONSISTENT), AT).consistent


# --- checking -------------------------------------------------------------------------------------------------------


def test_a_sound_ledger_has_no_problem(connection: Connection) -> None:
    a_sound_ledger(connection)
    assert check(connection) == set()


def test_a_log_without_checkpoint_is_said(connection: Connection) -> None:
    happen(connection, stored(1))
    assert check(connection) == {"no_checkpoint"}


def test_an_empty_ledger_has_no_problem(connection: Connection) -> None:
    assert check(connection) == set()


def test_an_event_erased_with_its_salt_is_no_problem_and_half_of_it_is(connection: Connection) -> None:
    a_sound_ledger(connection)
    log.erase(connection, [2], entry(purpose="erasure"), b"the law that demands it", salt)
    assert check(connection) == {"half_erased"}
    streams.erase(connection, "case", 3)
    assert check(connection) == set()


@pytest.mark.parametrize(
    ("statement", "codes"),
    [
        (update(event).where(event.c.sequence == 3).values(body=b"{}"), {"event_changed"}),
        (update(event).where(event.c.sequence == 3).values(type="Died"), {"event_changed"}),
        (delete(event).where(event.c.sequence == 7), {"event_missing"}),
        (delete(event).where(event.c.sequence == 3), {"event_missing", "sequence_gap"}),
        (
            update(log_entry).where(log_entry.c.position == 2).values(body=b"x"),
            {"unreadable_entry", "checkpoint_root", "tree_node", "event_not_logged", "head"},
        ),
        (update(log_entry).where(log_entry.c.position == 2).values(subject="x"), {"changed_columns"}),
        (update(log_entry).where(log_entry.c.position == 2).values(leaf_hash=b"x"), {"changed_columns"}),
        (delete(log_entry).where(log_entry.c.position == 2), {"gap", "checkpoint_root", "event_not_logged", "head"}),
        (delete(log_entry).where(log_entry.c.position == 9), {"node_count", "checkpoint_root"}),
        (update(log_node).where(log_node.c.level == 1, log_node.c.position == 0).values(hash=b"x"), {"tree_node"}),
        (delete(log_node).where(log_node.c.level == 1, log_node.c.position == 0), {"tree_node", "node_count"}),
        (delete(content_salt).where(content_salt.c.position == 2), {"half_erased", "salt_missing"}),
        (update(content_salt).where(content_salt.c.position == 2).values(salt=b"x" * 32), {"event_changed"}),
        (update(checkpoint).values(note="x"), {"checkpoint_signature"}),
        (update(checkpoint).values(tree_size=3), {"checkpoint_signature"}),
        (delete(checkpoint), {"no_checkpoint"}),
    ],
)
def test_every_change_behind_the_ledgers_back_is_found(connection: Connection, statement: object, codes: set[str]) -> None:
    a_sound_ledger(connection)
    connection.execute(statement)  # type: ignore[call-overload]
    assert check(connection) == codes


def test_a_rewritten_log_with_a_tree_made_to_fit_is_found_by_its_checkpoint_and_by_its_witness(connection: Connection) -> None:
    held = a_sound_ledger(connection)
    for table in (event, log_entry, log_node, content_salt):
        connection.execute(delete(table))
    happen(connection, *(stored(number, type="Died") for number in range(1, 11)))
    assert "checkpoint_root" in check(connection)
    connection.execute(delete(checkpoint))
    keeping.issue(connection, ORIGIN, KEY, entry(), salt)
    assert check(connection) == set()
    assert check(connection, held={"gd": held}) == {"rewritten"}


def test_a_log_that_was_cut_back_is_found_by_what_a_neighbour_holds(connection: Connection) -> None:
    held = a_sound_ledger(connection)
    for table in (event, log_entry, log_node, content_salt, checkpoint):
        connection.execute(delete(table))
    happen(connection, stored(1))
    keeping.issue(connection, ORIGIN, KEY, entry(), salt)
    assert check(connection, held={"gd": held}) == {"cut_back"}


def test_a_co_signature_that_does_not_verify_is_found(connection: Connection) -> None:
    note = notes.parse(a_sound_ledger(connection))
    line = notes.cosign(note, "baybridge/gd", NEIGHBOUR, 1)
    broken = notes.NoteSignature(line.name, line.key_id, line.value[:-1] + bytes([line.value[-1] ^ 1]))
    keeping.join_cosignatures(connection, notes.read(note).size, [broken])
    assert check(connection) == {"cosignature"}


def test_a_log_longer_than_one_reading_is_checked_whole(connection: Connection) -> None:
    log.append(connection, [(entry(kind="access", what=str(number)), b"") for number in range(1203)], salt)
    keeping.issue(connection, ORIGIN, KEY, entry(), salt)
    assert check(connection) == set()
    connection.execute(update(log_entry).where(log_entry.c.position == 1100).values(body=canonical_bytes({})))
    assert check(connection) == {"unreadable_entry", "tree_node", "checkpoint_root"}
