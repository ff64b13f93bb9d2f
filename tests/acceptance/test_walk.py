"""The whole road once, in a browser, as the different people, on four processes; then the evidence, and every way to forge it.

A Macao resident, tested in Macao and Guangzhou, referred to Hong Kong, whose cells are collected there, made in Shanghai, flown back, infused in Hong Kong
and followed for life in Macao. Only pages, forms and files are used, as people would.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser
from walking import Network, Person, browsing, running

from baybridge.base.keys import SigningKey
from baybridge.demo import patients
from baybridge.demo.history import RELEASE, SEEN, WELL
from baybridge.demo.patients import Invented
from baybridge.exchange.evidence.verify import PACK_KIND
from baybridge.exchange.signed import sign_document
from baybridge.ledger import keeping
from baybridge.node.storage import Storage

pytestmark = [pytest.mark.timeout(1200)]

PATIENT = Invented(901, "MO", "dlbcl")
PRODUCT, LABEL = "axicabtagene-ciloleucel", "axi-cel-lbcl-3l-cn"
BAG = "CAR-901-1"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Four nodes."""
    with running(tmp_path_factory.mktemp("walk")) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with browsing() as found:
        yield found


class Road:
    """The people of the walk, and what they learn on the way."""

    def __init__(self, browser: Browser, network: Network, folder: Path) -> None:
        self.network, self.folder = network, folder
        self.browser = browser
        self._signed_in: dict[str, Person] = {}
        self.case = ""
        self.chain = ""

    def __getitem__(self, name: str) -> Person:
        if name not in self._signed_in:
            self._signed_in[name] = Person(self.browser, self.network, name)
        return self._signed_in[name]

    def upload(self, name: str, bundle: dict) -> None:
        """Import a bundle through the page."""
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps(bundle))
        case = self[name].upload(file)
        self.case = self.case or case

    def send(self, name: str, to_node: str, purpose: str, *, new: bool = False) -> None:
        """Transfer to another node and wait for the receipt; where the case is new there, its coordinator takes it in."""
        self[name].do(self.case, "Transfer", to_node=to_node, purpose=purpose)
        self.wait_for(name, "/sharing", lambda text: "receipt" in text.lower())
        target = f"coordinator.{to_node}"
        self.wait_for(target, "", lambda _text: True)
        if new:
            self[target].do(self.case, "AcceptProposedCase")

    def wait_for(self, name: str, tab: str, holds: Callable[[str], bool]) -> str:
        """Look at a tab of the case until it says what is expected."""
        return self[name].until(f"/cases/{self.case}{tab}", lambda text: "There is no such case" not in text and "Nothing ties you" not in text and holds(text))


@pytest.fixture(scope="module")
def road(browser: Browser, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Road:
    """One patient's road; the tests of this module walk it in order."""
    return Road(browser, network, tmp_path_factory.mktemp("files"))


def test_1_records_come_in_and_are_understood(road: Road, network: Network) -> None:
    road.upload("coordinator.mo", patients.bundle(PATIENT, network.now, "mo"))
    facts = road["physician.mo"].see(f"/cases/{road.case}/facts")
    assert "creatinine" in facts.lower()
    assert "mg/dL" in facts, "the value stands as it was reported, beside the converted one"


def test_2_every_label_is_judged_with_reasons(road: Road) -> None:
    road["physician.mo"].do(road.case, "DecideEligibility")
    page = road["physician.mo"].see(f"/cases/{road.case}/eligibility")
    assert "axi" in page.lower()


def test_3_a_transfer_without_consent_is_refused_and_the_button_says_the_same(road: Road) -> None:
    person = road["coordinator.mo"]
    said = person.refused(road.case, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    sentences = [line.strip() for line in said.splitlines() if "consent" in line.lower()]
    assert sentences, said
    sharing = person.see(f"/cases/{road.case}/sharing")
    assert any(sentence.split(" exchange.")[0].split(" DT-")[0].strip() in sharing for sentence in sentences), (sentences, sharing)


def test_4_consents_and_the_journey_of_the_record(road: Road) -> None:
    person = road["coordinator.mo"]
    for kind in ("care", "sensitive", "cross_border", "finance", "hk_sharing", "mo_ground"):
        named = {"recipients": ["mo", "gd", "hk", "sh"], "purposes": ["CARE_REFERRAL", "RESULT_RECOGNITION", "COI_LOGISTICS"]}
        person.do(road.case, "RecordConsent", kind=kind, notice_version="2026-1", notice_language="zh-Hant", **(named if kind in ("sensitive", "cross_border") else {}))
    person.do(road.case, "NotifyAuthority", authority="DSPDP", reference="synthetic-1")
    person.do(road.case, "ReferCase", to_node="hk", product=PRODUCT)
    road.send("coordinator.mo", "hk", "CARE_REFERRAL", new=True)
    road.send("coordinator.mo", "gd", "CARE_REFERRAL", new=True)


def test_5_guangzhou_tests_and_its_results_go_to_hong_kong(road: Road, network: Network) -> None:
    bundle = patients.bundle(PATIENT, network.now, "gd")
    kept = [entry for entry in bundle["entry"] if "-a-" in entry["resource"]["id"]]
    for entry in kept:
        entry["resource"]["id"] = entry["resource"]["id"].replace("-a-", "-gz-")
        entry["fullUrl"] = entry["request"]["url"] = f"Observation/{entry['resource']['id']}"
    road.upload("laboratory.gd", {**bundle, "entry": kept})
    road.send("coordinator.gd", "hk", "RESULT_RECOGNITION")


def test_6_hong_kong_accepts_recognises_and_quotes(road: Road, network: Network) -> None:
    doctor = road["physician.hk"]
    said = doctor.refused(road.case, "AcceptCase", product=PRODUCT)
    assert "board" in said, "no label of Hong Kong covers the product: a board decides"
    doctor.do(road.case, "RecordBoardDecision", product=PRODUCT, decision="treat", decided_on=network.now.date(), note="named patient")
    doctor.do(road.case, "AcceptCase", product=PRODUCT)
    doctor.do(road.case, "DecideEligibility")
    doctor.do(road.case, "ChooseProduct", product=PRODUCT, policy=LABEL, exception_reason="named patient, decided by the board")
    for purpose in ("APH_IDM", "APH_FITNESS"):
        doctor.do(road.case, "RecogniseResults", purpose=purpose, use_at=network.now + timedelta(days=2))
    tests = doctor.see(f"/cases/{road.case}/tests")
    assert "recognised" in tests.lower()
    quote(road)


def quote(road: Road) -> None:
    """A quote over two plans and an outcome agreement."""
    lines = (
        ("collection", "COLLECTION", "18000.00", "invented"),
        ("drug", "CAR_T_DRUG", "1200000.00", "list price"),
        ("inpatient", "INPATIENT", "145000.00", "invented"),
    )
    columns = ("id", "category", "gross", "desc")
    fields = {f"bill_lines.{n}.{name}": value for n, line in enumerate(lines) for name, value in zip(columns, line, strict=True)}
    plans = {"plans.0.plan": "shanghai-huhuibao-2022-2024", "plans.1.plan": "beijing-puhui-2023", "plans.1.risk_class": "standard"}
    agreement = "axi-cel-value-based-2024-out-of-pocket"
    desk = road["coordinator.hk"]
    desk.see(f"/cases/{road.case}/do/IssueQuote")
    names = [one.get_attribute("name") or "" for one in desk.page.locator("[name^='bill_lines.']").all()]
    fields |= {name: "" for name in names if name not in fields}
    today = road.network.now.date()
    desk.do(road.case, "IssueQuote", event_date=today, currency="CNY", **fields, **plans, agreement=agreement)
    desk.do(road.case, "EnrolInAgreement", enrolled_on=today, conditions_met=True)
    page = desk.see(f"/cases/{road.case}/funding")
    assert "1,363,000.00" in page
    assert "verified" in page.lower(), "what is not verified is said"


def test_7_slot_papers_collection_and_flight(road: Road, network: Network) -> None:
    desk, nurse = road["coordinator.hk"], road["nurse.hk"]
    day = (network.now + timedelta(days=1)).date()
    desk.do(road.case, "ArrangeTravel", papers=["hk-entry", "lodging"], arrives_on=day)
    desk.do(road.case, "ReserveSlot", plant_node="sh", collection_on=day, supply_basis="named_patient")
    road.chain = re.search(r"LOCAL-[A-Z0-9*-]+", desk.see(f"/cases/{road.case}"))[0]
    for kind in ("special_article", "carrier"):
        desk.do(road.case, "RecordPermit", kind=kind, leg="to_plant", number=f"SYNTH-{kind}", valid_from=network.now.date(), valid_to=day + timedelta(days=60))
    noon = 12 - network.now.astimezone(ZoneInfo("Asia/Hong_Kong")).hour
    network.advance(days=1, hours=noon)  # so that four hours before are of the same day, whenever this runs
    early = nurse.refused(
        road.case, "Lymphodeplete", regimen="fludarabine and cyclophosphamide", started_on=network.now.date()
    )
    assert "not released" in early or "released" in early, early
    fit_for(road, "collection")
    network.advance(hours=4, minutes=2)  # fitness is judged as of when the collection begins
    nurse.do(
        road.case,
        "Collect",
        chain_of_identity=road.chain,
        bags=["APH-901-A", "APH-901-B"],
        started_at=network.now - timedelta(hours=4),
        ended_at=network.now - timedelta(minutes=2),
        volume_ml=210,
        identity_checked=True,
        second="physician.hk",
        planned_entry_on=network.now.date(),
    )
    network.advance(hours=2)
    desk.do(
        road.case,
        "Ship",
        leg="to_plant",
        chain_of_identity=road.chain,
        bags=["APH-901-A", "APH-901-B"],
        container="Box 7",
        logger_id="LOG-901",
        dispatched_at=network.now - timedelta(minutes=1),
        expected_transit_h=18,
        remaining_hold_h=72,
    )
    to_courier(road, "coordinator.hk", "S-901")
    road.send("coordinator.hk", "sh", "COI_LOGISTICS", new=True)


def to_courier(road: Road, name: str, seal: str) -> None:
    """The courier is named, is given the one-time code that the page shows once, and says it back; a wrong one confirms nothing."""
    giver = road[name]
    giver.do(road.case, "HandToCourier", courier="Synthetic Couriers, driver 4", waybill=f"W-{seal}", seal=seal, handed_at=road.network.now)
    giver.see(f"/cases/{road.case}/cells")
    giver.page.locator("form[action*='/courier/'] button").click()
    code = giver.page.inner_text("#code").replace(" ", "")
    wrong = giver.refused(road.case, "ConfirmCourier", code=f"{(int(code) + 1) % 10**8:08d}")
    assert "not the code" in wrong, wrong
    giver.do(road.case, "ConfirmCourier", code=code)
    assert "confirmed by code" in giver.see(f"/cases/{road.case}/cells")


def fit_for(road: Road, step: str) -> None:
    """Blood is drawn, a physician writes down what is seen on the ward, and judges fitness for a step."""
    blood = patients.blood(PATIENT, road.network.now - timedelta(hours=1), "hk", step[:4])
    road.upload("laboratory.hk", {**blood, "entry": [{**entry, "fullUrl": entry["request"]["url"]} for entry in blood["entry"]]})
    for fact, value in SEEN[step].items():
        road["physician.hk"].do(road.case, "ConfirmFinding", fact=fact, value=value, basis="ward round")
    road["physician.hk"].do(road.case, "CheckFitness", step=step)


def shipment_of(road: Road, name: str) -> str:
    """The shipment that is on its way, as the form to receive it already says."""
    road[name].see(f"/cases/{road.case}/do/ReceiveShipment")
    return road[name].page.locator("[name=shipment_id]").first.input_value()


def arrive(road: Road, name: str, bags: list[str], warmest_c: float, coldest_c: float, seal: str) -> None:
    """Receive what is on its way, under the seal that it left with."""
    road[name].do(
        road.case,
        "ReceiveShipment",
        shipment_id=shipment_of(road, name),
        chain_of_identity=road.chain,
        bags=bags,
        received_at=road.network.now - timedelta(minutes=1),
        warmest_c=warmest_c,
        coldest_c=coldest_c,
        minutes_outside=0,
        seal_intact=True,
        seal=seal,
    )


def test_8_shanghai_makes_tests_and_releases(road: Road, network: Network) -> None:
    network.advance(hours=15)
    plant, quality = road["manufacturer.sh"], road["quality.sh"]
    assert PATIENT.name[0] not in plant.see(f"/cases/{road.case}"), "the plant sees no name"
    wrong = plant.refused(
        road.case,
        "ReceiveShipment",
        shipment_id=shipment_of(road, "manufacturer.sh"),
        chain_of_identity="LOCAL-OTHER",
        bags=["APH-902-A"],
        received_at=network.now - timedelta(minutes=1),
        warmest_c=6.0,
        coldest_c=3.0,
        minutes_outside=0,
        seal_intact=True,
    )
    assert "bag" in wrong.lower() and "chain" in wrong.lower(), "every reason against, not the first"
    arrive(road, "manufacturer.sh", ["APH-901-A", "APH-901-B"], 6.1, 3.2, "S-901")
    plant.do(road.case, "StartManufacture", chain_of_identity=road.chain, batch="B901", from_bags=["APH-901-A", "APH-901-B"])
    network.advance(days=11)
    untested = quality.refused(
        road.case, "Release", batch="B901", bags=[BAG], expires_at=network.now + timedelta(days=180), certificate="COA-B901"
    )
    assert "test" in untested.lower() or "known" in untested.lower(), untested
    laboratory = road["laboratory.sh"]
    laboratory.see(f"/cases/{road.case}/do/TestProduct")
    asked = [row.input_value() for row in laboratory.page.locator("[name^='results.'][name$='.0']").all()]
    rows = {f"results.{place}.1": RELEASE[name][1] for place, name in enumerate(asked) if name}
    assert len(rows) >= 10, "the form asks for what the specification limits"
    laboratory.do(road.case, "TestProduct", batch="B901", **rows)
    quality.do(road.case, "Release", second="manufacturer.sh", batch="B901", bags=[BAG], expires_at=network.now + timedelta(days=180), certificate="COA-B901")


def test_9_the_product_flies_back(road: Road, network: Network) -> None:
    network.advance(days=1)
    desk = road["coordinator.sh"]
    for kind in ("export", "import_licence"):
        desk.do(
            road.case,
            "RecordPermit",
            kind=kind,
            leg="to_centre",
            number=f"SYNTH-{kind}",
            valid_from=network.now.date(),
            valid_to=(network.now + timedelta(days=60)).date(),
        )
    road["manufacturer.sh"].do(
        road.case,
        "Ship",
        leg="to_centre",
        chain_of_identity=road.chain,
        bags=[BAG],
        container="Dry shipper 12",
        logger_id="LOG-P-901",
        dispatched_at=network.now - timedelta(minutes=1),
        expected_transit_h=30,
        remaining_hold_h=220,
    )
    to_courier(road, "manufacturer.sh", "S-902")
    road.send("coordinator.sh", "hk", "COI_LOGISTICS")
    network.advance(hours=28)
    arrive(road, "pharmacist.hk", [BAG], -158.0, -187.0, "S-902")


def test_10_bedside(road: Road, network: Network) -> None:
    network.advance(days=1)
    doctor, nurse = road["physician.hk"], road["nurse.hk"]
    fit_for(road, "lymphodepletion")
    doctor.do(road.case, "Lymphodeplete", regimen="flu-cy", started_on=network.now.date())
    network.advance(days=2)
    nurse.do(road.case, "CompleteLymphodepletion", completed_on=network.now.date())
    road["pharmacist.hk"].do(road.case, "ReserveDrugs", atc="L04AC07", doses=2, from_on=network.now.date(), until_on=(network.now + timedelta(days=21)).date())
    network.advance(days=3)
    fit_for(road, "infusion")
    network.advance(minutes=5)
    doctor.do(road.case, "SignException", second="physician2.hk", gate="infusion", codes=["gate.infusion.no_interval"], note="interval of the pivotal trial")
    checked = {"wrist_band": road.chain, "order": road.chain, "chain_of_identity": road.chain, "name_stated": True, "birth_date_stated": True}
    said = nurse.refused(
        road.case,
        "CheckBedside",
        **{**checked, "wrist_band": "LOCAL-SOMEBODY-ELSE"},
        bag="CAR-902-1",
        tocilizumab_doses=2,
        checked_at=network.now - timedelta(minutes=1),
    )
    assert "bag" in said.lower() and "wrist" in said.lower(), said
    nurse.do(road.case, "CheckBedside", second="physician.hk", **checked, bag=BAG, tocilizumab_doses=2, checked_at=network.now - timedelta(minutes=2))
    road["pharmacist.hk"].do(road.case, "Thaw", second="nurse.hk", chain_of_identity=road.chain, bag=BAG, thawed_at=network.now - timedelta(minutes=1))
    network.advance(minutes=20)
    nurse.do(
        road.case,
        "Infuse",
        chain_of_identity=road.chain,
        bag=BAG,
        started_at=network.now - timedelta(minutes=12),
        ended_at=network.now - timedelta(minutes=1),
        entire_volume=True,
    )


def assess(road: Road, **findings: object) -> None:
    """An assessment through the bedside form."""
    fields = {f"findings.{name}": value for name, value in {**WELL, **findings}.items()}
    road["nurse.hk"].do(road.case, "Assess", **fields, assessed_at=road.network.now - timedelta(minutes=1))


def test_11_monitoring_grades_with_driver_and_calls_the_team(road: Road, network: Network) -> None:
    network.advance(days=3)
    assess(road, temperature=38.6)
    page = road["nurse.hk"].see(f"/cases/{road.case}/bedside")
    assert "cytokine release syndrome" in page.lower() and "fever" in page.lower()
    network.advance(hours=23)  # within a day, so that the score of before is one to fall from
    assess(road, temperature=39.2, hypotension="vasopressor", vasopressors=1, ice_score=2)
    page = road["physician.hk"].see(f"/cases/{road.case}/bedside")
    assert "rapid response" in page.lower()
    picture(road, "physician.hk")
    road["physician.hk"].do(road.case, "ArriveRapidResponse", arrived_at=network.now)
    network.advance(days=2)
    assess(road)
    network.advance(days=7)
    today = network.now.date()
    leaving = {"discharged_on": today, "stay_near_until": today + timedelta(days=18), "no_driving_until": today + timedelta(days=47), "caregiver": True}
    said = road["physician.hk"].refused(road.case, "Discharge", **leaving)
    assert "emergency card" in said and "hours" in said, said
    assess(road)
    road["physician.hk"].do(road.case, "Discharge", **leaving, emergency_card=True)


def picture(road: Road, name: str) -> None:
    """The README's picture: the page as the test sees it, kept where somebody asks for it."""
    taken = road.folder / "case.png"
    road[name].page.screenshot(path=taken)
    assert taken.stat().st_size > 10_000
    if os.environ.get("BAYBRIDGE_KEEP_PICTURES"):
        kept = Path(__file__).resolve().parents[2] / "docs" / "images"
        kept.mkdir(exist_ok=True)
        shutil.copy(taken, kept / "case.png")


def test_12_response_settlement_and_home_for_life(road: Road, network: Network) -> None:
    doctor, desk = road["physician.hk"], road["coordinator.hk"]
    network.advance(days=77)
    respond = {"criteria": "Lugano 2014", "category": "SD", "assessed_on": network.now.date()}
    doctor.do(road.case, "AssessResponse", second="physician2.hk", timepoint="M3", **respond)
    desk.do(road.case, "SettleOutcome")
    assert "OBA-REFUND-DUE" in desk.see(f"/cases/{road.case}/funding") + desk.see(f"/cases/{road.case}/followup")
    desk.do(road.case, "HandOver", to_node="mo")
    road.send("coordinator.hk", "mo", "CARE_REFERRAL")
    home = road["coordinator.mo"]
    home.do(road.case, "AcceptFollowUp", from_node="hk")
    home.do(road.case, "ScheduleFollowUp")
    assert "M6" in home.see(f"/cases/{road.case}/followup")


# --- evidence -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pack(road: Road, network: Network) -> Path:
    """The evidence pack of Hong Kong, downloaded from its page."""
    person = road["coordinator.hk"]
    person.see(f"/cases/{road.case}/evidence")
    with person.page.expect_download() as download:
        person.page.locator("a[href$='evidence.json']").first.click()
    path = road.folder / "evidence.json"
    download.value.save_as(path)
    return path


def verify(network: Network, path: Path) -> subprocess.CompletedProcess[str]:
    """`baybridge verify` as anybody would run it, offline."""
    command = [sys.executable, "-m", "baybridge", "verify", str(path), "--trust", str(network.folder / "trust.json")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_13_anyone_verifies_the_evidence_offline(pack: Path, network: Network) -> None:
    done = verify(network, pack)
    assert done.returncode == 0, done.stdout + done.stderr


def test_14_a_changed_byte_is_refused(pack: Path, network: Network) -> None:
    text = pack.read_bytes()
    place = text.index(b"CaseAccepted")
    forged = pack.with_name("byte.json")
    forged.write_bytes(text[:place] + b"D" + text[place + 1 :])
    done = verify(network, forged)
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1


def signing_key(network: Network) -> SigningKey:
    """Hong Kong's own key, which a forger inside the hospital would hold."""
    return SigningKey.from_text((network.folder / "hk" / "keys" / "signing.pem").read_text())


def forge(pack: Path, network: Network, name: str, change: Callable[[dict, dict], None], key: SigningKey) -> subprocess.CompletedProcess[str]:
    """A pack that was changed and signed again, verified."""
    whole = json.loads(pack.read_text())
    payload, anchor = whole["payload"], whole["anchor"]
    change(payload, anchor)
    forged = pack.with_name(f"{name}.json")
    forged.write_bytes(sign_document(PACK_KIND, payload, key, anchor))
    return verify(network, forged)


def test_15_a_dropped_event_is_refused_even_when_the_rest_is_renumbered(pack: Path, network: Network) -> None:
    def drop(payload: dict, _anchor: dict) -> None:
        del payload["events"][3]
        for number, event in enumerate(payload["events"], start=1):
            event["body"]["sequence"] = number

    done = forge(pack, network, "dropped", drop, signing_key(network))
    assert done.returncode == 1 and done.stderr.strip()


def test_16_a_pack_signed_by_a_stranger_is_refused(pack: Path, network: Network) -> None:
    stranger = SigningKey.generate()

    def claim(_payload: dict, anchor: dict) -> None:
        anchor["card"]["signing_keys"] = [stranger.public.jwk()]

    for change in (lambda _payload, _anchor: None, claim):
        done = forge(pack, network, "stranger", change, stranger)
        assert done.returncode == 1 and done.stderr.strip()


def test_17_an_older_checkpoint_is_refused(pack: Path, network: Network) -> None:
    storage = Storage(f"sqlite:///{network.folder / 'hk' / 'node.sqlite'}")
    with storage.reading() as connection:
        notes = [note for _, note in keeping.all_notes(connection)]
    storage.close()

    def older(_payload: dict, anchor: dict) -> None:
        assert notes[len(notes) // 2] != anchor["checkpoint"]
        anchor["checkpoint"] = notes[len(notes) // 2]

    done = forge(pack, network, "older", older, signing_key(network))
    assert done.returncode == 1 and done.stderr.strip()


def test_18_the_case_reads_through_fhir(road: Road, network: Network) -> None:
    base = network.address("hk")
    token = httpx.post(f"{base}/session", json={"name": "physician.hk", "password": "synthetic-demo"}).json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    whole = httpx.get(f"{base}/fhir/Patient/{PATIENT.id}/$everything", headers=headers, timeout=30).json()
    kinds = {entry["resource"]["resourceType"] for entry in whole["entry"]}
    assert {"Patient", "Observation", "MedicationAdministration", "Consent", "EpisodeOfCare"} <= kinds
