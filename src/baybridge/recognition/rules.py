"""The documents that recognition rests on, as values.

Main job: `RecognitionRules`, the policy with its settings; `settings_of` gathers the settings from the folder `recognition` (units and facts from theirs).

Nothing here is read at import: the caller's loader lays a site's own folder over ours, so that a changed window changes every surface.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from baybridge.policy.document.shapes import Policy
from baybridge.policy.one_case.decide import Decision, decide
from baybridge.recognition.converting import Conversions

Document = Mapping[str, Any]
#: All documents of a folder by their identifiers.
Folder = Callable[[str], Mapping[str, Any]]
Decide = Callable[[Mapping[str, Any]], Decision]

#: The policy that `recognise` applies, by its identifier.
POLICY_ID = "test-recognition"


@dataclass(frozen=True, slots=True)
class Settings:
    """Parsed documents of `data/recognition`."""

    windows: Document
    methods: Document
    conversions: Conversions
    local_only: Document
    overriding: Document
    marks: Document
    preanalytics: Document
    accreditation: Document


@dataclass(frozen=True, slots=True)
class RecognitionRules:
    """The policy, applied to facts, with its settings."""

    decide: Decide
    settings: Settings


def rules_of(policy: Policy, folder: Folder) -> RecognitionRules:
    """The rules from the policy and the documents of the folder `recognition`."""
    return RecognitionRules(partial(decide, policy), settings_of(folder))


def settings_of(folder: Folder) -> Settings:
    """The settings among the documents of the folder `recognition`, by their identifiers; `folder` answers any folder of documents."""
    documents = folder("recognition")
    return Settings(
        windows=documents["windows"],
        methods=documents["methods"],
        conversions=Conversions(documents["conversions"], folder),
        local_only=documents["local-only"],
        overriding=documents["overriding"],
        marks=documents["marks"],
        preanalytics=documents["preanalytics"],
        accreditation=documents["accreditation"],
    )
