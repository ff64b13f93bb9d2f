"""The text of a registry is split by headings of any form and language; what cannot be split says so."""

from __future__ import annotations

import pytest

from baybridge.matching.criteria_text import criteria, is_split


@pytest.mark.parametrize(
    ("inclusion", "exclusion"),
    [
        ("Inclusion Criteria:", "Exclusion Criteria:"),
        ("* Inclusion Criteria:", "* Exclusion Criteria:"),
        ("**Key Inclusion Criteria**", "**Key Exclusion Criteria**"),
        ("1. INCLUSION CRITERIA", "2. EXCLUSION CRITERIA"),
        ("Subject Inclusion Criteria:", "Subject Exclusion Criteria:"),
        ("Main inclusion criteria for cohort A (adults):", "Main exclusion criteria for cohort A (adults):"),
        ("Inclusion", "Exclusion"),
        ("Criteria for inclusion:", "Criteria for exclusion:"),
        ("Patients must meet all of the following inclusion criteria:", "Any of the following exclusion criteria rules a patient out:"),
        ("纳入标准：", "排除标准："),
        ("一、入选标准", "二、排除标准"),
        ("納入條件", "排除條件"),
        ("受试者入组标准:", "受试者剔除标准:"),
        ("Critérios de inclusão:", "Critérios de exclusão:"),
        ("Criterios de inclusión", "Criterios de exclusión"),
        ("Critères d’inclusion :", "Critères d’exclusion :"),
        ("Einschlusskriterien:", "Ausschlusskriterien:"),
        ("Inclusion Criteria：", "Exclusion Criteria："),
        ("\\* Inclusion Criteria:", "\\* Exclusion Criteria:"),
        ("I. Inclusion Criteria", "II. Exclusion Criteria"),
        ("Inclusion criterium", "Exclusion criterium"),
        ("Inclusion Critera:", "Exlusion Criteria:"),
        ("Inclusion Criteria&nbsp;:", "Exclusion Criteria&nbsp;:"),
        ("Ｉｎｃｌｕｓｉｏｎ：", "Ｅｘｃｌｕｓｉｏｎ："),
        ("Inclusion criteria", "Non-inclusion criteria:"),
        ("Critères d'inclusion :", "Critères de non inclusion :"),
        ("Patients will be included if:", "Patients will be excluded if any of the following criteria apply:"),
        ("Participants are eligible if", "Participants are not eligible if"),
        ("【纳入标准】", "【排除标准】"),
        ("选入标准", "不纳入标准"),
        ("納入基準", "除外基準"),
        ("선정기준", "제외기준"),
        ("Критерии включения:", "Критерии невключения:"),
        ("Inclusiecriteria", "Exclusiecriteria"),
    ],
)
def test_headings_in_any_form(inclusion: str, exclusion: str) -> None:
    text = f"{inclusion}\n\n  * Age >= 18 years\n  1、CD19阳性\n\n{exclusion}\n\n  * HIV positive"
    assert criteria(text) == (("Age >= 18 years", "CD19阳性"), ("HIV positive",))
    assert is_split(text)


def test_a_criterion_on_the_line_of_its_heading_is_kept() -> None:
    text = "Inclusion Criteria: Age 18 or older\nECOG: 0 or 1\nExclusion criteria - none"
    assert criteria(text) == (("Age 18 or older", "ECOG: 0 or 1"), ("none",))
    assert criteria("纳入标准：1、CD19阳性\n排除标准：HIV阳性") == (("1、CD19阳性",), ("HIV阳性",))


@pytest.mark.parametrize(
    "line",
    [
        "Meets exclusion criteria of the main study",
        "Subjects who met exclusion criteria before may be screened again",
        "Fulfils the inclusion criteria of study NCT01",
        "Exclusion of pregnancy by a test",
        "Rescreening: after a failed exclusion criterion",
        "排除标准中的感染已治愈者可以入组",
        "Patients with CNS disease are excluded",
        "Patients who relapsed after transplant are eligible",
    ],
)
def test_a_criterion_that_speaks_of_criteria_is_no_heading(line: str) -> None:
    assert criteria(f"Inclusion Criteria:\n* {line}\n* Age 18") == ((line, "Age 18"), ())


def test_donors_have_lists_of_their_own() -> None:
    text = "Inclusion Criteria:\n* A\nExclusion Criteria:\n* B\nDonor Inclusion Criteria:\n* C\nDonor Exclusion Criteria:\n* D"
    assert criteria(text) == (("A", "C"), ("B", "D"))


def test_what_no_heading_splits_is_one_list_and_says_so() -> None:
    assert (criteria("* A\n* B"), is_split("* A\n* B")) == ((("A", "B"), ()), False)
    both = "Inclusion and Exclusion Criteria:\n* A\n* HIV"
    assert (criteria(both), is_split(both)) == ((("A", "HIV"), ()), False)


@pytest.mark.parametrize(
    "text",
    [
        "Inclusion: Age 18. Exclusion: HIV.",
        "Key inclusion criteria: Age 18. Key exclusion criteria: HIV.",
        "<b>Inclusion Criteria:</b><br>- Age 18.<br/><b>Exclusion Criteria:</b><br>- HIV.",
        "<p>Inclusion Criteria</p><ul><li>Age 18.</li></ul><p>Exclusion Criteria</p><ul><li>HIV.</li></ul>",
        r"Inclusion Criteria:\n\n- Age 18.\n\nExclusion Criteria:\r\n- HIV.",
        "Critérios de inclusão: Age 18. Critérios de exclusão: HIV.",
    ],
)
def test_a_text_in_one_line_is_split_too(text: str) -> None:
    assert (criteria(text), is_split(text)) == ((("Age 18.",), ("HIV.",)), True)


@pytest.mark.parametrize("end", ["。", "；", "；\n", ";"])
def test_of_chinese_registries(end: str) -> None:
    (inclusion,), (exclusion,) = criteria(f"纳入标准：(1)CD19阳性{end}排除标准：(1)HIV阳性")
    assert (inclusion.rstrip("。；;"), exclusion) == ("(1)CD19阳性", "(1)HIV阳性")


@pytest.mark.parametrize("line", ["ANC < 1.0 and platelets > 50; exclusion of others", "See protocol. Exclusion criteria apply to donors too", "IgG <b 4 g/L"])
def test_signs_and_words_in_a_criterion_split_nothing(line: str) -> None:
    assert criteria(f"Inclusion Criteria:\n* {line}\n* Age 18") == ((line, "Age 18"), ())


@pytest.mark.parametrize(
    "text",
    [
        "入组标准：A 排除标准：B", "入选标准:A  主要排除标准:B", "Inclusion Criteria: A Exclusion Criteria: B",
        "Inclusion Criteria: A Key exclusion criteria: B", "Exclusion Criteria: B Inclusion Criteria: A",
    ],
)  # fmt: skip
def test_both_headings_on_one_line_with_a_blank_between_them_are_two_lists(text: str) -> None:
    assert criteria(text) == (("A",), ("B",))


def test_a_criterion_that_speaks_of_criteria_stays_whole() -> None:
    text = "Inclusion Criteria: meets the inclusion criteria of CTCAE, no exclusion criteria"
    assert criteria(text) == (("meets the inclusion criteria of CTCAE, no exclusion criteria",), ())
