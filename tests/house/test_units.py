"""Every unit that the product knows is written for people as a ward writes it, in every language, and what was written can be typed again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import baybridge
from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary
from baybridge.language.figures import written
from baybridge.language.texts import Texts

LANGUAGES = ("en", "zh-Hant", "zh-Hans", "pt")
DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))
TABLE = DOCUMENTS.folder("terms")["units"]
CONVERSIONS = DOCUMENTS.folder("recognition")["conversions"]
FIGURES = {language: Texts(DOCUMENTS).figures(language) for language in LANGUAGES}
SOURCE = Path(baybridge.__file__).parent
#: What only UCUM writes so.
RAW = re.compile(r"10[*^]\d|\[|\]|[{}]|_|(?<![A-Za-zµ])u(?:mol|g|L)\b|\bCel\b|\(24")


def units() -> Iterator[str]:
    """Units of the dictionary with those that it converts from, of the recognition tables, and those that spellings stand for."""
    for fact in DICTIONARY.facts.values():
        yield from (unit for unit in (fact.unit, *fact.conversions) if unit)
    for row in CONVERSIONS["rows"]:
        yield from (row["from"], row["to"])
    yield from TABLE["spellings"]


UNITS = sorted(set(units()))


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_has_a_form_for_people(unit: str) -> None:
    assert (unit in TABLE["shown"]) != (unit in TABLE["worded"])
    shown = {language: figures.unit(unit) for language, figures in FIGURES.items()}
    assert not {language: text for language, text in shown.items() if RAW.search(text) or text.startswith("unit.")}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [fact.name for fact in DICTIONARY.facts.values() if fact.unit])
def test_what_is_written_can_be_typed_again(name: str, language: str) -> None:
    unit = DICTIONARY[name].unit
    written_so = FIGURES[language].unit(unit)
    assert DICTIONARY.units.read(unit or "")
    assert not written_so or DICTIONARY.units.read(written_so) == DICTIONARY.units.read(unit or "")


@pytest.mark.parametrize("stem", sorted(set(TABLE["worded"].values())))
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_unit_in_words_has_them_alone_and_with_a_number(stem: str, language: str) -> None:
    texts = DOCUMENTS.translations(language)
    assert all(texts.get(f"unit.{stem}{ending}") for ending in ("", ".one", ".many"))


def test_no_two_units_of_the_table_are_written_alike_unless_they_are_alike() -> None:
    named: dict[str, set[str]] = {}
    for unit in (*TABLE["shown"], *TABLE["worded"]):
        named.setdefault(FIGURES["en"].unit(unit), set()).add(DICTIONARY.units.read(unit).replace("iU", "IU").replace("1/", "/"))
    named.pop("", None)  # ratios, indices and scores have no unit
    assert {shown: meant for shown, meant in named.items() if len(meant) > 1} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_shows_a_unit_as_ucum(language: str) -> None:
    sentences = DOCUMENTS.translations(language).items()
    placed = [(key, name) for key, text in sentences for _, name, how, _ in Formatter().parse(text) if name and name.endswith("unit") and name != "unit" and not how]
    plain = [(key, name) for key, text in sentences for _, name, how, _ in Formatter().parse(text) if name == "unit" and how not in ("unit", "after")]
    assert [*placed, *plain] == []
    bare = {key: re.sub(r"\{[^}]*\}", "", text) for key, text in sentences}
    assert {key: text for key, text in bare.items() if re.search(r"10\*\d|\bumol|mm\[|\bCel\b|\d/uL", text)} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_label_and_no_text_of_a_document_shows_a_unit_as_ucum(language: str) -> None:
    labels = {name: fact.label(language) for name, fact in DICTIONARY.facts.items()}
    products = {name: str(product) for name, product in DOCUMENTS.folder("products").items()}
    assert {name: text for name, text in (labels | products).items() if re.search(r"10\*\d|\bumol|mm\[|\bCel\b|\d/uL", text)} == {}


@pytest.mark.parametrize("template", sorted((SOURCE / "web").rglob("*.html")), ids=lambda path: path.name)
def test_templates_show_units_and_fractions_by_the_reader(template: Path) -> None:
    shown = re.findall(r"(?<!=\")\{\{(.*?)\}\}", template.read_text(encoding="utf-8"))  # not an attribute of a picture
    bare = [one for one in shown if re.search(r"\w\.unit\b(?!\")", one) and not re.search(r"r\.(?:unit|value|quantity)\(", one)]
    assert bare == []
    assert [one for one in shown if "%." in one] == []


@pytest.mark.parametrize(
    ("unit", "people_write"),
    [
        ("10*12/L", "×10¹²/L"),
        ("x10^9/L", "×10⁹/L"),
        ("10*3/uL", "×10³/µL"),
        ("umol/mol", "µmol/mol"),
        ("uL", "µL"),
        ("[arb'U]/mL", "[arb'U]/mL"),
        ("m[iU]/L", "mIU/L"),
        ("{beats}/min", "/min"),
        ("kg/m2", "kg/m²"),
        ("fL", "fL"),
        ("furlong", "furlong"),
    ],
)
def test_a_unit_of_no_table_is_written_by_the_signs_of_ucum(unit: str, people_write: str) -> None:
    assert written(unit, {}) == people_write


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (38.6, "Cel", {"en": "38.6 °C", "pt": "38,6 °C", "zh-Hans": "38.6 °C", "zh-Hant": "38.6 °C"}),
        (61, "a", {"en": "61 years", "pt": "61 anos", "zh-Hans": "61岁", "zh-Hant": "61歲"}),
        (1, "a", {"en": "1 year", "pt": "1 ano", "zh-Hans": "1岁", "zh-Hant": "1歲"}),
        (1.5, "h", {"en": "1.5 hours", "pt": "1,5 horas", "zh-Hans": "1.5小时", "zh-Hant": "1.5小時"}),
        (88, "/min", {"en": "88/min", "pt": "88/min", "zh-Hans": "88/min", "zh-Hant": "88/min"}),
        (45.5, "%", {"en": "45.5 %", "pt": "45,5 %", "zh-Hans": "45.5%", "zh-Hant": "45.5%"}),
        ("8.0", "mg/dL", {"en": "8.0 mg/dL", "pt": "8,0 mg/dL", "zh-Hans": "8.0 mg/dL", "zh-Hant": "8.0 mg/dL"}),
        (1.2, "{INR}", {"en": "1.2", "pt": "1,2", "zh-Hans": "1.2", "zh-Hant": "1.2"}),
        ("negative", "-", dict.fromkeys(LANGUAGES, "negative")),
    ],
)
def test_a_number_with_its_unit_reads_as_each_language_writes_it(value: object, unit: str, said: dict[str, str]) -> None:
    found = {language: FIGURES[language].quantity(value, unit) for language in LANGUAGES}
    assert found == {language: text.replace(" ", "\u00a0") for language, text in said.items()}


@pytest.mark.parametrize(
    ("reported", "portuguese"),
    [
        ("<0.1 10*9/L", "<0,1\u00a0×10⁹/L"),
        ("100 umol/L", "100\u00a0µmol/L"),
        ("8.0 mg/dL", "8,0\u00a0mg/dL"),
        ("260373001", "260373001"),
        ("2026-03-08", "2026-03-08"),
        ("not seen", "not seen"),
    ],
)
def test_a_result_as_reported_keeps_its_digits(reported: str, portuguese: str) -> None:
    assert FIGURES["pt"].reported(reported) == portuguese
