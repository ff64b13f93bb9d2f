"""Whether a resource was signed or released: then it is not deleted, but said to be wrong by a version that others can read.

Main job: `stands_for(resource)` answers what it stands for: a node that signed for it, a person who signed or attested, a report that was released; empty for the rest.

**Source**: FHIR R4: Provenance.signature, Contract.signer, Consent.verification, Composition.attester, DocumentReference.authenticator, Bundle.signature;
DiagnosticReport.status, Composition.status and DocumentReference.docStatus of what was released. A single result is taken back by a delete with its reason, which is a
correction (convention of this project).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

#: By type, the element that says that somebody signed.
_SIGNED_IN: Mapping[str, str] = {
    "Provenance": "signature",
    "Contract": "signer",
    "Consent": "verification",
    "Composition": "attester",
    "DocumentReference": "authenticator",
    "Bundle": "signature",
    "VerificationResult": "attestation",
}
#: By type, the element that says whether it was released.
_RELEASED_IN: Mapping[str, str] = {"DiagnosticReport": "status", "Composition": "status", "DocumentReference": "docStatus"}
_RELEASED = frozenset({"final", "amended", "corrected", "appended"})
_SIGNED_BY_NODE = "urn:baybridge:signed"


def stands_for(resource: Mapping[str, object]) -> Literal["node", "signed", "released", ""]:
    """What keeps a resource from being deleted, if anything does."""
    kind, meta = str(resource.get("resourceType")), resource.get("meta")
    tags = meta.get("tag") if isinstance(meta, dict) else None
    if isinstance(tags, list) and any(isinstance(tag, dict) and tag.get("system") == _SIGNED_BY_NODE for tag in tags):
        return "node"
    if resource.get(_SIGNED_IN.get(kind, "-")):
        return "signed"
    return "released" if resource.get(_RELEASED_IN.get(kind, "-")) in _RELEASED else ""
