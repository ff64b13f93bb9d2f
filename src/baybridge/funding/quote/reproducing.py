"""A quote or a settlement computed again later: the same, or where it differs.

Main job: `reproduce(document, plans)` computes a kept quote from the inputs written in it and compares every amount with what it said.

A quote holds the terms of its day. A plan document that changed since does not change the quote; that it changed is told beside it.
**Source**: issue "each quote can be reproduced later from its inputs". **Units**: amounts as text with two places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.money import format_minor
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.plan import Plans
from baybridge.documents.quote import QuoteDocument, is_quote
from baybridge.funding.outcome import settlement
from baybridge.funding.plans.plans import plain
from baybridge.funding.quote.quotes import recompute
from baybridge.funding.quote.quoting import only_verified
from baybridge.funding.quote.report import as_json

SURE = "patient_share_if_only_verified_pay"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place of the quote that the inputs give differently now."""

    where: str
    kept: str
    now: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A plan or agreement that is not what it was when the quote was computed; `after` is None where it is gone."""

    plan: str
    before: str
    after: str | None


@dataclass(frozen=True, slots=True)
class Reproduced:
    """A quote computed again, with the documents that changed since."""

    differences: tuple[Difference, ...]
    changed: tuple[Changed, ...]

    @property
    def identical(self) -> bool:
        """Whether the inputs give the same result, to the minor unit."""
        return not self.differences


def reproduce(document: Mapping[str, object], plans: Plans) -> Reproduced | Refusal:
    """The quote computed again; a refusal where the document is no quote or its inputs cannot be read."""
    if document.get("document") == settlement.DOCUMENT:
        replayed = settlement.replay(document)
        return replayed if isinstance(replayed, Refusal) else Reproduced(tuple(_differences("", document, replayed)), ())
    funded = recompute(document)
    if isinstance(funded, Refusal) or not is_quote(document):
        return funded if isinstance(funded, Refusal) else refuse(Reason("funding.quote.no_quote"), category=Category.INVALID)
    now = {"result": as_json(funded), SURE: format_minor(only_verified(funded.stack).patient_minor)}
    kept = {name: document.get(name) for name in now}
    return Reproduced(tuple(_differences("", kept, now)), tuple(_changed(document, plans)))


def _differences(where: str, kept: object, now: object) -> Iterator[Difference]:
    if isinstance(kept, Mapping) and isinstance(now, Mapping):
        for name in sorted({*map(str, kept), *map(str, now)}):
            yield from _differences(f"{where}.{name}" if where else name, kept.get(name), now.get(name))
    elif isinstance(kept, list) and isinstance(now, list) and len(kept) == len(now):
        for index, (one, other) in enumerate(zip(kept, now, strict=True)):
            yield from _differences(f"{where}[{index}]", one, other)
    elif kept != now:
        yield Difference(where, _shown(kept), _shown(now))


def _shown(value: object) -> str:
    if isinstance(value, Mapping | list):
        return f"{len(value)} entries"
    return "–" if value is None else str(value)


def _changed(document: QuoteDocument, plans: Plans) -> Iterator[Changed]:
    cited = [*document.get("plans", ()), *([document["agreement"]] if document.get("agreement") else [])]
    for one in cited:
        name, before = str(one.get("id")), str(one.get("version"))
        found = plans.get(name)
        if found is None:
            yield Changed(name, before, None)
        elif sha256_hex(canonical_bytes(plain(found))) != one.get("sha256"):
            yield Changed(name, before, str(found.get("version")))
