"""How easy a text is to read, by formulas that bear a name.

Main job: `flesch_kincaid(text)` for English, `flesch_portuguese(text)` for Portuguese, `longest_chinese(text)` for Chinese.

**Source**: Kincaid JP et al. 1975, Naval Technical Training Command Research Branch Report 8-75 (grade = 0.39 words a sentence + 11.8 syllables a word - 15.59);
Martins TBF et al. 1996, Notas do ICMSC-USP 28 (index = 248.835 - 1.015 words a sentence - 84.6 syllables a word; 75 to 100 very easy, 50 to 75 easy). Syllables
are counted as groups of vowels; the libraries that count better bring dictionaries under licences that this project does not take.
"""

from __future__ import annotations

import re

_SENTENCE = re.compile(r"[.!?:;]+(?:\s|$)")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_ENGLISH = re.compile(r"[aeiouy]+")
_PORTUGUESE = re.compile(r"[aeiouyáéíóúâêôãõàü]+")
_CHINESE_END = re.compile(r"[。！？；：]")
_PLACE = re.compile(r"\{[^}]*\}")


def sentences(text: str) -> list[str]:
    """The sentences of a text; a value that is filled in counts as one short word."""
    return [part.strip() for part in _SENTENCE.split(_PLACE.sub("day", text)) if _WORD.search(part)]


def _per(text: str, count: re.Pattern[str], silent: str) -> tuple[float, float]:
    parts = sentences(text)
    words = [word.casefold() for part in parts for word in _WORD.findall(part)]
    syllables = sum(max(1, len(count.findall(word)) - (1 if silent and word.endswith(silent) and not word.endswith("le") and len(word) > 3 else 0)) for word in words)
    return len(words) / len(parts), syllables / len(words)


def flesch_kincaid(text: str) -> float:
    """The school grade of the United States for which an English text is written."""
    words, syllables = _per(text, _ENGLISH, "e")
    return 0.39 * words + 11.8 * syllables - 15.59


def flesch_portuguese(text: str) -> float:
    """How easy a Portuguese text is, from 0 to 100."""
    words, syllables = _per(text, _PORTUGUESE, "")
    return 248.835 - 1.015 * words - 84.6 * syllables


def longest_chinese(text: str) -> int:
    """The signs of the longest sentence of a Chinese text; a value that is filled in counts as four."""
    return max(len(part.strip()) for part in _CHINESE_END.split(_PLACE.sub("某年某月", text)))
