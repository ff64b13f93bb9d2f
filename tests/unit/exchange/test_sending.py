"""What is sent: chosen, checked, minimised, or refused with every reason."""

from __future__ import annotations

from datetime import date
from typing import Any

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Refusal
from baybridge.documents.exchange import Profiles
from baybridge.exchange.transfer.check import check_transfer
from baybridge.exchange.transfer.content import received_under
from baybridge.exchange.transfer.profiles import minimise
from baybridge.exchange.transfer.sending import Transfer, judge, mark_received, transfer
from baybridge.journey.events import AuthorityNotified, TransferRefused
from baybridge.journey.judged import Judged
from exchange_documents import documents, transfer_rules
from exchange_situations import SITES, consent, observation, situation

PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"text": "Unmistakable Name"}], "birthDate": "1975-11-30", "gender": "female",
           "identifier": [{"value": "440100197500001012"}]}  # fmt: skip
CREATININE = observation("crea", "2160-0", 1.1, "mg/dL", date(2026, 3, 9))
FROM_GUANGZHOU = mark_received(observation("gz", "2160-0", 1.0, "mg/dL", date(2026, 3, 8)), SITES["gd"], "R5")
BAG = {
    "resourceType": "BiologicallyDerivedProduct",
    "id": "bag",
    "identifier": [{"system": "urn:baybridge:chain-of-identity", "value": "COI-1"}],
}
SPECIMEN = {
    "resourceType": "Specimen",
    "id": "s1",
    "subject": {"reference": "Patient/p1", "display": "Unmistakable Name"},
    "note": [{"text": "diagnosis"}],
}
SPECIMEN_OF_GUANGZHOU = mark_received({"resourceType": "Specimen", "id": "s2", "subject": {"reference": "Patient/p1"}}, SITES["gd"], "R5")
MACAO_LAW = (
    consent("mo_ground", "hk", purposes=("CARE_REFERRAL",)),
    AuthorityNotified(authority="DSPDP", reference="n", notified_on=date(2026, 3, 1)),
)


def record(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resources": list(resources)}


def test_macao_to_hong_kong_with_what_its_law_asks() -> None:
    here = situation("mo", record(PATIENT, CREATININE, BAG), consent("care"), *MACAO_LAW)
    found = judge(here, Transfer(to_node="hk", purpose="CARE_REFERRAL"))
    assert (found.allowed, found.route, found.codes) == (True, "R9", ("DT-001",))
    assert [resource["id"] for resource in found.kept] == ["p1", "crea"]
    assert found.decision["kept"] == ["Observation/crea", "Patient/p1"]
    assert check_transfer(found.decision["request"], transfer_rules()).codes == found.codes


def test_without_consents_every_reason_is_given() -> None:
    found = judge(situation("gd", record(CREATININE)), Transfer(to_node="hk", purpose="RESULT_RECOGNITION"))
    codes = ["DT-011", "DT-012", "DT-013", "DT-034"]
    assert (found.allowed, found.route, list(found.codes), found.kept) == (False, "R5", codes, ())
    assert [reason.code for reason in found.reasons] == [f"exchange.code.{code}" for code in codes]
    assert all(reason.source for reason in found.reasons)


def consents_for_hong_kong(*purposes: str, to: str = "hk") -> tuple[Any, ...]:
    return consent("care"), consent("sensitive", to, purposes=purposes), consent("cross_border", to, purposes=purposes)


def test_guangzhou_to_hong_kong_under_the_contract() -> None:
    here = situation("gd", record(PATIENT, CREATININE), *consents_for_hong_kong("RESULT_RECOGNITION"))
    found = judge(here, Transfer(to_node="hk", purpose="RESULT_RECOGNITION"))
    assert (found.route, found.codes) == ("R5", ("DT-001",))
    assert [resource["id"] for resource in found.kept] == ["crea"]
    assert found.kept[0]["subject"] == {"reference": "Patient/p1"}


def test_guangzhous_data_do_not_go_along_to_shanghai() -> None:
    here = situation(
        "hk",
        record(PATIENT, CREATININE, FROM_GUANGZHOU, BAG, SPECIMEN, SPECIMEN_OF_GUANGZHOU),
        *consents_for_hong_kong("COI_LOGISTICS", to="sh"),
    )
    found = judge(here, Transfer(to_node="sh", purpose="COI_LOGISTICS"))
    assert (found.route, found.codes) == ("R8", ("DT-001",))
    assert [resource["id"] for resource in found.kept] == ["bag", "s1"]
    assert [(item.resource, item.reason) for item in found.dropped] == [("Specimen/s2", "exchange.minimise.onward")]
    assert b"Unmistakable" not in canonical_bytes(list(found.kept))
    assert b"Patient/p1" not in canonical_bytes(list(found.kept))


def test_guangzhous_data_asked_for_by_name_is_refused() -> None:
    here = situation("hk", record(BAG, SPECIMEN_OF_GUANGZHOU), *consents_for_hong_kong("COI_LOGISTICS", to="sh"))
    found = judge(here, Transfer(to_node="sh", purpose="COI_LOGISTICS", resources=("BiologicallyDerivedProduct/bag", "Specimen/s2")))
    assert (found.allowed, found.codes) == (False, ("DT-031",))
    verdict = transfer(here, Transfer(to_node="sh", purpose="COI_LOGISTICS", resources=("Specimen/s2",)))
    assert isinstance(verdict, Judged) and verdict.refusal is not None
    assert [reason.code for reason in verdict.refusal.reasons] == ["exchange.code.DT-031"]
    (event,) = verdict.events
    assert isinstance(event, TransferRefused) and event.codes == ("DT-031",)
    assert (verdict.parcels, event.decision_sha256) == ((), sha256_hex(canonical_bytes(verdict.decisions[0])))


def test_shanghai_sends_the_batch_data_back() -> None:
    here = situation("sh", record(BAG), *consents_for_hong_kong("COI_LOGISTICS"), opened_at="hk")
    found = judge(here, Transfer(to_node="hk", purpose="COI_LOGISTICS"))
    assert (found.route, found.codes) == ("R4", ("DT-001",))


def test_beyond_the_purpose_is_refused_when_it_is_asked_for() -> None:
    here = situation("mo", record(CREATININE, BAG), consent("care"), *MACAO_LAW)
    found = judge(here, Transfer(to_node="hk", purpose="CARE_REFERRAL", resources=("BiologicallyDerivedProduct/bag",)))
    assert found.codes == ("DT-020",)


def test_unknown_receiver_purpose_and_resource_are_all_said() -> None:
    found = judge(situation("mo", record()), Transfer(to_node="xx", purpose="FUN", resources=("Observation/none",)))
    assert [reason.where for reason in found.reasons] == ["to_node", "purpose", "resources"]


def test_a_pseudonymised_patient_has_no_name_and_a_year() -> None:
    profiles = documents().typed.the(Profiles)
    found = minimise([PATIENT, CREATININE], "QUALITY_REGISTRY", profiles, "pseudo")
    patient, measured = found.kept
    assert patient == {"resourceType": "Patient", "id": "pseudo", "birthDate": "1975", "gender": "female"}
    assert measured["subject"] == {"reference": "Patient/pseudo"}


def test_only_response_categories_go_for_an_outcome() -> None:
    profiles = documents().typed.the(Profiles)
    response = observation("r", "97509-4", "CR", None, date(2026, 3, 9))
    found = minimise([CREATININE, response], "OBA_OUTCOME", profiles, "pseudo")
    assert [resource["id"] for resource in found.kept] == ["r"]
    assert found.dropped[0].reason == "exchange.minimise.code"


def test_origin_and_route_stay_with_a_resource_that_travels_on() -> None:
    further = mark_received(FROM_GUANGZHOU, SITES["hk"], "R8")
    assert received_under(further) == ("R5", "R8")
    tags = {(tag["system"], tag["code"]) for tag in further["meta"]["tag"]}
    assert ("urn:baybridge:origin", "CN") in tags
    assert ("urn:baybridge:signed", "hk") in tags
    assert ("urn:baybridge:signed", "gd") not in tags


def test_an_allowed_transfer_has_a_parcel_as_its_effect() -> None:
    here = situation("hk", record(BAG), *consents_for_hong_kong("COI_LOGISTICS", to="sh"))
    verdict = transfer(here, Transfer(to_node="sh", purpose="COI_LOGISTICS"))
    assert isinstance(verdict, Judged)
    (parcel,) = verdict.parcels
    assert (verdict.events, verdict.refusal, parcel.to_node) == ((), None, "sh")
    assert parcel.decision_sha256 == sha256_hex(canonical_bytes(verdict.decisions[0]))


def test_input_that_names_what_is_not_there_is_refused_with_every_reason_and_leaves_no_trace() -> None:
    verdict = transfer(situation("hk", record(BAG)), Transfer(to_node="nowhere", purpose="GOSSIP", resources=("Observation/none",)))
    assert isinstance(verdict, Refusal)
    assert {reason.code for reason in verdict.reasons} == {f"exchange.transfer.unknown_{what}" for what in ("node", "purpose", "resource")}
