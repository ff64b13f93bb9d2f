"""The documents that recognition rests on, as values.

Main job: `RecognitionRules`, the policy with its settings; `settings_of` gathers the settings from the folder `recognition` (units and facts from theirs).

Nothing here is read at import: the caller's loader lays a site's own folder over ours, so that a changed window changes every surface.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from baybridge.documents import recognition as documents
from baybridge.documents.document_set import DocumentSet
from baybridge.policy.document.shapes import Policy
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.decide import Decision, decide
from baybridge.recognition.converting import Conversions

Decide = Callable[[Mapping[str, Value]], Decision]

#: The policy that `recognise` applies, by its identifier.
POLICY_ID = "test-recognition"
_FOLDER = "recognition"


@dataclass(frozen=True, slots=True)
class Settings:
    """Documents of `data/recognition`."""

    windows: documents.Windows
    methods: documents.Methods
    conversions: Conversions
    local_only: documents.LocalOnly
    overriding: documents.Overriding
    marks: documents.Marks
    preanalytics: documents.Preanalytics
    accreditation: documents.Accreditations


@dataclass(frozen=True, slots=True)
class RecognitionRules:
    """The policy, applied to facts, with its settings."""

    decide: Decide
    settings: Settings


def rules_of(policy: Policy, given: DocumentSet) -> RecognitionRules:
    """The rules from the policy and the documents of the folder `recognition`."""
    return RecognitionRules(partial(decide, policy), settings_of(given))


def settings_of(given: DocumentSet) -> Settings:
    """The settings among the documents of the folder `recognition`; raises `DocumentProblem` with every problem of one that does not fit."""
    return Settings(
        windows=given.one(documents.Windows, _FOLDER, "windows"),
        methods=given.one(documents.Methods, _FOLDER, "methods"),
        conversions=Conversions(given.one(documents.Conversions, _FOLDER, "conversions"), given.folder),
        local_only=given.one(documents.LocalOnly, _FOLDER, "local-only"),
        overriding=given.one(documents.Overriding, _FOLDER, "overriding"),
        marks=given.one(documents.Marks, _FOLDER, "marks"),
        preanalytics=given.one(documents.Preanalytics, _FOLDER, "preanalytics"),
        accreditation=given.one(documents.Accreditations, _FOLDER, "accreditation"),
    )
