"""The catalogue says what is established, with its confidence, and points only at documents that exist."""

from __future__ import annotations

from datetime import date
from itertools import product as pairs

import pytest
import yaml

from policy_documents import DATA, apply, policy

PRODUCTS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted((DATA / "products").glob("*.yaml"))}
LANGUAGES = {"en", "zh-Hans", "zh-Hant", "pt"}
STATUSES = {"approved", "named_patient", "centre_import", "in_use", "investigational", "none_known", "not_established"}
CONFIDENCE = {"high", "medium", "low"}

#: Published list prices in fen (payment reference D1); None where none is established.
PRICES = {
    "axicabtagene-ciloleucel": 120_000_000,
    "relmacabtagene-autoleucel": 129_000_000,
    "inaticabtagene-autoleucel": 99_900_000,
    "equecabtagene-autoleucel": 116_600_000,
    "zevorcabtagene-autoleucel": 115_000_000,
    "ciltacabtagene-autoleucel": None,
    "renikeolunsai": None,
    "satricabtagene-autoleucel": None,
}
ON_THE_COMMERCIAL_LIST = {
    "axicabtagene-ciloleucel",
    "relmacabtagene-autoleucel",
    "inaticabtagene-autoleucel",
    "equecabtagene-autoleucel",
    "zevorcabtagene-autoleucel",
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_is_named_in_every_language_and_tells_its_status_everywhere(name):
    document = PRODUCTS[name]
    assert document["id"] == name
    assert set(document["names"]) == LANGUAGES
    assert set(document["status"]) == {"CN", "HK", "MO"}
    for status in document["status"].values():
        assert status["status"] in STATUSES
        assert status["source"]
        assert status["confidence"] in CONFIDENCE


@pytest.mark.parametrize("name", PRODUCTS)
def test_labels_and_specification_exist_and_agree_on_jurisdiction_and_date(name):
    document = PRODUCTS[name]
    for label in document["labels"]:
        found = policy(label["policy"])
        assert found.jurisdiction == (label["jurisdiction"],)
        listed = document["status"][label["jurisdiction"]]["indications"]
        assert {"policy": label["policy"], "since": found.in_force_from} in listed
    if document["specification"] is not None:
        assert policy(document["specification"]).shape == "limits"


def test_every_label_policy_belongs_to_one_product():
    named = sorted(label["policy"] for document in PRODUCTS.values() for label in document["labels"])
    assert named == sorted(path.stem for path in (DATA / "policies" / "eligibility").glob("*.yaml"))


@pytest.mark.parametrize(("name", "minor"), PRICES.items())
def test_list_prices_are_whole_minor_units_with_a_source(name, minor):
    prices = PRODUCTS[name]["list_price"]
    assert [price["amount_minor"] for price in prices] == ([] if minor is None else [minor])
    assert all(price["currency"] == "CNY" and price["source"] and price["confidence"] in CONFIDENCE for price in prices)


def test_the_commercial_list_of_2026_holds_five_products():
    assert {name for name, document in PRODUCTS.items() if document["commercial_insurance_list_2026"]} == ON_THE_COMMERCIAL_LIST


@pytest.mark.parametrize(
    ("name", "celsius"),
    [
        ("axicabtagene-ciloleucel", -150),
        ("relmacabtagene-autoleucel", -130),
        ("ciltacabtagene-autoleucel", -120),
        ("tisagenlecleucel", -120),
        ("equecabtagene-autoleucel", None),
    ],
)
def test_storage_limits_are_those_of_the_label_or_not_established(name, celsius):
    assert PRODUCTS[name]["storage_max_c"] == celsius


@pytest.mark.parametrize(
    ("name", "jurisdiction", "status"),
    [
        ("axicabtagene-ciloleucel", "MO", "centre_import"),
        ("axicabtagene-ciloleucel", "HK", "named_patient"),
        ("equecabtagene-autoleucel", "HK", "approved"),
        ("equecabtagene-autoleucel", "MO", "approved"),
        ("ciltacabtagene-autoleucel", "HK", "not_established"),
        ("tisagenlecleucel", "CN", "none_known"),
    ],
)
def test_status_by_jurisdiction(name, jurisdiction, status):
    assert PRODUCTS[name]["status"][jurisdiction]["status"] == status


def test_a_known_plant_lies_outside_the_bay_area():
    assert all(
        document["plant_in_greater_bay_area"] is (None if document["plant_city"] is None else False) for document in PRODUCTS.values()
    )


GOOD_BATCH = {
    "appearance_conforms": True,
    "bag_integrity_conforms": True,
    "identity_matched": True,
    "car_identity_confirmed": True,
    "viability": 88,
    "cd3_purity": 97,
    "car_positive": 42,
    "vector_copy_number": 2.1,
    "potency_conforms": True,
    "endotoxin": 0.5,
    "mycoplasma_negative": True,
    "sterility_negative": True,
    "rcl_negative": True,
}
DOSES = {
    "release-generic": {"dose_within_label": True},
    "spec-axicabtagene-ciloleucel": {"car_t_dose_per_kg": 2, "car_t_dose": 140},
    "spec-ciltacabtagene-autoleucel": {"car_t_dose_per_kg": 0.7, "car_t_dose": 49},
}


@pytest.mark.parametrize(
    ("specification", "attribute"),
    pairs(DOSES, ("identity_matched", "sterility_negative", "mycoplasma_negative", "rcl_negative", "car_identity_confirmed")),
)
def test_identity_sterility_mycoplasma_and_virus_are_critical(specification, attribute):
    decision = apply(specification, {**GOOD_BATCH, **DOSES[specification], attribute: False})
    assert decision.outcome == "outside"
    assert decision.values["outside"] == [attribute]
    assert decision.values["critical"] is True


@pytest.mark.parametrize("specification", DOSES)
def test_a_batch_with_an_unknown_attribute_is_not_released(specification):
    assert apply(specification, {**GOOD_BATCH, **DOSES[specification]}).outcome == "within"
    for attribute in (*GOOD_BATCH, *DOSES[specification]):
        facts = {name: value for name, value in (GOOD_BATCH | DOSES[specification]).items() if name != attribute}
        assert apply(specification, facts).missing == (attribute,)


@pytest.mark.parametrize("name", PRODUCTS)
def test_dates_are_days_or_say_that_the_day_is_not_known(name):
    for status in PRODUCTS[name]["status"].values():
        assert status["since"] is None or isinstance(status["since"], date) or "not established" in status["source"]
