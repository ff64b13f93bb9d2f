"""Which events other nodes are told: `data/telling/told.yaml`.

Main job: `Told`, by purpose of a package.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.documents.heading import EMPTY, Heading


class Told(Heading, frozen=True, kw_only=True):
    """Events by purpose; purposes without the patient; events that only one kind of site tells."""

    purposes: Mapping[str, tuple[str, ...]]
    without_patient: tuple[str, ...] = ()
    only_from: Mapping[str, tuple[str, ...]] = EMPTY
