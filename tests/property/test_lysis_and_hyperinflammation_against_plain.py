"""Outcome of tumour lysis by Cairo and Bishop and by Howard, and the screening for IEC-HS, against a second, plain rendering of the published criteria.

None is unknown. What counts only when it is recorded counts as absent where it is unknown. `make soak` compares ten thousand of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from random import Random
from typing import Any

from policy_documents import apply
from soak_counts import examples

Facts = Mapping[str, Any]
Truth = bool | None
FEW = 300
WINDOWS = ("infusion", "lymphodepletion")


def drawn(random: Random, values: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Facts of which some are unknown: a few, or most."""
    share = random.choice((0.02, 0.1, 0.4))
    return {name: None if random.random() < share else random.choice(some) for name, some in values.items()}


def above(value: float | None, limit: float | Fraction | None) -> Truth:
    return None if value is None or limit is None else Fraction(str(value)) > limit


def reaches(value: float | None, limit: float | Fraction | None) -> Truth:
    return None if value is None or limit is None else Fraction(str(value)) >= Fraction(limit)


def times(factor: str, value: float | None) -> Fraction | None:
    return None if value is None else Fraction(factor) * Fraction(str(value))


def any_of(*truths: Truth) -> Truth:
    return True if True in truths else None if None in truths else False


def both(first: Truth, second: Truth) -> Truth:
    return False if False in (first, second) else None if None in (first, second) else True


def exactly(text: str) -> Fraction:
    return Fraction(text)


# --- Cairo and Bishop 2004 ------------------------------------------------------------------------------------------

ARRHYTHMIA = ("none", "no_intervention", "non_urgent_intervention", "symptomatic", "life_threatening")
SEIZURE = ("none", "resolves_rapidly", "prolonged", "repetitive")


def cairo_values() -> dict[str, Sequence[Any]]:
    values: dict[str, Sequence[Any]] = {"age": (5, 17, 18, 60), "infusion_recorded": (True, True, False), "lymphodepletion_recorded": (True, False)}
    for window in WINDOWS:
        values |= {
            f"max_urate_tls_{window}": (300, 380, 475, 476, 500), f"max_potassium_tls_{window}": (4.0, 5.0, 5.9, 6.0, 6.5),
            f"max_phosphate_tls_{window}": (1.0, 1.44, 1.45, 2.0, 2.1), f"min_calcium_tls_{window}": (1.5, 1.75, 1.76, 2.3),
            f"baseline_urate_tls_{window}": (304, 400, None, None), f"baseline_potassium_tls_{window}": (4.0, 4.8, None, None),
            f"baseline_phosphate_tls_{window}": (0.8, 1.16, None, None), f"baseline_calcium_tls_{window}": (2.0, 2.4, None, None),
            f"max_creatinine_ratio_tls_{window}": (0.8, 1.4, 1.5, 1.6, 3.0, 3.1, 6.0, 6.1), f"worst_arrhythmia_tls_{window}": ARRHYTHMIA,
            f"worst_seizure_tls_{window}": SEIZURE,
        }  # fmt: skip
    return values


def cairo_laboratory(f: Facts, window: str) -> Truth:
    """Two of four analytes, at a limit or by a quarter from the baseline where one is known."""
    urate, potassium, phosphate = (f[f"max_{name}_tls_{window}"] for name in ("urate", "potassium", "phosphate"))
    calcium, base = f[f"min_calcium_tls_{window}"], {name: f[f"baseline_{name}_tls_{window}"] for name in ("urate", "potassium", "phosphate", "calcium")}
    adult = None if f["age"] is None else f["age"] >= 18
    high_phosphate = any_of(reaches(phosphate, exactly("2.1")), both(adult, reaches(phosphate, exactly("1.45"))))
    fallen = None if calcium is None else Fraction(str(calcium)) <= exactly("1.75")
    values = {"urate": urate, "potassium": potassium, "phosphate": phosphate}
    quarter = {name: False if base[name] is None else reaches(value, times("1.25", base[name])) for name, value in values.items()}
    fell = False if base["calcium"] is None else None if calcium is None else Fraction(str(calcium)) <= times("0.75", base["calcium"])  # type: ignore[operator]
    met = (
        any_of(reaches(urate, 476), quarter["urate"]),
        any_of(reaches(potassium, 6), quarter["potassium"]),
        any_of(high_phosphate, quarter["phosphate"]),
        any_of(fallen, fell),
    )
    sure, open_ones = met.count(True), met.count(None)
    return True if sure >= 2 else False if sure + open_ones < 2 else None


def cairo_grade(f: Facts, window: str) -> int:
    """The highest of what was recorded: creatinine as multiple of its upper limit, arrhythmia, seizure."""
    ratio = f[f"max_creatinine_ratio_tls_{window}"] or 0
    by_creatinine = 4 if ratio > 6 else 3 if ratio > 3 else 2 if ratio > 1.5 else 1 if ratio >= 1.5 else 0
    by_rhythm = ARRHYTHMIA.index(f[f"worst_arrhythmia_tls_{window}"] or "none")
    by_seizure = {"none": 0, "resolves_rapidly": 2}.get(f[f"worst_seizure_tls_{window}"] or "none", 4)
    return max(by_creatinine, by_rhythm, by_seizure)


def counting(f: Facts) -> tuple[str, ...]:
    """The windows whose first day is recorded; that of the infusion alone where nothing is."""
    if not f["lymphodepletion_recorded"]:
        return ("infusion",)
    return WINDOWS if f["infusion_recorded"] in (True, None) else ("lymphodepletion",)


def lysis(found: Sequence[tuple[Truth, bool]]) -> str:
    """Clinical where a window with laboratory lysis has more than that, else laboratory, by what is sure."""
    laboratory = any_of(*(one for one, _ in found))
    if any(one is True and more for one, more in found):
        return "clinical-tls"
    return {True: "laboratory-tls", False: "no-tls", None: "undetermined"}[laboratory]


def test_tumour_lysis_by_cairo_and_bishop():
    values = cairo_values()
    for seed in examples(FEW, "outcome of tls-cairo-bishop-2004"):
        facts = drawn(Random(seed), values)
        windows = [(cairo_laboratory(facts, window), cairo_grade(facts, window)) for window in counting(facts)]
        decision = apply("tls-cairo-bishop-2004", facts)
        outcome = lysis([(found, grade > 0) for found, grade in windows])
        assert decision.outcome == outcome, (seed, facts)
        sure = max((grade for found, grade in windows if found), default=0)
        open_above = any(found is None and grade > sure for found, grade in windows)
        expected = None if outcome == "undetermined" or open_above else sure
        assert decision.values["grade"] == expected, (seed, facts)


# --- Howard 2011 ----------------------------------------------------------------------------------------------------


def howard_values() -> dict[str, Sequence[Any]]:
    values: dict[str, Sequence[Any]] = {"age": (5, 17, 18, 60), "infusion_recorded": (True, True, False), "lymphodepletion_recorded": (True, False)}
    for window in WINDOWS:
        values |= {f"howard_{who}_abnormal_within_24h_{end}_tls_{window}": (0, 1, 2, 3) for who in ("adult", "child") for end in ("min", "max")}
        values |= {
            f"max_creatinine_tls_{window}": (80, 106.4, 106.5, 140), f"baseline_creatinine_tls_{window}": (80, 113.5, None),
            f"max_creatinine_ratio_tls_{window}": (1.4, 1.5, 1.6),
            f"any_oliguria_tls_{window}": (True, False, False, False), f"worst_seizure_tls_{window}": ("none", "none", *SEIZURE),
            f"worst_arrhythmia_tls_{window}": ("none", "none", *ARRHYTHMIA), f"any_symptomatic_hypocalcemia_tls_{window}": (True, False, False, False),
        }  # fmt: skip
    return values


def by_count(f: Facts, who: str, window: str) -> Truth:
    least, most = (f[f"howard_{who}_abnormal_within_24h_{end}_tls_{window}"] for end in ("min", "max"))
    return True if least is not None and least >= 2 else False if most is not None and most < 2 else None


def howard_laboratory(f: Facts, window: str) -> Truth:
    """Two analytes abnormal within 24 hours, by the limits of a child below 18 years; either where the age is not known and both say the same."""
    adult, child = by_count(f, "adult", window), by_count(f, "child", window)
    if f["age"] is not None:
        return adult if f["age"] >= 18 else child
    return adult if adult == child else None


def howard_clinical(f: Facts, window: str) -> bool:
    most, base, ratio = (f[f"{name}_tls_{window}"] for name in ("max_creatinine", "baseline_creatinine", "max_creatinine_ratio"))
    kidney = Fraction(str(most)) - Fraction(str(base)) >= exactly("26.5") if most is not None and base is not None else False
    kidney = kidney or (base is None and ratio is not None and ratio > 1.5)
    recorded = (f[f"worst_seizure_tls_{window}"] or "none", f[f"worst_arrhythmia_tls_{window}"] or "none")
    others = (f[f"any_oliguria_tls_{window}"], f[f"any_symptomatic_hypocalcemia_tls_{window}"])
    return bool(kidney) or any(one != "none" for one in recorded) or True in others


def test_tumour_lysis_by_howard():
    values = howard_values()
    for seed in examples(FEW, "outcome of tls-howard-2011"):
        facts = drawn(Random(seed), values)
        for who in ("adult", "child"):
            for window in WINDOWS:  # a count lies between its bounds
                least, most = (f"howard_{who}_abnormal_within_24h_{end}_tls_{window}" for end in ("min", "max"))
                if facts[least] is not None and facts[most] is not None and facts[least] > facts[most]:
                    facts[least], facts[most] = facts[most], facts[least]
        found = [(howard_laboratory(facts, window), howard_clinical(facts, window)) for window in counting(facts)]
        assert apply("tls-howard-2011", facts).outcome == lysis(found), (seed, facts)


# --- IEC-HS, Hines 2023 ---------------------------------------------------------------------------------------------

HINES: dict[str, Sequence[Any]] = {
    "ferritin": (300, 800, 800.1, 1001, 5000), "ferritin_upper_limit": (400, 500), "ferritin_at_infusion": (300, 400, 500),
    "ferritin_rising_rapidly": (True, False, False, False),
    "alt": (30, 250, 251, 300, 301), "alt_upper_limit": (50,), "alt_at_infusion": (30, 50, 51, 60), "ast": (30, 200, 201, 250, 251), "ast_upper_limit": (40,),
    "ast_at_infusion": (30, 40, 41, 50), "fibrinogen": (1.4, 1.5, 1.79, 1.8, 3.0), "fibrinogen_lower_limit": (1.2, 1.8), "hemophagocytosis": (True, False, False, False),
    "cytopenia_new_or_worse": (True, False, False, False), "hyperinflammation_other_cause": (True, False, False),
}  # fmt: skip


def hines(f: Facts) -> str:
    required = any_of(ferritin_high(f), f["ferritin_rising_rapidly"] is True)
    common = any_of(f["hemophagocytosis"] is True, f["cytopenia_new_or_worse"] is True, raised(f, "alt"), raised(f, "ast"), low_fibrinogen(f))
    if required is not True:
        return "undetermined" if required is None else "not-suspected"
    if f["hyperinflammation_other_cause"] is True:
        return "other-cause"
    return {True: "suspected", False: "watch", None: "undetermined"}[common]


def ferritin_high(f: Facts) -> Truth:
    """Above twice its limit or twice its value at infusion; the limit alone where the other comparison is open."""
    by_limit, by_start = above(f["ferritin"], times("2", f["ferritin_upper_limit"])), above(f["ferritin"], times("2", f["ferritin_at_infusion"]))
    whole = any_of(by_limit, by_start)
    return by_limit if whole is None else whole


def raised(f: Facts, enzyme: str) -> Truth:
    """Above five times its upper limit, or five times its value at infusion where that was above the limit."""
    limit, start = f[f"{enzyme}_upper_limit"], f[f"{enzyme}_at_infusion"]
    return above(f[enzyme], times("5", limit if limit is None or start is None else max(limit, start)))


def low_fibrinogen(f: Facts) -> Truth:
    limit = max(exactly("1.5"), times("1", f["fibrinogen_lower_limit"]) or 0)
    return None if f["fibrinogen"] is None else Fraction(str(f["fibrinogen"])) < limit


def test_screening_for_iec_hs():
    for seed in examples(FEW, "iec-hs-screening-2023"):
        facts = drawn(Random(seed), HINES)
        assert apply("iec-hs-screening-2023", facts).outcome == hines(facts), (seed, facts)
