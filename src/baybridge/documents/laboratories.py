"""Laboratories and what may be changed of them: `laboratories` and `editing` of `data/directory`.

Main job: `Laboratories`, and `Editing`, the forms by which a running node's directory is changed.

**Units**: days, both ends included.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from baybridge.documents.heading import EMPTY, Heading, Jurisdiction, Part, Row, Translated


class Scope(Part, frozen=True, kw_only=True):
    """What an accreditation covers; * is all."""

    loinc: str | None = None
    specimen: str | None = None
    method: str | None = None


class LaboratoryAccreditation(Row, frozen=True, kw_only=True):
    """To which standard, by whom, from when to when."""

    standard: str
    body: str | None = None
    mra_signatory: bool | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    scope: tuple[Scope, ...] = ()
    change: str | None = None
    ended: str | None = None


class Mark(Row, frozen=True, kw_only=True):
    """A mark of mutual recognition with its days."""

    mark: str
    valid_from: date | None = None
    valid_to: date | None = None
    change: str | None = None
    ended: str | None = None


class Verification(Row, frozen=True, kw_only=True):
    """The alliance's own audit."""

    audit: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    change: str | None = None
    ended: str | None = None


class Assessment(Row, frozen=True, kw_only=True):
    """One round of external quality assessment."""

    loinc: str
    date: date
    passed: bool | None = None
    change: str | None = None


class Laboratory(Row, frozen=True, kw_only=True):
    """One laboratory."""

    id: str
    names: tuple[str, ...]
    jurisdiction: Jurisdiction | None = None
    node: str | None = None
    city: str | None = None
    hr_marks: tuple[str | Mark, ...] | None = None
    accreditations: tuple[LaboratoryAccreditation, ...] | None = None
    alliance_listed: bool | None = None
    alliance_verified: Verification | tuple[Verification, ...] | None = None
    eqa: tuple[Assessment, ...] | None = None
    eqa_suspended: bool | None = None
    methods: Mapping[str, str] | None = None
    dated: Mapping[str, object] = EMPTY


class Laboratories(Heading, frozen=True, kw_only=True):
    """All laboratories."""

    laboratories: tuple[Laboratory, ...]


class EditedField(Part, frozen=True, kw_only=True):
    """One field that may change, and how."""

    kind: Literal["dated", "entries"]
    type: str | tuple[str, ...] | None = None
    new: bool = False
    validity: bool = False
    item: Mapping[str, str | tuple[str, ...]] | None = None


class EditingForm(Part, frozen=True, kw_only=True):
    """Which fields of a document may change, and by whom."""

    folder: str
    document: str
    rows: str | None = None
    roles: tuple[str, ...]
    title: Translated
    fields: Mapping[str, EditedField]


class Editing(Heading, frozen=True, kw_only=True):
    """The forms by document."""

    forms: Mapping[str, EditingForm]
