"""The dictionary is complete and sound: every name of the contract, labels in four languages, no code twice."""

from __future__ import annotations

from typing import Any

import pytest

from baybridge.documents.fact_reading import KINDS, Latest, Windowed
from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary, DictionaryProblem
from baybridge.facts.series import WINDOWED

DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))
READERS = {
    "latest",
    "age",
    "diagnosis",
    "treatment_history",
    "condition",
    "crs_diagnosed",
    "fever_suppressed",
    "days_since",
    "reference_high",
    "reference_low",
    "given",  # by whoever asks
    "derived",  # by the part that asks, from its request
    *WINDOWED,
}

#: name -> (type, unit) of the shared facts contract
CONTRACT: dict[str, tuple[str, str | None]] = {
    "temperature": ("number", "Cel"),
    "fever_attributable": ("boolean", None),
    "crs_diagnosed": ("boolean", None),
    "fever_suppressed": ("boolean", None),
    "hypotension": ("code", None),
    "vasopressors": ("integer", None),
    "vasopressin": ("boolean", None),
    "hypotension_attributable": ("boolean", None),
    "oxygen_device": ("code", None),
    "oxygen_flow": ("number", "L/min"),
    "oxygen_reason": ("code", None),
    "hypoxia_attributable": ("boolean", None),
    "days_since_infusion": ("integer", "d"),
    "age": ("number", "a"),
    "developmental_delay": ("boolean", None),
    "ice_score": ("integer", None),
    "capd_score": ("integer", None),
    "arousal": ("code", None),
    "sedated": ("boolean", None),
    "seizure": ("code", None),
    "deep_focal_motor_weakness": ("boolean", None),
    "cerebral_edema": ("code", None),
    "edema_only_from_hemorrhage": ("boolean", None),
    "raised_icp_sign": ("boolean", None),
    "intracranial_hemorrhage": ("boolean", None),
    "tremor": ("boolean", None),
    "myoclonus": ("boolean", None),
    "headache": ("boolean", None),
    "platelets": ("number", "10*9/L"),
    "neutrophils": ("number", "10*9/L"),
    "hemoglobin": ("number", "g/L"),
    "crp": ("number", "mg/L"),
    "ferritin": ("number", "ng/mL"),
    "ldh": ("number", "U/L"),
    "creatinine": ("number", "umol/L"),
    "diagnosis": ("code", None),
    "relapsed_or_refractory": ("boolean", None),
    "lines_of_therapy": ("integer", None),
    "first_line_immunochemotherapy": ("boolean", None),
    "refractory_to_first_line": ("boolean", None),
    "months_first_line_to_relapse": ("number", "mo"),
    "refractory_to_last_line": ("boolean", None),
    "months_last_line_to_relapse": ("number", "mo"),
    "had_btk_inhibitor": ("boolean", None),
    "had_proteasome_inhibitor": ("boolean", None),
    "had_immunomodulatory_drug": ("boolean", None),
    "cldn18_2_positive": ("boolean", None),
    "her2_positive": ("boolean", None),
}


@pytest.mark.parametrize("name", CONTRACT)
def test_contract_name(name: str) -> None:
    fact = DICTIONARY[name]
    assert (fact.type, fact.unit) == CONTRACT[name]


def test_codes_of_the_contract() -> None:
    assert DICTIONARY["diagnosis"].values == ("dlbcl", "pmbcl", "hgbl", "tfl", "fl", "fl3b", "mcl", "mm", "b_all", "gastric", "other")
    assert DICTIONARY["hypotension"].values == ("none", "untreated", "fluids", "vasopressor")
    assert len(DICTIONARY["oxygen_device"].values) == 10


@pytest.mark.parametrize("name", list(DICTIONARY))
def test_fact_is_whole(name: str) -> None:
    fact = DICTIONARY[name]
    assert set(fact.labels) >= {"en", "zh-Hans", "zh-Hant", "pt"}
    assert all(fact.labels.values())
    assert fact.source
    assert fact.how in READERS
    assert (fact.type == "code") == bool(fact.values)
    if isinstance(fact.read, Latest) and not fact.read.of:
        assert fact.codes, "a fact that is read from observations has a code"
        assert "max_age_h" in DOCUMENTS.folder("facts")[name]["read"]
    if fact.type == "number":
        assert fact.unit
        assert fact.plausible or fact.how == "derived"


@pytest.mark.parametrize(
    ("name", "hours"), [("temperature", 12), ("oxygen_flow", 12), ("seizure", 12), ("ice_score", 24), ("capd_score", 24)]
)
def test_ages(name: str, hours: int) -> None:
    assert DICTIONARY[name].max_age_h == hours


def test_every_laboratory_value_is_used_for_72_hours() -> None:
    laboratory = [f for f in DICTIONARY.facts.values() if f.codes and f.type == "number" and f.codes[0][0] == "http://loinc.org"]
    others = {f.name for f in laboratory if f.max_age_h != 72}
    vital = {
        "temperature", "systolic_pressure", "diastolic_pressure", "mean_arterial_pressure", "heart_rate", "respiratory_rate",
        "oxygen_saturation", "arterial_oxygen_saturation", "fio2", "oxygen_flow",
    }  # fmt: skip
    assert others == vital | {"weight", "height", "body_surface_area", "lvef"}


def test_a_code_that_reads_two_facts_is_refused() -> None:
    facts: dict[str, Any] = {
        "a": {"type": "number", "unit": "1", "codes": [{"loinc": "1-1"}]},
        "b": {"type": "number", "codes": [{"loinc": "1-1"}]},
    }
    with pytest.raises(DictionaryProblem, match="already reads a"):
        Dictionary.from_documents(facts, DOCUMENTS.folder("terms"))


def test_a_type_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DictionaryProblem, match="expected a type"):
        Dictionary.from_documents({"a": {"type": "colour"}}, DOCUMENTS.folder("terms"))


@pytest.mark.parametrize(
    ("read", "told"),
    [
        ({"how": "lastest"}, ["read.how: expected one of age,", "did you mean latest?", "found lastest"]),
        ({"how": "latest", "max_age": 5}, ["read.max_age: expected one of", "did you mean max_age_h?"]),
        ({"how": "window_any", "of": "fever", "anchor": "transfusion", "from_days": 0}, ["read.anchor: expected one of infusion, lymph", "read.to_days"]),
        ({"how": "last_before", "of": "alt"}, ["read.anchor: expected a moment under anchor, or several under earliest, found neither"]),
        (
            {
                "how": "window_abnormal_count", "anchor": "infusion", "from_days": 0, "to_days": 7, "within_h": 24,
                "analytes": {"urate": {"unit": "umol/L"}, "alt": {"above": 1, "also": {"above": 1, "below": 2}}},
            },
            ["read.analytes.urate: expected one of above and below, found neither", "read.analytes.alt.also: expected one of above and below, found both"],
        ),
    ],
)  # fmt: skip
def test_every_problem_of_a_rule_is_told(read: dict[str, Any], told: list[str]) -> None:
    with pytest.raises(DictionaryProblem) as raised:
        Dictionary.from_documents({"a": {"type": "number", "unit": "1", "read": read}}, DOCUMENTS.folder("terms"))
    assert not [words for words in told if words not in str(raised.value)], str(raised.value)


def test_a_rule_without_how_reads_the_latest_value() -> None:
    facts = {"a": {"type": "number", "unit": "1", "read": {"max_age_h": 3}}}
    fact = Dictionary.from_documents(facts, DOCUMENTS.folder("terms"))["a"]
    assert (fact.how, fact.max_age_h) == ("latest", 3)


def test_each_kind_of_rule_has_its_reader() -> None:
    assert set(KINDS) == READERS
    assert {how for how, kind in KINDS.items() if issubclass(kind, Windowed)} == set(WINDOWED)


def test_glossary_has_every_term_in_four_languages() -> None:
    terms = DOCUMENTS.folder("terms")["glossary"]["terms"]
    assert len(terms) == 95
    assert all(entry[language] for entry in terms.values() for language in ("en", "zh-Hans", "zh-Hant", "pt"))
    assert terms["cytokine_release_syndrome"]["zh-Hant"] == "細胞因子釋放綜合症"


def test_every_sentence_stands_in_four_languages() -> None:
    english = {k for k in DOCUMENTS.translations("en") if k.startswith("facts.")}
    assert len(english) > 50
    for language in ("zh-Hans", "zh-Hant", "pt"):
        assert {k for k in DOCUMENTS.translations(language) if k.startswith("facts.")} == english
