"""How a reader of one language is spoken to outside of pages too: texts, names of facts, words of codes, numbers with units, days.

Main job: `Saying(texts, dictionary, language)`, the speaker of `rulebook/wording.py` for the command line and for pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from baybridge.facts.dictionary import Dictionary
from baybridge.language.figures import Figures
from baybridge.language.texts import FALLBACK, Texts

#: Where the word for a code may stand.
_CODES = ("code", "policy.flag", "exchange.route")
_OUTCOMES = ("policy.outcome", "recognition.outcome", "funding.outcome", "exchange.outcome", "exchange.route")


@dataclass(frozen=True, slots=True)
class Saying:
    """Texts and names in one language."""

    texts: Texts
    dictionary: Dictionary
    language: str = FALLBACK

    def say(self, key: str, **values: object) -> str:
        """The sentence of a key with values filled in."""
        return self.texts.say(self.language, key, values)

    def known(self, key: str) -> bool:
        """Whether a key has a sentence."""
        return self.texts.known(key)

    def fact(self, name: str) -> str:
        """A fact's name; its own name in plain words where the dictionary has none."""
        return self.dictionary[name].label(self.language) if name in self.dictionary else name.replace("_", " ")

    def code(self, value: str) -> str:
        """The word for a code; the code itself where there is none."""
        return self._first(_CODES, value)

    def outcome(self, value: str) -> str:
        """The words for what a policy answered."""
        return self._first(_OUTCOMES, value)

    def _first(self, prefixes: tuple[str, ...], value: str) -> str:
        return next((self.say(key) for key in (f"{prefix}.{value}" for prefix in prefixes) if self.texts.known(key)), value)

    @property
    def figures(self) -> Figures:
        """How this language writes numbers and units."""
        return self.texts.figures(self.language)

    def number(self, value: float, unit: str | None) -> str:
        """A number with its unit as this language writes it."""
        return self.figures.quantity(value, unit)

    def day(self, value: date) -> str:
        """A date as this language writes it."""
        from babel.dates import format_date

        return format_date(value, "medium", locale=self.texts.language(self.language).locale)
