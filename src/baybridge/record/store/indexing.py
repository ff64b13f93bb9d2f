"""What searches look at: the values of a resource for each search parameter of its type.

Main job: `search_rows(resource)` answers one row per value: tokens with system and code, folded strings, references as written,
dates as half-open ranges of seconds since 1970, quantities as the range that their written precision allows.

**Source**: FHIR R4, search, "Search Parameter Types". **Units**: seconds since 1970 UTC; a date without offset is that day in China.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from baybridge.record.fhir.dates import date_span
from baybridge.record.fhir.definitions import Parameter, Path, parameters
from baybridge.record.fhir.primitives import is_decimal
from baybridge.record.fhir.references import local_part, named_in
from baybridge.record.fhir.wire import Json
from baybridge.record.identity.names import LETTERS

#: Names the rules below. Whoever changes what they answer gives them a new name, so that a node indexes again what it holds; a test notices.
RULES = "5"

#: The name under which `_names` are stored; no parameter is called so.
NAMES = "-names"
#: The name under which the types of what a resource encloses are stored: nobody searches by it, and a total counts nothing that encloses a type which is not read.
ENCLOSES = "-encloses"
_LONGEST = 200  # characters of a string that are compared
OPEN = 1e15  # seconds: a period without start or end reaches this far
UNBOUNDED = 1e300  # a result such as < 5 reaches this far


#: Parts of names, addresses and others that a string parameter compares. Source: FHIR R4, search parameters name and address.
_TEXTS = ("text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "country", "postalCode", "display", "name")


class Value(NamedTuple):
    """One searchable value."""

    param: str
    kind: str
    system: str
    value: str
    low: float | None
    high: float | None


def search_rows(resource: Json) -> list[Value]:
    """The searchable values of a resource, each once."""
    found: dict[Value, None] = {}
    for key, uses in _by_first_step(str(resource.get("resourceType"))).items():
        if key in resource:
            for parameter, path in uses:
                for item in _walk(resource[key], path.steps[1:]):
                    if _fits(item, path):
                        found.update(dict.fromkeys(_READERS[parameter.kind](parameter.name, item)))
    return [*found, *_names(resource, found), *_enclosed(resource)]


def _names(resource: Json, found: Iterable[Value]) -> Iterator[Value]:
    """What a resource names where no parameter looks, in an extension or contained: nobody searches by it, and a total counts none who may not be seen."""
    known = {value.value for value in found if value.kind == "reference"}
    named = {"/".join(part) for text in named_in(resource) if (part := local_part(text)) is not None} - known
    yield from (Value(NAMES, "reference", "", text, None, None) for text in sorted(named))


def _enclosed(resource: Json) -> Iterator[Value]:
    """The types of the resources that a resource encloses, each once; one that says none is of type ''."""
    inside = resource.get("contained")
    types = {_text(part.get("resourceType")) for part in (inside if isinstance(inside, list) else ()) if isinstance(part, dict)}
    yield from (Value(ENCLOSES, "token", "", one, None, None) for one in sorted(types))


@cache
def stored_as(resource_type: str, name: str) -> tuple[str, ...]:
    """The names under which a parameter's values are stored: `patient` lies inside `subject`, `combo-x` in `x` and `component-x`."""
    known = parameters(resource_type)
    if name.startswith("combo-") and f"component-{name[6:]}" in known and name[6:] in known:
        return (name[6:], f"component-{name[6:]}")
    if name == "patient" and "subject" in known and _steps(known["patient"]) <= _steps(known["subject"]):
        return ("subject",)
    return (name,)


def _steps(parameter: Parameter) -> set[tuple[str, ...]]:
    return {path.steps for path in parameter.paths}


@cache
def _by_first_step(resource_type: str) -> Mapping[str, list[tuple[Parameter, Path]]]:
    uses: dict[str, list[tuple[Parameter, Path]]] = {}
    for name, parameter in parameters(resource_type).items():
        if stored_as(resource_type, name) == (name,):
            for path in parameter.paths:
                uses.setdefault(path.steps[0], []).append((parameter, path))
    return uses


def _walk(value: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, steps)
    elif not steps:
        yield value
    elif isinstance(value, dict) and steps[0] in value:
        yield from _walk(value[steps[0]], steps[1:])


def _fits(item: Any, path: Path) -> bool:
    if path.where is None:
        return True
    return isinstance(item, dict) and item.get(path.where[0]) == path.where[1]


def _text(value: object) -> str:
    return value.replace("\x00", "") if isinstance(value, str) else ""


# --- one reader per kind of parameter -------------------------------------------------------------------------------


def _tokens(name: str, item: Any) -> Iterator[Value]:
    if isinstance(item, bool):
        yield Value(name, "token", "", str(item).lower(), None, None)
    elif isinstance(item, str):
        yield Value(name, "token", "", _text(item), None, None)
    elif isinstance(item, dict):
        codings = item.get("coding")
        for coding in codings if isinstance(codings, list) else [item]:
            if isinstance(coding, dict):
                yield from _coding(name, coding)


def _coding(name: str, coding: dict[str, Any]) -> Iterator[Value]:
    code = coding.get("code", coding.get("value"))
    system = coding.get("system")
    if isinstance(code, str):
        yield Value(name, "token", _text(system), _text(code), None, None)


def _strings(name: str, item: Any) -> Iterator[Value]:
    texts = [item] if isinstance(item, str) else list(_inner_texts(item))
    for text in (*texts, *_whole_names(item)):
        yield Value(name, "string", _text(text)[:_LONGEST], folded(text), None, None)


def _whole_names(item: Any) -> tuple[str, ...]:
    """A name whose parts stand apart, in both orders, because people search for the whole."""
    family, given = (item.get("family"), item.get("given")) if isinstance(item, dict) else (None, None)
    if not isinstance(family, str) or not isinstance(given, list) or not all(isinstance(part, str) for part in given):
        return ()
    first = " ".join(given)
    return (f"{family} {first}", f"{first} {family}") if first else ()


def _inner_texts(item: Any) -> Iterator[str]:
    for key in _TEXTS:
        value = item.get(key) if isinstance(item, dict) else None
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield text


@lru_cache(maxsize=16_384)
def folded(text: str) -> str:
    """Text as it is searched: without case, accents, width, punctuation and blanks, `ł` as `l` and `æ` as `ae`, Chinese in simplified characters, at most 200 of them.

    **Source**: FHIR R4, search, "string" ("insensitive to casing, accents, punctuation"); one person's name in two scripts is one name.
    """
    spread = unicodedata.normalize("NFKD", text.replace("\x00", "").translate(_simplified()))
    return "".join(filter(_is_compared, spread)).translate(_simplified()).casefold().translate(LETTERS)[:_LONGEST]


def _is_compared(char: str) -> bool:
    return char.isalnum() or (not char.isspace() and unicodedata.category(char)[0] not in "MPZ" and char not in _APOSTROPHES)


_APOSTROPHES = "`\u00b4\u02b9\u02bb\u02bc\u02bd"


@cache
def _simplified() -> Mapping[int, str]:
    """Traditional characters and their simplified ones. Source: OpenCC, TSCharacters (Apache-2.0)."""
    lines = files("opencc").joinpath("dictionary/TSCharacters.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split() for line in lines if line.strip() and not line.startswith("#"))
    return {ord(pair[0]): pair[1] for pair in pairs if len(pair) > 1 and len(pair[0]) == 1}


def _references(name: str, item: Any) -> Iterator[Value]:
    text = item.get("reference") if isinstance(item, dict) else item
    if isinstance(text, str):
        yield Value(name, "reference", "", _text(text).split("/_history/")[0], None, None)


def _uris(name: str, item: Any) -> Iterator[Value]:
    if isinstance(item, str):
        yield Value(name, "token", "", _text(item), None, None)


def _dates(name: str, item: Any) -> Iterator[Value]:
    span = _item_span(item)
    if span is not None:
        yield Value(name, "date", "", "", span[0], span[1])


def _item_span(item: Any) -> tuple[float, float] | None:
    if isinstance(item, str):
        return date_span(item)
    if not isinstance(item, dict):
        return None
    if "start" in item or "end" in item:
        start, end = _span_or_none(item.get("start")), _span_or_none(item.get("end"))
        return (start[0] if start else -OPEN), (end[1] if end else OPEN)
    events = [span for event in item.get("event", ()) if (span := _span_or_none(event))] if isinstance(item.get("event"), list) else []
    return (min(span[0] for span in events), max(span[1] for span in events)) if events else None


def _span_or_none(text: object) -> tuple[float, float] | None:
    return date_span(text) if isinstance(text, str) else None


def _quantities(name: str, item: Any) -> Iterator[Value]:
    if not isinstance(item, dict):
        return
    number = _exact(item.get("value"))
    if number is None:
        return
    low, high = _known_span(number, item.get("comparator"))
    unit = item.get("code") or item.get("unit") or item.get("currency") or ""
    yield Value(name, "quantity", _text(item.get("system")), _text(unit), low, high)


def _numbers(name: str, item: Any) -> Iterator[Value]:
    number = _exact(item)
    if number is not None:
        low, high = number_span(number)
        yield Value(name, "quantity", "", "", low, high)


def _exact(value: object) -> Decimal | None:
    """A number as it is written; our own renderings may hold a float."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(str(value))
    return number if is_decimal(number) else None


def _known_span(number: Decimal, comparator: object) -> tuple[float, float]:
    """What a result says of its number: `< 5` is anything below 5, not the number 5."""
    exact = float(number)
    if comparator in ("<", "<="):
        return -UNBOUNDED, exact if comparator == "<" else math.nextafter(exact, math.inf)
    if comparator in (">", ">="):
        return exact if comparator == ">" else math.nextafter(exact, -math.inf), UNBOUNDED
    return number_span(number)


def number_span(number: Decimal) -> tuple[float, float]:
    """The range of numbers that are written like this one: 5.4 is from 5.35 to 5.45."""
    exponent = number.as_tuple().exponent
    try:
        half = Decimal(5).scaleb((exponent if isinstance(exponent, int) else 0) - 1)
        return float(number - half), float(number + half)
    except ArithmeticError:  # beyond what decimals reach: as near as a binary number comes
        return float(number), float(number)


_READERS: Mapping[str, Callable[[str, Any], Iterator[Value]]] = {
    "token": _tokens,
    "string": _strings,
    "reference": _references,
    "uri": _uris,
    "date": _dates,
    "quantity": _quantities,
    "number": _numbers,
}
