"""A node's folder is read by its owner alone, also one that an older version made."""

from __future__ import annotations

import stat
from pathlib import Path

from baybridge.node.upkeep.founding import found
from baybridge.node.upkeep.permissions import tighten


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folder_database_and_keys_are_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    found(folder, {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"]})
    assert (mode(folder), mode(folder / "node.sqlite"), mode(folder / "keys" / "signing.pem")) == (0o700, 0o600, 0o600)
    folder.chmod(0o755)
    (folder / "node.sqlite").chmod(0o644)
    assert tighten(folder) == ("node", "node.sqlite")
    assert (mode(folder), mode(folder / "node.sqlite")) == (0o700, 0o600)
    assert tighten(folder) == ()
