"""A quote that was kept: found again, checked against the case, computed again.

Main job: `kept_quote(situation, given)` answers the case's last quote as a document, or why it cannot be relied on.

**Source**: the quote document of `quoting.py`. Nothing is silently recomputed: a quote that gives another result is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.quote import QuoteDocument, is_quote
from baybridge.funding.quote.case import read_cases
from baybridge.funding.quote.quoting import NO_SCALE
from baybridge.funding.quote.report import Funded, as_json, fund
from baybridge.journey.command import Situation


def kept_quote(situation: Situation, given: Mapping[str, object] | None = None) -> QuoteDocument | Refusal:
    """The document of the case's last quote: the one given, or `record["quote"]`; its SHA-256 must be the one on the case."""
    issued = situation.case.quote
    if issued is None:
        return refuse(Reason("funding.quote.none"))
    document = given if given is not None else situation.quote
    if not isinstance(document, Mapping):
        return refuse(Reason("funding.quote.document_missing", {"sha256": issued.event.quote_sha256}), category=Category.NOT_FOUND)
    if sha256_hex(canonical_bytes(document)) != issued.event.quote_sha256:
        return refuse(Reason("funding.quote.changed", {"sha256": issued.event.quote_sha256}), category=Category.CONFLICT)
    again = recompute(document)
    if not is_quote(document) or isinstance(again, Refusal) or as_json(again) != document.get("result"):
        return refuse(Reason("funding.quote.not_reproduced", {"sha256": issued.event.quote_sha256}), category=Category.CONFLICT)
    return document


def recompute(document: Mapping[str, object]) -> Funded | Refusal:
    """What a quote document's inputs give now; the same inputs give the same result."""
    if not is_quote(document):
        return refuse(Reason("funding.quote.no_quote"), category=Category.INVALID)
    read = read_cases(document.get("inputs"), NO_SCALE)
    return read if isinstance(read, Refusal) else fund(read[0])
