"""Reading one JSON object field by field, with every problem kept: where, what was expected, what was found.

Main job: `Fields` answers typed values and collects problems; after a problem it answers a harmless value, so that reading goes on
and the reader of the messages sees all of them at once.

**Units**: amounts as minor units, rates as exact fractions. What was found is told as digits or as a kind of value, never as words,
because a name may stand where an amount was meant.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from baybridge.base.money import parse_minor
from baybridge.base.outcome import Reason
from baybridge.base.time import parse_day

_PLAIN = re.compile(r"[-+0-9.,%/: ]{1,40}")
_CODE = re.compile(r"[A-Z][A-Z_]{0,39}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,18})?")


class Missing:
    """Stands for a field that must be there."""


REQUIRED = Missing()


def shape_of(value: object) -> str:
    """What was found, without words that may be somebody's name."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return f"number {value}"
    if isinstance(value, str):
        shown = _PLAIN.fullmatch(value) or _CODE.fullmatch(value)
        return f'"{value}"' if shown else f"text of {len(value)} characters"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return "an object" if isinstance(value, Mapping) else "a value that is not exact"


def is_text(value: object) -> bool:
    """Whether a value is a text that can be printed on one line."""
    return isinstance(value, str) and bool(value.strip()) and len(value) <= 200 and not _UNPRINTABLE.search(value)


def is_exchange_rate(text: str) -> bool:
    """Whether a text is a rate of exchange: a plain decimal above zero."""
    return _RATE.fullmatch(text) is not None and Fraction(text) > 0


class Fields:
    """One object of the file, its path, and the list that its problems go to."""

    def __init__(self, value: Mapping[str, Any], where: str, problems: list[Reason], known: Collection[str] = ()) -> None:
        self.value, self.where, self.problems = value, where, problems
        for name in value:
            if known and name not in known and (near := get_close_matches(name, known, n=1)):
                self.problem("misspelt", name, expected=near[0], found=name)

    def path(self, name: str) -> str:
        """The path of a field, as `layers[0].rate`."""
        return f"{self.where}.{name}" if self.where and name else self.where or name

    def problem(self, code: str, name: str, **values: str | int) -> None:
        """Keep a problem about one field."""
        self.problems.append(Reason(f"funding.case.{code}", values, where=self.path(name)))

    def wrong(self, code: str, name: str, **values: str | int) -> None:
        """Keep a problem about one field that is missing or not what was expected."""
        self.problem(code, name, found=shape_of(self.value[name]) if name in self.value else "nothing", **values)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.value.get(name) is not None

    def _absent(self, code: str, name: str, default: object, **values: str | int) -> bool:
        """Whether the field is absent; a problem where it must be there. An explicit null is absent."""
        if self.has(name):
            return False
        if isinstance(default, Missing):
            self.wrong(code, name, **values)
        return True

    def amount(self, name: str, default: int | Missing = REQUIRED) -> int:
        """An amount in minor units, never negative."""
        if self._absent("amount", name, default):
            return 0 if isinstance(default, Missing) else default
        try:
            minor = parse_minor(self.value[name])
        except ValueError:
            minor = -1
        if minor < 0:
            self.wrong("amount", name)
            return 0
        return minor

    def optional_amount(self, name: str) -> int | None:
        """An amount, or None where the field is absent."""
        return self.amount(name) if self.has(name) else None

    def fraction(self, name: str, code: str, default: Fraction | Missing = REQUIRED) -> Fraction:
        """An exact number that is not negative, from text or an exact JSON number."""
        if self._absent(code, name, default):
            return Fraction(0) if isinstance(default, Missing) else default
        found = self.value[name]
        text = str(found) if isinstance(found, int | Decimal) and not isinstance(found, bool) else found
        if not isinstance(text, str) or not _RATE.fullmatch(text):
            self.wrong(code, name)
            return Fraction(0)
        return Fraction(text)

    def rate(self, name: str, default: Fraction | Missing = REQUIRED) -> Fraction:
        """A rate between 0 and 1."""
        rate = self.fraction(name, "rate", default)
        if rate > 1:
            self.wrong("rate", name)
            return Fraction(0)
        return rate

    def exchange_rate(self, name: str) -> Fraction:
        """A rate of exchange above zero."""
        before = len(self.problems)
        rate = self.fraction(name, "exchange_rate")
        if rate == 0:
            if len(self.problems) == before:
                self.wrong("exchange_rate", name)
            return Fraction(1)
        return rate

    def whole(self, name: str, at_least: int, default: int | Missing = REQUIRED) -> int:
        """A whole number of at least `at_least`."""
        if self._absent("whole", name, default, at_least=at_least):
            return at_least if isinstance(default, Missing) else default
        found = self.value[name]
        if type(found) is not int or not at_least <= found <= 1_000_000:
            self.wrong("whole", name, at_least=at_least)
            return at_least
        return found

    def day(self, name: str) -> date | None:
        """A date, or None where the field is absent."""
        if not self.has(name):
            return None
        try:
            return parse_day(self.value[name])
        except ValueError:
            self.wrong("day", name)
            return None

    def text(self, name: str) -> str:
        """A text that is not empty."""
        found: Any = self.value.get(name)
        if not is_text(found):
            self.wrong("text", name)
            return ""
        return str(found)

    def one_of(self, name: str, allowed: Collection[str], default: str | Missing = REQUIRED) -> str:
        """One of a closed list of codes."""
        if self._absent("one_of", name, default, expected=", ".join(allowed)):
            return next(iter(allowed)) if isinstance(default, Missing) else default
        found = self.value[name]
        if not isinstance(found, str) or found not in allowed:
            self.wrong("one_of", name, expected=", ".join(allowed))
            return next(iter(allowed))
        return found

    def texts(self, name: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of texts; an absent one is empty."""
        found = self.value.get(name)
        if found is None and not required:
            return ()
        if not isinstance(found, list) or (required and not found) or not all(isinstance(t, str) and t for t in found):
            self.wrong("texts", name)
            return ()
        return tuple(found)

    def child(self, name: str, known: Collection[str] = ()) -> Fields | None:
        """The object in a field, or None where it is absent or no object."""
        if not self.has(name):
            return None
        found = self.value[name]
        if not isinstance(found, Mapping):
            self.wrong("object", name)
            return None
        return Fields(found, self.path(name), self.problems, known)

    def children(self, name: str, known: Collection[str] = (), *, at_least_one: bool = False) -> Iterator[Fields]:
        """The objects of a list; an absent list is empty."""
        found = self.value.get(name)
        if found is None and not at_least_one:
            return
        if not isinstance(found, list) or (at_least_one and not found):
            self.wrong("list", name)
            return
        for index, item in enumerate(found):
            where = f"{self.path(name)}[{index}]"
            if isinstance(item, Mapping):
                yield Fields(item, where, self.problems, known)
            else:
                self.problems.append(Reason("funding.case.object", {"found": shape_of(item)}, where=where))
