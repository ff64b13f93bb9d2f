"""Every text stands in every language: English and both Chinese complete, Portuguese reported; every key that pages and commands use exists."""

from __future__ import annotations

import re
import typing
import warnings
from pathlib import Path
from string import Formatter
from typing import Any

import msgspec
import pytest

import baybridge
from baybridge.documents.loader import Documents, packaged_data
from baybridge.journey.events import EVENT_TYPES
from baybridge.node.commands.table import COMMANDS
from baybridge.web.case import tabs
from baybridge.web.forms import findings, shape
from page_words import PLAIN_NAMES, TECHNICAL

DOCUMENTS = Documents(packaged_data())
COMPLETE = ("zh-Hant", "zh-Hans")
LANGUAGES = ("en", *COMPLETE, "pt")
TEXTS = {language: dict(DOCUMENTS.translations(language)) for language in LANGUAGES}
TEMPLATES = sorted((Path(baybridge.__file__).parent / "web").rglob("*.html"))
_KEY = re.compile(r"""\bt\(\s*["']([a-zA-Z_]+(?:\.[a-zA-Z0-9_-]+)+)["']\s*[,)]""")
_WORDED = re.compile(r"""r\.code\(\s*["']([a-z_.]+)["']\s*,\s*["']([a-zA-Z_]+)["']\s*\)""")


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(str(sentence)) if name}


@pytest.mark.parametrize("language", COMPLETE)
def test_a_complete_language_lacks_nothing(language: str) -> None:
    assert sorted(TEXTS["en"].keys() - TEXTS[language].keys()) == []
    assert sorted(TEXTS[language].keys() - TEXTS["en"].keys()) == []


def test_portuguese_has_no_key_of_its_own_and_its_gaps_are_reported() -> None:
    missing = sorted(TEXTS["en"].keys() - TEXTS["pt"].keys())
    if missing:
        warnings.warn(f"Portuguese lacks {len(missing)} of {len(TEXTS['en'])} texts: {', '.join(missing[:10])} …", stacklevel=1)
    assert sorted(TEXTS["pt"].keys() - TEXTS["en"].keys()) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_say_the_same_values_in_every_language(language: str) -> None:
    differing = [key for key, text in TEXTS[language].items() if key in TEXTS["en"] and placeholders(text) != placeholders(TEXTS["en"][key])]
    assert differing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty(language: str) -> None:
    assert [key for key, text in TEXTS[language].items() if not str(text).strip()] == []


#: Words that say something else on a ward, and where they may stand: a blood bag, rewarming or resuscitating a patient, a cardiac arrest, "not seen" for "not looked".
_ELSE_ON_A_WARD = {
    "zh-Hans": [("血袋", ""), ("复温", ""), ("复苏", "解冻（复苏）"), ("托珠單抗", "")],
    "zh-Hant": [("血袋", ""), ("復溫", ""), ("復甦", ""), ("託珠單抗", ""), ("妥珠單抗", "tocilizumab（妥珠單抗）")],
    "pt": [("não observado", ""), ("nenhum observado", ""), ("PCR", "PCR SARS-CoV-2"), ("saco ", ""), ("sacos", "")],
}


@pytest.mark.parametrize("language", _ELSE_ON_A_WARD)
def test_no_word_of_the_bedside_means_something_else_there(language: str) -> None:
    for word, allowed in _ELSE_ON_A_WARD[language]:
        wrong = [key for key, text in TEXTS[language].items() if word.casefold() in (str(text).replace(allowed, "") if allowed else str(text)).casefold()]
        assert wrong == [], word


#: Sentences for whoever writes a file, a document or a setting: they name its fields to the letter.
_OF_FILES = ("funding.case.", "funding.check.", "funding.compare.no_rate", "funding.population.", "simulation.", "setup.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_names_types_fields_or_codes_of_the_program(language: str) -> None:
    wrong = []
    for key, text in TEXTS[language].items():
        plain = PLAIN_NAMES.sub("", re.sub(r"\{[^}]*\}|`[^`]*`", "…", str(text)))
        wrong += [f"{key}: {kind} {found}" for kind, looks in TECHNICAL.items() for found in looks.findall(plain) if not key.startswith(_OF_FILES)]
    assert wrong == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_key_that_a_template_names_exists(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    named = {*_KEY.findall(text), *(".".join(pair) for pair in _WORDED.findall(text))}
    assert sorted(key for key in named if key not in TEXTS["en"]) == []


def types_below(kind: Any) -> typing.Iterator[Any]:
    core = shape.core_type(kind)
    yield core
    for part in typing.get_args(core):
        if part is not type(None) and not isinstance(part, str):
            yield from types_below(part)


def structs() -> set[type[msgspec.Struct]]:
    found: set[type[msgspec.Struct]] = set()
    waiting = [*(kind.given for kind in COMMANDS.values()), *EVENT_TYPES.values()]
    while waiting:
        struct = waiting.pop()
        if struct not in found:
            found.add(struct)
            below = [one for field in msgspec.structs.fields(struct) for one in types_below(field.type)]
            waiting.extend(one for one in below if shape.is_struct(one) and one.__name__ != "Told")
    return found


def test_every_field_has_a_name() -> None:
    names = {field.name for struct in structs() for field in msgspec.structs.fields(struct)}
    assert sorted(name for name in names if f"field.{name}" not in TEXTS["en"]) == []


def test_every_code_that_a_command_or_event_can_take_has_words() -> None:
    fields = [field for struct in structs() for field in msgspec.structs.fields(struct)]
    codes = {str(code) for field in fields for kind in types_below(field.type) if typing.get_origin(kind) is typing.Literal for code in typing.get_args(kind)}
    assert sorted(code for code in codes if f"code.{code}" not in TEXTS["en"]) == []


def test_every_code_of_a_bedside_finding_has_words() -> None:
    facts = DOCUMENTS.folder("facts")
    codes = {str(code) for _, names in findings.GROUPS for name in names for code in facts[name].get("values") or ()}
    assert sorted(code for code in codes if f"code.{code}" not in TEXTS["en"]) == []


def test_every_command_event_and_tab_has_a_name() -> None:
    wanted = {*(f"command.{name}" for name in COMMANDS), *(f"event.{name}" for name in EVENT_TYPES), *(f"tab.{name}" for name in tabs.TABS)}
    assert sorted(wanted - TEXTS["en"].keys()) == []


def test_the_gist_of_an_event_names_only_its_own_fields() -> None:
    for name, kind in EVENT_TYPES.items():
        own = {field.name for field in msgspec.structs.fields(kind)}
        assert placeholders(TEXTS["en"].get(f"event_gist.{name}", "")) <= own, name
