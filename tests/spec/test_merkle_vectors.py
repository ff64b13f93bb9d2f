"""The published proof cases of transparency-dev/merkle, most of them negative: each is answered as its authors say."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import pytest

from baybridge.ledger.merkle import verify_consistency, verify_inclusion
from shared_data import SHARED, shared


def cases(kind: str) -> list[Path]:
    return sorted((SHARED / "merkle" / kind).rglob("*.json"))


def name(path: Path) -> str:
    return "/".join(path.parts[-3:])


def hashes(texts: list[str] | None) -> list[bytes]:
    return [b64decode(text) for text in texts or []]


def test_the_cases_are_there() -> None:
    shared("merkle")
    assert len(cases("inclusion")) == 98
    assert len(cases("consistency")) == 98


@pytest.mark.parametrize("path", cases("inclusion"), ids=name)
def test_inclusion(path: Path) -> None:
    case = json.loads(path.read_text())
    leaf, root = b64decode(case["leafHash"]), b64decode(case["root"])
    holds = verify_inclusion(leaf, case["leafIdx"], case["treeSize"], hashes(case["proof"]), root)
    assert holds is not case["wantErr"], case["desc"]


@pytest.mark.parametrize("path", cases("consistency"), ids=name)
def test_consistency(path: Path) -> None:
    case = json.loads(path.read_text())
    roots = b64decode(case["root1"]), b64decode(case["root2"])
    holds = verify_consistency(case["size1"], case["size2"], *roots, hashes(case["proof"]))
    assert holds is not case["wantErr"], case["desc"]


def test_an_empty_leaf_hash_and_size_0_are_refused() -> None:
    assert not verify_inclusion(b"", 0, 1, [], b"")
    assert not verify_inclusion(b"\x00" * 32, 0, 0, [], b"\x00" * 32)
    assert not verify_consistency(0, 1, b"\x00" * 32, b"\x00" * 32, [])
