"""How many generated examples a differential test compares: a few with the others, ten thousand under `make soak`, told in its output."""

from __future__ import annotations

import os
import sys

SOAK = 10_000


def examples(few: int, of: str, many: int = SOAK) -> range:
    """The seeds of a comparison; `BAYBRIDGE_SOAK` asks for the long form, whose count is printed."""
    count = many if os.environ.get("BAYBRIDGE_SOAK") else few
    sys.stdout.write(f"{of}: {count} examples compared\n")  # shown with -s, as `make soak` runs it
    return range(count)
