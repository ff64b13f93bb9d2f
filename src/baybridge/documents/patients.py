"""What a patient and the family watch for, and whom they call: `data/telling/patients.yaml`.

Main job: `Patients`. It is shown to patients and printed as a card; a site lays its own numbers, and its own signs, over ours.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from baybridge.documents.downtime import Number
from baybridge.documents.heading import Heading, Part, Translated


class WatchSign(Part, frozen=True, kw_only=True):
    """A sign with which the patient calls at once: a code for the diary, plain words, and the citation that it rests on."""

    code: Annotated[str, Meta(pattern=r"^[a-z_]{2,40}$")]
    words: Translated
    source: str


class Dealing(Part, frozen=True, kw_only=True):
    """What a team can have done about a sign that a patient wrote of: a code for the answer, and plain words."""

    code: Annotated[str, Meta(pattern=r"^[a-z_]{2,40}$")]
    words: Translated


class Patients(Heading, frozen=True, kw_only=True):
    """Signs, what can have been done about one, and the numbers of whoever answers day and night."""

    signs: tuple[WatchSign, ...] = ()
    dealings: tuple[Dealing, ...] = ()
    numbers: tuple[Number, ...] = ()
