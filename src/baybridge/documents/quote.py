"""The document of a quote, as it is kept and hashed: plain JSON, read by its keys.

Main job: `QuoteDocument`. It is made by `funding/quote/quoting.py`; its bytes are what a signature and a later look rest on, so that it stays the mapping
that was written.

**Units**: amounts as text with two places in the bill's currency.
"""

from __future__ import annotations

from typing import TypedDict


class QuotedRate(TypedDict):
    """A dated rate of exchange: how much of the currency one unit of the bill's is."""

    currency: str
    per_bill_unit: str
    on: str
    source: str


class QuotedCharge(TypedDict, total=False):
    """One charge of the bill."""

    id: str
    category: str
    gross: str
    desc: str


class QuotedLayer(TypedDict, total=False):
    """One plan of the stack, as far as others than the funding case read it."""

    id: str
    covers: list[str]
    status: str


class QuotedInputs(TypedDict, total=False):
    """The funding case that was computed."""

    currency: str
    event_date: str
    bill_lines: list[QuotedCharge]
    layers: list[QuotedLayer]


class CitedDocument(TypedDict, total=False):
    """Which version of a plan or agreement was used."""

    id: str
    version: str
    title: dict[str, str]
    payer: str | None
    source: str
    status: str
    sha256: str


class QuoteDocument(TypedDict, total=False):
    """A quote; parts that an older quote does not have are absent."""

    document: str
    version: str
    product: str | None
    inputs: QuotedInputs
    result: dict[str, object]
    plans: list[CitedDocument]
    agreement: CitedDocument | None
    exchange: list[QuotedRate]
    region: str
    issued_on: str
    valid_until: str
