"""One field of a form, as its template draws it.

Main job: `Field`. Elsewhere: made from the input of commands in `forms.py`, from facts in `findings.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from baybridge.web.forms.choices import Options


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form; a table or group has rows of fields."""

    name: str
    key: str
    kind: str  # as `shape.kind_of` says, or findings, or certificate
    required: bool = False
    options: Options = ()
    suggested: Options = ()
    value: str = ""
    label: str = ""
    unit: str = ""
    scanned: bool = False
    open: bool = False  # nothing is an answer of its own: not known
    rows: tuple[tuple[Field, ...], ...] = ()
    problems: tuple[str, ...] = field(default=())
    limit: str = ""  # what the value is held against, in words

    @property
    def values(self) -> tuple[str, ...]:
        """The values of a field that takes several."""
        return tuple(self.value.split("\n")) if self.value else ()
