"""Texts: the sentence of a key in the reader's language.

Main job: `Texts.say(language, key, values)`; a key that a language lacks is said in English, a key that nobody has is shown as it is, so that nothing vanishes.
Files: `data/translations/<language>/<part>.yaml`, flat `key: sentence`, with `str.format` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from string import Formatter
from typing import Any

from baybridge.base.outcome import Reason, Refusal
from baybridge.node.documents import Documents

FALLBACK = "en"


class Texts:
    """All sentences of all languages, read once."""

    def __init__(self, documents: Documents) -> None:
        self._read = cache(documents.translations)

    def say(self, language: str, key: str, values: Mapping[str, Any] | None = None) -> str:
        """The sentence of a key with values filled in."""
        sentence = self._read(language).get(key) or self._read(FALLBACK).get(key)
        return fill(sentence, values or {}) if sentence is not None else key

    def has(self, language: str, key: str) -> bool:
        """Whether a language has its own sentence for a key."""
        return key in self._read(language)

    def known(self, key: str) -> bool:
        """Whether any sentence stands for a key."""
        return key in self._read(FALLBACK)

    def reason(self, language: str, reason: Reason) -> str:
        """What a reason says."""
        return self.say(language, reason.code, reason.values)

    def refusal(self, language: str, refusal: Refusal) -> list[str]:
        """What a refusal says, every reason."""
        return [self.reason(language, reason) for reason in refusal.reasons]


def fill(sentence: str, values: Mapping[str, Any]) -> str:
    """A sentence with its placeholders filled; one without a value stays visible."""
    names = {name for _, name, _, _ in Formatter().parse(sentence) if name}
    return sentence.format(**{name: values.get(name, "{" + name + "}") for name in names})
