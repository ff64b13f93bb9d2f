"""Numbers, percentages and units as the readers of one language write them: 37.5 Cel as 37,5 °C for a Portuguese ward.

Main job: `number`, `percent`, `unit` and `quantity` of `Figures`; everything that shows a unit to a person goes through here, and nothing that a machine reads does.

**Units**: UCUM goes in. How a unit is written stands in `data/terms/units.yaml`: `shown`, the same in every language, and `worded`, by the
translations `unit.*`; a unit that is in neither is written by the signs of UCUM alone (powers, micro, brackets), hence at last as it came.
Elsewhere: reading and converting in `facts/units.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypedDict

#: Between a number and its unit; a line never breaks there.
SPACE = "\u00a0"

_PLAIN = re.compile(r"-?\d+(?:\.\d+)?")
_REPORTED = re.compile(r"(?P<sign>[<>]=?|~)?\s*(?P<number>-?\d+(?:\.\d+)?)(?:\s+(?P<unit>\S.*))?")
_COMMA = re.compile(r"[+-]?[0-9]+,(?P<fraction>[0-9]+)")
_THOUSAND = 3  # digits between the commas of 1,500
_POWERS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Signs(TypedDict, total=False):
    """What `data/terms/units.yaml` says of how units are written: the sign that all languages share, or the key of its translations."""

    shown: Mapping[str, str]
    worded: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Figures:
    """How one language writes them; `locale` is of CLDR, `table` is the document `units` of `data/terms`, `say` the texts of the language by key."""

    locale: str
    table: Signs
    say: Callable[..., str]

    def number(self, value: object, decimals: int | None = None) -> str:
        """A number with the language's separators; digits as they are, those of a text or Decimal kept, or so many decimals. What is no number stays."""
        exact = _exact(value)
        if exact is None or not isinstance(value, int | float | str | Decimal):
            return str(value)
        from babel.numbers import format_decimal  # here, because only words need it

        kept = decimals if decimals is not None else _decimals(exact) if isinstance(value, str | Decimal) else None
        form = None if kept is None else "#,##0" + ("." + "0" * kept if kept else "")
        return format_decimal(
            value if kept is None else exact, format=form, locale=self.locale, decimal_quantization=kept is not None
        )

    def read(self, text: str) -> str:
        """A number as people type it, as files write it: 38,5 is 38.5. Three digits after a comma are a fraction only where the language has it so."""
        from babel.numbers import get_decimal_symbol

        typed = _COMMA.fullmatch(text)
        if typed is None or (len(typed["fraction"]) == _THOUSAND and get_decimal_symbol(self.locale) != ","):
            return text
        return text.replace(",", ".")

    def percent(self, value: object, decimals: int | None = None) -> str:
        """So many percent."""
        return self.quantity(value, "%", decimals)

    def share(self, part: str | Decimal) -> str:
        """A part of one in percent, exactly: 0.80 is 80 %."""
        return self.percent(f"{Decimal(part).scaleb(2).normalize():f}")

    def unit(self, unit: str | None) -> str:
        """A unit on its own, e.g. after a label; nothing for what has none."""
        if not unit or unit == "-":
            return ""
        worded = self.table.get("worded", {}).get(unit or "")
        return self.say(f"unit.{worded}") if worded else written(unit, self.table)

    def quantity(self, value: object, unit: str | None, decimals: int | None = None) -> str:
        """A number with its unit: 37.5 °C, ×10⁹/L, 61 years, 1 year, 88/min; one that was converted with no more places than anybody measures in its unit."""
        places = _PLACES.get(unit or "")
        if isinstance(value, float) and decimals is None and places is not None:
            value = round(value, places)
        number, worded = self.number(value, decimals), self.table.get("worded", {}).get(unit or "")
        if worded:
            return self.say(f"unit.{worded}.{'one' if _exact(value) == 1 else 'many'}", n=number)
        return number + self.after(unit)

    def after(self, unit: str | None) -> str:
        """A unit as it stands behind a number, with the space between them where one is written."""
        shown, worded = self.unit(unit), self.table.get("worded", {}).get(unit or "")
        tight = shown.startswith("/") or ((worded or shown == "%") and self.locale.startswith("zh"))
        return f"{'' if tight or not shown else SPACE}{shown}"

    def reported(self, text: str) -> str:
        """A result as it was reported, "<0.1 10*9/L", as people write it, its digits kept; other text as it is."""
        found = _REPORTED.fullmatch(text.strip())
        measured = found is not None and (found["unit"] or "." in found["number"])  # else it may be a code or an identifier
        return f"{found['sign'] or ''}{self.quantity(found['number'], found['unit'])}" if found and measured else text


#: To so many places what is measured at a bedside is said, one more than devices show, so that no limit is passed by rounding. Source: convention of this project.
_PLACES: Mapping[str, int] = {"Cel": 2, "mm[Hg]": 1, "/min": 1, "%": 1, "L/min": 1, "kg": 2, "cm": 1}


def written(unit: str, table: Signs) -> str:
    """A unit in the signs that every language shares: by the table, else by the signs of UCUM; words in braces are comments and go."""
    shown = table.get("shown", {}).get(unit)
    if shown is not None:
        return shown
    plain = re.sub(r"^[x×]?10[*^](\d+)", lambda power: f"×10{power[1].translate(_POWERS)}", re.sub(r"\{[^}]*\}", "", unit))
    plain = re.sub(r"\[(\w+)\]", lambda inner: inner[1].replace("_", " ").replace("iU", "IU"), plain)
    return re.sub(r"(?<![A-Za-z])u(?=mol|g|L|U|m)", "µ", re.sub(r"\bm2\b", "m²", plain))


def _exact(value: object) -> Decimal | None:
    """The number exactly as it is written; None for what is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        found = Decimal(str(value))
        return found if found.is_finite() else None
    return Decimal(value) if isinstance(value, str) and _PLAIN.fullmatch(value) else None


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
