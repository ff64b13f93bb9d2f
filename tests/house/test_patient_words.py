"""What a patient reads is easy to read: by a named formula in English and Portuguese, by the length of a sentence in Chinese, and without the words of staff."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import baybridge
from baybridge.documents.loader import Documents, packaged_data
from baybridge.documents.patients import Patients
from baybridge.journey.command import Role
from baybridge.web.case import tabs
from baybridge.web.case.view import ASK_WHOM
from reading_level import flesch_kincaid, flesch_portuguese, longest_chinese, sentences

DOCUMENTS = Documents(packaged_data())
#: The sixth grade is what patients' information in the United States aims at (AMA, Health Literacy 2007); from 50 a Portuguese text is easy (Martins 1996).
HIGHEST_GRADE, LEAST_EASY, LONGEST_CHINESE, MOST_WORDS = 6.0, 50.0, 30, 20
#: Words of staff, which mean nothing to a family: whoever needs one writes it in plain words.
OF_STAFF = {
    "en": ("node", "case", "leukapheresis", "apheresis", "lymphodepletion", "infusion", "chain of identity", "batch", "pre-authorisation", "protocol", "consent form"),
    "zh-Hans": ("节点", "单采", "清淋", "批次", "身份链"),
    "zh-Hant": ("節點", "單採", "清淋", "批次", "身分識別鏈"),
    "pt": ("nó ", "leucaférese", "linfodepleção", "lote", "cadeia de identidade"),
}


def texts(language: str) -> dict[str, str]:
    """Every sentence for patients by its key."""
    found = {key: str(text) for key, text in DOCUMENTS.translations(language).items() if key.startswith("patient.")}
    signs = {f"sign.{sign.code}": str(sign.words[language]) for sign in DOCUMENTS.typed.the(Patients).signs}
    return found | signs


def joined(language: str) -> str:
    return " ".join(text if text.endswith((".", "?", "!")) else f"{text}." for text in texts(language).values())


def test_english_is_read_by_a_child_of_twelve() -> None:
    assert flesch_kincaid(joined("en")) <= HIGHEST_GRADE


def test_portuguese_is_easy() -> None:
    assert flesch_portuguese(joined("pt")) >= LEAST_EASY


@pytest.mark.parametrize("language", ["en", "pt"])
def test_no_sentence_is_long(language: str) -> None:
    long = [key for key, text in texts(language).items() for one in sentences(text) if len(one.split()) > MOST_WORDS]
    assert long == []


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant"])
def test_no_chinese_sentence_is_long(language: str) -> None:
    assert {key: longest_chinese(text) for key, text in texts(language).items() if longest_chinese(text) > LONGEST_CHINESE} == {}


@pytest.mark.parametrize("language", sorted(OF_STAFF))
def test_no_word_of_staff_stands_in_them(language: str) -> None:
    edge = r"\b" if language in ("en", "pt") else ""
    found = {key: word for key, text in texts(language).items() for word in OF_STAFF[language] if re.search(f"{edge}{re.escape(word)}{edge}", text)}
    assert found == {}


def test_the_formulas_tell_easy_from_hard() -> None:
    easy, hard = "You get your cells. Ask your nurse.", "Lymphodepletion precedes administration of the autologous investigational product."
    assert flesch_kincaid(easy) < HIGHEST_GRADE < flesch_kincaid(hard)
    assert flesch_portuguese("Ligue já. Não espere.") > LEAST_EASY > flesch_portuguese("Linfodepleção antecedente à administração terapêutica autóloga.")


def test_every_tab_of_results_bears_the_sentence_whom_to_ask() -> None:
    plain = {"overview", "identity", "card", "funding", "sharing", "cells", "attachments", "looked", "requests", "evidence"}
    assert set(tabs.shown(Role.PATIENT)) - plain <= ASK_WHOM
    frame = (Path(baybridge.__file__).parent / "web/case/templates/case.html").read_text(encoding="utf-8")
    assert 'tab_name in ask_whom' in frame and 't("patient.ask_whom")' in frame
