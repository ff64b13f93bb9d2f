"""One thing that somebody must do next.

Main job: `Task`, as pages, FHIR and the worker read it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

Level = Literal["plan", "amber", "red", "stop"]


class Task(Struct, frozen=True, kw_only=True):
    """What, who, where, until when; `title` and `late` are translation keys with `values` for both.

    `key` is unique within a case and stable, so that a worker can write the difference. `level` is amber, red or stop where a
    clock runs out. `holder` is the account that has it, empty where it is anybody's of the role.
    """

    key: str
    step: str
    role: str
    site: str
    title: str
    values: dict[str, str | int]
    commands: tuple[str, ...]
    due_at: datetime | None
    level: Level = "plan"
    late: str | None = None
    source: str = ""
    holder: str = ""
