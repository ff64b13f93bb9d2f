"""Every table has its answer to who covers it; of each covered one, a row that was changed, taken away or put there behind the node's back is found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Engine, Integer, Table, and_, create_engine, delete, insert, select, update

from acceptance.support import World
from baybridge.base.stored_bytes import StoredBytes
from baybridge.ledger.tables import metadata as ledger_metadata
from baybridge.node.integrity import check as checking
from baybridge.node.integrity.covered import COVERED, OTHERWISE, Covered, Way
from baybridge.node.integrity.rows import RowLog, content
from baybridge.node.neighbours import witnessing
from baybridge.node.node import Node
from baybridge.node.tables import metadata as node_metadata
from baybridge.node.tables import seal
from baybridge.record.store.tables import metadata as record_metadata

PAGE = Path(__file__).parents[3] / "docs" / "decisions" / "0006-what-the-log-covers.md"
ROWS = sorted(set(COVERED) - {"event"})  # rows of events are told by the log's own check; their commands have a test below


def value(column: Column[Any], text: str) -> object:
    """Something that this column can hold."""
    if isinstance(column.type, StoredBytes):
        return b'"' + text.encode() + b'"'
    if isinstance(column.type, Boolean):
        return text == "b"
    return len(text) + ord(text[0]) if isinstance(column.type, Integer) else f"9999-{text}"


def row_of(table: Table, text: str) -> dict[str, object]:
    return {column.name: value(column, text) for column in table.columns}


def of_key(table: Table, row: Mapping[str, object]) -> Any:
    return and_(*(column == row[column.name] for column in table.primary_key.columns))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """A node with one row that it wrote itself in every covered table."""
    node = World.new(tmp_path_factory.mktemp("network")).nodes["mo"]
    with node.storage.writing() as connection:
        for name in ROWS:
            connection.execute(insert(COVERED[name].table).values(row_of(COVERED[name].table, "a")))
    return node


def found(node: Node) -> set[tuple[str, str]]:
    with node.storage.reading() as connection:
        findings = checking.check(connection, node.config, RowLog(node.site, node.pseudonym, node.now)).findings
    return {(one.kind, one.what.partition("/")[0]) for one in findings if not one.reason.code.startswith("ledger.check.neighbour")}


@pytest.fixture
def behind(node: Node) -> Engine:
    """A way into the node's database that the node knows nothing of."""
    return create_engine(node.storage.engine.url)


def broken_sums(node: Node) -> set[str]:
    with node.storage.reading() as connection:
        findings = checking.check(connection, node.config, RowLog(node.site, node.pseudonym, node.now)).findings
    return {one.what.removeprefix("table/") for one in findings if one.what.startswith("table/")}


def changeable(covered: Covered) -> Column[Any]:
    """A column of the row that is bound and no key."""
    keys = {column.name for column in covered.table.primary_key.columns}
    names = covered.only or tuple(column.name for column in covered.table.columns if not column.name.startswith("last_"))
    return next((covered.table.c[name] for name in names if name not in keys), next(iter(covered.table.columns)))


EVERY = [
    (COVERED[name], row_of(COVERED[name].table, "a"), {(column := changeable(COVERED[name])).name: value(column, "b")}) for name in ROWS
]


@pytest.mark.parametrize("name", sorted(COVERED))
def test_every_column_of_a_covered_row_is_bound(name: str) -> None:
    """Whichever column is changed behind the node's back, what is bound of the row is another; `last_` columns say when something was seen."""
    covered = COVERED[name]
    row = row_of(covered.table, "a")
    bound = covered.only or tuple(column.name for column in covered.table.columns if not column.name.startswith("last_"))
    for column in covered.table.columns:
        other = content({**row, column.name: value(column, "b")}, covered)  # type: ignore[arg-type]
        assert (other != content(row, covered)) is (column.name in bound), column.name  # type: ignore[arg-type]


def test_every_table_of_a_node_has_its_answer_and_stands_on_the_page() -> None:
    tables = {table.name for metadata in (ledger_metadata, record_metadata, node_metadata) for table in metadata.sorted_tables}
    assert set(COVERED) | set(OTHERWISE) == tables, "say in covered.py how each table is covered, or why it need not be"
    assert not set(COVERED) & set(OTHERWISE)
    said = dict(re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert said == {name: (COVERED[name].way.value if name in COVERED else OTHERWISE[name]) for name in sorted(tables)}


def test_a_covered_row_that_the_node_wrote_is_sound_and_one_that_was_changed_removed_or_added_is_found(node: Node, behind: Engine) -> None:
    clean = found(node)
    assert not {where for _, where in clean} & {*COVERED, "table"}
    with behind.begin() as connection:
        for covered, mine, other in EVERY:
            assert connection.execute(update(covered.table).where(of_key(covered.table, mine)).values(other)).rowcount == 1
    now = found(node)
    for covered, mine, other in EVERY:
        assert (("differs" if of_key(covered.table, mine).compare(of_key(covered.table, {**mine, **other})) else "unlogged"), covered.table.name) in now
    with behind.begin() as connection:
        for covered, mine, other in EVERY:
            connection.execute(delete(covered.table).where(of_key(covered.table, {**mine, **other})))
    now = found(node)
    for covered, _, _ in EVERY:
        assert (("missing", covered.table.name) in now) is not covered.fades, covered.table.name
    with behind.begin() as connection:
        for covered, mine, _ in EVERY:
            connection.execute(insert(covered.table), [mine, row_of(covered.table, "c")])
    assert {("unlogged", covered.table.name) for covered, _, _ in EVERY} <= found(node)
    with behind.begin() as connection:
        for covered, _, _ in EVERY:
            connection.execute(delete(covered.table).where(of_key(covered.table, row_of(covered.table, "c"))))
    assert found(node) == clean


def test_who_takes_a_row_away_with_its_seal_leaves_a_sum_that_does_not_fit(node: Node, behind: Engine) -> None:
    sealed = [covered.table for covered, _, _ in EVERY if covered.way is Way.SEALED]
    mine = seal.c.what.not_like("sum/%")
    with behind.begin() as connection:
        seals = [dict(row) for row in connection.execute(select(seal).where(mine)).mappings()]
        kept = {table: [dict(row) for row in connection.execute(select(table)).mappings()] for table in sealed}
        connection.execute(delete(seal).where(mine))
        for table in sealed:
            connection.execute(delete(table))
    assert broken_sums(node) == {table.name for table in sealed}
    with node.storage.writing() as connection:
        for table in sealed:
            connection.execute(insert(table).values(row_of(table, "d")))
    assert broken_sums(node) == {table.name for table in sealed}, "nothing that the node writes makes it good"
    with node.storage.writing() as connection:
        for table in sealed:
            connection.execute(delete(table))
    with behind.begin() as connection:
        connection.execute(delete(seal).where(mine))
        connection.execute(insert(seal), seals)
        for table in sealed:
            connection.execute(delete(table))
            connection.execute(insert(table), kept[table])
    assert broken_sums(node) == set()

def test_a_sealed_row_that_was_changed_is_not_made_good_by_the_node_but_one_that_it_makes_again_is(node: Node, behind: Engine) -> None:
    witness, task = COVERED["witness"].table, COVERED["task"].table
    with behind.begin() as connection:
        connection.execute(update(witness).values(problem=""))
        connection.execute(update(task).values(role="nobody"))
    with node.storage.writing() as connection:
        connection.execute(update(witness).values(checked_at="9999-c"))
        connection.execute(delete(task))
        connection.execute(insert(task).values(row_of(task, "a")))
    kinds = found(node)
    assert ("differs", "witness") in kinds
    assert not any(where == "task" for _, where in kinds)
    with behind.begin() as connection:
        connection.execute(delete(witness))
        connection.execute(insert(witness).values(row_of(witness, "a")))


def test_the_command_of_an_event_is_covered(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    world.refer()
    node = world.nodes["mo"]
    witnessing.sign_checkpoint(node)
    assert found(node) == set()
    event = COVERED["event"].table
    with create_engine(node.storage.engine.url).begin() as connection:
        assert connection.execute(update(event).where(event.c.command_part == 0).values(command_part=77)).rowcount
    assert ("differs", "event") in found(node)
