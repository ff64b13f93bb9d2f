"""How laboratories print what the dictionary names: `data/terms/printed.yaml`.

Main job: `Printed`: abbreviations by fact and what may follow a name, words that take a finding away, and words behind which a person's name or number stands.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.documents.heading import Heading


class Printed(Heading, frozen=True, kw_only=True):
    """The whole document."""

    names: Mapping[str, tuple[str, ...]]
    endings: tuple[str, ...]
    not_said: tuple[str, ...]
    persons: tuple[str, ...]
    flags: tuple[str, ...]
