"""Every code that these parts can give has its sentence in four languages, with the same placeholders."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

import baybridge
import case_world as w
from baybridge.journey.events import EVENT_TYPES
from baybridge.node.commands.table import COMMANDS

PARTS = ("journey", "consent", "supply", "bedside", "matching", "followup")
LANGUAGES = ("en", "zh-Hans", "zh-Hant", "pt")
ROOT = Path(baybridge.__file__).parent
_CODE = re.compile(rf'"((?:{"|".join(PARTS)})\.[a-z_0-9]+\.[a-z_0-9]+)"')


def codes_in_source() -> set[str]:
    files = [file for part in PARTS for file in (ROOT / part).rglob("*.py")]
    return {code for file in files for code in _CODE.findall(file.read_text(encoding="utf-8"))}


def wanted() -> set[str]:
    pathway = w.documents().folder("pathways")["standard"]
    steps = [*pathway["steps"], *pathway["after_death"]]
    alarms = {"fresh_cells_clock", "dry_shipper_clock", "permit_expiry", "quarantine", "repeat_test", "rapid_response", "look_now", "monitor_ice", "odd_findings"}
    alarms |= {"review_grade", "conflict", "malignancy_tell", "malignancy_test", "visit"}
    titles = {f"journey.task.{name}" for name in {step["step"] for step in steps} | alarms}
    late = {f"journey.late.{step['late']}" for step in steps}
    names = {f"command.{name}" for name in COMMANDS} | {f"event.{name}" for name in EVENT_TYPES}
    fields = {f"field.{field}" for kind in COMMANDS.values() for field in kind.form}
    return codes_in_source() | titles | late | names | fields


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_left_without_a_sentence(language: str) -> None:
    assert sorted(wanted() - set(w.documents().translations(language))) == []


def test_placeholders_agree_between_languages() -> None:
    texts = {language: w.documents().translations(language) for language in LANGUAGES}
    for key in sorted(wanted()):
        found = {language: {name for _, name, _, _ in Formatter().parse(texts[language][key]) if name} for language in LANGUAGES}
        assert len(set(map(frozenset, found.values()))) == 1, (key, found)
