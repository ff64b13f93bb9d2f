"""The people of one file: whether a number came with another person's name and birth date before.

Main job: `MetPeople.is_another(number, names, born)`. A spreadsheet, a desk or a reused number makes two people one; they are kept apart, and a
person decides.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import sha256

from baybridge.record.feeds.orders import Orders


def with_person(lasting: str, names: Collection[str], born: str) -> str:
    """The id of a person of a number within one command: the number's lasting id, and who bears it by this message; planning decides under which it is filed."""
    return f"{lasting}.{sha256(chr(10).join((born[:10], *sorted(names))).encode()).hexdigest()[:16]}"


@dataclass(slots=True)
class MetPeople:
    """Under which number each was met first, with which names and birth date; and what was told already."""

    first: dict[tuple[object, ...], tuple[frozenset[str], str]] = field(default_factory=dict)
    right: set[str] = field(default_factory=set)  # numbers that were judged already and may be used
    orders: Orders = field(default_factory=Orders)
    others: dict[str, str] = field(default_factory=dict)  # whom a table keeps apart from the first of a number -> what that person's results are known by
    told: set[tuple[object, ...]] = field(default_factory=set)

    def is_another(self, number: tuple[object, ...], names: Collection[str], born: str) -> bool:
        """Whether a number came with other names and another birth date before; unknown contradicts nothing."""
        if not names or not born:
            return False
        before = self.first.setdefault(number, (frozenset(names), born))
        return not before[0] & frozenset(names) and before[1] != born

    def is_news(self, *what: object) -> bool:
        """Whether something about a number was not told yet in this file."""
        known = what in self.told
        self.told.add(what)
        return not known
