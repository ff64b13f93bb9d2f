"""What a payer may read of a case in FHIR: resources of money that name it, with the patient under a pseudonym.

Main job: `concerns(resource, payer, view)` and `seen(resource, view, pseudonym)`.

**Source**: `data/exchange/payer-view.yaml`. Elsewhere: who asks, and the log, in `node/fhir/payer.py`; fields of transfers in `transfer/profiles.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.documents.exchange import PayerView
from baybridge.exchange.transfer.profiles import minimise

PURPOSE = "PAYER_VIEW"
PAYER = "urn:baybridge:payer"

Resource = Mapping[str, object]


def types_of(view: PayerView) -> frozenset[str]:
    """The types that a payer reads."""
    return frozenset(view.purposes[PURPOSE].types)


def concerns(resource: Resource, payer: str, view: PayerView) -> bool:
    """Whether a resource is of a type that payers read and names this payer, and no other, as its payer."""
    if resource.get("resourceType") not in types_of(view):
        return False
    named = next((resource[field] for field in view.payer_in if resource.get(field)), None)
    references = named if isinstance(named, list) else [named] if named else []
    return bool(references) and all(_is(reference, payer) for reference in references)


def _is(reference: object, payer: str) -> bool:
    identifier = reference.get("identifier") if isinstance(reference, Mapping) else None
    return isinstance(identifier, Mapping) and identifier.get("system") == PAYER and identifier.get("value") == payer


def seen(resource: Mapping[str, object], view: PayerView, pseudonym: str) -> dict[str, object]:
    """The resource as a payer reads it."""
    (kept,) = minimise([resource], PURPOSE, view, pseudonym).kept
    return kept
