"""Facts that somebody gives: read, checked and converted, with everything that is wrong with them.

Main job: `read_given(object, dictionary)` for `baybridge decide --facts`: plain values, or a number with its unit; `set_aside` keeps back what
cannot be true of a living person.

An absent or null fact is unknown. A reason never repeats the value that was given.

**Source**: shared facts contract ("A number may also be given with its unit").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from baybridge.base.canonical import MAX_INTEGER
from baybridge.base.outcome import Reason
from baybridge.base.quantity import Quantity
from baybridge.base.time import parse_day, parse_instant
from baybridge.facts.dictionary import Dictionary, Fact
from baybridge.facts.sums import contradicted, with_sums
from baybridge.facts.units import UnitMismatchError
from baybridge.policy.language.types import Value

#: One thing wrong with a given fact; `where` is the fact's name.
Problem = Reason

#: What was found is named as JSON names it, in every language.
_KINDS = {bool: "boolean", int: "number", float: "number", Decimal: "number", str: "string", list: "array", dict: "object"}


class _UnfitError(Exception):
    def __init__(self, code: str, **values: str) -> None:
        self.code, self.values = code, values
        super().__init__(code)


def read_given(given: Mapping[str, object], dictionary: Dictionary) -> tuple[dict[str, Value], list[Problem]]:
    """The known values by name in the dictionary's units, and every problem, in order of names."""
    values: dict[str, Value] = {}
    problems: list[Problem] = []
    for name in sorted(given):
        if name not in dictionary:
            problems.append(_unknown(name, dictionary))
            continue
        try:
            value = _read(given[name], dictionary[name], dictionary)
        except _UnfitError as unfit:
            problems.append(Reason(unfit.code, {"fact": name, **unfit.values}, where=name))
            continue
        if value is not None:
            values[name] = value
    problems += [Reason("bedside.assess.ice_contradicts", said, where=name) for name, said in contradicted(values, dictionary.sums)]
    return with_sums(values, dictionary.sums), problems


def set_aside(values: Mapping[str, Value], dictionary: Dictionary) -> tuple[dict[str, Value], list[Problem]]:
    """The values that can be true of a living person, and what is told of the others: as in a record, they are not used."""
    usable: dict[str, Value] = {}
    told: list[Problem] = []
    for name, value in values.items():
        fact = dictionary[name]
        if fact.plausible is None or isinstance(value, bool) or not isinstance(value, int | float) or fact.is_plausible(Decimal(str(value))):
            usable[name] = value
            continue
        low, high = (str(limit) for limit in fact.plausible)
        told.append(Reason("facts.given.implausible", {"fact": name, "low": low, "high": high, "unit": fact.unit or "1"}, where=name))
    return usable, told


def with_set_aside(told: Sequence[Problem]) -> dict[str, object]:
    """What a decision document says beside its answer where a given value was not used; nothing where all were."""
    return {"set_aside": [{"fact": reason.where, "code": reason.code, **reason.values} for reason in told]} if told else {}


def _unknown(name: str, dictionary: Dictionary) -> Problem:
    close = dictionary.close_to(name)
    code = "facts.given.unknown_name_close" if close else "facts.given.unknown_name"
    return Reason(code, {"fact": name[:80], **({"close": close} if close else {})}, where=name[:80])


def _read(given: object, fact: Fact, dictionary: Dictionary) -> Value:
    if given is None:
        return None
    if isinstance(given, Mapping):
        return _with_unit(given, fact, dictionary)
    return _READERS[fact.type](given, fact)


def _with_unit(given: Mapping[str, object], fact: Fact, dictionary: Dictionary) -> Value:
    if fact.type not in {"number", "integer"} or set(given) != {"value", "unit"}:
        raise _unfit(given, fact)
    unit = given["unit"]
    if given["value"] is None:
        return None
    if not isinstance(unit, str):
        raise _UnfitError("facts.given.unit_missing", expected=fact.unit or "1")
    try:
        converted = dictionary.convert(fact.name, Quantity(_decimal(given["value"], fact), unit))
    except UnitMismatchError as mismatch:
        raise _UnfitError("facts.given.unit_mismatch", expected=mismatch.expected, found=unit[:40]) from None
    return _number(converted, fact)


def _number(given: object, fact: Fact) -> Value:
    value = _decimal(given, fact)
    _refuse_impossible(value, fact)
    if fact.type == "integer":
        if value != value.to_integral_value():
            raise _UnfitError("facts.given.not_whole")
        _refuse_off_scale(value, fact)
        return int(value)
    return int(value) if isinstance(given, int) else float(value)


def _refuse_impossible(value: Decimal, fact: Fact) -> None:
    """A number beyond what rules compute with exactly, or below zero where nothing measured can be: a slip, never a finding."""
    if value == value.to_integral_value() and abs(value) > MAX_INTEGER:
        raise _UnfitError("facts.given.too_large", high=str(MAX_INTEGER))
    if value < 0 and fact.unit is not None and fact.plausible is not None and fact.plausible[0] >= 0:
        raise _UnfitError("facts.given.negative")


def _refuse_off_scale(value: Decimal, fact: Fact) -> None:
    """A count or score (no unit) has a scale, such as ICE 0 to 10: a number off it is a mistake, not an unusual finding."""
    if fact.unit is None and fact.plausible is not None and not fact.is_plausible(value):
        low, high = fact.plausible
        raise _UnfitError("facts.given.off_scale", low=str(low), high=str(high))


def _decimal(given: object, fact: Fact) -> Decimal:
    if isinstance(given, bool) or not isinstance(given, int | float | Decimal):
        raise _unfit(given, fact)
    value = Decimal(str(given))
    if not value.is_finite():
        raise _UnfitError("facts.given.not_finite")
    return value


def _boolean(given: object, fact: Fact) -> Value:
    if not isinstance(given, bool):
        raise _unfit(given, fact)
    return given


def _code(given: object, fact: Fact) -> Value:
    if not isinstance(given, str):
        raise _unfit(given, fact)
    if given not in fact.values:
        raise _UnfitError("facts.given.code_unknown", expected=", ".join(fact.values))
    return given


def _text(given: object, fact: Fact) -> Value:
    if not isinstance(given, str):
        raise _unfit(given, fact)
    return given


def _day(given: object, fact: Fact) -> Value:
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    try:
        return parse_day(given)
    except ValueError:
        raise _unfit(given, fact) from None


def _instant(given: object, fact: Fact) -> Value:
    if isinstance(given, datetime) and given.tzinfo is not None:
        return given
    try:
        return parse_instant(given)
    except ValueError:
        raise _unfit(given, fact) from None


def _unfit(given: object, fact: Fact) -> _UnfitError:
    found = next((words for kind, words in _KINDS.items() if isinstance(given, kind)), "?")
    return _UnfitError(f"facts.given.expected_{fact.type}", found=found)


_READERS: dict[str, Callable[[object, Fact], Value]] = {
    "number": _number,
    "integer": _number,
    "boolean": _boolean,
    "code": _code,
    "text": _text,
    "date": _day,
    "instant": _instant,
}
