"""The hazard log as quality, the administrator and the alliance read it: each hazard with what stands against it and what is still open.

Main job: `SAFETY_DOORS`. It holds nothing of any patient; the same log is the manual's page `docs/safety.md`.
"""

from __future__ import annotations

from starlette.responses import Response

from baybridge.documents.hazards import HazardLog
from baybridge.http.doors import Asked, Door
from baybridge.web.page.page import render


def safety_page(asked: Asked) -> Response:
    """Every hazard: titles in the reader's language, the rest in English as it was written."""
    log = asked.node.documents.typed.the(HazardLog)
    levels = {level.code: level.title.get(asked.language) or level.title["en"] for level in (*log.scale.severity, *log.scale.likelihood)}
    titles = {hazard.id: hazard.title.get(asked.language) or hazard.title["en"] for hazard in log.hazards}
    return render(asked, "safety.html", log=log, levels=levels, titles=titles, open_faults=sum(len(hazard.open) for hazard in log.hazards))


SAFETY_DOORS = (Door("/safety", ("GET",), "safety", "safety.read", safety_page),)
