"""What feeds read, compared with a second, plain rendering of the same rules: numbers, texts of messages, document numbers, times.

`BAYBRIDGE_TEST_FEEDS` says how many inputs a contract gets; the counts are printed.
"""

from __future__ import annotations

import os
from calendar import monthrange
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

import pytest

from baybridge.record.feeds.csv_feed import read_csv
from baybridge.record.feeds.hl7v2_fhir import read_hl7
from baybridge.record.feeds.hl7v2_values import moment
from baybridge.record.identity.documents import document_number
from identity_numbers import hkid, resident

COUNT = int(os.environ.get("BAYBRIDGE_TEST_FEEDS", "400"))
ZONE = ZoneInfo("Asia/Shanghai")
HEAD = "MSH|^~\\&|LIS|HOSP|||20260308090000+0800||ORU^R01|1|P|2.5.1||||||{}\rPID|1||P7\rOBR|1||F1|C^C\r"
FEED = {"id": "x", "columns": {"patient": "p", "code": "c", "value": "v", "unit": "u", "collected_at": "t"}}


# --- numbers --------------------------------------------------------------------------------------------------------

_FLAGS = {"H": "H", "L": "L", "HH": "HH", "LL": "LL", "↑": "H", "↓": "L", "↑↑": "HH", "↓↓": "LL", "*": "A", "高": "H", "低": "L", "偏高": "H", "▲": "H"}
_SIGNS = {"<": "<", ">": ">", "<=": "<=", ">=": ">=", "≤": "<=", "≥": ">=", "＜": "<", "≧": ">="}
_WIDE = str.maketrans("0123456789.+-", "０１２３４５６７８９．＋－")
_JUNK = (*[""] * 20, ":80", " g/L", "٣", "²", "\u202e", "e", "E5000", "--2", "x", ",", "..")


def written(random: Random) -> str:
    digits = "".join(random.choice("0123456789") for _ in range(random.randint(1, 6)))
    if random.random() < 0.5:
        digits += random.choice(".,") + "".join(random.choice("0123456789") for _ in range(random.randint(0, 4)))
    if random.random() < 0.1:
        digits = "." + digits
    if random.random() < 0.15:
        digits += random.choice("eE") + random.choice(("", "+", "-")) + str(random.randint(0, 40))
    if random.random() < 0.15:
        digits = random.choice("+-") + digits
    if random.random() < 0.2:
        digits = digits.translate(_WIDE)
    sign = random.choice(list(_SIGNS)) if random.random() < 0.3 else ""
    before = random.choice(list(_FLAGS)) + random.choice(("", " ")) if random.random() < 0.15 else ""
    after = random.choice(("", " ")) + random.choice(list(_FLAGS)) if random.random() < 0.3 else ""
    return f"{before}{sign}{random.choice(('', '', ' '))}{digits}{after}{random.choice(_JUNK)}"


def plain_read(text: str) -> tuple[Decimal, str, str] | None:
    """A number by hand: flags off both ends, then the sign, then the digits, one character after the other."""
    rest = "".join(chr(ord(c) - 0xFEE0) if 0xFF01 <= ord(c) <= 0xFF5E else c for c in text)
    for wide, narrow in (("≤", "<="), ("≧", ">="), ("≥", ">=")):
        rest = rest.replace(wide, narrow)
    rest, flags = rest.strip(), []
    for flag in sorted(_FLAGS, key=len, reverse=True):
        if rest.startswith(flag):
            flags.append(_FLAGS[flag])
            rest = rest[len(flag) :].lstrip()
            break
    for flag in sorted(_FLAGS, key=len, reverse=True):
        if rest.endswith(flag):
            flags.append(_FLAGS[flag])
            rest = rest[: -len(flag)].rstrip()
            break
    sign = next((one for one in ("<=", ">=", "<", ">") if rest.startswith(one)), "")
    value = plain_value(rest[len(sign) :].lstrip())
    return None if value is None or len(flags) > 1 else (value, sign, flags[0] if flags else "")


def plain_value(text: str) -> Decimal | None:
    sign = text[:1] if text[:1] in ("+", "-") and text[:1] else ""
    body, *power = text[len(sign) :].replace("E", "e").split("e")
    whole, *fraction = body.split(".")
    if len(fraction) > 1 or len(power) > 1 or fraction == [""] or not all(c in "0123456789" for c in "".join(fraction)):
        return None
    if "," in whole:
        groups = whole.split(",")
        sure = len(groups) > 2 or (fraction and fraction[0])
        if not sure or power or not 1 <= len(groups[0]) <= 3 or any(len(group) != 3 for group in groups[1:]):
            return None
        whole = "".join(groups)
    if not all(c in "0123456789" for c in whole) or not (whole or (fraction and fraction[0])):
        return None
    shift = 0
    if power:
        digits = power[0].lstrip("+-") if power[0][:1] in ("+", "-") else power[0]
        if not digits or len(digits) > 3 or not all(c in "0123456789" for c in digits) or len(power[0]) - len(digits) > 1 or int(digits) > 30:
            return None
        shift = -int(digits) if power[0].startswith("-") else int(digits)
    number = Decimal(int((whole + "".join(fraction)) or "0")).scaleb(-len("".join(fraction)) + shift)
    return -number if sign == "-" else number


def _answer(found: dict[str, object]) -> tuple[Decimal, str, str] | None:
    quantity = found.get("valueQuantity")
    if not isinstance(quantity, dict):
        return None
    flags = found.get("interpretation") or [{"coding": [{"code": ""}]}]
    return Decimal(quantity["value"]), quantity.get("comparator", ""), flags[0]["coding"][0]["code"]  # type: ignore[index]


@pytest.mark.parametrize("door", ["csv", "hl7"])
def test_numbers(door: str) -> None:
    random, numbers = Random(13), 0
    for number in range(COUNT):
        text = written(random)
        if any(mark in text for mark in "|^~\\&\"'") or not text.strip():
            continue
        if door == "csv":
            (taken,) = read_csv(f'p,c,v,u,t\nP1,A,"{text}",g/L,2026-03-08 09:00'.encode(), FEED, ZONE)
        else:
            (taken,) = read_hl7((HEAD.format("UTF8") + f"OBX|1|ST|1-1^x^LN||{text}|g/L^^UCUM|||||F").encode())
        found, expected = _answer(taken.resources[-1]), plain_read(text)
        assert found == expected, (number, text)
        told = {"csv_number", "hl7_number"} & {fault.code for fault in taken.faults}
        assert not (told and expected), text
        numbers += expected is not None
    print(f"\nnumbers by {door}: {COUNT} inputs, {numbers} of them numbers")  # noqa: T201 - long runs print their counts


# --- texts of messages ----------------------------------------------------------------------------------------------

_PIECES = (
    "A", "b ", "陈", "\\", "\\T\\", "\\S\\", "\\R\\", "\\F\\", "\\E\\", "\\.br\\", "\\H\\", "\\Q\\", "\\X41\\", "\\XZ\\", "&", "^", "~", "\n", "功", "7",
)  # fmt: skip
_KNOWN = {"T": "&", "S": "^", "R": "~", "F": "|", "E": "\\", ".br": "\n", "H": "", "X41": "A"}


def plain_text(raw: str) -> str:
    """Escapes by hand: from each escape character to the next; what is between and not known stays with the first of them."""
    out, at = "", 0
    while at < len(raw):
        end = raw.find("\\", at + 1) if raw[at] == "\\" else -1
        if end > 0 and raw[at + 1 : end] in _KNOWN:
            out, at = out + _KNOWN[raw[at + 1 : end]], end + 1
        else:
            out, at = out + raw[at], at + 1
    return out.strip()


def test_texts() -> None:
    random = Random(17)
    for _ in range(COUNT):
        raw = "x" + "".join(random.choice(_PIECES) for _ in range(random.randint(0, 12))) + "x"
        name, codec = random.choice((("UTF8", "utf-8"), ("GBK", "gb18030"), ("BIG5", "big5hkscs")))
        raw = raw.replace("陈", "陳") if codec == "big5hkscs" else raw
        (taken,) = read_hl7((HEAD.format(name) + f"OBX|1|TX|1-1^x^LN||{raw}||||||F|||20260301080000+0800").encode(codec))
        observation = taken.resources[-1]
        assert (observation["valueString"], observation["status"], taken.faults) == (plain_text(raw), "final", []), raw
    print(f"\ntexts of messages: {COUNT} inputs")  # noqa: T201 - long runs print their counts


# --- document numbers -----------------------------------------------------------------------------------------------


def test_document_numbers() -> None:
    random, counted = Random(19), 0
    for _ in range(COUNT):
        system, text, expected = _document(random)
        found = document_number({"system": system, "value": text})
        assert (found.text if found and found.counts else None) == expected, text
        counted += expected is not None
    print(f"\ndocument numbers: {COUNT} inputs, {counted} of them right")  # noqa: T201 - long runs print their counts


def _document(random: Random) -> tuple[str, str, str | None]:
    if random.random() < 0.4:
        letters = "".join(random.choice("ABCDEFGHKMPRVYZ") for _ in range(random.randint(1, 2)))
        right = hkid(letters, f"{random.randint(0, 999999):06d}")
        text = right if random.random() < 0.5 else right[:-2] + random.choice("0123456789A") + ")"
        plain = text.replace("(", "").replace(")", "")
        return "urn:hk:hkid", random.choice((text, plain, text.lower(), f" {plain} ")), plain if text == right else None
    year, month, day = random.randint(1880, 2030), random.randint(0, 13), random.randint(0, 32)
    is_day = 1 <= month <= 12 and 1 <= day <= (monthrange(year, month)[1] if 1 <= month <= 12 else 0)
    area, serial = f"44{random.randint(0, 9999):04d}", f"{random.randint(1, 999):03d}"
    if random.random() < 0.3:
        short = f"{area}{year % 100:02d}{month:02d}{day:02d}{serial}"
        century = 1900 + year % 100
        fits = 1 <= month <= 12 and 1 <= day <= (monthrange(century, month)[1] if 1 <= month <= 12 else 0)
        return "urn:cn:resident-id", short, resident(f"{area}{century}{month:02d}{day:02d}{serial}") if fits else None
    right = resident(f"{area}{year}{month:02d}{day:02d}{serial}")
    text = right if random.random() < 0.6 else right[:-1] + random.choice("0123456789X")
    return "urn:cn:resident-id", text.lower(), text if text == right and is_day and year >= 1890 else None


# --- times ----------------------------------------------------------------------------------------------------------


def test_times() -> None:
    random, read = Random(23), 0
    for _ in range(COUNT):
        parts = [random.randint(1870, 2100), random.randint(0, 13), random.randint(0, 32), random.randint(0, 25), random.randint(0, 61), random.randint(0, 61)]
        length = random.randint(1, 6)
        offset = random.choice(("", "", "+0800", "-0330", "+0000", "+1400", "+1500", "+0860"))
        text = f"{parts[0]:04d}" + "".join(f"{part:02d}" for part in parts[1:length]) + (offset if length > 3 else "")
        assert moment(text, ZONE)[0] == _time(parts[:length], offset if length > 3 else "", text), text
        read += moment(text, ZONE)[0] is not None
    print(f"\ntimes: {COUNT} inputs, {read} of them times")  # noqa: T201 - long runs print their counts


def _time(parts: list[int], offset: str, _text: str) -> str | None:
    year, month, day, *clock = [*parts, *([1] * (3 - len(parts)) if len(parts) < 3 else [])]
    if not 1 <= month <= 12 or not 1 <= day <= monthrange(year, month)[1]:
        return None
    if not clock:
        return "-".join((f"{parts[0]:04d}", *(f"{part:02d}" for part in parts[1:])))
    hour, minute, second = [*clock, 0, 0][:3]
    if hour > 23 or minute > 59 or second > 59 or offset in ("+1500", "+0860"):
        return None
    written = f"{offset[:3]}:{offset[3:]}" if offset else _civil(year, month, day, hour, minute)
    return None if written is None else f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}{written}"


def _civil(year: int, month: int, day: int, hour: int, minute: int) -> str | None:
    """The offset of Shanghai: its own mean time before 1901, summer times between 1919 and 1991 as the zone's table has them."""
    from datetime import datetime

    at = datetime(year, month, day, hour, minute, tzinfo=ZONE).utcoffset()
    assert at is not None
    seconds = int(at.total_seconds())
    return None if seconds % 60 else f"+{seconds // 3600:02d}:{seconds % 3600 // 60:02d}"
