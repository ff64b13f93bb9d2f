"""How money is written in a funding case, and what is said of a value that is written otherwise.

Main job: the types of amounts, rates and texts; `Complaints`, which keeps each problem of a case as a reason in the reader's language.

**Units**: amounts as minor units, rates as exact fractions. What was found is told as digits or as a kind of value, never as words,
because a name may stand where an amount was meant. Elsewhere: the one reader in `documents/reading.py`, the form of a case in `plans/written.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from msgspec import Meta, inspect

from baybridge.base.money import parse_minor
from baybridge.base.outcome import Reason
from baybridge.documents.problems import UNKNOWN_KEY, field_name
from baybridge.documents.reading import Wording
from baybridge.documents.source import Path
from baybridge.documents.types import bare, extra, of_form

_PLAIN = re.compile(r"[-+0-9.,%/: ]{1,40}")
_CODE = re.compile(r"[A-Z][A-Z_]{0,39}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,18})?")


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


def text_of(value: object) -> str:
    """A text of one line; ValueError for anything else."""
    if not is_text(value):
        raise ValueError("no text of one line")
    return str(value)


def rate_text(value: object) -> str:
    """A rate of exchange as it was written, as text; ValueError for anything else."""
    if not isinstance(value, str) or not is_exchange_rate(value):
        raise ValueError("no rate of exchange")
    return value


def _amount(value: object) -> int:
    minor = parse_minor(value)
    if minor < 0:
        raise ValueError("below zero")
    return minor


def _exact(value: object) -> str:
    """An exact number as text, from text or an exact JSON number."""
    text = str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _RATE.fullmatch(text):
        raise ValueError("no exact number")
    return text


def _rate(value: object) -> Fraction:
    rate = Fraction(_exact(value))
    if rate > 1:
        raise ValueError("above 1")
    return rate


def _exchange_rate(value: object) -> str:
    text = _exact(value)
    if not is_exchange_rate(text):
        raise ValueError("zero")
    return text


#: Minor units, never below zero.
Amount = Annotated[int, of_form(_amount, 'an amount as text with two places, such as "1200000.00"', harmless=0, reason="amount")]
#: From 0 to 1.
Rate = Annotated[Fraction, of_form(_rate, 'a rate from 0 to 1 as text, such as "0.80"', harmless=Fraction(0), reason="rate")]
#: A rate above zero, as it was written.
ExchangeRate = Annotated[str, of_form(_exchange_rate, "a rate of exchange above zero", harmless="1", reason="exchange_rate")]
Text = Annotated[str, of_form(text_of, "a text", harmless="", reason="text")]
#: A code, which nobody prints.
Word = Annotated[str, Meta(min_length=1)]
Whole = Annotated[int, Meta(ge=0, le=1_000_000)]
FromOne = Annotated[int, Meta(ge=1, le=1_000_000)]


def reason_of(kind: inspect.Type) -> str:
    """The code of the reason against a value that is not of this type."""
    if named := extra(kind, "reason"):
        return str(named)
    match bare(kind):
        case inspect.StructType() | inspect.TypedDictType() | inspect.DictType():
            return "object"
        case inspect.CollectionType(item_type=inspect.StrType()):
            return "texts"
        case inspect.CollectionType():
            return "list"
        case inspect.LiteralType() | inspect.EnumType():
            return "one_of"
        case inspect.DateType():
            return "day"
        case inspect.IntType(ge=least):
            return f"whole:{least or 0}"
    return "text"


#: What a case may hold beside what the contract names is left alone, unless it is nearly a name of the contract.
MONEY = Wording(names_field=False, found=shape_of, mapping="an object", code=reason_of, strays=False)


class Complaints:
    """The problems of one funding case, kept as reasons; where it stands in a file."""

    def __init__(self, where: str, problems: list[Reason]) -> None:
        self.where, self.problems = where, problems

    def place(self, path: Path) -> str:
        """A path as people write it, such as `layers[0].rate`."""
        return ".".join(filter(None, (self.where, field_name(path))))

    def report(self, code: str, path: Path, expected: str, found: str, _hint: str) -> None:
        """Keep what the reader says of one part."""
        if code == UNKNOWN_KEY:
            self.problem("misspelt", path, expected=expected, found=found)
            return
        name, _, least = code.partition(":")
        values: dict[str, str | int] = {"at_least": int(least)} if name == "whole" else {"expected": expected.removeprefix("one of ")} if name == "one_of" else {}
        self.problem(name, path, found=found, **values)

    def names_alone(self, code: str, path: Path, expected: str, found: str, hint: str) -> None:
        """Keep what the reader says of misspelt names, and nothing else."""
        if code == UNKNOWN_KEY:
            self.report(code, path, expected, found, hint)

    def problem(self, code: str, path: Path, **values: str | int) -> None:
        """Keep a problem about one part; a code without a dot is one of funding cases."""
        self.problems.append(Reason(code if "." in code else f"funding.case.{code}", values, where=self.place(path)))

    def fine(self, path: Path) -> bool:
        """Whether nothing was said of a part yet, nor of anything in it."""
        place = self.place(path)
        return not any(reason.where == place or reason.where.startswith((f"{place}.", f"{place}[")) for reason in self.problems)
