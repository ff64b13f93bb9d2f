"""UCUM read exactly: what is a unit, what a unit is made of, and how much of another one it is; against factors written by hand."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import product

import pytest
from click.testing import CliRunner

from baybridge.cli.main import main
from baybridge.documents.loader import Documents
from baybridge.facts.converted import said_in
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.ucum import UnitError, convert, is_unit, read
from baybridge.facts.ucum_table import table
from baybridge.facts.unit_ways import way
from baybridge.facts.units import Conversion

DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))


@pytest.mark.parametrize(
    "unit",
    ["m", "/m", "10*3/uL", "10*-3/uL", "10*+3/uL", "10^3/uL", "4.[pi].10*-7.N/A2", "{a}.rad2{b}", "1{c}", "{e}", "%", "dB[10.nV]", "[cup_us]", "umol/2.h",
     "g/(100.mL)", "/100{cells}", "mL/(8.h.kg)", "dyn.s/(cm5.m2)", "10.L/(min.m2)", "m[H2O]", "B[SPL]", "cal_[15]", "[m/s2/Hz^(1/2)]", "U/(10.g){feces}",
     "[APL'U]", "u[IU]/mL", "mL/{hb}", "10*3{rbc}", "a/m", "Cel", "[degF]", "[in_i'H2O]", "kg.m-3", "1/min", "KiBy", ""],
)  # fmt: skip
def test_is_ucum(unit: str) -> None:
    assert is_unit(unit)


@pytest.mark.parametrize(
    "unit",
    ["m/", "m.", ".m", "10+3/ul", "rad2{錠}", "{a}rad2{b}", "{|}1", "iU", "molv", "[BETH'U]", "[iIU]", "g/12h", "mL/10h", "U/1h", "mmol/kg[H20]", "ug(8.h)",
     "[M'U]", "k[in_i]", "mkg", "kPa kPa", "m//s", "(m", "m)", "mg/ dL", "{unclosed", "0.m", "10*3x/L", "m" * 130, "(" * 30 + "m" + ")" * 30, "m999999", "½"],
)  # fmt: skip
def test_is_no_ucum(unit: str) -> None:
    assert not is_unit(unit)


# What units are made of, case by case, in an order and words of our own; with every distinct unit of the 530 validations of UCUM's functional
# tests (edition of 11 October 2018): none differs. Source: The Unified Code for Units of Measure 2.2, sections 1 to 4.
VALID = {
    "lengths, areas, volumes":
        "m km cm mm um nm pm a/m m2 cm2 mm2 cm3 mm3 L dl hL l mL ml nl uL ul fL [ft_i] [in_i] [in_us] [yd_i] [mi_us] [sft_i] [sin_i] [syd_i] [cup_us] [foz_br] "
        "[gal_br] [pt_br] [qt_br] [tbs_us] [tsp_us] [drp]",
    "masses":
        "g kg dg mg ug ng pg fg t [lb_av] [oz_av] kg{body_wt} g{creat} g{hgb} g{tit_nit} g{tot_prot} g{wet_tis}",
    "amounts and activities":
        "mol mmol umol pmol fmol eq meq ueq osm kat nkat pkat ukat U mU [IU] [iU] u[iU] cal kcal Bq Gy REM Sv",
    "times":
        "s ms us ns ps ks Ms min h d wk mo a 1/d 1/min /min",
    "physics":
        "Pa kPa bar mbar mm[Hg] cm[H2O] m[H2O] [in_i'Hg] V mV uV pA Ohm Ohm.m S K/W Cel eV lm Wb dB dB[SPL] dB[10.nV] deg rad2 pH pt L.s kg.m/s g.m cm2/s m2/s "
        "m/s2 um/s cm/s m3/s m3.kg-1.s-2 dyn.s/cm5 dyn.s/(cm5.m2) cm[H2O].s/L cm[H2O]/(s.m) mbar.s/L 4.[pi].10*-7.N/A2 kg/(s.m2) mL/cm[H2O] mL/mbar J/L",
    "numbers":
        "% 10*23 10*3/ul 10*-3/ul 10*+3/ul 10*3/L 10*3/mL 10*3/mm3 10*6/L 10*6/mL 10*6/mm3 10*9/L 10*9/mL 10*9/mm3 10*12/L 10*3{rbc} [ppth] [ppm] [ppb] [pptr] "
        "/m /L /m3 /mL 1/mL /kg /mmol /[HPF] [HPF] /[LPF] /[arb'U] /[iU] /{tot}",
    "notes":
        "rad2{a} {a}.rad2{b} 1{c} {e} {bsa} {cfu} {od} g.m/m2{hb} g.m/{hb} mL/{hb} mL/{hb}.m2",
    "arbitrary":
        "[APL'U] [GPL'U] [MPL'U] [arb'U] [bdsk'U] [ka'U] [knk'U] [mclg'U] [todd'U] [IU]/d [IU]/L [IU]/mL m[IU]/L u[IU]/mL [iU]/mL m[iU]/mL [iU]/d [iU]/h "
        "[iU]/kg [iU]/L [iU]/min kU/L mU/L U/d U/g U/kg U/L U/l U/mL",
    "mass over another":
        "g/d g/g g/L g/l g/h g/kg g/m2 g/min g/dL kg/L kg/h kg/m2 kg/m3 kg/min kg/mol kg/s mg/d mg/g mg/L mg/mg mg/mL mg/dL mg/h mg/kg mg/m2 mg/m3 mg/min ug/d "
        "ug/g ug/L ug/mL ug/dL ug/h ug/kg ug/m2 ug/min ng/d ng/g ng/L ng/mL ng/h ng/kg ng/m2 ng/min ng/s pg/mL pg/ml pg/L",
    "mass over several":
        "g/(8.h) g/(8.kg.h) g/(kg.d) g/(kg.h) g/(kg.min) mg/(8.h) mg/(8.h.kg) mg/(kg.d) mg/(kg.h) mg/(kg.min) ug/(8.h.kg) ug/(kg.d) ug/(kg.h) ug/(kg.min) "
        "ng/(8.h) ng/(8.h.kg) ng/(kg.d) ng/(kg.h) ng/(kg.min)",
    "amount over another":
        "mol/kg mol/L mol/m3 mol/s mol/(kg.s) mmol/d mmol/g mmol/h mmol/kg mmol/L mmol/l mmol/m2 mmol/min mmol/mmol mmol/(8.h) mmol/(8.h.kg) mmol/(kg.d) "
        "mmol/(kg.h) mmol/(kg.min) umol/2.h umol/d umol/g umol/L umol/l umol/min umol/mmol umol/umol nmol/d nmol/g nmol/h/mL nmol/L nmol/mmol nmol/nmol nmol/s "
        "pmol/d pmol/g pmol/h/mg pmol/h/mL pmol/L pmol/mmol fmol/L meq/d meq/h meq/kg meq/L meq/min meq/(8.h) meq/(8.h.kg) meq/(kg.d) meq/(kg.h) meq/(kg.min) "
        "osm/kg osm/L mosm/L kat/kg kat/L",
    "volume over another":
        "L/L L/d L/h L/kg L/min L/s L/(8.h) L/(min.m2) 10.L/min 10.L/(min.m2) mL/d mL/h mL/kg mL/m2 mL/min mL/s ml/s mL/(8.h) mL/(8.h.kg) mL/(kg.d) mL/(kg.h) "
        "mL/(kg.min) mL/(min.m2) mm/h ms/s kcal/d kcal/h kcal/(8.h)",
}  # fmt: skip
INVALID = (
    "m/ 10+3/ul rad2{錠} {a}rad2{b} {|}1 iU molv [BETH'U] [iIU] [iIU]/d [iIU]/L [iIU]/mL m[iIU]/L u[iIU]/mL mmol/kg[H20] cm[H20] ug(8.h) ug(8hr) "
    "g/4h g/6h g/12h g/48h g/72h mg/12h mL/2h mL/4h mL/5h mL/6h mL/8h mL/10h mL/12h mL/72h mmol/5h mmol/6h mmol/12h U/1h U/2h U/12h"
)


def test_every_distinct_unit_of_ucums_validations() -> None:
    units = [unit for listed in VALID.values() for unit in listed.split()]
    assert [unit for unit in units if not is_unit(unit)] == []
    assert [unit for unit in INVALID.split() if is_unit(unit)] == []
    assert (len(units), len(set(units)), len(INVALID.split())) == (367, 367, 38)


def test_every_unit_of_the_table_takes_every_prefix_where_it_is_metric_and_an_annotation_always() -> None:
    rows, prefixes = table()
    metric = {symbol for symbol, row in rows.items() if row.metric}
    wrong = []
    for symbol, (prefix, size) in product(rows, prefixes.items()):
        joined = prefix + symbol
        another = joined in rows or any(joined[: len(one)] == one and joined[len(one) :] in metric for one in prefixes if one != prefix)
        if not another and is_unit(joined) is not (symbol in metric):
            wrong.append(joined)
        elif not another and symbol in metric and read(joined).factor != read(symbol).factor * size:
            wrong.append(f"{joined} is so much of {symbol}")
    noted = [symbol for symbol in rows if read(f"{symbol}{{of anything}}".replace(" ", "_")) != read(symbol) or is_unit(f"{{of_anything}}{symbol}")]
    assert (wrong, noted) == ([], [])
    assert (len(metric) > 90, len(rows) > 290, len(prefixes)) == (True, True, 24)


@pytest.mark.parametrize(
    ("value", "found", "wanted", "expected"),
    [
        ("250", "1000/uL", "10*9/L", "250"),
        ("13", "g/(100.mL)", "g/L", "130"),
        ("500", "mg/d", "mg/(24.h)", "500"),
        ("5", "/100{cells}", "%", "5"),
        ("6.3", "s/m.mg", "s.m-1.g", "0.0063"),  # from left to right
        ("6.30", "[in_i]", "cm", "16.002"),  # 2.54 cm
        ("1", "m[Hg]", "Pa", "133322"),
        ("1", "[ly]", "m", "9460730472580800"),
        ("1", "[lb_av]", "g", "453.59237"),
        ("1", "S", "g-1.m-2.C2.s", "0.001"),
        ("100.4", "[degF]", "Cel", "38"),
        ("0", "K", "[degF]", "-459.67"),
        ("37000", "mCel", "K", "310.15"),
        ("80", "[degRe]", "Cel", "100"),
        ("7", "[pH]", "nmol/L", "100"),
        ("100", "nmol/L", "[pH]", "7"),
        ("20", "dB", "1", "100"),
        ("60", "dB[V]", "V", "1000"),
        ("8", "bit_s", "1", "256"),
        ("1", "ukat/L", "U/L", "60"),
        ("1", "[LPF]", "[HPF]", "100"),
    ],
)
def test_converts(value: str, found: str, wanted: str, expected: str) -> None:
    assert abs(convert(Fraction(value), found, wanted) - Fraction(expected)) <= abs(Fraction(expected)) / 10**40


@pytest.mark.parametrize(
    ("found", "wanted"),
    [("mol", "1"), ("eq", "mol"), ("osm", "mol"), ("[IU]", "U"), ("[IU]", "1"), ("[IU]", "[EU]"), ("[arb'U]", "[IU]"), ("[CFU]", "[PFU]"), ("/[HPF]", "1"),
     ("g", "mol"), ("Cel/min", "K/min"), ("Cel2", "K2"), ("m", "s"), ("rad", "1"), ("[MPL'U]", "[GPL'U]"), ("[hnsf'U]", "1")],
)  # fmt: skip
def test_what_is_another_thing_does_not_convert(found: str, wanted: str) -> None:
    with pytest.raises(UnitError):
        convert(Fraction(1), found, wanted)


def test_a_level_of_nothing_or_of_too_much_is_refused() -> None:
    for value, found, wanted in (("0", "1", "B"), ("-1", "1", "Np"), ("1e9", "B", "1"), ("-1", "m2/s4/Hz", "[m/s2/Hz^(1/2)]")):
        with pytest.raises(UnitError):
            convert(Fraction(value), found, wanted)


# The units by which LOINC's common laboratory set reports (EXAMPLE_UCUM_UNITS), by what is measured: so much of the first unit of its row.
# Factors by hand. Source: SI Brochure 9 (prefixes; 1 L = 1 dm3, 1 d = 86,400 s); 1 U = 1 umol/min (Enzyme Commission 1961), 1 kat = 1 mol/s;
# 1 lb = 0.45359237 kg, 1 oz = 1/16 lb (1959 agreement); UCUM 2.2: 1 m[Hg] = 133.3220 kPa, 1 m[H2O] = 9.80665 kPa, 1 [LPF] = 100 [HPF].
FACTORS: dict[str, dict[str, str]] = {
    "mass concentration": {"g/L": "1", "g/dL": "10", "mg/dL": "0.01", "mg/L": "0.001", "mg/mL": "1",
                           "g/mL": "1000", "ug/dL": "0.00001", "ug/L": "1e-6",
                           "ug/mL": "0.001", "ng/mL": "1e-6", "ng/dL": "1e-8", "ng/L": "1e-9", "pg/mL": "1e-9", "pg/dL": "1e-11", "g/(100.mL)": "10", "g%": "10"},
    "substance concentration": {"mmol/L": "1", "mol/L": "1000", "umol/L": "0.001", "nmol/L": "1e-6", "pmol/L": "1e-9", "umol/mL": "1", "nmol/mL": "0.001",
                                "pmol/mL": "1e-6", "umol/dL": "0.01", "nmol/dL": "0.00001", "mmol/dL": "10"},
    "equivalents": {"meq/L": "1", "eq/L": "1000", "ueq/L": "0.001", "meq/dL": "10", "meq/mL": "1000"},
    "osmolality": {"mosm/kg": "1", "osm/kg": "1000"},
    "number concentration": {"10*9/L": "1", "10*3/uL": "1", "10*6/uL": "1000", "10*12/L": "1000", "/uL": "0.001", "{cells}/uL": "0.001",
                             "/mL": "1e-6", "/L": "1e-9",
                             "10*3/mL": "0.001", "10*6/mL": "1", "10*6/L": "0.001", "/mm3": "0.001", "10*3{cells}/uL": "1", "1000/uL": "1", "/nL": "1",
                             "10*4/uL": "10", "10*9/mL": "1000", "10*3{RBCs}/uL": "1", "{WBCs}/uL": "0.001", "10*3/L": "1e-6"},
    "enzyme activity": {"U/L": "1", "U/mL": "1000", "mU/mL": "1", "mU/L": "0.001", "kU/L": "1000", "U/dL": "10",
                        "ukat/L": "60", "nkat/L": "0.06", "umol/min/L": "1",
                        "nmol/h/mL": "1/60", "nmol/min/mL": "1"},
    "international units": {"[IU]/L": "1", "[IU]/mL": "1000", "m[IU]/mL": "1", "m[IU]/L": "0.001", "u[IU]/mL": "0.001",
                            "k[IU]/L": "1000", "k[IU]/mL": "1000000", "[IU]/dL": "10"},
    "endotoxin": {"[EU]/mL": "1", "[EU]/L": "0.001"},
    "colonies": {"[CFU]/mL": "1", "[CFU]/L": "0.001", "10*3.[CFU]/mL": "1000"},
    "copies": {"{copies}/mL": "1", "10*3{copies}/mL": "1000", "{copies}/uL": "1000", "{copies}/L": "0.001"},
    "log copies": {"{Log_copies}/mL": "1"},
    "log international units": {"{Log_IU}/mL": "1"},
    "arbitrary units": {"[arb'U]/mL": "1", "[arb'U]/L": "0.001"},
    "cardiolipin G": {"[GPL'U]": "1"},
    "cardiolipin M": {"[MPL'U]": "1"},
    "cardiolipin A": {"[APL'U]": "1"},
    "fraction": {"%": "0.01", "1": "1", "{ratio}": "1", "g/g": "1", "mg/g": "0.001", "ug/mg": "0.001", "ug/g": "1e-6", "mg/kg": "1e-6",
                 "[ppm]": "1e-6", "/100{WBCs}": "0.01"},
    "mass per mole": {"g/mol": "1", "mg/mmol": "1", "ug/mmol": "0.001", "mg/mol": "0.001", "ug/umol": "1"},
    "mass per day": {"mg/(24.h)": "1", "mg/d": "1", "g/(24.h)": "1000", "g/d": "1000", "ug/(24.h)": "0.001", "ug/d": "0.001",
                     "mg/h": "24", "ug/min": "1.44", "mg/(12.h)": "2"},
    "substance per day": {"mmol/(24.h)": "1", "mmol/d": "1", "umol/(24.h)": "0.001", "umol/d": "0.001", "nmol/(24.h)": "1e-6", "mol/d": "1000", "mmol/h": "24"},
    "equivalents per day": {"meq/(24.h)": "1", "meq/d": "1"},
    "volume flow": {"mL/min": "1", "L/min": "1000", "mL/h": "1/60", "mL/s": "60", "L/h": "1000/60", "L/d": "1000/1440"},
    "clearance of a standard body": {"mL/min/{1.73_m2}": "1", "mL/s/{1.73_m2}": "60", "mL/(min.{1.73_m2})": "1"},
    "time": {"s": "1", "min": "60", "h": "3600", "d": "86400", "wk": "604800", "ms": "0.001"},
    "mass": {"g": "1", "kg": "1000", "mg": "0.001", "ug": "1e-6", "ng": "1e-9", "pg": "1e-12", "fg": "1e-15", "[lb_av]": "453.59237", "[oz_av]": "28.349523125"},
    "volume": {"L": "1", "dL": "0.1", "mL": "0.001", "uL": "1e-6", "fL": "1e-15", "pL": "1e-12", "cm3": "0.001", "um3": "1e-15"},
    "length": {"m": "1", "cm": "0.01", "mm": "0.001", "um": "1e-6", "[in_i]": "0.0254", "[ft_i]": "0.3048"},
    "pressure": {"mm[Hg]": "0.133322", "kPa": "1", "Pa": "0.001", "cm[H2O]": "0.0980665"},
    "sedimentation": {"mm/h": "1", "cm/h": "10", "mm/min": "60"},
    "per field": {"/[HPF]": "100", "/[LPF]": "1"},
    "enzyme per mass": {"U/g": "1", "kU/kg": "1", "mU/mg": "1", "U/mg": "1000"},
    "fibrinogen equivalents": {"ng/mL{FEU}": "1", "ug/mL{FEU}": "1000", "mg/L{FEU}": "1000", "ug/L{FEU}": "1"},
    "D-dimer units": {"ng/mL{DDU}": "1", "ug/mL{DDU}": "1000"},
    "substance per mass": {"umol/g": "1", "nmol/mg": "1", "mmol/kg": "1", "nmol/g": "0.001", "pmol/mg": "0.001", "fmol/mg": "1e-6", "umol/mg": "1000",
                           "umol/g{creat}": "1", "mol/kg": "1000"},
    "mass per surface": {"mg/m2": "1", "g/m2": "1000", "ug/m2": "0.001", "ng/m2": "1e-6"},
    "mass per body and time": {"mg/kg/h": "1", "mg/kg/d": "1/24", "ug/kg/min": "0.06", "mg/(kg.h)": "1", "g/kg/d": "1000/24", "ng/kg/min": "0.00006"},
    "volume per body and time": {"mL/kg/h": "1", "mL/kg/min": "60", "mL/(kg.d)": "1/24"},
    "enzyme per day": {"U/(24.h)": "1", "U/d": "1", "U/h": "24"},
    "viscosity": {"mPa.s": "1", "cP": "1"},
    "energy per day": {"kcal/d": "1", "kcal/(24.h)": "1", "kcal/h": "24"},
    "titre": {"{titer}": "1"},
    "index": {"{index_val}": "1"},
}  # fmt: skip
UNITS = [(kind, unit, Fraction(*(Fraction(part) for part in factor.split("/")))) for kind, row in FACTORS.items() for unit, factor in row.items()]


def test_every_pair_of_units_of_the_common_laboratory_set() -> None:
    """Within a kind by the factors written by hand; between two kinds never."""
    wrong = []
    for (kind, found, factor), (other, wanted, divisor) in product(UNITS, UNITS):
        how = way(found, wanted, (), DICTIONARY.units)
        expected = Fraction("7.25") * factor / divisor if kind == other else None
        if (None if how is None else how.of(Fraction("7.25"))) != expected:
            wrong.append((found, wanted))
    assert wrong == []
    assert len(UNITS) ** 2 > 20_000


SPELT = [
    ("potassium", "4.1", "mEq/L", "4.1"),
    ("calcium", "4.6", "meq/L", "2.3"),
    ("calcium", "4.6", "mEq/L", "2.3"),
    ("alt", "1", "µkat/L", "60"),
    ("alt", "40", "IU/L", "40"),
    ("ldh", "0.3", "kIU/L", "300"),
    ("platelets", "250", "10~9/L", "250"),
    ("platelets", "250", "E9/L", "250"),
    ("platelets", "250", "Thousand/uL", "250"),
    ("platelets", "0.25", "Million/uL", "250"),
    ("platelets", "250", "10^3 cells/µL", "250"),
    ("platelets", "250", "1E9/L", "250"),
    ("hemoglobin", "13", "g/100mL", "130"),
    ("hbv_dna", "9", "IU/L", "0.009"),
    ("hbs_antibody", "5", "MIU/mL", "5"),  # not UCUM: laboratories mean milli
    ("hbs_antibody", "5", "M[IU]/mL", "5000000000"),  # UCUM: mega
    ("urine_m_protein_24h", "500", "mg/24hrs", "500"),
    ("urine_m_protein_24h", "0.5", "g/day", "500"),
    ("egfr", "60", "mL/min/1.73 m²", "60"),
    ("temperature", "101.3", "°F", "38.5"),
]


@pytest.mark.parametrize(("fact", "value", "unit", "expected"), SPELT)
def test_usual_spellings_are_read(fact: str, value: str, unit: str, expected: str) -> None:
    assert str(said_in(unit, DICTIONARY[fact].unit or "1", value, fact, DICTIONARY)) == expected


@pytest.mark.parametrize(
    ("fact", "unit"),
    [("hbv_dna", "{copies}/mL"), ("hbv_dna", "[EU]/mL"), ("hbv_dna", "/mL"), ("hbv_dna", "{Log_IU}/mL"), ("hbv_dna", "U/mL"), ("hiv_rna", "[IU]/mL"),
     ("hiv_rna", "/mL"), ("hiv_rna", "{Log_copies}/mL"), ("endotoxin", "[IU]/mL"), ("egfr", "mL/min"), ("creatinine_clearance", "mL/min/1.73m2"),
     ("creatinine_clearance", "mL/min/{1.73_m2}"), ("phosphate", "meq/L"), ("platelets", "{copies}/uL"), ("d_dimer", "ng/mL"), ("alt", "[arb'U]/L"),
     ("hemoglobin", "mmol/L"), ("marrow_blasts", "/[HPF]")],
)  # fmt: skip
def test_what_must_not_convert_is_refused(fact: str, unit: str) -> None:
    answer = said_in(unit, DICTIONARY[fact].unit or "1", "5", fact, DICTIONARY)
    assert getattr(answer, "code", None) == "facts.units.no_way"


def test_published_limits_meet_and_nothing_else_is_rounded() -> None:
    found = {value: str(said_in("mg/dL", "umol/L", value, "urate", DICTIONARY)) for value in ("7.9", "8.0", "8", "8.1")}
    assert found == {"7.9": "469.892", "8.0": "476", "8": "476", "8.1": "481.788"}


def call(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["units", *words])
    return result.exit_code, result.stdout.strip(), result.stderr.strip()


def test_the_command_prints_value_and_unit() -> None:
    assert call("mg/dL", "umol/L", "1.1", "--analyte", "creatinine") == (0, '{"value": 97.24, "unit": "umol/L"}', "")
    assert json.loads(call("1/[ly]", "cm-1", "1")[1]) == {"value": 1.0570008340246155e-18, "unit": "cm-1"}
    assert call("Cel", "K", "-5", "--json") == (0, '{"value": 268.15, "unit": "K"}', "")
    assert call("mmol/L", "meq/L", "2.3", "--analyte", "calcium")[1] == '{"value": 4.6, "unit": "meq/L"}'


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("meq/L", "mmol/L", "4.6"), "meq/L does not convert into mmol/L"),
        (("molv", "molv", "1"), "molv is no unit"),
        (("mg/dL", "g/L", "1,5"), "expected a number with a decimal point"),
        (("mg/dL", "g/L", "nan"), "expected a number"),
        (("mg/dL", "g/L", "1e999999999"), "expected a number"),
        (("mg/dL", "umol/L", "1", "--analyte", "creatinin"), "did you mean creatinine?"),
        (("g", "mol", "1", "--analyte", "crp"), "does not convert"),
    ],
)
def test_the_command_says_why_not(words: tuple[str, ...], said: str) -> None:
    code, out, error = call(*words)
    assert (code, out) == (1, "")
    assert said in error
    assert json.loads(call(*words, "--json")[1])["refused"] == "invalid"


def test_reading_does_not_depend_on_what_was_read_before() -> None:
    first = read("mg/dL")
    assert read("g/L").factor / first.factor == 100
    assert read("mg/dL") == first


@pytest.mark.parametrize(("value", "rounded"), [("7.9", "470"), ("8.0", "476"), ("-0.05", "-3")])
def test_a_sites_conversion_that_rounds_goes_on_rounding(value: str, rounded: str) -> None:
    assert Conversion(Fraction("59.48"), {}, 0).of(Fraction(value)) == Fraction(rounded)
