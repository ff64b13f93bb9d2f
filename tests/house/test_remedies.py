"""What stands at a gate says what to do about it, in every language; every refusal carries it as `remedy`."""

from __future__ import annotations

import pytest

from baybridge.base.outcome import Reason
from baybridge.documents.loader import Documents, packaged_data
from baybridge.language.texts import Texts

TEXTS = Texts(Documents(packaged_data()))
LANGUAGES = ("en", "zh-Hans", "zh-Hant", "pt")
GATES = [code for code in Documents(packaged_data()).translations("en") if code.startswith("gate.") and code.count(".") == 2]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_reason_of_a_gate_says_what_to_do(language: str) -> None:
    assert len(GATES) > 40
    assert [code for code in GATES if not TEXTS.remedy(language, Reason(code))] == []


@pytest.mark.parametrize(
    ("language", "remedy"),
    [("en", "Wait, or a physician signs an exception."), ("zh-Hans", "请等候，或由医生签署例外。"), ("pt", "Aguarde, ou um médico assina uma exceção.")],
)
def test_the_remedy_is_what_follows_the_first_sentence(language: str, remedy: str) -> None:
    reason = Reason("gate.infusion.too_early", {"found": 1, "label": "X. Y", "from": 2, "to": 7})
    assert TEXTS.remedy(language, reason) == remedy
    told = TEXTS.told(language, reason)
    assert told["remedy"] == remedy
    assert str(told["text"]).endswith(remedy)


def test_a_sentence_alone_has_no_remedy() -> None:
    assert TEXTS.remedy("en", Reason("journey.time.order", {"then": "a", "first": "b"})) == ""
