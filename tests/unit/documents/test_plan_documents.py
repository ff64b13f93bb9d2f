"""Documents of money have a form: what has not the form of its shape is told at its line and field, and bars; what is not said is told and bars nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from baybridge.documents.loader import Documents, packaged_data
from baybridge.documents.plan import SHAPES, misformed
from baybridge.documents.problems import field_name
from baybridge.node.commands.table import COMMANDS
from baybridge.rulebook.site_documents import check_site

VHIS = packaged_data() / "plans" / "benefits" / "hk-vhis-standard.yaml"


def wrong(document: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    misformed(document, lambda code, path, expected, was, hint: found.append((field_name(path), code.rpartition(".")[2])))
    return found


def test_ours_have_the_form_of_their_shape_and_each_shape_has_one() -> None:
    plans = Documents().typed.plans
    assert {name: found for name, document in plans.items() if (found := wrong(document))} == {}
    assert {str(document.get("shape")) for document in plans.values()} == set(SHAPES)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"shape": "benefit", "lables": {}}, [("lables", "unknown_key")]),
        ({"shape": "benefit", "benefit": {"cap_yaer": "1.00"}}, [("benefit.cap_yaer", "unknown_key")]),
        ({"shape": "benefit", "benefit": {"cap_year": 80000}}, [("benefit.cap_year", "wrong_value")]),
        ({"shape": "benefit", "benefit": {"bands": [{"rate": 0.5}]}}, [("benefit.bands[0].rate", "wrong_value")]),
        ({"shape": "benefit", "apply": {"quota": {"places": "ten"}}}, [("apply.quota.places", "wrong_value")]),
        ({"shape": "benefit", "scale": {}}, [("scale", "unknown_key")]),
        ({"shape": "agreement", "outcome": {"target_day": "90 days"}}, [("outcome.target_day", "wrong_value")]),
        ({"shape": "agreement", "death_rule": "void"}, [("death_rule", "wrong_value")]),
        ({"shape": "means_test", "scale": {"tiers": [{"flt": "0.00"}]}}, [("scale.tiers[0].flt", "unknown_key")]),
        ({"shape": "outcome_rates", "counts": {"CR_AT_M3": "31"}, "n": 31.0}, [("counts.CR_AT_M3", "wrong_value"), ("n", "wrong_value")]),
        ({"shape": "benefit", "benefit": None, "order": None, "in_force_to": None}, []),
        ({"id": "x", "version": 9, "of a shape that nobody knows": 1}, []),
    ],
)
def test_each_part_of_another_form_is_told(document: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert sorted(wrong(document)) == sorted(expected)


def laid(tmp_path: Path, text: str) -> Path:
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "own.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_site_is_told_line_and_field_and_its_plan_bars(tmp_path: Path) -> None:
    text = VHIS.read_text(encoding="utf-8").replace("  rate:", "  ratee:").replace("listed_products: null", "listed_products: all")
    report = check_site(laid(tmp_path, text), COMMANDS)
    lines = text.splitlines()
    places = {(problem.field, problem.line) for problem in report.bars}
    assert report.documents == 1
    assert places == {
        ("benefit.ratee", next(n for n, line in enumerate(lines, 1) if line.startswith("  ratee:"))),
        ("listed_products", next(n for n, line in enumerate(lines, 1) if line.startswith("listed_products:"))),
    }
    assert any(problem.field == "benefit.rate" for problem in report.problems), "what the terms lack is told with it"


def test_what_a_plan_does_not_say_is_told_and_bars_nothing(tmp_path: Path) -> None:
    text = "\n".join(line for line in VHIS.read_text(encoding="utf-8").splitlines() if not line.startswith("document_date"))
    report = check_site(laid(tmp_path, text), COMMANDS)
    assert report.bars == ()
    assert [(problem.field, problem.code) for problem in report.problems] == [("document_date", "policy.problem.wrong_form")]


def test_a_site_that_lays_its_own_plan_replaces_ours_whole(tmp_path: Path) -> None:
    laid(tmp_path, "id: hk-samaritan-fund\nversion: '9'\nshape: benefit\n")
    assert Documents(packaged_data(), tmp_path).typed.plans["hk-samaritan-fund"] == {"id": "hk-samaritan-fund", "version": "9", "shape": "benefit"}
