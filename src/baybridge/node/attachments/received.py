"""What stands on disk for a case, as rules and packages see it: what it is by its content, and whether the site's scanner has to look at it.

Main job: `received(config, case_id, digest)`. Elsewhere: how a file comes in, `receiving.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from baybridge.journey.command import Received
from baybridge.node.attachments import files
from baybridge.node.attachments.media import media_type
from baybridge.node.upkeep.served import is_scanned

if TYPE_CHECKING:
    from baybridge.node.config import Config


def received(config: Config, case_id: str, digest: str) -> Received | None:
    """What stands on disk for a case under this SHA-256, as the rule sees it."""
    content = files.found(config.folder, case_id, digest)
    kind = media_type(content) if content is not None else None
    if content is None or kind is None:
        return None
    scan: Literal["waiting", "none"] = "waiting" if is_scanned(config) else "none"
    return Received(kind, len(content), scan)
