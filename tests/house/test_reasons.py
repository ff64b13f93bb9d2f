"""Every reason that the code can give has its sentence in every language, and every placeholder of a sentence is given a value."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from baybridge.documents.loader import Documents

SOURCE = Path(__file__).resolve().parents[2] / "src" / "baybridge"
LANGUAGES = ("en", "zh-Hant", "zh-Hans")


@dataclass(frozen=True)
class Given:
    """One `Reason(…)` in the source: its code, and the names of its values where the source says them in place."""

    place: str
    code: str
    names: frozenset[str] | None
    pattern: bool  # the code is put together: each part that is not literal matches anything


def reasons() -> Iterator[Given]:
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reason" and node.args:
                yield from _given(node, f"{path.relative_to(SOURCE)}:{node.lineno}")


def _given(call: ast.Call, place: str) -> Iterator[Given]:
    values = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords if k.arg == "values"), None)
    names = frozenset() if values is None else _names(values)
    for code, pattern in _codes(call.args[0]):
        yield Given(place, code, names, pattern)


def _codes(node: ast.expr) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value, False
    elif isinstance(node, ast.IfExp):
        yield from _codes(node.body)
        yield from _codes(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else r"[\w.-]+" for p in node.values), True


def _names(values: ast.expr) -> frozenset[str] | None:
    """The keys of a literal dict; None where they are not all said in place."""
    if isinstance(values, ast.Dict) and all(isinstance(key, ast.Constant) for key in values.keys):
        return frozenset(str(key.value) for key in values.keys if isinstance(key, ast.Constant))
    return None


FOUND = tuple(reasons())


@cache
def sentences(language: str) -> dict[str, str]:
    return {key: value for key, value in Documents().translations(language).items() if isinstance(value, str)}


def placeholders(sentence: str) -> set[str]:
    return {name.split(".")[0].split("[")[0] for _, name, _, _ in Formatter().parse(sentence) if name}


def test_the_scan_finds_reasons() -> None:
    assert len(FOUND) > 200
    assert any(given.pattern for given in FOUND)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_its_sentence(language: str) -> None:
    known = sentences(language)
    missing = sorted({f"{given.code} ({given.place})" for given in FOUND if not given.pattern and given.code not in known})
    missing += sorted(
        f"{given.code} ({given.place})" for given in FOUND if given.pattern and not any(re.fullmatch(given.code, key) for key in known)
    )
    assert missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_placeholder_is_given(language: str) -> None:
    known = sentences(language)
    wrong = [
        f"{given.place}: {given.code} wants {sorted(placeholders(known[given.code]) - given.names)}"
        for given in FOUND
        if not given.pattern and given.names is not None and given.code in known and placeholders(known[given.code]) - given.names
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_languages_use_the_same_placeholders(language: str) -> None:
    english, other = sentences("en"), sentences(language)
    codes = {given.code for given in FOUND if not given.pattern}
    wrong = [code for code in sorted(codes & english.keys() & other.keys()) if placeholders(english[code]) != placeholders(other[code])]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_codes_of_documents_have_sentences(language: str) -> None:
    """Codes that stand in policies and reach people as `exchange.code.…`."""
    codes = {
        str(row["code"])
        for name in ("transfer-check",)
        for row in Documents().folder("policies").get(name, {}).get("findings", ())
    }
    missing = [code for code in sorted(codes) if f"exchange.code.{code}" not in sentences(language)]
    assert missing == []
