"""Which language a browser asks for, and where somebody lives, by the documents alone."""

from __future__ import annotations

import pytest

from baybridge.documents.loader import Documents
from baybridge.language.languages import chosen, languages_of
from baybridge.language.regions import by_registry_name, home_of, regions_of

DOCUMENTS = Documents()
LANGUAGES = languages_of(DOCUMENTS.folder)
REGIONS = regions_of(DOCUMENTS.folder)


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("", None),
        ("fr", None),
        ("pt-BR", "pt"),
        ("zh", "zh-Hans"),
        ("zh-HK", "zh-Hant"),
        ("zh-Hans-HK", "zh-Hans"),
        ("zh-Hant-CN", "zh-Hant"),
        ("zh-Hant-MO,pt;q=0.9", "zh-Hant"),
        ("en;q=0.5, pt;q=0.9", "pt"),
        ("pt;q=0, en", "en"),
        ("fr-FR, fr;q=0.9, zh-TW;q=0.2", "zh-Hant"),
        ("en;q=abc, pt;q=0.5", "pt"),
        ("EN-us", "en"),
        (",,;q=1,  zh-mo ", "zh-Hant"),
        ("*", None),
        ("zh-Hant-TW;q=0.8;level=1, en;q=0.1", "zh-Hant"),
        ("zh-CN;level=1;q=0.1, pt;q=0.5", "pt"),
        ("zh_TW", "zh-Hant"),
        ("yue-Hant-HK", "zh-Hant"),
        ("yue", "zh-Hant"),
        ("yue-Hans-CN", "zh-Hans"),
        ("cmn-Hans-CN", "zh-Hans"),
        ("cmn-Hant-TW", "zh-Hant"),
        ("zh-yue-HK", "zh-Hant"),
        ("zh-CHT", "zh-Hant"),
        ("zh-CN;q=nan, pt;q=0.1", "pt"),
    ],
)
def test_the_most_wanted_language_that_we_have_is_chosen(accepted: str, expected: str | None) -> None:
    assert chosen(accepted, LANGUAGES) == expected


@pytest.mark.parametrize(
    ("countries", "systems", "expected"),
    [
        (["HKG"], ["urn:mo:bir"], "HK"),
        (["US"], ["urn:mo:bir"], "MO"),
        (["US", "cn"], [], "CN"),
        (["US"], ["urn:passport"], None),
        ([], [], None),
    ],
)
def test_home_is_the_country_of_an_address_else_the_region_of_a_document(countries: list[str], systems: list[str], expected: str | None) -> None:
    assert home_of(REGIONS, countries, systems) == expected


def test_registries_write_regions_by_their_own_names() -> None:
    assert by_registry_name(REGIONS) == {"China": "CN", "Hong Kong": "HK", "Macau": "MO", "Macao": "MO"}


def test_the_area_of_the_contract_is_two_regions_and_nine_cities() -> None:
    assert REGIONS["HK"].in_data_area(None) and REGIONS["MO"].in_data_area("Macao")
    assert REGIONS["CN"].in_data_area("Zhuhai")
    assert not REGIONS["CN"].in_data_area("Shanghai")
