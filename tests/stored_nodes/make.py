"""Writes a small node as this version makes it, so that every later version is tried with it: `tests/stored_nodes/schema_NNNN.tar.xz`.

The folder `mo` after a referral to `hk`, which received and recognised it, with the evidence pack of the case as it was given then and the public keys of the network.
Run it once for each version of the schema and for each tagged version, and never again for the same one:

    python tests/stored_nodes/make.py
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "acceptance")]
KEPT = ("node.yaml", "node.sqlite", "keys", "data", "neighbours")


def made(folder: Path) -> Path:
    """The folder of a node with a case, an evidence pack and the network's keys beside it."""
    from acceptance.support import World
    from baybridge.node.neighbours import evidence

    world = World.new(folder)
    world.refer()
    world.accept()
    world.deliver()
    (folder / "mo" / "evidence.json").write_bytes(evidence.evidence_pack(world.nodes["mo"], world.case_id))
    (folder / "mo" / "trust.json").write_bytes((folder / "trust.json").read_bytes())
    for node in world.nodes.values():
        node.storage.close()
    return folder / "mo"


def main() -> None:
    """Write the archive of this version, unless it stands already."""
    from baybridge.node.schema.version import NEWEST

    archive = HERE / f"schema_{NEWEST}.tar.xz"
    if archive.exists():
        sys.exit(f"{archive.name} stands already; a stored node is never made again")
    with tempfile.TemporaryDirectory() as place, tarfile.open(archive, "w:xz") as tar:
        node = made(Path(place))
        for name in (*KEPT, "evidence.json", "trust.json"):
            tar.add(node / name, f"mo/{name}", filter=_anonymous)
    sys.stdout.write(f"{archive.name}: {archive.stat().st_size} bytes\n")


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if member.name.endswith("factors.key"):
        return None  # as on every other machine, it is kept apart
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main()
