"""Every sentence of the simulations stands in four languages with the same placeholders; every key of the code has one."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

import baybridge.cli.simulate
import baybridge.simulation
from baybridge.documents.loader import Documents

LANGUAGES = ("en", "zh-Hans", "zh-Hant", "pt")
SENTENCES = {name: {k: v for k, v in Documents().translations(name).items() if k.startswith("simulation.")} for name in LANGUAGES}
FILES = [*Path(baybridge.simulation.__file__).parent.rglob("*.py"), Path(baybridge.cli.simulate.__file__)]


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_languages_say_the_same(language: str) -> None:
    assert {k: placeholders(v) for k, v in SENTENCES[language].items()} == {k: placeholders(v) for k, v in SENTENCES["en"].items()}


def test_every_key_has_a_sentence() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in FILES)
    named = set(re.findall(r'"(simulation\.[a-z_]+\.[a-z_]+)"', source)) | {"simulation.outlook.programme", "simulation.outlook.payer"}
    assert len(named) > 20
    assert named - set(SENTENCES["en"]) == set()
