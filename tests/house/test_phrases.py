"""What the doors of the record say was expected and found is a phrase of the table, so that no sentence is half in English.

A phrase is a text with a blank or without, as the code says it; what only a developer reads, or what is filed, is listed here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import baybridge
from baybridge.documents.loader import Documents, packaged_data
from baybridge.language.texts import Texts
from baybridge.record.fhir.primitives import EXPECTED
from baybridge.record.fhir.validate import json_kind, validate

SOURCE = Path(baybridge.__file__).parent
DOORS = ("record", "node/intake", "node/fhir")
TEXTS = Texts(Documents(packaged_data()))
OTHERS = ("zh-Hans", "zh-Hant", "pt")
#: No phrase of a refusal: what a log entry or a resource says, errors of ours that no user meets, media types, ways to write times.
NO_PHRASE = frozenset(
    {
        "a card was decided on over results that are not in the record", "SMART Health Card", "signed as SMART Health Card, carried by the patient", "mapping {}",
        "line {}", "field larger", "end of data", "; nothing after it is read", "expected a time of ISO 8601", "no zone has this offset", "laboratory report",
        "expected an offset of at most 14 hours", "expected an offset in whole minutes", "identity {}", "no case could be opened for records that came in",
        "deleted: {}", "history {}", "search {}", "read {}", "correction through FHIR",
        "import {}", "test health data", "application/fhir json", "no cursor of ours",
        "expected a time with offset", "expected a resource type of FHIR R4", "expected a logical id of 1 to 64 of A-Z a-z 0-9 - .",
        "baybridge upgrade {}", "baybridge check {}", "baybridge ledger check {}", "baybridge neighbour add URL --node DIR", "baybridge serve DIR",
        "baybridge neighbour list --node DIR; docs/neighbours.md", "baybridge backup DIR --to PATH --key PUBLIC; docs/keeping.md", "{}: {}",
        '199 baybridge "{} {}"', "expected a JSON value, found {}", "{}: expected {}, found {}", "JSON is malformed: ",
    }
)  # fmt: skip
_WORDS = re.compile(r"[a-z]{2}")


def texts_in(tree: ast.AST) -> Iterator[str]:
    """Every text with a blank that is no docstring and no part of another."""
    skipped = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and _is_documented(node)}  # type: ignore[attr-defined]
    skipped |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node) if part is not node}
    for node in ast.walk(tree):
        text = _text(node) if id(node) not in skipped else None
        if text and " " in text.strip() and _WORDS.search(text) and not text.strip().startswith("SELECT "):
            yield text


def _is_documented(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> bool:
    first = node.body[0] if node.body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def modules() -> list[Path]:
    return sorted([SOURCE / "api" / "fhir.py", SOURCE / "node" / "upkeep" / "doctor.py", *(file for folder in DOORS for file in (SOURCE / folder).rglob("*.py"))])


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_phrase_of_a_door_is_in_the_table(module: Path) -> None:
    said = set(texts_in(ast.parse(module.read_text(encoding="utf-8")))) - NO_PHRASE
    assert sorted(text for text in said if TEXTS.phrase("pt", text) == text) == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_phrase_is_said_in_the_readers_language_with_its_parts(language: str) -> None:
    whole = "a.csv: line 3: x: expected text of 12 characters, found one of a, b"
    assert not _WORDS.search(TEXTS.phrase(language, "text of 12 characters").replace("de", "").replace("caracteres", "").replace("texto", ""))
    assert "12" in TEXTS.phrase(language, whole)
    assert "expected" not in TEXTS.phrase(language, whole)


def test_the_parts_of_a_phrase_are_phrases_and_codes_stay() -> None:
    assert TEXTS.phrase("zh-Hans", "JSON is malformed: trailing characters (byte 5)") == "JSON 格式错误：多余的字符（第 5 字节）"
    assert TEXTS.phrase("pt", "final, amended") == "final, amended"
    assert TEXTS.phrase("en", "a list") == "a list"


@pytest.mark.parametrize("language", OTHERS)
def test_a_refusal_about_form_is_whole_in_every_language(language: str) -> None:
    for problem in validate({"resourceType": "Observation", "status": 5, "code": [], "subject": {"reference": "x y"}, "effectiveDateTime": "yesterday"}):
        sentence = TEXTS.say(language, problem.code, {"expected": problem.expected, "found": problem.found})
        assert TEXTS.phrase(language, problem.expected) in sentence
        assert not re.search(r"\b(expected|found|another|such as|nothing|characters)\b", sentence), sentence


def test_the_kinds_of_values_and_primitives_have_phrases() -> None:
    said = {*(json_kind(value) for value in (True, {}, [], "a", None, 1)), *EXPECTED.values()}
    assert sorted(text for text in said if TEXTS.phrase("zh-Hans", text) == text) == ["base64", "null", "urn:oid:…", "urn:uuid:…"]


def own_sources() -> set[str]:
    """What the code names as the source of a reason, where it speaks of this project."""
    texts = {text for path in SOURCE.rglob("*.py") for text in texts_in(ast.parse(path.read_text("utf-8")))}
    return {text for text in texts if re.search(r"conventions? of this project", text) and "\n" not in text and "{}" not in text}


def test_what_the_project_says_of_itself_as_a_source_is_said_in_every_language() -> None:
    found = own_sources()
    assert len(found) > 8
    assert {text for text in found for language in OTHERS if TEXTS.phrase(language, text) == text} == set()
