"""How temperature loggers write their readings: `data/loggers`.

Main job: `LoggerLayout`, found by its headings. A heading is told by a pattern that fits the whole of it, whatever the case of its letters.

**Source**: forms of times are those of Python's `datetime.strptime`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal
from zoneinfo import available_timezones

from msgspec import Meta

from baybridge.documents.feed import unclear_form
from baybridge.documents.heading import Heading

Pattern = Annotated[str, Meta(min_length=1, max_length=300)]


class LoggerLayout(Heading, frozen=True, kw_only=True):
    """The layout of one kind of file.

    The moment stands in one column (`moment`) or in two (`day` and `time`), in the form of `form`, where a space or a T parts day and time; the zone in each moment
    (`%z`), as the first group of `zone_of`, a pattern that is looked for in the headings of the moment and in the lines above them, or always as `zone` says. Of the
    `encodings` the first one holds in which the file can be read.
    """

    encodings: Annotated[tuple[Literal["utf-8", "gb18030", "big5", "cp1252"], ...], Meta(min_length=1)] = ("utf-8",)
    delimiter: Literal[",", ";", "\t"]
    decimal_mark: Literal[".", ","] = "."
    moment: Pattern | None = None
    day: Pattern | None = None
    time: Pattern | None = None
    form: str
    zone_of: Pattern | None = None
    zone: str | None = None
    temperature: Pattern
    unit: Literal["C", "F"]

    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """What leaves open where or when a reading was, or is no pattern."""
        if self.decimal_mark == self.delimiter:
            yield ("decimal_mark",), "another mark than the one between cells", self.decimal_mark
        if (self.moment is None) is (self.day is None) or (self.day is None) is not (self.time is None):
            yield ("moment",), "moment alone, or day and time", "another choice of them"
        yield from ((("form",), expected, found) for expected, found in unclear_form(self.form))
        if " %" not in self.form and "%dT%" not in self.form:
            yield ("form",), "a day and a time of day, with a space or T between them", self.form
        if ("%z" in self.form) + (self.zone is not None) + (self.zone_of is not None) != 1:
            yield ("zone",), "the zone in one place: %z in the form, zone, or zone_of", "none, or several"
        if self.zone is not None and self.zone not in available_timezones():
            yield ("zone",), "the name of a zone such as Asia/Hong_Kong", self.zone
        for name in ("moment", "day", "time", "zone_of", "temperature"):
            pattern = getattr(self, name)
            if pattern is not None and (problem := _of_pattern(pattern)):
                yield (name,), "a pattern (regular expression)", problem


def _of_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as problem:
        return str(problem)
    return ""
