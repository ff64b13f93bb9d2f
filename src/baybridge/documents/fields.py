"""Reading the fields of a document, one complaint per wrong field.

Main job: `Fields`, a mapping of a document at a path; each reader answers a typed value or notes what was expected and found.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

from baybridge.documents.source import Path, Source

_LANGUAGE = re.compile(r"(?!zh$)[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")  # Source: RFC 5646, language, script and region of a tag
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Fields:
    """One mapping of the document; keys that nobody reads are refused at the end by `refuse_others`."""

    def __init__(self, source: Source, path: Path, value: object) -> None:
        self.source, self.path = source, path
        self.value: dict[str, Any] = value if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            self.report((), "a mapping of keys to values", kind_of(value))

    def report(self, path: Path, expected: str, found: str, hint: str = "", code: str = "wrong_form") -> None:
        """Note a problem at a field."""
        self.source.report(code, (*self.path, *path), expected, found, hint)

    def refuse_others(self, known: Collection[str]) -> None:
        """Note every key that the form does not have."""
        for key in self.value:
            if key not in known:
                self.source.report_key((*self.path, key), f"one of {', '.join(sorted(known))}", key, did_you_mean(key, known))

    def text(self, key: str, default: str | None = None) -> str:
        """A text; required when there is no default."""
        value = self.value.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, str) and value.strip():
            return value
        self.report((key,), f"a text under {key}", kind_of(value), "" if value is None or isinstance(value, str) else "quote it")
        return default or ""

    def optional_text(self, key: str) -> str | None:
        """A text, or None; an empty one is none."""
        return None if self.value.get(key) in (None, "") else self.text(key)

    def choice(self, key: str, choices: Collection[str], default: str | None = None) -> str:
        """One of a few words."""
        value = self.value.get(key, default)
        if value in choices:
            return str(value)
        found = kind_of(value) if value is None else str(value)
        self.report((key,), f"one of {', '.join(choices)} under {key}", found, did_you_mean(found, choices))
        return default or next(iter(choices))

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self.value.get(key, default)
        if not isinstance(value, bool):
            self.report((key,), "true or false", str(value))
        return value is True

    def number(self, key: str) -> int | float:
        """A number."""
        value = self.value.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        self.report((key,), f"a number under {key}", kind_of(value))
        return 0

    def day(self, key: str) -> date | None:
        """A date, or None."""
        value = self.value.get(key)
        if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
            return value
        hint = "write it without quotes" if isinstance(value, str) and _DAY.fullmatch(value) else ""
        self.report((key,), "a date such as 2026-01-31, or null", str(value), hint)
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty when absent."""
        found = []
        for index, value in enumerate(self.listed(key)):
            if isinstance(value, str):
                found.append(value)
            else:
                self.report((key, index), "a text", kind_of(value), "quote it")
        return tuple(found)

    def translations(self, key: str) -> dict[str, str]:
        """A text by language."""
        value = self.value.get(key) or {}
        if isinstance(value, str):
            return {"en": value}
        fields = Fields(self.source, (*self.path, key), value)
        for language in fields.value:
            if not _LANGUAGE.fullmatch(language):
                self.source.report_key((*self.path, key, language), "a language such as en, zh-Hans, zh-Hant or pt", language)
        return {language: fields.text(language) for language in fields.value}

    def mapping(self, key: str) -> Fields:
        """A mapping below this one; empty when absent."""
        return Fields(self.source, (*self.path, key), self.value.get(key) if self.value.get(key) is not None else {})

    def items(self, key: str, *, required: bool = False) -> Iterator[Fields]:
        """The mappings of a list."""
        values = self.listed(key)
        if required and not values and isinstance(self.value.get(key), list | None):
            self.report((key,), f"a list with at least one entry under {key}", kind_of(self.value.get(key)))
        for index, value in enumerate(values):
            yield Fields(self.source, (*self.path, key, index), value)

    def listed(self, key: str) -> list[Any]:
        """The parts of a list; none when it is absent or no list, which is reported."""
        value = self.value.get(key)
        if value is None or isinstance(value, list):
            return value or []
        self.report((key,), f"a list under {key}", kind_of(value))
        return []


def did_you_mean(written: str, known: Collection[str]) -> str:
    """A hint with the nearest known name, whatever its letters' case; empty where none is near."""
    names = {name.lower(): name for name in known}
    close = get_close_matches(written.lower(), names, n=1)
    return f"did you mean {names[close[0]]}?" if close else ""


def kind_of(value: object) -> str:
    """What a value of a document is, in the words of the author."""
    if value is None:
        return "nothing"
    if value == "":
        return "an empty text"
    names = {dict: "a mapping", list: "a list", bool: "true or false", int: "a number", float: "a number", str: "a text"}
    return names.get(type(value), "a date")
