"""Phrases of sentences about form: what was expected and what was found, in the reader's language.

Main job: `Phrases.found(text)`, the key of the phrase that a text is, with the values of its open parts; None where it is none: codes and numbers stay as they are.

The table is `data/translations/<language>/phrases.yaml`; a key is `phrase.` and the English phrase as the code says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from string import Formatter

PREFIX = "phrase."
#: Open parts that are limits: "from 0" is another phrase than "from 0 to 5".
_LIMITS, _NUMBER = frozenset({"low", "high"}), r"-?[0-9.]+"


class Phrases:
    """Every phrase that is known, looked up by its English words."""

    def __init__(self, keys: Iterable[str]) -> None:
        mine = [key for key in keys if key.startswith(PREFIX)]
        self._whole = {key.removeprefix(PREFIX) for key in mine}
        open_ones = sorted((key for key in mine if _names(key)), key=lambda key: (len(_names(key)), -len(key)))
        self._open = [(key, re.compile(_pattern(key.removeprefix(PREFIX)), re.DOTALL)) for key in open_ones]

    def found(self, text: str) -> tuple[str, dict[str, str]] | None:
        """The key and the values of its open parts."""
        if text in self._whole:
            return PREFIX + text, {}
        return next(((key, match.groupdict()) for key, pattern in self._open if (match := pattern.fullmatch(text))), None)


def _names(key: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in Formatter().parse(key) if name)


def _pattern(phrase: str) -> str:
    parts = Formatter().parse(phrase)
    return "".join(re.escape(words) + (f"(?P<{name}>{_NUMBER if name in _LIMITS else '.+?'})" if name else "") for words, name, _, _ in parts)
