"""A second walk, in the browser: everything is done wrong once, as a tired nurse and a hurried desk do it, is caught or called, and is put right.

Three patients stand where it matters: one referred, one whose lymphodepletion has begun, one under watch after infusion. The nurse has a phone and reads traditional
Chinese, the doctor a desk and English, the coordinator simplified Chinese, Macao Portuguese. After each mistake and each mending the pages are asked what they show:
banner, grade, struck line, visit, claim, and what the neighbour and the payer see. Reasons are compared by their codes, which every page prints beside the sentence.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, expect
from walking import DESKTOP, PATIENCE, PHONE, Network, Person, browsing

from baybridge.demo import patients
from baybridge.demo.cohort import Placed
from baybridge.demo.history import SEEN
from baybridge.demo.history import WELL as WELL_AND_SCORED
from baybridge.demo.patients import Invented

pytestmark = [pytest.mark.timeout(3600), pytest.mark.xdist_group("browser")]

WATCHED, REFERRED, READY = Invented(931, "MO", "dlbcl"), Invented(932, "HK", "mm"), Invented(933, "HK", "mm")
PLACED = (Placed(WATCHED, "mo", "hk", "monitor"), Placed(REFERRED, "hk", "hk", "refer"), Placed(READY, "hk", "hk", "lymphodeplete"))
SERVED = ("mo", "hk")
#: In which language, and on a screen of which size, somebody works.
SEATS = {
    "nurse.hk": ("zh-Hant", PHONE), "pharmacist.hk": ("zh-Hant", PHONE), "physician.hk": ("en", DESKTOP), "coordinator.hk": ("zh-Hans", DESKTOP),
    "physician.mo": ("pt", DESKTOP), "coordinator.mo": ("pt", DESKTOP),
}  # fmt: skip
#: A well patient; the ICE score is the sum of its items.
WELL = {name: value for name, value in WELL_AND_SCORED.items() if name != "ice_score"}
#: All points of each item of the ICE score.
FULL_ICE = {"ice_orientation": 4, "ice_naming": 3, "ice_command": 1, "ice_writing": 1, "ice_attention": 1}
#: Who signs as second physician, at the first one's device, by the code of a second factor.
SECOND = "physician2.hk"


class House:
    """The running nodes, the three cases, and the people who are signed in."""

    def __init__(self, browser: Browser, network: Network, folder: Path) -> None:
        self.browser, self.network, self.folder = browser, network, folder
        self.watched, self.referred, self.ready = network.cases
        self._people: dict[str, Person] = {}
        self._secret = ""

    def __getitem__(self, name: str) -> Person:
        if name not in self._people:
            self._people[name] = Person(self.browser, self.network, name, *SEATS.get(name, ("en", DESKTOP)))
        return self._people[name]

    def code(self) -> str:
        """The next one-time code of the second physician, who turns the second factor on before the first; each counts once."""
        if not self._secret:
            self._secret = self._turned_on()
        self.network.advance(minutes=1)
        return pyotp.TOTP(self._secret).at(self.network.now)

    def _turned_on(self) -> str:
        page = self[SECOND].page
        self[SECOND].see("/account")
        page.locator("form[action='/account/second-factor'] button").click()
        secret = page.locator("p > .id").first.inner_text().replace(" ", "")
        page.fill("form[action$='/confirm'] [name=code]", pyotp.TOTP(secret).at(self.network.now))
        page.locator("form[action$='/confirm'] button").click()
        expect(page.locator(".id.large").first).to_be_visible()
        return secret

    def assess(self, **findings: object) -> None:
        """The nurse assesses the patient under watch on the phone, filling in what is given and nothing else."""
        fields = {f"findings.{name}": value for name, value in findings.items()}
        self["nurse.hk"].do(self.watched, "Assess", **fields, assessed_at=self.network.now - timedelta(minutes=1))

    def calls(self, case: str) -> int:
        """How many calls stand open in the banner of the case, as the nurse sees it."""
        self["nurse.hk"].see(f"/cases/{case}/bedside")
        return self["nurse.hk"].page.locator(".box.bad.call").count()

    def fit_for_infusion(self, case: str, patient: Invented) -> None:
        """Blood is drawn and imported, a physician writes down what is seen, and fitness is judged."""
        file = self.folder / "blood.json"
        file.write_text(json.dumps(patients.blood(patient, self.network.now - timedelta(hours=1), "hk", "infu")))
        self["laboratory.hk"].upload(file)
        for fact, value in SEEN["infusion"].items():
            self["physician.hk"].do(case, "ConfirmFinding", fact=fact, value=value, basis="ward round")
        self["physician.hk"].do(case, "CheckFitness", step="infusion")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Hong Kong, which treats, and Macao, which referred the patient under watch."""
    network = Network(tmp_path_factory.mktemp("mended"), PLACED)
    try:
        for name in SERVED:
            network.start(name)
        yield House(browser, network, tmp_path_factory.mktemp("files"))
    finally:
        network.stop()


def fits(person: Person) -> bool:
    """Whether the page cannot be pushed sideways."""
    return bool(person.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def stage(person: Person, case: str) -> str:
    """Where the case stands, as the heading of its page says it."""
    person.see(f"/cases/{case}")
    return person.page.inner_text("h1")


# --- gates ----------------------------------------------------------------------------------------------------------


def test_1_a_product_for_another_disease_is_not_accepted_and_the_right_one_is(house: House) -> None:
    doctor, case = house["physician.hk"], house.referred
    doctor.refused(case, "AcceptCase", product="satricabtagene-autoleucel")
    assert doctor.reasons() and all(code.startswith("gate.accept.") for code in doctor.reasons())
    assert doctor.page.locator("[name=product]").input_value() == "satricabtagene-autoleucel", "what was typed stays in its field"
    doctor.do(case, "AcceptCase", product="equecabtagene-autoleucel")
    assert "accepted" in stage(doctor, case)
    doctor.strike(case, "Case accepted", "wrong-patient")
    assert "referred" in stage(doctor, case)
    doctor.do(case, "AcceptCase", product="equecabtagene-autoleucel")
    assert "accepted" in stage(doctor, case)


def test_2_an_infusion_a_day_after_lymphodepletion_waits_and_one_person_is_not_two(house: House) -> None:
    doctor, nurse, case, network = house["physician.hk"], house["nurse.hk"], house.ready, house.network
    nurse.see(f"/cases/{case}/do/Thaw")
    chain, bag = nurse.page.locator("dl.facts code").all_inner_texts()
    network.advance(days=1)
    band = {"wrist_band": chain, "order": chain, "chain_of_identity": chain, "bag": bag, "name_stated": True, "birth_date_stated": True, "tocilizumab_doses": 2}
    nurse.form(case, "CheckBedside", {**band, "checked_at": network.now - timedelta(minutes=1)})
    nurse.confirm("nurse.hk")
    assert "/confirmations/" in nurse.page.url and "done=" not in nurse.page.url, "the same person is no second one"
    assert nurse.page.get_by_role("alert").count() and fits(nurse)
    nurse.confirm(SECOND, house.code())
    assert "done=CheckBedside" in nurse.page.url
    nurse.refused(case, "Thaw", chain_of_identity=chain, bag=bag, thawed_at=network.now - timedelta(minutes=1))
    assert {"gate.infusion.lymphodepletion_incomplete", "gate.infusion.fitness_unchecked"} <= nurse.reasons()
    assert fits(nurse)
    network.advance(days=1)
    nurse.do(case, "CompleteLymphodepletion", completed_on=network.now.date())
    network.advance(days=3)
    house.fit_for_infusion(case, READY)
    network.advance(minutes=5)  # so that the patient was measured before what is entered as done minutes ago, however fast this goes
    doctor.do(case, "SignException", second=SECOND, second_code=house.code(), gate="infusion", codes=["gate.infusion.no_interval"], note="interval of the pivotal trial")
    nurse.do(case, "CheckBedside", second="physician.hk", **band, checked_at=network.now - timedelta(minutes=2))
    house["pharmacist.hk"].do(case, "Thaw", second="nurse.hk", chain_of_identity=chain, bag=bag, thawed_at=network.now - timedelta(minutes=1))
    network.advance(minutes=20)
    given = {"started_at": network.now - timedelta(minutes=12), "ended_at": network.now - timedelta(minutes=1), "entire_volume": True}
    nurse.do(case, "Infuse", chain_of_identity=chain, bag=bag, **given)
    assert "infused" in stage(doctor, case)


# --- the alarm ------------------------------------------------------------------------------------------------------


def test_3_blank_attribution_boxes_hide_no_sign_and_the_wrong_patients_entry_is_struck_through(house: House) -> None:
    doctor, nurse, case = house["physician.hk"], house["nurse.hk"], house.watched
    doctor.see(f"/cases/{case}/timeline")
    expect(doctor.page.locator("#calls section")).to_have_count(0)
    house.assess(temperature=39.2, hypotension="vasopressor", vasopressors=2)
    expect(doctor.page.locator("#calls section")).to_be_visible(timeout=PATIENCE * 1000)  # the open page was not loaded again
    assert house.calls(case) == 1
    assert fits(nurse)
    house.network.advance(minutes=40)
    house.assess(temperature=37.0)
    assert house.calls(case) == 1, "a round that leaves boxes empty ends no call"
    doctor.until(f"/cases/{case}", lambda text: "programme director" in text)
    doctor.do(case, "AcknowledgeCall")
    doctor.strike(case, "Assessment recorded", "wrong-patient")
    first = doctor.strike(case, "Assessment recorded", "wrong-patient")
    assert "struck through" in doctor.struck(case, first) and "wrong patient" in doctor.struck(case, first)
    assert house.calls(case) == 0
    expect(nurse.page.locator("#calls section")).to_have_count(0)


def test_4_an_ice_score_beside_other_items_is_refused_and_their_sum_calls(house: House) -> None:
    doctor, nurse, case = house["physician.hk"], house["nurse.hk"], house.watched
    house.network.advance(hours=1)
    well = {**WELL, **dict.fromkeys(FULL_ICE, 0)}
    fields = {f"findings.{name}": value for name, value in well.items()}
    nurse.refused(case, "Assess", **fields, **{"findings.ice_score": 10}, assessed_at=house.network.now - timedelta(minutes=1))
    assert nurse.reasons() == {"bedside.assess.ice_contradicts"}
    expect(nurse.page.locator("#stands")).to_be_in_viewport()
    assert fits(nurse) and nurse.page.locator("[name='findings.ice_naming']").input_value() == "0"
    house.assess(**well)
    assert house.calls(case) == 1
    leave = {
        "discharged_on": house.network.now.date(), "stay_near_until": house.network.now.date(), "caregiver": False, "emergency_card": False,
    }  # fmt: skip
    doctor.refused(case, "Discharge", **leave)
    assert {"gate.discharge.toxicity", "gate.discharge.no_caregiver", "gate.discharge.no_emergency_card", "gate.discharge.near_too_short"} <= doctor.reasons()
    doctor.do(case, "ArriveRapidResponse", arrived_at=house.network.now)
    assert house.calls(case) == 0


def test_5_no_hypotension_beside_two_vasopressors_calls_and_asks_and_one_value_is_put_right_with_all_others_kept(house: House) -> None:
    doctor, case = house["physician.hk"], house.watched
    house.network.advance(hours=1)
    house.assess(**{**WELL, **FULL_ICE, "vasopressors": 2})
    assert house.calls(case) == 1, "what contradicts itself calls first and is asked about then"
    doctor.see(f"/cases/{case}/bedside")
    assert doctor.page.locator("main p.box.open[role=alert]").count() == 1
    old = doctor.replace(case, "Assessment recorded", "wrong-value", **{"findings.vasopressors": 0})
    assert "replaced" in doctor.struck(case, old)
    assert house.calls(case) == 0
    doctor.see(f"/cases/{case}/bedside")
    assert doctor.page.locator("main p.box.open[role=alert]").count() == 0
    assert doctor.page.locator("main").inner_text().count("grade 0") == 2, "nothing but the one value changed: both scales are complete"


def test_6_the_same_drug_twice_is_asked_and_the_nurse_strikes_her_own_second_entry(house: House) -> None:
    nurse, case = house["nurse.hk"], house.watched
    dose = {"atc": "H02AB02", "dose_mg": 10, "route": "IV", "given_at": house.network.now - timedelta(minutes=2)}
    nurse.do(case, "GiveDrug", **dose)
    nurse.refused(case, "GiveDrug", **dose)
    assert nurse.reasons() == {"bedside.drug.again"} and fits(nurse)
    nurse.page.check("[name=another][value=true]")
    nurse.page.locator("form.card button").last.click()
    nurse.page.wait_for_url("**done=GiveDrug*")
    table = nurse.page.locator("section", has=nurse.page.locator("td:has-text('H02AB02')"))
    assert table.locator("td:has-text('H02AB02')").count() == table.locator("a[href*='/entries/']").count() == 2, "each dose leads to where it is put right"
    twice = nurse.strike(case, "已用藥", "entered-twice")
    assert nurse.struck(case, twice) and fits(nurse)
    nurse.see(f"/cases/{case}/bedside")
    assert table.locator("td:has-text('H02AB02')").count() == 1


# --- the neighbour --------------------------------------------------------------------------------------------------


def test_7_a_death_by_mistake_is_taken_back_by_two_and_the_neighbour_who_was_told_sees_it(house: House) -> None:
    doctor, nurse, home, case = house["physician.hk"], house["nurse.hk"], house["physician.mo"], house.watched
    doctor.do(case, "RecordDeath", died_on=house.network.now.date())
    house["coordinator.hk"].do(case, "Transfer", to_node="mo", purpose="CARE_REFERRAL")
    home.until(f"/cases/{case}/followup", lambda text: "Faleceu em" in text)
    nurse.see(f"/cases/{case}/do/Assess")
    assert "journey.case.died" in nurse.reasons()
    assert not nurse.page.locator("[name='findings.temperature']").count(), "a round that nobody can enter asks for nothing"
    taken_back = doctor.strike(case, "Died", "wrong-patient", second=SECOND, code=house.code())
    assert "physician" in doctor.struck(case, taken_back)
    home.until(f"/cases/{case}/followup", lambda text: "Faleceu em" not in text)
    assert home.struck(case, taken_back)
    house.network.advance(hours=1)
    house.assess(**{**WELL, **FULL_ICE})
    assert "infused" in stage(doctor, case)


def test_8_discharge_with_nobody_near_waits_until_all_that_the_label_asks_for_is_there(house: House) -> None:
    doctor, case, today = house["physician.hk"], house.watched, house.network.now.date()
    leave = {"discharged_on": today, "stay_near_until": today + timedelta(days=30), "no_driving_until": today + timedelta(days=60)}
    doctor.refused(case, "Discharge", **{**leave, "stay_near_until": today}, caregiver=True, emergency_card=True)
    assert doctor.reasons() == {"gate.discharge.near_too_short"}
    doctor.do(case, "Discharge", **leave, caregiver=True, emergency_card=True)
    assert "discharged" in stage(doctor, case)


# --- money, response, follow-up -------------------------------------------------------------------------------------


def test_9_a_claim_of_a_wrong_amount_is_replaced_and_the_payer_sees_the_right_one(house: House) -> None:
    desk, payer, case = house["coordinator.hk"], house["payer.hk"], house.watched
    house.network.advance(days=1)
    desk.do(case, "SubmitClaim", **{"lines.0.gross": "120000.00"})
    assert "120,000.00" in payer.see(f"/cases/{case}/funding")
    desk.replace(case, "理赔申请已提交", "wrong-value", **{"lines.0.gross": "1200000.00"})
    shown = payer.see(f"/cases/{case}/funding")
    assert "1,200,000.00" in shown and "CN¥120,000.00" not in shown, shown


def test_10_a_response_is_read_by_two_and_put_right_by_two(house: House) -> None:
    doctor, case = house["physician.hk"], house.watched
    house.network.advance(days=24)
    read = {"timepoint": "D28", "criteria": "Lugano 2014", "assessed_on": house.network.now.date()}
    doctor.form(case, "AssessResponse", {**read, "category": "CR"})
    doctor.confirm("physician.hk")
    assert "/confirmations/" in doctor.page.url and doctor.page.get_by_role("alert").count(), "one person reads once"
    doctor.confirm(SECOND, house.code())
    assert "complete remission" in doctor.see(f"/cases/{case}/followup")
    doctor.replace(case, "Response assessed", "wrong-value", second=SECOND, code=house.code(), category="PR")
    shown = doctor.see(f"/cases/{case}/followup")
    assert "partial remission" in shown and "complete remission" not in shown


def test_11_a_visit_of_another_patient_is_struck_through_and_the_next_one_is_due_as_before(house: House) -> None:
    desk, nurse, case = house["coordinator.hk"], house["nurse.hk"], house.watched
    house.network.advance(days=155)
    desk.do(case, "ScheduleFollowUp")
    before = desk.see(f"/cases/{case}/followup")
    nurse.see(f"/cases/{case}/do/RecordVisit")
    offered = nurse.page.locator("[name=visit] option").evaluate_all("found => found.map(one => one.value)")
    assert "M6" in offered and "M60" not in offered, "a visit that cannot have been made yet is not offered"
    nurse.do(case, "RecordVisit", visit="M6", visited_on=house.network.now.date())
    assert desk.see(f"/cases/{case}/followup") != before
    slip = nurse.strike(case, "隨訪已進行", "wrong-patient")
    assert desk.see(f"/cases/{case}/followup") == before
    assert nurse.struck(case, slip) and fits(nurse)
