"""Which drug was given, by which way, and how much: by weight with the arithmetic shown."""

from __future__ import annotations

from typing import Any

import pytest

import case_world as w
from baybridge.base.outcome import Refusal
from baybridge.bedside.doses import figure
from baybridge.journey.command import Role
from baybridge.journey.events import DrugGiven
from case_world import Step, World, codes


def give(by: Role = Role.NURSE, **given: Any) -> Step:
    return Step("GiveDrug", "hk", by, 1, lambda world: {"atc": "L04AC07", "given_at": world.now.isoformat(), **given})


def weighing(kilograms: float | None) -> World:
    world = w.infused()
    if kilograms is not None:
        world.facts["weight"] = kilograms
    return world


def given(world: World, **fields: Any) -> DrugGiven:
    answer = world.do(give(**fields))
    assert codes(answer) == []
    return next(event for event in answer if isinstance(event, DrugGiven))


@pytest.mark.parametrize(
    ("kilograms", "per_kg", "milligrams", "text"),
    [
        (65, 8, 520, "8 mg/kg × 65 kg = 520 mg"),
        (62.5, 8, 500, "8 mg/kg × 62.5 kg = 500 mg"),
        (100, 8, 800, "8 mg/kg × 100 kg = 800 mg"),
        (105, 8, 800, "8 mg/kg × 105 kg = 840 mg → 800 mg"),
        (29, 12, 348, "12 mg/kg × 29 kg = 348 mg"),
    ],
)
def test_a_dose_by_weight_shows_its_arithmetic(kilograms: float, per_kg: float, milligrams: float, text: str) -> None:
    event = given(weighing(kilograms), mg_per_kg=per_kg)
    assert (event.dose, event.dose_mg, event.mg_per_kg, event.weight_kg) == (text, milligrams, per_kg, kilograms)


def test_a_dose_by_weight_without_a_weight_is_refused_whatever_else_is_written() -> None:
    for how in ({"mg_per_kg": 8}, {"mg_per_kg": 8, "dose": "8 mg/kg"}, {"mg_per_kg": 8, "dose_mg": 500}, {"dose": "8 mg/kg"}, {"amount": 8, "unit": "mg/kg"}):
        assert codes(weighing(None).do(give(**how))) == ["bedside.drug.no_weight"]


@pytest.mark.parametrize(("milligrams", "refused"), [(468, []), (467, ["bedside.drug.not_the_sum"]), (572, []), (573, ["bedside.drug.not_the_sum"])])
def test_milligrams_beside_a_dose_by_weight_are_about_its_sum(milligrams: float, refused: list[str]) -> None:
    answer = weighing(65).do(give(mg_per_kg=8, dose_mg=milligrams))
    assert codes(answer) == refused
    if isinstance(answer, Refusal):
        assert "8 mg/kg × 65 kg = 520 mg" in str(answer.reasons[0].values["sum"])
    else:
        assert next(event.dose_mg for event in answer if isinstance(event, DrugGiven)) == milligrams


@pytest.mark.parametrize(("kilograms", "per_kg", "refused"), [(30, 8, False), (30, 12, True), (29.9, 12, False), (29.9, 12.5, True)])
def test_the_label_names_a_dose_for_each_weight(kilograms: float, per_kg: float, refused: bool) -> None:
    assert codes(weighing(kilograms).do(give(mg_per_kg=per_kg))) == (["bedside.drug.tocilizumab_per_kg"] if refused else [])


def test_a_physician_may_pass_the_dose_of_the_label_with_a_reason() -> None:
    event = given(weighing(65), by=Role.PHYSICIAN, mg_per_kg=10, override_reason="weight was taken before fluids")
    assert (event.dose_mg, event.override_reason) == (650, "weight was taken before fluids")


@pytest.mark.parametrize(
    ("kilograms", "milligrams", "refused"),
    [(36, 800, True), (36, 316, False), (36, 317, True), (20, 264, False), (20, 265, True), (None, 800, False), (100, 800, False)],
)
def test_milligrams_alone_are_held_against_the_weight_that_is_known(kilograms: float | None, milligrams: float, refused: bool) -> None:
    for how in ({"dose_mg": milligrams}, {"amount": milligrams, "unit": "mg"}, {"dose": f"{milligrams} mg"}):
        assert codes(weighing(kilograms).do(give(**how))) == (["bedside.drug.tocilizumab_by_weight"] if refused else [])


def test_a_drug_of_the_list_needs_no_name_and_no_way_where_it_has_one() -> None:
    event = given(weighing(65), mg_per_kg=8)
    assert (event.name, event.route) == ("tocilizumab", "IV")
    several = given(weighing(65), atc="H02AB02", dose_mg=10, route="PO")
    assert (several.name, several.route, several.dose) == ("dexamethasone", "PO", "10 mg")
    assert codes(weighing(65).do(give(atc="H02AB02", dose_mg=10))) == ["bedside.drug.no_route"]
    assert codes(weighing(65).do(give(atc="J06BA02", name="immunoglobulin", dose_mg=10))) == ["bedside.drug.no_route"]


@pytest.mark.parametrize(
    ("written", "amount", "text"),
    [
        ("520 mg", 520, "520 mg"),
        ("520mg", 520, "520 mg"),
        ("80,5 mg", 80.5, "80.5 mg"),
        ("0.125 g", 125, "125 mg"),
        ("500 μg", 0.5, "0.5 mg"),
        ("8 mg/kg", 520, "8 mg/kg × 65 kg = 520 mg"),
        ("8 毫克/公斤", 520, "8 mg/kg × 65 kg = 520 mg"),
        ("0.4 g/kg", 26000, "400 mg/kg × 65 kg = 26000 mg"),
    ],
)
def test_a_dose_in_one_text_is_read_as_amount_and_unit(written: str, amount: float, text: str) -> None:
    event = given(weighing(65), atc="J06BA02", name="immunoglobulin", route="IV", dose=written)
    assert event.dose_mg == pytest.approx(amount)
    assert event.dose == text


@pytest.mark.parametrize(
    "written", ["abc", "0", "0 mg", "-5 mg", "5", "mg", "8 mg/kg, slowly", "1,000 mg", "1.000 mg", "5 to 10 mg", "5 drops", "½ mg", "١٠ mg", "1e3 mg", "5 mg/h"]
)
def test_words_are_no_dose(written: str) -> None:
    answer = weighing(65).do(give(atc="H02AB02", route="IV", dose=written))
    assert isinstance(answer, Refusal)
    assert [(reason.code, reason.where) for reason in answer.reasons] == [("bedside.drug.dose_unread", "dose")]


def test_a_dose_that_is_no_mass_keeps_its_unit_and_its_arithmetic() -> None:
    factor = {"atc": "B02BD02", "name": "factor VIII", "route": "IV"}
    event = given(weighing(65), **factor, amount=2000, unit="[iU]")
    assert (event.dose, event.amount, event.unit, event.dose_mg) == ("2000 IU", 2000, "[iU]", None)
    event = given(weighing(65), **factor, amount=40, unit="[iU]/kg", note="before the puncture")
    assert (event.dose, event.amount, event.unit, event.weight_kg) == ("40 IU/kg × 65 kg = 2600 IU", 2600, "[iU]", 65)
    assert event.note == "before the puncture"


@pytest.mark.parametrize(
    ("fields", "code", "where"),
    [
        ({"amount": 500}, "bedside.drug.amount_and_unit", "unit"),
        ({"unit": "mg"}, "bedside.drug.amount_and_unit", "amount"),
        ({"amount": 500, "unit": "mL"}, "bedside.drug.unit", "amount"),
        ({"amount": 500, "unit": "spoons"}, "command.not_in_set", "unit"),
        ({"dose": "500 IU"}, "bedside.drug.unit", "dose"),
    ],
)
def test_an_amount_has_a_unit_that_fits_the_drug(fields: dict[str, Any], code: str, where: str) -> None:
    answer = weighing(65).do(give(**fields))
    assert isinstance(answer, Refusal)
    assert (code, where) in {(reason.code, reason.where) for reason in answer.reasons}


def test_a_dose_far_outside_what_anybody_gives_is_asked_about_for_every_drug() -> None:
    for fields in ({"atc": "N02BE01", "route": "PO", "dose": "48000 mg"}, {"atc": "J06BA02", "name": "immunoglobulin", "route": "IV", "dose_mg": 90_000}):
        assert codes(weighing(65).do(give(**fields))) == ["bedside.drug.unusual_dose"]


@pytest.mark.parametrize(
    ("fields", "code", "where"),
    [
        ({"atc": "anakinra"}, "bedside.drug.not_atc", "atc"),
        ({"atc": "L04AC"}, "bedside.drug.not_atc", "atc"),
        ({"atc": ""}, "bedside.drug.not_atc", "atc"),
        ({"atc": "J06BA02"}, "bedside.drug.unnamed", "name"),
        ({"name": "dexamethasone"}, "bedside.drug.another_name", "name"),
        ({"route": "PO"}, "bedside.drug.route", "route"),
        ({"route": "by mouth"}, "command.not_in_set", "route"),
        ({"dose": " "}, "bedside.drug.no_dose", "dose_mg"),
    ],
)
def test_what_no_drug_can_be_is_refused_at_its_field(fields: dict[str, Any], code: str, where: str) -> None:
    answer = weighing(65).do(give(**{"dose": "8 mg/kg", **fields}))
    assert isinstance(answer, Refusal)
    assert (code, where) in {(reason.code, reason.where) for reason in answer.reasons}


@pytest.mark.parametrize("name", ["tocilizumab", "Tocilizumab ", "托珠单抗", "妥珠單抗"])
def test_a_name_in_any_language_is_that_of_its_code(name: str) -> None:
    assert given(weighing(65), name=name, dose="8 mg/kg").name == name.strip()


@pytest.mark.parametrize("name", ["tocilizumab", "Tocilizumab 托珠单抗", "托珠單抗", "妥珠单抗", "ACTEMRA", "RoActemra 400 mg", "雅美罗", "toci", "tocilizumab-aazg"])
def test_a_drug_whose_doses_are_counted_bears_no_other_code(name: str) -> None:
    assert codes(weighing(65).do(give(atc="L04AC01", name=name, route="IV", dose="8 mg/kg", unusual=True))) == ["bedside.drug.listed"]


def test_a_listed_drug_under_another_code_of_its_use_is_asked_about_once() -> None:
    drops = {"atc": "S01BA01", "name": "dexamethasone nasal drops", "dose_mg": 1, "route": "NG"}
    assert codes(weighing(65).do(give(**drops))) == ["bedside.drug.listed"]
    assert codes(weighing(65).do(give(**drops, unusual=True))) == []


def test_a_drug_beyond_the_list_has_its_code_and_name() -> None:
    event = given(weighing(65), atc="j06ba02", name="immunoglobulin", amount=0.4, unit="g/kg", route="IV")
    assert (event.atc, event.name, event.route) == ("J06BA02", "immunoglobulin", "IV")


@pytest.mark.parametrize(("number", "text"), [(8, "8"), (62.5, "62.5"), (0.333333, "0.33"), (123456.4, "123456"), (99999.9, "99999.9"), (0.002, "0.002")])
def test_figures_have_at_most_two_places_and_no_exponent(number: float, text: str) -> None:
    assert figure(number) == text


@pytest.mark.parametrize(
    ("atc", "milligrams", "asked"),
    [("H02AB02", 40, False), ("H02AB02", 40.1, True), ("H02AB02", 0.4, True), ("H02AB04", 1000, False), ("H02AB04", 10_000, True)],
)
def test_a_dose_outside_what_is_usual_is_asked_once_and_then_stands(atc: str, milligrams: float, asked: bool) -> None:
    fields = {"atc": atc, "route": "IV", "dose_mg": milligrams}
    assert codes(w.infused().do(give(**fields))) == (["bedside.drug.unusual_dose"] if asked else [])
    assert given(w.infused(), **fields, unusual=True).dose_mg == milligrams


def test_two_doses_that_differ_are_not_both_kept() -> None:
    assert codes(w.infused().do(give(dose="80 mg", dose_mg=790))) == ["bedside.drug.two_doses"]
    assert codes(w.infused().do(give(dose="80,5 mg", dose_mg=80.5))) == []
    assert codes(w.infused().do(give(dose_mg=790, note="slowly, over an hour"))) == []
    assert codes(w.infused().do(give(atc="N03AX14", route="PO", dose_mg=500, dose="5 g"))) == ["bedside.drug.two_doses"]
    assert codes(w.infused().do(give(dose_mg=500, amount=500, unit="mL"))) == ["bedside.drug.two_doses", "bedside.drug.unit"]


def test_nothing_goes_into_the_spinal_canal_that_the_list_does_not_name_for_it() -> None:
    vincristine = {"atc": "L01CA02", "name": "vincristine", "dose_mg": 2}
    assert codes(w.infused().do(give(Role.PHYSICIAN, **vincristine, route="IT", unusual=True))) == ["bedside.drug.intrathecal"]
    assert codes(w.infused().do(give(Role.PHYSICIAN, **vincristine, route="IV"))) == []
