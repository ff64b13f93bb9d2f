"""Opening a case: what its first event says of a patient, as far as the record knows.

Main job: `who(connection, patient)`: where the patient lives and whether the record marks test data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from sqlalchemy import Connection

from baybridge.language.regions import Regions, home_of
from baybridge.record.store import store

_TEST_DATA = "HTEST"


class Who(TypedDict):
    """Where a patient lives, and whether the record is test data."""

    residence: str
    synthetic: bool


def who(connection: Connection, patient: str, regions: Regions) -> Who:
    """Where a patient lives and whether the record marks test data, as far as the Patient resource says."""
    version = store.get(connection, "Patient", patient)
    resource: Mapping[str, Any] = version.resource if version else {}
    countries = [str(address.get("country", "")) for address in resource.get("address", ())]
    systems = [str(identity.get("system", "")) for identity in resource.get("identifier", ())]
    return {"residence": home_of(regions, countries, systems) or "other", "synthetic": is_test_data(connection, patient)}


def is_test_data(connection: Connection, patient: str) -> bool:
    """Whether the sender marked anything in this patient's record as test data."""
    resources = store.patient_resources(connection, patient)
    return any(tag.get("code") == _TEST_DATA for resource in resources for tag in (resource.get("meta") or {}).get("tag") or ())
