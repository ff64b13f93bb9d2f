"""Writes the table of layers of `docs/architecture.md` from the import contracts.

Run: `python tools/layers.py`, after the contracts in `pyproject.toml` were changed; a test compares the two.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
_TABLE = re.compile(r"(## Layers\n(?:(?!    ).*\n)+?)((?:    .*\n)+)")


def page(text: str) -> str:
    """The page with the table as the contracts say it; ValueError where it has no place for one."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    table = "".join(f"    {line.replace('baybridge.', '')}\n" for line in contracts[0]["layers"])
    written, count = _TABLE.subn(lambda found: found[1] + table, text, count=1)
    if not count:
        raise ValueError("expected an indented table under the heading Layers")
    return written


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
