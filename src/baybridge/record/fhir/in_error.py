"""A resource that is not true, as FHIR R4 says it.

Main job: `entered_in_error(resource)`. **Source**: FHIR R4, value sets of `status` and `verificationStatus`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def entered_in_error(resource: Mapping[str, Any]) -> dict[str, Any]:
    """A resource as FHIR R4 says that it is not true: by `verificationStatus` where its type has one, else by `status`."""
    kind = str(resource["resourceType"])
    if kind in _VERIFIED:
        coding = {"system": f"http://terminology.hl7.org/CodeSystem/{_VERIFIED[kind]}", "code": "entered-in-error"}
        said = {name: value for name, value in resource.items() if name != "clinicalStatus"}  # invariant con-5: none beside entered-in-error
        return {**said, "verificationStatus": {"coding": [coding]}}
    return {**resource, "status": _OTHER.get(kind, "entered-in-error")} if "status" in resource else dict(resource)


#: Types that say it in `verificationStatus`, with its code system. Source: FHIR R4, Condition and AllergyIntolerance.
_VERIFIED = {"Condition": "condition-ver-status", "AllergyIntolerance": "allergyintolerance-verification"}
#: Types whose `status` has no such code, with the one that comes nearest. Source: FHIR R4, BiologicallyDerivedProduct.status.
_OTHER = {"BiologicallyDerivedProduct": "unavailable"}
