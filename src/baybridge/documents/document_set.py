"""The documents of a node or command as typed values.

Main job: `DocumentSet(folder)`: `products`, `limits`, `pathway`, `the(kind)` for a document that stands once and `one(kind, folder, name)` for others.
A document is read as its type when somebody first asks for it, and again where another one stands in its place.

Elsewhere: which kind stands where in `kinds.py`, files and a site's own layer in `loader.py`. A document that does not fit its type bars a set of
documents before it is put in force; here it raises `DocumentProblem`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeVar, cast

from baybridge.base.ids import ProductId
from baybridge.documents.escalation import Escalation
from baybridge.documents.fact import FactEntry
from baybridge.documents.kinds import place_of_kind
from baybridge.documents.limits import Limits
from baybridge.documents.pathway import Pathway, Schedule
from baybridge.documents.plan import MEANS_TEST, Plans
from baybridge.documents.policy_heading import PolicyHeading
from baybridge.documents.problems import DocumentProblem, field_name
from baybridge.documents.product import Product
from baybridge.documents.reading import read_as
from baybridge.documents.source import Path

T = TypeVar("T")
M = TypeVar("M")
#: The parsed documents of a folder by id, a site's own laid over ours.
Folder = Callable[[str], Mapping[str, object]]

STANDARD = "standard"


class DocumentSet:
    """Typed values over the parsed documents of a data folder."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._read: dict[tuple[str, str], tuple[object, object]] = {}  # the parsed document, and what was read from it
        self._products: tuple[Mapping[str, object], Mapping[ProductId, Product]] | None = None

    @property
    def products(self) -> Mapping[ProductId, Product]:
        """The catalogue."""
        written = self.folder("products")
        if self._products is None or self._products[0] is not written:
            self._products = written, {ProductId(name): self.one(Product, "products", name) for name in written}
        return self._products[1]

    @property
    def limits(self) -> Limits:
        """Limits of the cold chain and at the bedside."""
        return self.the(Limits)

    @property
    def escalation(self) -> Escalation:
        """Who is told of a call and when, and how often a patient is assessed."""
        return self.the(Escalation)

    @property
    def pathway(self) -> Pathway:
        """What must happen next."""
        return self.the(Pathway)

    def schedule(self, name: str) -> Schedule | None:
        """A schedule of follow-up, that of the pathway among them; None where no document of that name has one."""
        written = self.folder("pathways").get(name)
        if not isinstance(written, Mapping) or "follow_up" not in written:
            return None
        return self.pathway if name == STANDARD else self.one(Schedule, "pathways", name)

    def fact(self, name: str) -> FactEntry | None:
        """The dictionary's entry of a fact; None where it has none."""
        written = self.folder("facts").get(name)
        return self.one(FactEntry, "facts", name) if isinstance(written, Mapping) and "type" in written else None

    def policy(self, name: str) -> PolicyHeading:
        """What a policy says of itself and its limits; empty where none has this id. Its rules are read by `policy/document`."""
        return cast("PolicyHeading", self.folder("policies").get(name) or {})

    @property
    def plans(self) -> Plans:
        """Plans, agreements, scales and rates of money, as they are written; `funding/plans/checking.py` says what is wrong with one."""
        return cast("Plans", self.folder("plans"))

    @property
    def scales(self) -> Plans:
        """The means-test scales among them."""
        return {name: document for name, document in self.plans.items() if document.get("shape") == MEANS_TEST}

    def plans_in(self, room: Literal["scales", "rates"]) -> Plans:
        """The documents of money in one room of the folder, without reading the others."""
        return cast("Plans", self.folder(f"plans/{room}"))

    def written(self, folder: str) -> Mapping[str, Mapping[str, object]]:
        """The documents of a folder as they are written, for who shows or searches any of them."""
        return {name: document for name, document in self.folder(folder).items() if isinstance(document, Mapping)}

    def made_of(self, folder: str, make: Callable[[Mapping[str, object]], M]) -> M:
        """What a function makes of the documents of a folder, made once while they are the same."""
        written, name = self.folder(folder), f"{make.__module__}.{make.__qualname__}"
        known = self._read.get((folder, name))
        if known is None or known[0] is not written:
            known = self._read[folder, name] = written, make(written)
        return cast("M", known[1])

    def the(self, kind: type[T]) -> T:
        """The one document of a kind that stands once; raises as `one`."""
        return self.one(kind, *place_of_kind(kind))

    def one(self, kind: type[T], folder: str, name: str) -> T:
        """A document as its type; KeyError where none has this id, `DocumentProblem` with every problem where it does not fit."""
        written = self.folder(folder)[name]
        known = self._read.get((folder, name))
        if known is not None and known[0] is written and isinstance(known[1], kind):
            return known[1]
        made = read_document(kind, written, f"{folder}/{name}")
        self._read[folder, name] = written, made
        return made


def read_document(kind: type[T], written: object, where: str) -> T:
    """A parsed document as its type; raises `DocumentProblem` with every problem, each beginning with `where`."""
    problems: list[str] = []

    def report(_: str, path: Path, expected: str, found: str, __: str) -> None:
        problems.append(f"{where}: {field_name(path)}: expected {expected}, found {found}")

    made = read_as(kind, written, report)
    if made is None:
        raise DocumentProblem("\n".join(problems))
    return made
