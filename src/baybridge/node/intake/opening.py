"""Opening a case: what its first event says of a patient, as far as the record knows.

Main job: `who(connection, patient)`: where the patient lives and whether the record marks test data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from baybridge.record.store import store

#: Which region issues a kind of identity document; the systems are those of the exchange contract's sample records.
_REGION_OF_IDENTITY = {"urn:hk:hkid": "HK", "urn:mo:bir": "MO", "urn:cn:resident-id": "CN"}
_REGIONS = {"CN": "CN", "CHN": "CN", "HK": "HK", "HKG": "HK", "MO": "MO", "MAC": "MO"}
_TEST_DATA = "HTEST"


def who(connection: Connection, patient: str) -> dict[str, Any]:
    """Where a patient lives and whether the record marks test data, as far as the Patient resource says."""
    version = store.get(connection, "Patient", patient)
    resource: Mapping[str, Any] = version.resource if version else {}
    countries = [_REGIONS.get(str(address.get("country", "")).upper()) for address in resource.get("address", ())]
    issued = [_REGION_OF_IDENTITY.get(str(identity.get("system", ""))) for identity in resource.get("identifier", ())]
    residence = next((region for region in (*countries, *issued) if region), "other")
    return {"residence": residence, "synthetic": is_test_data(connection, patient)}


def is_test_data(connection: Connection, patient: str) -> bool:
    """Whether the sender marked anything in this patient's record as test data."""
    resources = store.patient_resources(connection, patient)
    return any(tag.get("code") == _TEST_DATA for resource in resources for tag in (resource.get("meta") or {}).get("tag") or ())
