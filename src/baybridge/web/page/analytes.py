"""What a test is called in the reader's language.

Main job: `names(asked)`, LOINC code to name. The dictionary's labels serve where they name a measurement; a fact that is a finding ("HBsAg
positive") or no fact at all takes its name from the analyte of the validity windows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from baybridge.documents.recognition import Windows
from baybridge.language.texts import Texts

if TYPE_CHECKING:
    from baybridge.node.node import Node

_SLUG = re.compile(r"[^a-z0-9]+")


def slug(analyte: str) -> str:
    """An analyte of the windows as the end of a translation key."""
    return _SLUG.sub("_", analyte.casefold()).strip("_")


def names(node: Node, texts: Texts, language: str) -> dict[str, str]:
    """Every code that the windows or the dictionary know, with its name."""
    labels = {code: fact.label(language) for fact in node.dictionary.facts.values() for _, code in fact.codes}
    said: dict[str, str] = {}
    for row in node.documents.typed.the(Windows).rows:
        for analyte, codes in (row.parts or {row.analyte: row.loinc}).items():
            key = f"analyte.{slug(analyte)}"
            for code in map(str, codes):
                if texts.known(key):
                    said.setdefault(code, texts.say(language, key))
                labels.setdefault(code, str(analyte))
    return labels | said
