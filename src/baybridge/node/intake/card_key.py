"""The key by which a node signs patient-carried cards (ES256): made at founding, or at first use where a node is older than cards.

Main job: `card_key(folder)`. The key is made once; processes that start together agree on one.
"""

from __future__ import annotations

import os
from pathlib import Path

from baybridge.exchange.card.health_card import CardKey
from baybridge.node.config import write_private


def card_key(folder: Path) -> CardKey:
    """The card key of a node folder; ValueError where the file holds none."""
    path = folder / "keys" / "card.jwk"
    if not path.exists():
        draft = path.with_name(f"card.{os.getpid()}.part")
        write_private(draft, CardKey.generate().to_text())
        try:
            os.link(draft, path)  # fails where another process was first; its key stands
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return CardKey.from_text(path.read_text(encoding="utf-8"))
