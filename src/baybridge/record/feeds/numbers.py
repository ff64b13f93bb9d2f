"""A number as laboratories write it: with arrows, letters, comparators, full-width digits, exponents, commas; or no number.

Main job: `written_number(text, mark, has_unit)` answers the number with what stands beside it, or None: then the text is kept as it came, and
told where it has digits. `bounds(text)` reads a reference interval; a text that goes on or makes no sense gives no bound.

A comma is the decimal mark only where the laboratory's mapping says so (`decimal_mark`): `1,234` is one and a bit in Lisbon and more than
a thousand in Guangzhou. Digits of other scripts, marks of writing direction and superscripts are no digits here.

**Source**: exports of laboratory systems; HL7 v2 table 0078 for the letters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

#: Full-width forms of ASCII, and the signs that mean the same. Source: Unicode, Halfwidth and Fullwidth Forms.
_NARROW: dict[int, str | int | None] = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    0x3000: " ", 0xA0: " ", 0x2212: "-", 0x2264: "<=", 0x2266: "<=", 0x2A7D: "<=", 0x2265: ">=", 0x2267: ">=", 0x2A7E: ">=",
    0xFE64: "<", 0xFE65: ">",
}  # fmt: skip
#: What stands before or after a number -> HL7 v2 table 0078. Convention of laboratory systems in the three regions.
_FLAGS = {
    "↑": "H", "⬆": "H", "▲": "H", "H": "H", "高": "H", "偏高": "H", "↓": "L", "⬇": "L", "▼": "L", "L": "L", "低": "L", "偏低": "L",
    "↑↑": "HH", "⬆⬆": "HH", "HH": "HH", "↓↓": "LL", "⬇⬇": "LL", "LL": "LL", "*": "A",
}  # fmt: skip
_FLAG = "|".join(re.escape(flag) for flag in sorted(_FLAGS, key=len, reverse=True))
_MARKED = re.compile(rf"(?:\(?({_FLAG})\)?\s*)?(<=|>=|<|>)?\s*([-+]?[0-9.,]+(?:[eE][-+]?[0-9]{{1,3}})?)(?:\s*\(?({_FLAG})\)?)?")
_SIMPLE = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_DIGITS = 40  # no laboratory writes more; convention of this project
_EXPONENT = 30  # convention of this project
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_PLAIN = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_LETTERS = frozenset("HL")  # may be the unit (litre, henry) where no unit is given
_BOUND = r"[-+]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_BETWEEN = re.compile(rf"({_BOUND})\s*(?:-|–|—|~|～|∼|to|至)\s*({_BOUND})")
_ONE = re.compile(rf"(<=|>=|<|>)\s*({_BOUND})")
#: A digit of any script: such a text may have been meant as a number.
_SOME_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Written:
    """A number, its comparator ('' where none) and its flag of table 0078 ('' where none)."""

    value: Decimal | int
    comparator: str = ""
    flag: str = ""


def decimal_mark(feed: Mapping[str, Any] | None) -> str:
    """The decimal mark of a laboratory's numbers: a point where its mapping names none."""
    return "," if (feed or {}).get("decimal_mark") == "," else "."


def narrowed(text: str) -> str:
    """Full-width forms as ASCII, comparators as `<=` and `>=`."""
    return (text if text.isascii() else text.translate(_NARROW)).strip()


def written_number(text: str, mark: str = ".", *, has_unit: bool = True) -> Written | None:
    """The number that a text is, or None; `mark` is the decimal mark of the laboratory, `has_unit` whether a unit stands elsewhere."""
    if mark == "." and _SIMPLE.fullmatch(text):
        return Written(Decimal(text) if "." in text else int(text))
    if len(text) > 2 * _DIGITS:
        return None
    found = _MARKED.fullmatch(narrowed(text))
    if not found or (found[1] and found[4]):
        return None
    flag = found[1] or found[4] or ""
    if flag[:1] in _LETTERS and not has_unit:
        return None
    value = exact(found[3], mark)
    return None if value is None else Written(value, found[2] or "", _FLAGS.get(flag, ""))


def exact(text: str, mark: str = ".") -> Decimal | int | None:
    """The number with its digits as written (72.50 keeps its last), or None where a comma leaves open what is meant."""
    if mark == ",":
        text = text.translate({ord(","): ".", ord("."): ","})
    if _GROUPED.fullmatch(text) and (text.count(",") > 1 or "." in text):
        text = text.replace(",", "")
    if not _PLAIN.fullmatch(text) or len(text) > _DIGITS:
        return None
    base, _, power = text.lower().partition("e")
    if power and abs(int(power)) > _EXPONENT:
        return None
    return Decimal(format(Decimal(text), "f")) if "." in text or power else int(base)


def has_digits(text: str) -> bool:
    """Whether a text that is no number may have been meant as one."""
    return _SOME_DIGIT.search(text) is not None


@lru_cache(maxsize=4096)
def bounds(text: str, unit: str = "") -> Mapping[str, Decimal | int]:
    """`low` and `high` of a reference interval; none where the text goes on (but for the unit itself) or ends before it begins."""
    if len(text) > 4 * _DIGITS:
        return {}
    plain = narrowed(text)
    if unit and plain.endswith(unit):
        plain = plain.removesuffix(unit).rstrip()
    both, one = _BETWEEN.fullmatch(plain), _ONE.fullmatch(plain)
    if both:
        low, high = exact(both[1]), exact(both[2])
        sensible = low is not None and high is not None and low <= high
        return {"low": low, "high": high} if sensible and low is not None and high is not None else {}
    value = exact(one[2]) if one else None
    return {"high" if one[1] in ("<", "<=") else "low": value} if one and value is not None else {}
