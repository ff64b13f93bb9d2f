"""Invented patients, as hospitals of three regions would export them in FHIR R4.

Main job: `bundle(patient, at)` answers a transaction Bundle whose every resource is tagged as test data (HTEST). Nobody in it exists; names say so.

**Units**: as in the export of each region (creatinine in mg/dL or umol/L, haemoglobin in g/dL or g/L).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from baybridge.base.json_value import JsonDict, JsonObject
from baybridge.record.identity.documents import hong_kong_check, mainland_check

_TAG: JsonObject = {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]}
#: Where the invented home hospital's own system keeps its records.
HOSPITAL = "http://hospital.example/fhir/"
_LOINC, _UCUM, _ATC = "http://loinc.org", "http://unitsofmeasure.org", "http://www.whocc.no/atc"
_IDENTITY = {"MO": "urn:mo:bir", "HK": "urn:hk:hkid", "CN": "urn:cn:resident-id"}
_FAMILY = (("陳", "Chan"), ("黃", "Wong"), ("李", "Lei"), ("何", "Ho"), ("梁", "Leong"), ("吳", "Ng"), ("鄭", "Cheang"), ("林", "Lam"), ("周", "Chao"), ("蔡", "Choi"))
_GIVEN = (("試甲", "Test Alpha"), ("試乙", "Test Beta"), ("試丙", "Test Gamma"), ("試丁", "Test Delta"), ("試戊", "Test Epsilon"))

#: Diagnosis -> (ICD-10, text, lines as (drugs (ATC, name), days)). Regimens are common ones; ATC codes by the WHO index.
_RCHOP = (("L01FA01", "rituximab"), ("L01AA01", "cyclophosphamide"), ("L01DB01", "doxorubicin"), ("L01CA02", "vincristine"), ("H02AB07", "prednisone"))
_RGEMOX = (("L01FA01", "rituximab"), ("L01BC05", "gemcitabine"), ("L01XA03", "oxaliplatin"))
_VRD = (("L01XG01", "bortezomib"), ("L04AX04", "lenalidomide"), ("H02AB02", "dexamethasone"))
_DKD = (("L01FC01", "daratumumab"), ("L01XG02", "carfilzomib"), ("H02AB02", "dexamethasone"))
_PCD = (("L04AX06", "pomalidomide"), ("L01AA01", "cyclophosphamide"), ("H02AB02", "dexamethasone"))
DISEASES: dict[str, tuple[str, str, tuple[tuple[tuple[str, str], ...], ...]]] = {
    "dlbcl": ("C83.3", "Diffuse large B-cell lymphoma 瀰漫性大B細胞淋巴瘤", (_RCHOP, _RGEMOX)),
    "dlbcl-early": ("C83.3", "Diffuse large B-cell lymphoma 瀰漫性大B細胞淋巴瘤", (_RCHOP,)),
    "mm": ("C90.0", "Multiple myeloma 多發性骨髓瘤", (_VRD, _DKD, _PCD)),
}


class BundleRequest(TypedDict):
    """How an entry is filed."""

    method: str
    url: str


class BundleEntry(TypedDict):
    """One resource of a bundle."""

    fullUrl: str
    resource: JsonDict
    request: BundleRequest


class Bundle(TypedDict):
    """A transaction Bundle."""

    resourceType: str
    type: str
    meta: JsonObject
    entry: list[BundleEntry]


@dataclass(frozen=True, slots=True)
class Invented:
    """An invented patient: number, region of residence, disease."""

    number: int
    region: str
    disease: str

    @property
    def id(self) -> str:
        """The logical id of the Patient resource."""
        return f"demo-{self.region.lower()}-{self.number:03d}"

    @property
    def name(self) -> tuple[str, str]:
        """The name in Chinese and in Latin letters; both say that it is a test."""
        family, given = _FAMILY[self.number % len(_FAMILY)], _GIVEN[self.number // len(_FAMILY) % len(_GIVEN)]
        return family[0] + given[0], f"{family[1]} {given[1]}"

    @property
    def born(self) -> str:
        """Date of birth, between 38 and 67 years before 2026."""
        return f"{1959 + self.number * 7 % 29}-{1 + self.number % 12:02d}-{1 + self.number * 5 % 28:02d}"

    @property
    def identity(self) -> str:
        """The invented identity document's number, in the form and with the check character of its region."""
        if self.region == "CN":
            body = f"440100{self.born.replace('-', '')}{self.number % 1000:03d}"
            return body + mainland_check(body)
        if self.region == "HK":
            return f"Z{self.number:06d}({hong_kong_check(f'Z{self.number:06d}')})"
        return f"9{self.number:06d}(0)"


def bundle(patient: Invented, at: datetime, laboratory: str) -> Bundle:
    """The patient's record as of `at`: results of that week by the named laboratory, treatment lines before it."""
    return _bundle([*_resources(patient, at)], laboratory)


def blood(patient: Invented, at: datetime, laboratory_id: str, round_: str) -> Bundle:
    """Blood results and performance status of one moment, without infectious markers, by the named laboratory."""
    return _bundle([*(resource for resource in laboratory(patient, at, round_) if not is_marker(resource)), weight(patient, at, round_)], laboratory_id)


def weight(patient: Invented, at: datetime, round_: str) -> JsonDict:
    """The weight of one moment, between 48 and 83 kg, a ward's and no laboratory's: doses go by it."""
    quantity: JsonDict = {"value": 48 + patient.number * 5 % 36, "unit": "kg", "system": _UCUM, "code": "kg"}
    category: JsonDict = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}
    return _measured(patient, f"{round_}-{_WEIGHT}", "29463-7", at) | {"category": [category], "valueQuantity": quantity}


_WEIGHT = "weight"


def _bundle(resources: list[JsonDict], laboratory: str) -> Bundle:
    for resource in resources:
        by_laboratory = not str(resource["id"]).endswith(f"-{_WEIGHT}") and ("valueCodeableConcept" not in resource or is_marker(resource))
        if resource["resourceType"] == "Observation" and by_laboratory:
            resource["performer"] = [{"type": "Organization", "identifier": {"value": laboratory}}]
    entries = [_entry({**resource, "meta": _TAG}, HOSPITAL) for resource in resources]
    return {"resourceType": "Bundle", "type": "transaction", "meta": _TAG, "entry": entries}


def _entry(resource: JsonDict, system: str = "") -> BundleEntry:
    """A resource that is put under its own name; `system` is the address of the system that keeps it."""
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": f"{system}{url}", "resource": resource, "request": {"method": "PUT", "url": url}}


def _resources(patient: Invented, at: datetime) -> Iterator[JsonDict]:
    chinese, latin = patient.name
    yield {
        "resourceType": "Patient",
        "id": patient.id,
        "identifier": [{"system": _IDENTITY[patient.region], "value": patient.identity}],
        "name": [{"use": "official", "text": chinese}, {"use": "usual", "text": f"{latin} (synthetic)"}],
        "gender": "female" if patient.number % 2 else "male",
        "birthDate": patient.born,
        "address": [{"country": patient.region}],
    }
    code, text, lines = DISEASES[patient.disease]
    first = at - timedelta(days=420 if patient.disease == "dlbcl-early" else 900)
    yield _about(patient, "Condition", "dx") | {
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": code, "display": text.split(" ")[0]}], "text": text},
        "onsetDateTime": first.date().isoformat(),
    }
    yield from _treatment(patient, lines, first, at)
    yield from laboratory(patient, at - timedelta(days=2), "a")
    yield weight(patient, at - timedelta(days=2), "a")


def _treatment(patient: Invented, lines: Sequence[Sequence[tuple[str, str]]], first: datetime, at: datetime) -> Iterator[JsonDict]:
    length = 120
    gap = max((at - first).days // max(len(lines), 1), length + 60)
    for number, drugs in enumerate(lines, start=1):
        start = first + timedelta(days=14 + (number - 1) * gap)
        end = min(start + timedelta(days=length), at - timedelta(days=60))
        for place, (code, name) in enumerate(drugs):
            yield _about(patient, "MedicationStatement", f"l{number}d{place}") | {
                "status": "completed",
                "category": {"text": f"line {number}"},
                "medicationCodeableConcept": {"coding": [{"system": _ATC, "code": code, "display": name}], "text": name},
                "effectivePeriod": {"start": start.date().isoformat(), "end": end.date().isoformat()},
            }
        yield response(patient, f"r{number}a", end + timedelta(days=10), "CR" if len(lines) == 1 else "PR")
        relapse = end + timedelta(days=45 if number == len(lines) and len(lines) > 1 else 40)
        yield response(patient, f"r{number}b", min(relapse, at - timedelta(days=7)), "PD")


def response(patient: Invented, name: str, on: datetime, category: str) -> JsonDict:
    """A response assessment."""
    return _about(patient, "Observation", name) | {
        "status": "final",
        "code": {"coding": [{"system": _LOINC, "code": "97509-4"}], "text": "Response assessment 療效評估"},
        "effectiveDateTime": on.date().isoformat(),
        "valueCodeableConcept": {"coding": [{"system": "urn:baybridge:response", "code": category}]},
    }


#: (name, LOINC, value, unit, reference high) of a well enough patient; two regions' units.
_SI = (
    ("creat", "14682-9", 78, "umol/L", 104), ("hb", "718-7", 108, "g/L", None), ("plt", "777-3", 142, "10*9/L", None), ("anc", "751-8", 2.4, "10*9/L", None),
    ("alc", "731-0", 0.71, "10*9/L", None), ("wbc", "6690-2", 4.4, "10*9/L", None), ("alt", "1742-6", 24, "U/L", 50), ("ast", "1920-8", 27, "U/L", 40),
    ("ldh", "14804-9", 231, "U/L", 250), ("ferritin", "2276-4", 540, "ng/mL", None), ("bili", "14631-6", 11, "umol/L", 21), ("alb", "1751-7", 37, "g/L", None),
    ("igg", "2465-3", 6.1, "g/L", None), ("crp", "1988-5", 14, "mg/L", None), ("lvef", "10230-1", 61, "%", None), ("k", "2823-3", 4.1, "mmol/L", None),
    ("spo2", "59408-5", 97, "%", None), ("inr", "6301-6", 1.0, "{INR}", None), ("crcl", "35591-7", 88, "mL/min", None),
)
_MACAO_UNITS = {"creat": ("2160-0", 0.88, "mg/dL", 1.2), "hb": ("718-7", 10.8, "g/dL", None)}
_MARKER_NAMES = frozenset({"hbsag", "antihbc", "antihcv", "hiv", "tp"})
_MARKERS = (("hbsag", "5196-1"), ("antihbc", "13952-7"), ("antihcv", "13955-0"), ("hiv", "56888-1"), ("tp", "24110-9"))


def laboratory(patient: Invented, at: datetime, round_: str) -> Iterator[JsonDict]:
    """A round of blood results, infectious markers and performance status, taken at one time; `round_` keeps rounds apart."""
    for name, loinc, value, unit, high in _results(patient):
        quantity: JsonDict = {"value": value, "unit": unit, "system": _UCUM, "code": unit}
        found: JsonDict = {**_measured(patient, f"{round_}-{name}", loinc, at), "valueQuantity": quantity}
        if high:
            found["referenceRange"] = [{"high": {"value": high, "unit": unit, "system": _UCUM, "code": unit}}]
        yield found
    for name, loinc in _MARKERS:
        negative = {"coding": [{"system": "http://snomed.info/sct", "code": "260385009", "display": "Negative"}]}
        yield _measured(patient, f"{round_}-{name}", loinc, at) | {"valueCodeableConcept": negative}
    yield _measured(patient, f"{round_}-ecog", "89247-1", at) | {"valueInteger": 1}


def _results(patient: Invented) -> Iterator[tuple[str, str, float, str, float | None]]:
    """Each result in the units of the patient's region."""
    for name, loinc, value, unit, high in _SI:
        local = _MACAO_UNITS.get(name) if patient.region == "MO" else None
        yield (name, *(local or (loinc, value, unit, high)))


def is_marker(resource: JsonDict) -> bool:
    """Whether a resource is the result of an infectious marker."""
    return str(resource["id"]).rsplit("-", 1)[-1] in _MARKER_NAMES


def renamed(entries: Sequence[BundleEntry], old: str, new: str) -> list[BundleEntry]:
    """Entries of a round of results under the names of another round."""
    return [_entry({**entry["resource"], "id": str(entry["resource"]["id"]).replace(f"-{old}-", f"-{new}-")}) for entry in entries]


def _measured(patient: Invented, name: str, loinc: str, at: datetime) -> JsonDict:
    return _about(patient, "Observation", name) | {
        "status": "final",
        "code": {"coding": [{"system": _LOINC, "code": loinc}]},
        "effectiveDateTime": at.isoformat(timespec="seconds"),
        "issued": (at + timedelta(hours=3)).isoformat(timespec="seconds"),
    }


def _about(patient: Invented, kind: str, name: str) -> JsonDict:
    return {"resourceType": kind, "id": f"{patient.id}-{name}", "subject": {"reference": f"Patient/{patient.id}"}}
