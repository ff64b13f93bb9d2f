"""What a resource says about itself that the law asks for: where it was collected, how it came here, whether it holds genome data.

Main job: reading `meta.tag` and content. Tags of this project: `urn:baybridge:origin` (CN, HK, MO),
`urn:baybridge:received-under` (a route), `urn:baybridge:signed` (the node that signed for it), `urn:baybridge:origin-system` (ehealth).
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.documents.exchange import Genomic
from baybridge.facts.fhir import codings, items, mapping, text

ORIGIN = "urn:baybridge:origin"
RECEIVED_UNDER = "urn:baybridge:received-under"
SIGNED = "urn:baybridge:signed"
ORIGIN_SYSTEM = "urn:baybridge:origin-system"
#: The route of the GBA Standard Contract. Source: policy reference B3.
GBA_ROUTE = "R5"


def tagged(resource: Mapping[str, object], system: str) -> tuple[str, ...]:
    """The codes of a tag's system on a resource."""
    written = mapping(resource.get("meta")).get("tag")
    if not written:
        return ()
    tags = items(written)
    return tuple(code for tag in tags if tag.get("system") == system and (code := text(tag.get("code"))))


def received_under(resource: Mapping[str, object]) -> tuple[str, ...]:
    """The routes under which a resource reached this node."""
    return tagged(resource, RECEIVED_UNDER)


def is_genomic(resource: Mapping[str, object], rules: Genomic) -> bool:
    """Whether a resource holds gene or genome data."""
    if resource["resourceType"] in rules.types:
        return True
    codes = {coding.code for concept in items(resource.get("category")) for coding in codings(concept)}
    return bool(codes & set(rules.categories))
