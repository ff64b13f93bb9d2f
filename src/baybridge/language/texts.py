"""Texts: the sentence of a key in the reader's language.

Main job: `Texts.say(language, key, values)`; a key that a language lacks is said in English, a key that nobody has is shown as it is, so that nothing vanishes.
Files: `data/translations/<language>/<part>.yaml`, flat `key: sentence`, with `str.format` names.

How a value is written may follow its name: `{low:number}`, `{part:percent}`, `{expected:unit}`, `{high:number}{unit:after}` for a unit behind its number, `{days:in d}`,
`{expected:kind}` for what a fact can be, `{expected:type}` for what a field takes, `{field:field}` for its name. Numbers with a fraction are written as the language
does in any case, and what was expected or found by its phrase (`phrases.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from string import Formatter
from typing import Any, cast

from baybridge.base.outcome import Reason, Refusal
from baybridge.documents.loader import Documents
from baybridge.language.figures import Figures, Signs
from baybridge.language.languages import FALLBACK, Language, languages_of
from baybridge.language.phrases import Phrases

__all__ = ["FALLBACK", "Texts"]


#: The name of a type of FHIR, as a client writes it.
_RESOURCE = re.compile("[A-Z][A-Za-z]+")
#: A sentence with another behind it.
_FIRST_SENTENCE = re.compile(r"^.*?(?:[.?!] (?=\S)|[。？！](?=\S))", re.DOTALL)


#: What of a sentence is a phrase about form.
_PHRASED = frozenset({"expected", "found", "problem"})
#: Values that are codes, or a row of codes, by their name in a sentence: where their words stand. What is no code of these stays as it is: words, an id, a name.
WORDED: Mapping[str, tuple[str, ...]] = {
    "role": ("role",),
    "roles": ("role",),
    "command": ("command",),
    "codes": ("sign",),
    "kinds": ("node_kind", "code"),
    "kind": ("code",),
    "purpose": ("code", "read_purpose"),
    "event": ("event",),
    "what": ("event", "resource"),
}


class Texts:
    """All sentences of all languages, read once."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._read = cache(documents.translations)
        self.figures = cache(self._figures)
        self._languages = cache(lambda: languages_of(documents.folder))
        self._phrases = cache(lambda: Phrases(self._read(FALLBACK)))

    def say(self, language: str, key: str, values: Mapping[str, object] | None = None) -> str:
        """The sentence of a key with values filled in."""
        sentence = self._read(language).get(key) or self._read(FALLBACK).get(key)
        return self._filled(language, sentence, values or {}) if sentence is not None else key

    def word(self, language: str, prefix: str, value: str) -> str:
        """The word for a code; the code itself where there is none."""
        key = f"{prefix}.{value}"
        return self.say(language, key) if self.known(key) else value

    def names(self, key: str) -> frozenset[str]:
        """The placeholders of a sentence."""
        return _placeholders(self._read(FALLBACK).get(key, ""))

    def _filled(self, language: str, sentence: str, values: Mapping[str, object]) -> str:
        """A sentence with its placeholders filled as the language writes them; one without a value stays visible."""
        names = _placeholders(sentence)
        if not names and "{" not in sentence and "}" not in sentence:
            return sentence
        return sentence.format(**{name: _Said(values[name], self, language, name) if name in values else _Open(name) for name in names})

    def phrase(self, language: str, text: str) -> str:
        """A phrase about form in the reader's language; anything that is none, a code or a number, as it is."""
        known = self._phrases().found(text)
        if known is None:
            return text
        key, parts = known
        return self.say(language, key, {name: self.phrase(language, part) for name, part in parts.items()})

    def is_phrase(self, text: str) -> bool:
        """Whether a text is a phrase about form."""
        return self._phrases().found(text) is not None

    def _figures(self, language: str) -> Figures:
        """How a language writes numbers and units."""
        table = cast("Signs", self._documents.folder("terms").get("units") or Signs())
        return Figures(self.language(language).locale, table, lambda key, **values: self.say(language, key, values))

    def language(self, code: str) -> Language:
        """A language by its code; English for one that no document names any more."""
        return self._languages().get(code) or self._languages()[FALLBACK]

    def asked_for(self, language: str, key: str) -> frozenset[str]:
        """The names of the values that the sentence of a key says."""
        return _placeholders(self._read(language).get(key) or self._read(FALLBACK).get(key) or "")

    def has(self, language: str, key: str) -> bool:
        """Whether a language has its own sentence for a key."""
        return key in self._read(language)

    def known(self, key: str) -> bool:
        """Whether any sentence stands for a key."""
        return key in self._read(FALLBACK)

    def reason(self, language: str, reason: Reason) -> str:
        """What a reason says."""
        return self.say(language, reason.code, reason.values)

    def remedy(self, language: str, reason: Reason) -> str:
        """What to do about a reason: what its sentence says after the first stop; empty where it says no more."""
        sentence = self._read(language).get(reason.code) or self._read(FALLBACK).get(reason.code) or ""
        return self._filled(language, _FIRST_SENTENCE.sub("", sentence, count=1), reason.values) if _FIRST_SENTENCE.match(sentence) else ""

    def told(self, language: str, reason: Reason) -> dict[str, object]:
        """A reason as plain JSON, with its sentence and what to do. Source: contract of refusals."""
        return {**reason.as_json(), "text": self.reason(language, reason), "remedy": self.remedy(language, reason)}

    def refusal(self, language: str, refusal: Refusal) -> list[str]:
        """What a refusal says, every reason."""
        return [self.reason(language, reason) for reason in refusal.reasons]


@lru_cache(maxsize=32_768)  # more than all sentences of all languages
def _placeholders(sentence: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(sentence) if name)


@dataclass(frozen=True, slots=True)
class _Open:
    """A placeholder that nobody gave a value for."""

    name: str

    def __format__(self, how: str) -> str:
        return "{" + self.name + "}"


@dataclass(frozen=True, slots=True)
class _Said:
    """A value in a sentence; the format after its name says how it is written."""

    value: Any
    texts: Texts
    language: str
    name: str

    def __format__(self, how: str) -> str:
        figures = self.texts.figures(self.language)
        match how:
            case "number":
                return figures.number(self.value)
            case "percent":
                return figures.percent(self.value)
            case "unit":
                return figures.unit(str(self.value)) or "–"
            case "after":
                return figures.after(str(self.value))
            case _ if how.startswith("in "):
                return figures.quantity(self.value, how.removeprefix("in "))
            case "kind" | "type" | "field":
                return {"kind": self._kind, "type": self._type, "field": self._field}[how]()
            case _ if isinstance(self.value, float | Decimal):
                return figures.number(self.value)
            case "" if isinstance(self.value, str):
                return self._text()
            case _ if isinstance(self.value, tuple):
                return ", ".join(map(str, self.value))
            case _:
                return format(self.value, how)

    def _text(self) -> str:
        if self.name in _PHRASED:
            return self.texts.phrase(self.language, self.value)
        if self.name == "type":
            return self._resource()
        return ", ".join(map(self._worded, self.value.split(", "))) if self.name in WORDED else str(self.value)

    def _worded(self, code: str) -> str:
        key = next((f"{prefix}.{code}" for prefix in WORDED[self.name] if self.texts.known(f"{prefix}.{code}")), "")
        return self.texts.say(self.language, key) if key else code

    def _resource(self) -> str:
        """The type of a resource: its words, and the name by which a client knows it behind."""
        if not _RESOURCE.fullmatch(self.value):
            return self.texts.word(self.language, "resource", self.value)
        known = self.texts.known(f"resource.{self.value}")
        word = self.texts.say(self.language, f"resource.{self.value if known else 'resource'}")
        return self.texts.say(self.language, "resource.named", {"word": word, "name": self.value})

    def _field(self) -> str:
        return self.texts.word(self.language, "field", str(self.value))

    def _type(self) -> str:
        """What a field takes in words: the name of its type, a phrase, or codes by their words with bars between; anything longer as rows of values."""
        said = str(self.value).removesuffix(" or nothing")
        if self.texts.known(f"type.{said}"):
            return self.texts.say(self.language, f"type.{said}")
        if self.texts.is_phrase(said):
            return self.texts.phrase(self.language, said)
        return self.texts.say(self.language, "type.rows") if "[" in said else " | ".join(self.texts.word(self.language, "code", one) for one in said.split(" | "))

    def _kind(self) -> str:
        """What a fact can be, `number Cel` or codes with commas between, in words."""
        kind, _, unit = str(self.value).partition(" ")
        if self.texts.known(f"trials.kind.{kind}"):
            shown = self.texts.figures(self.language).unit(unit)
            return self.texts.word(self.language, "trials.kind", kind) + (f" ({shown})" if shown else "")
        return ", ".join(self.texts.word(self.language, "code", code) for code in str(self.value).split(", "))
