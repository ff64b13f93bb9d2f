"""What a test is called in the reader's language.

Main job: `names(asked)`, LOINC code to name. The dictionary's labels serve where they name a measurement; a fact that is a finding ("HBsAg
positive") or no fact at all takes its name from the analyte of the validity windows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from baybridge.documents.recognition import Windows
from baybridge.facts.dictionary import Dictionary
from baybridge.language.texts import Texts

if TYPE_CHECKING:
    from baybridge.node.node import Node

_SLUG = re.compile(r"[^a-z0-9]+")


def slug(analyte: str) -> str:
    """An analyte of the windows as the end of a translation key."""
    return _SLUG.sub("_", analyte.casefold()).strip("_")


#: The names that were made last, by language, beside the documents that they were made of.
_MADE: dict[str, tuple[Dictionary, Windows, Texts, Mapping[str, str]]] = {}


def names(node: Node, texts: Texts, language: str) -> Mapping[str, str]:
    """Every code that the windows or the dictionary know, with its name; made again when one of these was read again."""
    dictionary, windows = node.dictionary, node.documents.typed.the(Windows)
    made = _MADE.get(language)
    if made is None or made[0] is not dictionary or made[1] is not windows or made[2] is not texts:
        made = _MADE[language] = (dictionary, windows, texts, _named(dictionary, windows, texts, language))
    return made[3]


def _named(dictionary: Dictionary, windows: Windows, texts: Texts, language: str) -> dict[str, str]:
    labels = {code: fact.label(language) for fact in dictionary.facts.values() for _, code in fact.codes}
    said: dict[str, str] = {}
    for row in windows.rows:
        for analyte, codes in (row.parts or {row.analyte: row.loinc}).items():
            key = f"analyte.{slug(analyte)}"
            for code in map(str, codes):
                if texts.known(key):
                    said.setdefault(code, texts.say(language, key))
                labels.setdefault(code, str(analyte))
    return labels | said
