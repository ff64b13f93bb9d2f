"""An ORU message as FHIR: the patient, each observation, each report and specimen, and everything that could not be taken.

Main job: `read_hl7(data)` answers FHIR R4 resources and problems; nothing is guessed: a code stays as it was sent, a time without an offset
is read in the given zone and that is told, an unknown status is `unknown`.

**Source**: HL7 v2.5.1 chapters 3 and 7; HL7 v2-to-FHIR mapping guide (tables 0085, 0123, 0001). Elsewhere: syntax in `hl7v2.py`, values in
`hl7v2_values.py`, local codes in `code_mapping.py`. Identifiers are made from the message, so that the same file gives the same resources.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from baybridge.base.time import CHINA
from baybridge.record.feeds.hl7v2 import Fault, Message, Segment, messages
from baybridge.record.feeds.hl7v2_values import coding_of, interval, moment, observed

Json = dict[str, Any]
#: OBX-11 (table 0085) and OBR-25 (table 0123) -> FHIR. Source: HL7 v2-to-FHIR concept maps; R (entered, not verified) never counts as final.
_OBSERVED = {
    "F": "final", "C": "corrected", "P": "preliminary", "R": "preliminary", "S": "preliminary", "I": "registered", "O": "registered",
    "X": "cancelled", "D": "entered-in-error", "W": "entered-in-error", "U": "final", "B": "preliminary", "V": "final", "A": "amended",
}  # fmt: skip
_REPORTED = {
    "F": "final", "C": "corrected", "P": "preliminary", "R": "partial", "A": "partial", "S": "registered", "I": "registered",
    "O": "registered", "X": "cancelled", "M": "corrected", "D": "entered-in-error",
}  # fmt: skip
#: MSH-11 (table 0103): training and debugging messages are about nobody.
_TRIAL = ("T", "D")
_TEST_DATA = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
_GENDER = {"M": "male", "F": "female", "O": "other", "A": "other", "U": "unknown", "N": "other"}


@dataclass(slots=True)
class Taken:
    """Resources and faults of one message."""

    number: int
    resources: list[Json] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_hl7(data: bytes, zone: ZoneInfo = CHINA) -> Iterator[Taken]:
    """Each message of a file as FHIR resources, with what could not be taken."""
    for message in messages(data):
        taken = Taken(message.number, faults=list(message.faults))
        if message.segments and message.head.components(9)[:1] != ("ORU",):
            taken.faults.append(Fault("hl7_kind", "MSH-9", "ORU^R01", message.kind[:20] or "nothing"))
        elif message.segments:
            _Reader(message, zone, taken).read()
        yield taken


class _Reader:
    """One message on its way to FHIR."""

    def __init__(self, message: Message, zone: ZoneInfo, taken: Taken) -> None:
        self.message, self.zone, self.taken = message, zone, taken
        head = message.head
        self.sender = head.value(4) or head.value(3) or "unknown"
        self.key = "|".join((head.raw(3), head.raw(4), head.raw(10)))
        self.patient: str | None = None
        self.order: Segment | None = None
        self.report: Json | None = None
        self.observation: Json | None = None

    def read(self) -> None:
        """Every segment in its order; a segment that is not known is left to the raw file."""
        known = {"PID": self._patient, "OBR": self._report, "OBX": self._observation, "NTE": self._note, "SPM": self._specimen}
        for segment in self.message.segments:
            if segment.name in known:
                known[segment.name](segment)
        if self.patient is None:
            self._fault("hl7_no_patient", "PID", "a patient of the results", "no PID segment")

    def _fault(self, code: str, where: str, expected: str, found: str, *, left_out: bool = False) -> None:
        fault = Fault(code, where, expected, found, left_out)
        if fault not in self.taken.faults:
            self.taken.faults.append(fault)

    def _id(self, *parts: object) -> str:
        return sha256("\n".join(str(part) for part in parts).encode()).hexdigest()[:32]

    def _add(self, kind: str, key: tuple[object, ...], content: Json) -> Json:
        meta = {"meta": {"tag": [_TEST_DATA]}} if self.message.head.value(11) in _TRIAL else {}
        resource = {"resourceType": kind, "id": self._id(kind, *key), **meta, **{name: value for name, value in content.items() if value}}
        self.taken.resources.append(resource)
        return resource

    def _subject(self) -> Json | None:
        return {"reference": f"Patient/{self.patient}"} if self.patient else None

    def _time(self, segment: Segment, place: int, component: int = 1) -> str | None:
        text = segment.value(place, component)
        found, assumed = moment(text, self.zone)
        if text and found is None:
            self._fault("hl7_time", segment.where(place), "a time such as 20260308090000+0800", "another form")
        if assumed:
            self._fault("hl7_zone", "MSH-7", "times with an offset", f"times without; read in {self.zone.key}")
        return found

    # --- who --------------------------------------------------------------------------------------------------------

    def _patient(self, pid: Segment) -> None:
        identifiers = [self._identifier(item) for item in pid.repetitions(3) if item[0]]
        first = identifiers[0] if identifiers else {}
        known = (first.get("system"), first.get("value")) if first else (self.key, pid.number)
        birth = moment(pid.value(7), self.zone)[0]
        death = moment(pid.value(29), self.zone)[0]
        content = {
            "identifier": identifiers,
            "name": [name for item in pid.repetitions(5) if (name := _name(item))],
            "gender": _GENDER.get(pid.value(8).upper()),
            "birthDate": birth[:10] if birth else None,
            "deceasedDateTime": death,
            "deceasedBoolean": None if death else pid.value(30) == "Y",
            "address": [address for item in pid.repetitions(11) if (address := _address(item))],
        }
        self.patient = self._add("Patient", known, content)["id"]

    def _identifier(self, item: tuple[str, ...]) -> Json:
        """A CX: the number, whose it is (assigning authority), and its kind."""
        authority, kind = _at(item, 4), _at(item, 5)
        system = f"urn:hl7v2:{authority or self.sender}:{kind or 'id'}".replace(" ", "-")
        found: Json = {"system": system, "value": item[0]}
        if kind:
            found["type"] = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": kind}]}
        return found

    # --- what -------------------------------------------------------------------------------------------------------

    def _report(self, obr: Segment) -> None:
        self.order, self.observation = obr, None
        content = {
            "status": _REPORTED.get(obr.value(25), "unknown"),
            "code": coding_of(obr.components(4), self.sender) or {"text": "laboratory report"},
            "subject": self._subject(),
            "effectiveDateTime": self._time(obr, 7),
            "issued": self._instant(obr, 22),
        }
        self.report = self._add("DiagnosticReport", (self.key, obr.number), content)

    def _instant(self, segment: Segment, place: int) -> str | None:
        """An instant has a time of day: a bare date is none."""
        found = self._time(segment, place)
        return found if found and "T" in found else None

    def _observation(self, obx: Segment) -> None:
        code = coding_of(obx.components(3), self.sender)
        if code is None:
            self._fault("hl7_no_code", obx.where(3), "a code of what was observed", "nothing", left_out=True)
            return
        status = _OBSERVED.get(obx.value(11), "unknown")
        if status == "unknown":
            self._fault("hl7_status", obx.where(11), f"one of {', '.join(_OBSERVED)}", obx.value(11)[:10] or "nothing")
        value, fault = observed(obx, self.zone, self.sender)
        if fault is not None:
            self._fault(fault.code, fault.where, fault.expected, fault.found, left_out=fault.left_out)
        content = {
            "status": status,
            "code": code,
            "subject": self._subject(),
            "effectiveDateTime": self._time(obx, 14) or (self._time(self.order, 7) if self.order else None),
            "issued": self._instant(obx, 19) or (self._instant(self.order, 22) if self.order else None),
            **value,
            "interpretation": [concept for item in obx.repetitions(8) if (concept := coding_of(item, self.sender, "v2-0078"))],
            "referenceRange": interval(obx.segment_text(7)),
            "method": coding_of(obx.components(17), self.sender),
            "performer": self._performer(obx),
        }
        self.observation = self._add("Observation", (self.key, self.order.number if self.order else 0, obx.number), content)
        if self.report is not None:
            self.report.setdefault("result", []).append({"reference": f"Observation/{self.observation['id']}"})

    def _performer(self, obx: Segment) -> list[Json]:
        """OBX-23 names the performing organisation, OBX-15 the producer, MSH-4 who sent it."""
        name = obx.value(23) or obx.value(15, 2) or obx.value(15) or self.message.head.value(4)
        identifier = obx.value(23, 10) or obx.value(23, 3)
        found: Json = {"type": "Organization", "display": name} if name else {}
        if found and identifier:
            found["identifier"] = {"value": identifier}
        return [found] if found else []

    def _note(self, nte: Segment) -> None:
        """A comment belongs to the observation before it, else to the report (as its conclusion)."""
        text = "\n".join(part[0] for part in nte.repetitions(3) if part and part[0])
        if text and self.observation is not None:
            self.observation.setdefault("note", []).append({"text": text})
        elif text and self.report is not None:
            self.report["conclusion"] = "\n".join(filter(None, (self.report.get("conclusion"), text)))

    def _specimen(self, spm: Segment) -> None:
        collected = self._time(spm, 17)
        kind = coding_of(spm.components(4), self.sender)
        content = {"type": kind, "subject": self._subject(), "collection": {"collectedDateTime": collected} if collected else None}
        specimen = self._add("Specimen", (self.key, spm.number), content)
        reference = {"reference": f"Specimen/{specimen['id']}"}
        if self.report is None:
            return
        self.report.setdefault("specimen", []).append(reference)
        mine = {item["reference"] for item in self.report.get("result", [])}
        for resource in self.taken.resources:
            if f"Observation/{resource['id']}" in mine and "specimen" not in resource:
                resource["specimen"] = {**reference, **({"display": _words(kind)} if kind else {})}
                if collected:
                    resource.setdefault("effectiveDateTime", collected)


def _words(concept: Json) -> str:
    coding: Json = next(iter(concept.get("coding") or ()), {})
    return str(concept.get("text") or coding.get("display") or coding.get("code") or "")


def _at(item: tuple[str, ...], component: int) -> str:
    return item[component - 1].strip() if component <= len(item) else ""


def _name(item: tuple[str, ...]) -> Json:
    family, given = _at(item, 1), [part for part in (_at(item, 2), _at(item, 3)) if part]
    text = " ".join(filter(None, (family, *given)))
    found: Json = {"text": text, "family": family, "given": given}
    return {name: value for name, value in found.items() if value} if text else {}


def _address(item: tuple[str, ...]) -> Json:
    names = {"city": 3, "state": 4, "postalCode": 5, "country": 6}
    found: Json = {name: text for name, place in names.items() if (text := _at(item, place))}
    lines = [text for text in (_at(item, 1), _at(item, 2)) if text]
    return {**({"line": lines} if lines else {}), **found}
