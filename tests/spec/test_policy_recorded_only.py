"""Tumour lysis: creatinine, seizure and arrhythmia count only when recorded, and the unrecorded ones are asked for."""

from __future__ import annotations

import pytest

from policy_documents import apply

CREATININE, ARRHYTHMIA, SEIZURE = "max_creatinine_ratio_tls_infusion", "worst_arrhythmia_tls_infusion", "worst_seizure_tls_infusion"
URATE, POTASSIUM = "max_urate_tls_infusion", "max_potassium_tls_infusion"
TWO_MET = {"age": 40, "infusion_recorded": True, "lymphodepletion_recorded": False, URATE: 500.0, POTASSIUM: 7.0}
NONE_MET = {URATE: 300.0, POTASSIUM: 4.0, "max_phosphate_tls_infusion": 1.0, "min_calcium_tls_infusion": 2.2}
CALM = {CREATININE: 1.0, ARRHYTHMIA: "none", SEIZURE: "none"}


@pytest.mark.parametrize(
    ("facts", "outcome", "asked"),
    [
        ({}, "laboratory-tls", {CREATININE, ARRHYTHMIA, SEIZURE}),
        ({SEIZURE: "prolonged"}, "clinical-tls", {CREATININE, ARRHYTHMIA}),
        ({CREATININE: 1.6, ARRHYTHMIA: "none"}, "clinical-tls", {SEIZURE}),
        (CALM, "laboratory-tls", set()),
        ({POTASSIUM: None}, "undetermined", {CREATININE, ARRHYTHMIA, SEIZURE, POTASSIUM, *NONE_MET} - {URATE}),
        (NONE_MET, "no-tls", set()),
    ],
)
def test_cairo_bishop_lists_what_was_not_recorded(facts, outcome, asked):
    decision = apply("tls-cairo-bishop-2004", TWO_MET | facts)
    assert (decision.outcome, set(decision.missing)) == (outcome, asked)


def test_howard_lists_what_was_not_recorded_though_a_seizure_decides():
    counts = {"howard_adult_abnormal_within_24h_min_tls_infusion": 2, "howard_adult_abnormal_within_24h_max_tls_infusion": 2}
    known = {"age": 40, "infusion_recorded": True, "lymphodepletion_recorded": False} | counts
    decision = apply("tls-howard-2011", known | {SEIZURE: "prolonged"})
    assert decision.outcome == "clinical-tls"
    assert {"any_oliguria_tls_infusion", "any_symptomatic_hypocalcemia_tls_infusion", ARRHYTHMIA} <= set(decision.missing)
    assert SEIZURE not in decision.missing
    assert not any("lymphodepletion" in name for name in decision.missing)
