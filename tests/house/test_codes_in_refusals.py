"""No refusal shows a bare code inside a sentence: roles, commands, types of resources, events, kinds of node and purposes stand by their words, at every door."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from baybridge.base.outcome import Reason
from baybridge.documents.loader import Documents, packaged_data
from baybridge.documents.people import People
from baybridge.journey.command import Role
from baybridge.journey.events import EVENT_TYPES
from baybridge.language.texts import Texts
from baybridge.node.commands.table import COMMANDS
from baybridge.node.fhir.kinds import KINDS

DOCUMENTS = Documents(packaged_data())
TEXTS = Texts(DOCUMENTS)
#: The closed set of each value that is a code; a new placeholder of such a name is tried without anybody adding it here.
CODES = {
    "role": [role.value for role in Role],
    "roles": [role.value for role in Role],
    "command": sorted(COMMANDS),
    "codes": sorted(key.removeprefix("sign.") for key in DOCUMENTS.translations("en") if key.startswith("sign.RR-")),
    "kinds": ["centre", "laboratory", "plant", "payer"],
    "purpose": sorted({*DOCUMENTS.typed.the(People).purposes.values(), *DOCUMENTS.typed.the(People).restricted}),
    "event": sorted(EVENT_TYPES),
    "type": sorted(KINDS),
}
LANGUAGES = ("zh-Hans", "zh-Hant", "pt")


def sentences(name: str) -> Iterator[str]:
    for key, text in DOCUMENTS.translations("en").items():
        if f"{{{name}}}" in str(text) and not key.startswith("phrase."):
            yield key


def bare(language: str, name: str) -> list[str]:
    """The sentences in which a code stands that has a word of its own in the language, or none at all."""
    found = []
    for key in sentences(name):
        for code in CODES[name]:
            said = TEXTS.reason(language, Reason(key, {name: code}))
            without = re.sub(rf"[(（]{re.escape(code)}[)）]|{{\w+}}", "", said)  # the name of a type, behind its words; what nobody gave a value for
            if re.search(rf"(?<![\w-]){re.escape(code)}(?![\w-])", without) and not is_word(language, name, code):
                found.append(f"{key} {code}: {said}")
    return found


def is_word(language: str, name: str, code: str) -> bool:
    """Whether a language writes the word as the code is written."""
    prefixes = ("role", "command", "stage", "node_kind", "code", "read_purpose", "event", "resource")
    words = DOCUMENTS.translations(language)
    return any(code.casefold() in str(words.get(f"{prefix}.{code}", "")).casefold().split() for prefix in prefixes)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", sorted(CODES))
def test_no_code_stands_bare_in_a_sentence(language: str, name: str) -> None:
    assert any(True for _ in sentences(name))
    assert bare(language, name) == []


def test_a_row_of_codes_is_said_by_its_words_and_what_is_no_code_stays() -> None:
    said = TEXTS.reason("zh-Hans", Reason("access.command", {"command": "AnswerRequest", "roles": "quality, physician", "role": "laboratory"}))
    assert not re.search("[A-Za-z]", said), said
    assert "Lu Wei" in TEXTS.reason("pt", Reason("access.role", {"role": "Lu Wei"}))
