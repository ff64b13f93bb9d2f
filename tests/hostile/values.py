"""Hostile values, and ways to spoil a value or a text that was right."""

from __future__ import annotations

import json
from copy import deepcopy
from random import Random
from typing import Any

HUGE = 10**400
LONG = "字" * 5_000

#: Values that JSON can hold and that some reader somewhere does not expect.
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    7,
    -(2**31),
    2**31,
    2**63,
    -(2**63) - 1,
    2**64,
    HUGE,
    -HUGE,
    0.1,
    -0.0,
    1e308,
    5e-324,
    "",
    " ",
    "\u0000",
    "a\u0000b",
    "\ud800",
    "x\udfffy",
    "\u202e",
    "\ufeff",
    "é",
    "e\u0301",
    LONG,
    "null",
    "NaN",
    "Infinity",
    "-1",
    "0",
    "1e999999999",
    "9" * 400,
    "0001-01-01",
    "9999-12-31",
    "0000-00-00",
    "2026-02-30",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "2026-03-08T09:00:00",
    "2026-03-08T24:00:00Z",
    "9999-12-31T23:59:60Z",
    "2026-W10-1",
    "20260308",
    "１２",
    "٣",
    "../../etc/passwd",
    "file:///etc/passwd",
    "'; DROP TABLE event; --",
    "%",
    "_",
    "%s%n{0}{a}",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "Patient/",
    "/",
    "Patient/a/b",
    "#",
    "?",
    "urn:uuid:",
    "http://[",
    "a" * 65,
    "-",
    ".",
    "..",
    "\r\nX: y",
    "\x7f",
    "\x1b[2J",
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": ""},
    {"a": None},
    {"type": None},
    {"type": []},
    [1, "a", None],
    {"value": HUGE},
    {"resourceType": "Bundle"},
    ["a"] * 1000,
)

#: Texts, for addresses, headers and forms.
TEXTS: tuple[str, ...] = tuple(value for value in VALUES if isinstance(value, str))

#: What is put in the place of a value in JSON that is already written, because no writer would write it.
RAW: tuple[bytes, ...] = (
    b"1e999999999",
    b"-1e999999999",
    b"1e-999999999",
    b"0e999999999",
    b"1E400",
    b"9" * 5000,
    b"-0",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"01",
    b"1.",
    b".5",
    b"+1",
    b"0x10",
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\u0000"',
    b'"\\x"',
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"',
    b'"\x00"',
    b'"',
    b"",
    b"{",
    b"[",
    b"}",
    b"]]",
    b",",
    b"//",
    b"'a'",
    b"[" * 3000 + b"]" * 3000,
    b'{"a":' * 1500 + b"1" + b"}" * 1500,
    b'{"a":1,"a":2}',
    b"1e308",
    b"1e309",
    b"123456789012345678901234567890.123456789",
    b"1.0000000000000000000000000000000000001",
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a JSON value."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


def spoilt(random: Random, value: Any) -> Any:
    """A JSON value with one to three of its values replaced, taken out, doubled or wrapped."""
    made = deepcopy(value)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        known = places(made)
        if not known:
            return deepcopy(random.choice(VALUES))
        path = random.choice(known)
        holder = made
        for key in path[:-1]:
            holder = holder[key]
        made_of = holder[path[-1]]
        how = random.randrange(8)
        if how == 0:
            del holder[path[-1]]
        elif how == 1:
            holder[path[-1]] = [made_of]
        elif how == 2:
            holder[path[-1]] = {"value": made_of}
        elif how == 3 and isinstance(holder, list):
            holder.append(deepcopy(made_of))
        elif how == 4 and isinstance(holder, dict):
            holder[random.choice(TEXTS)] = deepcopy(random.choice(VALUES))
        else:
            holder[path[-1]] = deepcopy(random.choice(VALUES))
    return made


def written(value: Any) -> bytes:
    """JSON as a careless program writes it: lone surrogates escaped, numbers however long."""
    return json.dumps(value, ensure_ascii=True, default=str).encode()


def torn(random: Random, data: bytes) -> bytes:
    """A text with bytes cut, changed or put in."""
    if not data:
        return random.choice(RAW)
    place = random.randrange(len(data))
    how = random.randrange(5)
    if how == 0:
        return data[:place]
    if how == 1:
        return data[:place] + bytes([random.randrange(256)]) + data[place + 1 :]
    if how == 2:
        return data[:place] + random.choice(RAW) + data[place:]
    if how == 3:
        return data[place:] + data[:place]
    return _value_replaced(random, data)


def _value_replaced(random: Random, data: bytes) -> bytes:
    """A JSON text in which one value has become something that no writer would write."""
    colons = [index for index, byte in enumerate(data) if byte == ord(":")]
    if not colons:
        return data + random.choice(RAW)
    begin = random.choice(colons) + 1
    end = min((at for mark in b",}]" if (at := data.find(bytes([mark]), begin)) > 0), default=len(data))
    return data[:begin] + random.choice(RAW) + data[end:]


def body(random: Random, value: Any) -> bytes:
    """A JSON body: right, spoilt as a value, or torn as a text."""
    how = random.randrange(10)
    if how < 2:
        return written(value)
    if how < 7:
        return written(spoilt(random, value))
    if how < 9:
        return torn(random, written(value))
    return random.choice((b"", b"null", b"[]", b"7", b'"a"', b"\xff", *RAW))
