"""A node that was never served has no checkpoint; its first check finds nothing, and one whose checkpoints were taken away is found out all the same."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import delete

from baybridge.ledger.tables import checkpoint
from baybridge.node.config import read_config
from baybridge.node.integrity.check import check_stored
from baybridge.node.neighbours import witnessing
from baybridge.node.node import Node
from baybridge.node.upkeep.founding import found

PROFILE = {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"], "accounts": [{"name": "n", "role": "nurse", "password": "right-one"}]}


def findings(node: Node) -> list[str]:
    return [one.reason.code for one in check_stored(node.config).findings]


def test_a_fresh_node_is_sound_at_its_first_check_and_taken_checkpoints_are_found(tmp_path: Path) -> None:
    found(tmp_path / "node", PROFILE)
    node = Node(read_config(tmp_path / "node"))
    assert findings(node) == ["ledger.check.no_checkpoint"]
    witnessing.sign_first(node)
    assert findings(node) == []
    with node.storage.writing() as connection:
        connection.execute(delete(checkpoint))
    witnessing.sign_first(node)
    assert "ledger.check.no_checkpoint" in findings(node), "a node that signed before signs no new first one"
    node.storage.close()
