"""The names that outsiders rely on: policies with their days of effect, outcomes, printed values and facts, and the codes of a record.

**Source**: shared facts contract. Facts' types and units are compared in `tests/unit/facts/test_dictionary.py`.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import LOCAL, Dictionary
from policy_documents import apply, policy

DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))

CRS = {
    "temperature", "fever_attributable", "crs_diagnosed", "fever_suppressed", "hypotension", "vasopressors", "vasopressin",
    "hypotension_attributable", "oxygen_device", "oxygen_flow", "oxygen_reason", "hypoxia_attributable",
}  # fmt: skip
ICANS = {
    "age", "developmental_delay", "ice_score", "capd_score", "arousal", "sedated", "seizure", "deep_focal_motor_weakness", "cerebral_edema",
    "edema_only_from_hemorrhage", "raised_icp_sign", "intracranial_hemorrhage",
}  # fmt: skip
GRADE = {"grade", "grade_min", "grade_max", "driver"}


@pytest.mark.parametrize(
    ("name", "facts", "values"),
    [
        ("crs-astct-2019", CRS, GRADE | {"flags", "flag"}),
        ("icans-astct-2019", ICANS, GRADE | {"flag"}),
        ("car-hematotox", {"platelets", "neutrophils", "hemoglobin", "crp", "ferritin"}, {"score", "score_min", "score_max"}),
        ("easix", {"ldh", "creatinine", "platelets", "crp"}, {"easix", "m_easix", "s_easix"}),
        ("tls-cairo-bishop-2004", set(), {"grade"}),
        ("tls-howard-2011", set(), set()),
        ("icaht-2023", set(), {"days_at_most_500", "days_at_most_100", "phase"}),
    ],
)
def test_a_policy_of_the_contract_reads_and_prints_its_names(name: str, facts: set[str], values: set[str]) -> None:
    assert facts <= set(policy(name).fact_names)
    decision = apply(name, {})
    assert decision.outcome == "undetermined"
    assert values <= set(decision.values)


LBCL = {"age", "diagnosis", "relapsed_or_refractory", "lines_of_therapy"}
MYELOMA = LBCL | {"had_proteasome_inhibitor", "had_immunomodulatory_drug"}
SECOND_LINE = {"age", "diagnosis", "lines_of_therapy", "first_line_immunochemotherapy", "refractory_to_first_line", "months_first_line_to_relapse"}


@pytest.mark.parametrize(
    ("name", "begins", "facts"),
    [
        ("axi-cel-lbcl-2l-cn", date(2023, 6, 27), SECOND_LINE),
        ("axi-cel-lbcl-3l-cn", date(2021, 6, 22), LBCL),
        ("relma-cel-lbcl-cn", date(2021, 9, 3), LBCL),
        ("relma-cel-fl-cn", date(2022, 10, 10), {"age", "diagnosis", "lines_of_therapy", "refractory_to_last_line", "months_last_line_to_relapse"}),
        ("relma-cel-mcl-cn", date(2024, 8, 27), LBCL | {"had_btk_inhibitor"}),
        ("renikeolunsai-lbcl-cn", date(2025, 7, 31), LBCL),
        ("inati-cel-ball-cn", date(2023, 11, 7), {"age", "diagnosis", "relapsed_or_refractory"}),
        ("eque-cel-mm-cn", date(2023, 6, 30), MYELOMA),
        ("eque-cel-mm-hk", date(2025, 11, 26), MYELOMA),
        ("zevor-cel-mm-cn", date(2024, 2, 23), MYELOMA),
        ("cilta-cel-mm-cn", date(2024, 8, 27), MYELOMA),
        ("satri-cel-gastric-cn", date(2026, 6, 22), {"age", "diagnosis", "lines_of_therapy", "cldn18_2_positive", "her2_positive"}),
    ],
)
def test_a_label_has_its_day_of_effect_and_reads_its_facts(name: str, begins: date, facts: set[str]) -> None:
    label = policy(name)
    assert label.in_force_from == begins
    assert set(label.fact_names) == facts
    assert (label.body.holds, label.body.fails) == ("eligible", "ineligible")  # type: ignore[union-attr]
    assert label.confidence == {"renikeolunsai-lbcl-cn": "low"}.get(name, label.confidence)


@pytest.mark.parametrize("name", [
    "ice-score", "capd-score", "arousal", "seizure", "cerebral-edema", "hypotension", "oxygen-device", "oxygen-reason", "vasopressors",
    "vasopressin", "sedated", "deep-focal-motor-weakness", "raised-icp-sign", "intracranial-hemorrhage", "edema-only-from-hemorrhage",
    "fever-attributable", "hypotension-attributable", "hypoxia-attributable",
])  # fmt: skip
def test_a_code_without_loinc_reads_the_fact_of_its_name(name: str) -> None:
    fact = DICTIONARY.by_code(LOCAL, name)
    assert fact is not None
    assert fact.name == name.replace("-", "_")


#: Laboratory values and vital signs by LOINC. Source: clinical reference 9.1.
LOINC = {
    "temperature": "8310-5", "systolic_pressure": "8480-6", "diastolic_pressure": "8462-4", "mean_arterial_pressure": "8478-0", "heart_rate": "8867-4",
    "respiratory_rate": "9279-1", "oxygen_saturation": "59408-5", "arterial_oxygen_saturation": "2708-6", "fio2": "3150-0", "oxygen_flow": "3151-8",
    "weight": "29463-7", "height": "8302-2", "body_surface_area": "3140-1", "ferritin": "2276-4", "crp": "1988-5", "interleukin_6": "26881-3",
    "ldh": "14804-9", "platelets": "777-3", "hemoglobin": "718-7", "white_cells": "6690-2", "neutrophils": "751-8", "lymphocytes": "731-0",
    "creatinine": "14682-9", "creatinine_clearance": "2164-2", "alt": "1742-6", "ast": "1920-8", "bilirubin": "14631-6", "direct_bilirubin": "1968-7",
    "urate": "14933-6", "potassium": "2823-3", "phosphate": "14879-1", "calcium": "2000-8", "ionised_calcium": "1994-3", "corrected_calcium": "29265-6",
    "albumin": "1751-7", "urea": "3094-0", "fibrinogen": "3255-7", "d_dimer": "48065-7", "prothrombin_time": "5902-2", "inr": "6301-6", "aptt": "3173-2",
    "triglyceride": "2571-8", "procalcitonin": "33959-8", "nt_probnp": "33762-6", "troponin_t": "6598-7", "igg": "2465-3", "hbsag_positive": "5195-3",
    "hbs_antibody": "5193-8", "anti_hbc_positive": "13952-7", "hbv_dna": "42595-9", "anti_hcv_positive": "13955-0", "hcv_rna": "11011-4",
    "hiv_positive": "56888-1", "hiv_rna": "20447-9", "rpr_positive": "20507-0", "treponema_antibody_positive": "24110-9", "cmv_igg_positive": "13949-3",
    "cmv_dna": "72493-0", "lvef": "10230-1", "ecog": "89247-1", "karnofsky": "89243-0", "cd3_cells": "8122-4", "cd4_cells": "24467-3", "cd8_cells": "14135-8",
    "cd19_cells": "8116-6", "cd19_percent": "8117-4", "cd3_percent": "8124-0", "kappa_free_light_chains": "36916-5", "lambda_free_light_chains": "33944-0",
    "free_light_chain_ratio": "48378-4", "m_protein": "33358-3", "urine_m_protein_24h": "42482-0", "beta2_microglobulin": "1952-1", "marrow_blasts": "11150-0",
}  # fmt: skip


@pytest.mark.parametrize(("name", "code"), LOINC.items())
def test_a_laboratory_value_is_read_by_its_loinc(name: str, code: str) -> None:
    fact = DICTIONARY.by_code("http://loinc.org", code)
    assert fact is not None
    assert fact.name == name


@pytest.mark.parametrize("code", [code for fact in DICTIONARY.facts.values() for system, code in fact.codes if system == "http://loinc.org"])
def test_every_loinc_has_its_check_digit(code: str) -> None:
    """Mod 10, as LOINC defines it: a code that was misremembered fails here."""
    digits, check = code.split("-")
    odd, even = digits[::-1][::2], digits[::-1][1::2]
    doubled = str(int(odd) * 2)
    total = sum(map(int, even)) + sum(map(int, doubled))
    assert (10 - total % 10) % 10 == int(check)


def test_every_footnote_rule_of_grading_is_named_by_a_test() -> None:
    texts = [path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)]
    texts += [path.read_text("utf-8") for path in (Path(str(DOCUMENTS.roots[0])) / "policies" / "grades").glob("*.yaml")]
    named = {rule.upper() for text in texts for rule in re.findall(r"\b([CN]\d+)(?=[:,])", text)}
    named |= {rule.upper() for text in texts for rule in re.findall(r"def test_([cn]\d+)_", text)}
    wanted = {f"C{number}" for number in range(1, 21)} | {f"N{number}" for number in range(1, 12)}
    assert sorted(wanted - named) == []
