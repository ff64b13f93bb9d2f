"""An ORU message as FHIR: the patient, each observation, each report and specimen, and everything that could not be taken.

Main job: `read_hl7(data)` answers FHIR R4 resources and problems; nothing is guessed: a code stays as it was sent, a time without an offset
is read in the offset of the message, else in the given zone and that is told, an unknown status is `unknown`. A later message reaches the
result that it corrects or takes back: a result is known by its order's number (filler's, else placer's), its code and its sub-id.

**Source**: HL7 v2.5.1 chapters 3 and 7; HL7 v2-to-FHIR mapping guide (tables 0085, 0123, 0001). Elsewhere: syntax in `hl7v2.py`, values in
`hl7v2_values.py`, local codes in `code_mapping.py`, which of two messages is newer in `intake/earlier.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from baybridge.base.time import CHINA
from baybridge.record.feeds.hl7v2 import Fault, Message, Segment, messages
from baybridge.record.feeds.hl7v2_values import coding_of, interval, moment, observed, raw_systems, zone_of_message
from baybridge.record.feeds.orders import Order, Orders, ResultOf
from baybridge.record.feeds.people import MetPeople, with_person
from baybridge.record.fhir.dates import says_no_time
from baybridge.record.identity.documents import is_mangled, is_placeholder
from baybridge.record.identity.known import TAKEN_AWAY

Json = dict[str, Any]
#: OBX-11 (table 0085) and OBR-25 (table 0123) -> FHIR. Source: HL7 v2-to-FHIR concept maps; R (entered, not verified) never counts as final.
_OBSERVED = {
    "F": "final", "C": "corrected", "P": "preliminary", "R": "preliminary", "S": "preliminary", "I": "registered", "O": "registered",
    "X": "cancelled", "D": "entered-in-error", "W": "entered-in-error", "U": "final", "B": "preliminary", "V": "final", "A": "amended",
}  # fmt: skip
_REPORTED = {
    "F": "final", "C": "corrected", "P": "preliminary", "R": "partial", "A": "partial", "S": "registered", "I": "registered",
    "O": "registered", "X": "cancelled", "M": "corrected", "D": "entered-in-error", "W": "entered-in-error",
}  # fmt: skip
#: OBR-25 that takes back every result of its report, whatever OBX-11 says.
_WITHDRAWN = ("entered-in-error", "cancelled")
#: OBR-25 of a report that changes what was sent before. Source: HL7 table 0123.
_TAKES_BACK = frozenset(("C", "X", "W", "D"))
#: OBX-11 that changes or takes back a result that was sent before. Source: HL7 table 0085.
_CHANGES = frozenset(("C", "X", "W", "D"))
#: Kind of an identifier that the placer of an order gave: an order, which can have several reports. Source: HL7 table 0203.
PLACER = "PLAC"
#: When the message was sent that a version of a result comes from: an older message never replaces a newer one.
SENT_AT = "urn:baybridge:sent-at"
#: Which of several results of a code without sub-ids this is, from the second on: a later message names them all alike.
REPEATED = "urn:baybridge:repeated"
#: Where a patient's number stands, the first that has one. Source: HL7 v2.5.1, 3.4.2 (PID-2 and PID-4 are kept for older senders).
_NUMBER_PLACES = (3, 2, 4)
#: The number by which a sender knows a patient for long, whatever else a message lists first. Source: table 0203.
_STEADY = ("MR", "PI", "PT")
#: MSH-11 (table 0103): training and debugging messages are about nobody.
_TRIAL = ("T", "D")
#: SPM-11 (table 0370 in 2.5.1, 0369 elsewhere): whose specimen is the patient's; all other roles are of controls, calibrators and proficiency tests.
_OF_THE_PATIENT = ("", "P", "R", "G")
_TEST_DATA = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
#: Fields of PID that say who a person is -> elements of a Patient.
_ELEMENTS = {5: "name", 7: "birthDate", 8: "gender", 11: "address", 29: "deceasedDateTime", 30: "deceasedBoolean"}
_DIED = {"Y": True, "N": False}
_GENDER = {"M": "male", "F": "female", "O": "other", "A": "other", "U": "unknown", "N": "other"}


@dataclass(slots=True)
class Taken:
    """Resources and faults of one message."""

    number: int
    resources: list[Json] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    results: dict[str, ResultOf] = field(default_factory=dict)  # of each observation and report, by its id
    by_sample: set[str] = field(default_factory=set)  # ids of observations that are known by the number of their sample


def order_system(sender: str) -> str:
    """The system of a laboratory's own order numbers."""
    return f"urn:hl7v2:{sender}:order".replace(" ", "-")


def placer_system(sender: str) -> str:
    """The system of the numbers that orders to a laboratory were placed under."""
    return f"urn:hl7v2:{sender}:placer".replace(" ", "-")


def order_id(order: Order) -> str:
    """The id of the report of an order under its number here."""
    return _id("DiagnosticReport", *order)


def result_ids(kind: str, of: ResultOf, concept: Mapping[str, Any], count: int = 1) -> set[str]:
    """The ids that a report or result of an order has here by any of its codes, as the `count`th of those that a message names alike."""
    key, codings = (kind, of.sender, of.patient, of.number), concept.get("coding") or ()
    named = [(coding.get("code") or coding.get("display"), str(coding.get("system"))) for coding in codings]
    if kind == "DiagnosticReport":
        return {_id(*key, code) for code, _system in named}
    return {_id(*key, code, raw, of.sub_id, count) for code, system in named for raw in raw_systems(system, of.sender)}


def read_hl7(data: bytes, zone: ZoneInfo = CHINA, undeclared: str = "utf-8", mark: str = ".", orders: Orders | None = None) -> Iterator[Taken]:
    """Each message of a file as FHIR resources, with what could not be taken.

    `zone` is of times without an offset, `undeclared` the codec of messages that name none, `mark` the laboratory's decimal mark, `orders` what is
    known of orders from elsewhere.
    """
    people = MetPeople(orders=orders or Orders())
    for message in messages(data, undeclared):
        taken = Taken(message.number, faults=list(message.faults))
        if message.segments and message.head.components(9)[:1] != ("ORU",):
            taken.faults.append(Fault("hl7_kind", "MSH-9", "ORU^R01", message.kind[:20] or "nothing"))
        elif message.segments:
            _Reader(message, zone, mark, people, taken).read()
        yield taken


class _Reader:
    """One message on its way to FHIR."""

    def __init__(self, message: Message, zone: ZoneInfo, mark: str, people: MetPeople, taken: Taken) -> None:
        self.message, self.mark, self.people, self.taken = message, mark, people, taken
        head = message.head
        self.zone_name = zone.key
        self.own_zone = zone_of_message(head.value(7))
        self.zone: tzinfo = self.own_zone or zone
        self.sender = next(filter(None, map(head.value, (4, 4, 3, 3), (1, 2, 1, 2))), "unknown")  # facility, else application: its name, else its universal id
        self.is_trial = head.value(11) in _TRIAL
        self.key = "|".join((head.raw(3), head.raw(4), head.raw(10)))
        self.sent = next((at for at in [moment(head.value(7), self.zone)[0]] if at and "T" in at), None)
        self.patient: str | None = None
        self.sent_as = ""  # the patient's id of this message: number, name and birth date
        self.common: Segment | None = None
        self.order: Segment | None = None
        self.number = ""
        self.filler = ""  # the filler's number of the order, which is its number here but where it was filed before it had one
        self.placer = ""  # the placer's number of the order, beside that of the filler
        self.adrift = ""  # "none" or "several" where the order is named by a placer's number under which so many are known
        self.report: Json | None = None
        self.observation: Json | None = None
        self.told: set[Fault] = set()
        self.undated: list[tuple[Json, str]] = []  # observations without a time so far, each with its place: its specimen may name one yet
        self.mistimed: set[str] = set()  # observations whose own time cannot be read: no other time is theirs
        self.met: Counter[tuple[object, ...]] = Counter()

    def read(self) -> None:
        """Every segment in its order; a segment that is not known is left to the raw file."""
        known = {
            "PID": self._patient, "ORC": self._common, "OBR": self._report, "OBX": self._observation, "NTE": self._note, "SPM": self._specimen,
        }  # fmt: skip
        for segment in self.message.segments:
            if segment.name in known:
                known[segment.name](segment)
        if self.patient is None:
            self._fault("hl7_no_patient", "PID", "a patient of the results", "no PID segment")
        for resource, where in self.undated:
            if says_no_time(resource):
                self._fault("hl7_no_time", where, "when the sample was taken, here or in OBR-7", "nothing; no result without a time is used")

    def _fault(self, code: str, where: str, expected: str, found: str, *, left_out: bool = False) -> None:
        fault = Fault(code, where, expected, found, left_out)
        if fault not in self.told:
            self.told.add(fault)
            self.taken.faults.append(fault)

    def _add(self, kind: str, key: tuple[object, ...], content: Json) -> Json:
        meta: Json = {"meta": {"tag": [_TEST_DATA]}} if self.is_trial else {}
        if kind in ("Observation", "DiagnosticReport") and self.sent:
            meta.setdefault("meta", {})["extension"] = [{"url": SENT_AT, "valueDateTime": self.sent}]
        resource = {"resourceType": kind, "id": _id(kind, *key), **meta, **{name: value for name, value in content.items() if value or value is False}}
        self.taken.resources.append(resource)
        return resource

    def _subject(self) -> Json | None:
        return {"reference": f"Patient/{self.sent_as}"} if self.patient else None

    def _time(self, segment: Segment, place: int, otherwise: str = "another form") -> str | None:
        text = segment.value(place)
        found, assumed = moment(text, self.zone)
        if text and found is None:
            self._fault("hl7_time", segment.where(place), "a time such as 20260308090000+0800", otherwise)
        if assumed and self.own_zone is None:
            self._fault("hl7_zone", "MSH-7", "times with an offset", f"times without; read in {self.zone_name}")
        return found

    # --- who --------------------------------------------------------------------------------------------------------

    def _patient(self, pid: Segment) -> None:
        """A patient; the reports of the patient before end here. One without a number is of this message alone."""
        self.order, self.report, self.observation, self.common, self.number = None, None, None, None, ""
        self.filler, self.placer, self.adrift = "", "", ""
        place, identifiers = next(((at, found) for at in _NUMBER_PLACES if (found := self._identifiers(pid, at))), (0, []))
        if not identifiers:
            self._fault("hl7_no_number", pid.where(3), "a number of the patient", "none; filed as a person of this message alone")
        elif place != _NUMBER_PLACES[0]:
            self._fault("hl7_patient_number", pid.where(3), "the patient's number in PID-3", f"none; read from PID-{place}")
        if self.is_trial:
            self._fault("hl7_trial", "MSH-11", "P for the results of a patient", "a message for training or trial; kept apart, as test data")
        if pid.value(8) and pid.value(8).upper() not in _GENDER:
            self._fault("hl7_sex", pid.where(8), f"one of {', '.join(_GENDER)}", "another")
        birth = moment(pid.value(7), self.zone)[0]
        if pid.value(7) and not birth:
            self._fault("hl7_time", pid.where(7), "a date such as 19800131", "another form")
        names = [name for item in _unparted(pid, 5) if (name := _name(item))]
        known = self._known(pid, identifiers)
        base = _id("Patient", *known)
        if identifiers and self.people.is_another(known, [name["text"] for name in names], (birth or "")[:10]):
            told = "one with another name and birth date; kept apart until a person decides"
            self._fault("hl7_other_person", pid.where(3), "one person under a number", told)
            known = *known, names[0]["text"], birth
        death = moment(pid.value(29), self.zone)[0]
        content = {
            "identifier": identifiers,
            "name": names,
            "gender": _GENDER.get(pid.value(8).upper()),
            "birthDate": birth[:10] if birth else None,
            "deceasedDateTime": death,
            "deceasedBoolean": None if death else _DIED.get(pid.value(30).upper()),
            "address": [address for item in _unparted(pid, 11) if (address := _address(item))],
        }
        self.patient = _id("Patient", *known)
        self.sent_as = with_person(base, [name["text"] for name in names], birth or "") if identifiers else base
        patient = self._add("Patient", known, content)
        patient["id"] = self.sent_as
        self._take_away(pid, patient)

    def _take_away(self, pid: Segment, patient: Json) -> None:
        """What a message empties explicitly is taken away and told; what it leaves out stays as it stands."""
        taken = [(place, name) for place, name in _ELEMENTS.items() if pid.is_taken_away(place) and name not in patient]
        for place, _name in taken:
            self._fault("hl7_taken_away", pid.where(place), "a value, or an empty field, which leaves what stands", 'two quotation marks ("")')
        if taken:
            meta = patient.get("meta", {})
            gone = [{"url": TAKEN_AWAY, "valueString": name} for _, name in taken]
            patient["meta"] = {**meta, "extension": [*meta.get("extension", []), *gone]}

    def _known(self, pid: Segment, identifiers: list[Json]) -> tuple[object, ...]:
        """What names a patient in later messages too: the sender's lasting number, else the first, else nothing but the message."""
        if not identifiers:
            return self.key, pid.number
        first = next((item for kind in _STEADY for item in identifiers if item["system"].endswith(f":{kind}")), identifiers[0])
        return first["system"], first["value"]

    def _identifiers(self, pid: Segment, place: int) -> list[Json]:
        found = []
        for item, whole in zip(pid.repetitions(place), pid.repetitions(place, coded=True), strict=True):
            if is_mangled(item[0]):
                self._fault("hl7_mangled_number", pid.where(place), "a number as it stands on the document", "one that a spreadsheet rounded or changed")
            elif not is_placeholder(item[0]):
                found.append(self._identifier(item, _at(whole, 4)))
        return found

    def _identifier(self, item: tuple[str, ...], assigned_by: str) -> Json:
        """A CX: the number, whose it is (assigning authority: its name, else its universal id), and its kind."""
        parts = [part.strip() for part in assigned_by.split(self.message.head.marks.subcomponent)[:2]]
        authority, kind = next(filter(None, parts), ""), _at(item, 5)
        system = f"urn:hl7v2:{'trial:' if self.is_trial else ''}{authority or self.sender}:{kind or 'id'}".replace(" ", "-")
        found: Json = {"system": system, "value": item[0].strip()}
        if kind:
            found["type"] = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": kind}]}
        return found

    # --- what -------------------------------------------------------------------------------------------------------

    def _common(self, orc: Segment) -> None:
        """ORC names the order of the OBR that follows."""
        self.common = orc

    def _report(self, obr: Segment) -> None:
        self.order, self.observation = obr, None
        orders = [segment for segment in (obr, self.common) if segment is not None]
        self.number, self.common = self._order_number(obr, orders), None
        status = _REPORTED.get(obr.value(25), "unknown")
        if status == "unknown" and obr.value(25):
            self._fault("hl7_status", obr.where(25), f"one of {', '.join(_REPORTED)}", obr.value(25)[:10])
        content = {
            "identifier": self._order_identifiers(),
            "status": status,
            "code": coding_of(obr.coded(4), self.sender) or {"text": "laboratory report"},
            "subject": self._subject(),
            "effectiveDateTime": self._time(obr, 7),
            "issued": self._instant(obr, 22),
        }
        self.report = self._add("DiagnosticReport", self._order_key(obr), content)
        self.taken.results[self.report["id"]] = ResultOf(self.sender, self.patient, self.number, "")

    def _order_number(self, obr: Segment, orders: Sequence[Segment]) -> str:
        """The number under which an order stands here: the filler's, or the placer's where it was filed under that first; '' where there is none.

        A correction by the placer's number alone, under which no one order is known, reaches what was sent under that number alone: that is told.
        """
        self.filler, self.placer = (
            next((text for segment in orders if (text := segment.value(place)) and not is_placeholder(text)), "") for place in (3, 2)
        )
        order = Order(self.sender, self.patient or "", self.placer, obr.value(4) or obr.value(4, 2))
        known = self.people.orders.number(order, self.filler)
        self.filler = self.filler or self.people.orders.begun.get(order, "")
        self.adrift = "" if known or not self.placer else "several" if order in self.people.orders.fillers else "none"
        if self.adrift and obr.value(25) in _TAKES_BACK:
            self._placer_alone(obr.where(3))
        return known or self.placer

    def _placer_alone(self, where: str) -> None:
        several, none = "the placer's alone, of several orders", "the placer's alone; it reaches what was sent under that number alone"
        found = several if self.adrift == "several" else none
        self._fault("hl7_placer_alone", where, "the filler's number of the order that is corrected", found)

    def _order_identifiers(self) -> list[Json]:
        """The order's number here, the filler's where it stands under the placer's, and the number under which it was placed."""
        numbers = dict.fromkeys(number for number in (self.number, self.filler) if number)
        found: list[Json] = [{"system": order_system(self.sender), "value": number} for number in numbers]
        if self.placer and self.placer != self.filler:
            kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": PLACER}]}
            found.append({"type": kind, "system": placer_system(self.sender), "value": self.placer})
        return found

    def _order_key(self, obr: Segment) -> tuple[object, ...]:
        """What a later message about the same order has too: its number and what was asked for."""
        if self.number:
            return self.sender, self.patient, self.number, obr.value(4) or obr.value(4, 2)
        return self.key, obr.number

    def _result_key(self, obx: Segment) -> tuple[object, ...]:
        """What a later message about the same result has too: the order's number, OBX-3 and OBX-4; the same twice in a message is counted.

        Without a number of the order: whose it is, what was asked for and measured, and the minute of it; without that the message alone.
        """
        what = obx.value(3) or obx.value(3, 2), obx.value(3, 3), obx.value(4)
        at = "" if self.number else self._observed_at(obx) or ""
        if self.number:
            key: tuple[object, ...] = (self.sender, self.patient, self.number, *what)
        elif "T" in at and self.order is not None:
            key = self.sender, self.patient, self.order.value(4), at, *what
        else:
            return self.key, self.order.number if self.order else 0, obx.number
        self.met[key] += 1
        if self.met[key] > 1:
            self._fault("hl7_twice", obx.where(4), "a sub-id where a code comes twice in an order", "none; kept apart by their places")
        return *key, self.met[key]

    def _instant(self, segment: Segment, place: int) -> str | None:
        """An instant has a time of day: a bare date is none."""
        found = self._time(segment, place)
        return found if found and "T" in found else None

    def _observation(self, obx: Segment) -> None:
        code = coding_of(obx.coded(3), self.sender)
        if code is None:
            self._fault("hl7_no_code", obx.where(3), "a code of what was observed", "nothing", left_out=True)
            return
        status = _OBSERVED.get(obx.value(11), "unknown")
        if status == "unknown":
            self._fault("hl7_status", obx.where(11), f"one of {', '.join(_OBSERVED)}", obx.value(11)[:10] or "nothing")
        if self.adrift and self.order is not None and obx.value(11) in _CHANGES:
            self._placer_alone(self.order.where(3))
        if self.report is not None and self.report["status"] in _WITHDRAWN and status != "entered-in-error":
            status = self.report["status"]
        value, fault = observed(obx, self.zone, self.sender, self.mark)
        flags = [concept for item in obx.repetitions(8, coded=True) if (concept := coding_of(item, self.sender, "v2-0078"))]
        if fault is not None:
            self._fault(fault.code, fault.where, fault.expected, fault.found, left_out=fault.left_out)
        content = {
            "status": status,
            "code": code,
            "subject": self._subject(),
            "effectiveDateTime": self._observed_at(obx),
            "issued": self._instant(obx, 19) or (self._instant(self.order, 22) if self.order else None),
            **value,
            **({"interpretation": flags} if flags else {}),
            "referenceRange": interval(obx.segment_text(7), obx.value(6)),
            "method": coding_of(obx.coded(17), self.sender),
            "performer": self._performer(obx),
        }
        key = self._result_key(obx)
        self.observation = self._add("Observation", key, content)
        self.taken.results[self.observation["id"]] = ResultOf(self.sender, self.patient, self.number, obx.value(4))
        if says_no_time(self.observation):
            if obx.value(14):
                self.mistimed.add(self.observation["id"])
            else:
                self.undated.append((self.observation, obx.where(14)))
        if self.met[key[:-1]] > 1:
            repeated = {"url": REPEATED, "valueInteger": self.met[key[:-1]]}
            self.observation.setdefault("meta", {}).setdefault("extension", []).append(repeated)
        if self.report is not None:
            self.report.setdefault("result", []).append({"reference": f"Observation/{self.observation['id']}"})

    def _observed_at(self, obx: Segment) -> str | None:
        """When it was observed; the order says it where the result says nothing, never where it says a time that cannot be read."""
        if obx.value(14):
            return self._time(obx, 14, "another form; the result is kept and not used")
        return self._time(self.order, 7) if self.order else None

    def _performer(self, obx: Segment) -> list[Json]:
        """OBX-23 names the performing organisation, OBX-15 the producer, MSH-4 who sent it."""
        head, own, producer = self.message.head, obx.coded(23), obx.coded(15)
        names = (*own[:1], *producer[1:2], *producer[:1], *head.coded(4)[:1]) if own or producer else head.coded(4)[:1]
        name = next((text.strip() for text in names if text.strip()), "")
        identifier = (obx.value(23, 10) or obx.value(23, 3)) if own else ""
        found: Json = {"type": "Organization", "display": name} if name else {}
        if found and identifier:
            found["identifier"] = {"value": identifier}
        return [found] if found else []

    def _note(self, nte: Segment) -> None:
        """A comment belongs to the observation before it, else to the report (as its conclusion)."""
        text = nte.segment_text(3)
        if text and self.observation is not None:
            self.observation.setdefault("note", []).append({"text": text})
        elif text and self.report is not None:
            self.report["conclusion"] = "\n".join(filter(None, (self.report.get("conclusion"), text)))
        elif text:
            self._fault("hl7_note", nte.where(3), "a comment on a result or on an order", "one before any; it stays in the file")

    def _specimen(self, spm: Segment) -> None:
        collected = self._time(spm, 17)
        kind = coding_of(spm.coded(4), self.sender)
        content = {"type": kind, "subject": self._subject(), "collection": {"collectedDateTime": collected} if collected else None}
        named = spm.raw(2) or self.number
        specimen = self._add("Specimen", (self.sender, self.patient, named, spm.number) if named else (self.key, spm.number), content)
        reference = {"reference": f"Specimen/{specimen['id']}"}
        if self.report is None:
            return
        self.report.setdefault("specimen", []).append(reference)
        is_of_another = spm.value(11).upper() not in _OF_THE_PATIENT
        if is_of_another:
            found = f"{spm.value(11)[:10]}; its results are of nobody"
            self._fault("hl7_specimen_role", spm.where(11), "a specimen of the patient (P)", found)
            for resource in (self.report, specimen):
                resource.pop("subject", None)
        mine = {item["reference"] for item in self.report.get("result", [])}
        for resource in self.taken.resources:
            if f"Observation/{resource['id']}" in mine and "specimen" not in resource:
                resource["specimen"] = {**reference, **({"display": _words(kind)} if kind else {})}
                if collected and resource["id"] not in self.mistimed:
                    resource.setdefault("effectiveDateTime", collected)
                if is_of_another:
                    resource.pop("subject", None)


def _id(*parts: object) -> str:
    return sha256("\n".join(str(part) for part in parts).encode()).hexdigest()[:32]


def _unparted(segment: Segment, field: int) -> Iterator[tuple[str, ...]]:
    """The repetitions of a field whose components may have parts, the first of each; one with a free ampersand ("Lam & Sons") whole."""
    for first, whole in zip(segment.repetitions(field), segment.repetitions(field, coded=True), strict=True):
        yield tuple(" ".join((long if f" {segment.marks.subcomponent} " in long else short).split()) for short, long in zip(first, whole, strict=True))


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
