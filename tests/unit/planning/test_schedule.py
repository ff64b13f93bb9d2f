"""`schedule`: the case as the contract writes it, everything wrong with one told at once, the check of a plan, and a plan made anew."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from baybridge.cli.main import main
from baybridge.documents.requests import FormError
from baybridge.planning.checking import checks
from baybridge.planning.schedule import plan
from baybridge.planning.written import Assignment, read

#: Two patients of one product for a plant with one start a week: the more urgent one goes first although the other was ready before.
CASE: dict[str, Any] = {
    "horizon_start": "2026-03-02", "weeks": 8,
    "centres": [{"id": "macao", "region": "MO", "chairs": [1] * 8, "beds": [1] * 8, "icu": [0] * 8}],
    "plants": [{"id": "plant", "product": "relma", "starts": [1] * 8, "turnaround_days": 14}],
    "transit_days": {"macao>plant": 1, "plant>macao": 1},
    "cases": [
        {"id": "first", "product": "relma", "centres": ["macao"], "urgency": 1, "ready_on": "2026-03-02", "latest_collection_on": "2026-03-20",
         "bed_weeks": 1, "predicted_severe": False},
        {"id": "urgent", "product": "relma", "centres": ["macao"], "urgency": 5, "ready_on": "2026-03-04", "latest_collection_on": "2026-03-20",
         "bed_weeks": 1, "predicted_severe": False},
    ],
    "lymphodepletion_days": 5, "max_hold_weeks": 4, "unserved_penalty": 52,
}  # fmt: skip


def changed(**changes: Any) -> dict[str, Any]:
    """The case with other values, by paths such as `cases.0.urgency`."""
    case = deepcopy(CASE)
    for path, value in changes.items():
        *outer, name = path.split("__")
        place: Any = case
        for step in outer:
            place = place[int(step) if step.isdigit() else step]
        place[name] = value
    return case


def asked(folder: Path, case: object, *options: str) -> Result:
    (folder / "case.json").write_text(json.dumps(case), "utf-8")
    return CliRunner().invoke(main, ["schedule", str(folder / "case.json"), *options])


def test_the_command_prints_what_the_contract_names(tmp_path: Path) -> None:
    said = asked(tmp_path, CASE, "--json")
    assert said.exit_code == 0, said.output
    found = json.loads(said.output)
    assert list(found) == ["assignments", "unserved", "objective", "bound", "first_come_objective", "seconds", "checks"]
    assert found["assignments"] == [
        {"case": "first", "centre": "macao", "plant": "plant", "collection_week": 1, "infusion_week": 4},
        {"case": "urgent", "centre": "macao", "plant": "plant", "collection_week": 0, "infusion_week": 3},
    ]
    assert (found["objective"], found["bound"], found["first_come_objective"], found["unserved"]) == (1 * 4 + 5 * 3, 19, 1 * 3 + 5 * 4, [])
    assert all(check["holds"] for check in found["checks"])


def test_the_words_say_weeks_with_their_mondays_and_leave_the_decision_to_a_person(tmp_path: Path) -> None:
    said = asked(tmp_path, CASE).output
    assert "urgent  collected at macao in week 0 (2026-03-02), made by plant, infused in week 3 (2026-03-23)" in said
    assert "for a person to accept" in said


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"cases__0__centres": []}, "planning.no_centre"),
        ({"cases__0__product": "axi"}, "planning.no_plant"),
        ({"transit_days": {"macao>plant": 1}}, "planning.no_way"),
        ({"cases__0__ready_on": "2026-02-02", "cases__0__latest_collection_on": "2026-02-27"}, "planning.window_over"),
        ({"cases__0__bed_weeks": 6}, "planning.too_late"),
        ({"unserved_penalty": 2}, "planning.costs_more"),
        ({"centres__0__chairs": [0] * 8}, "planning.full.chairs"),
        ({"plants__0__starts": [0] * 8}, "planning.full.starts"),
        ({"centres__0__beds": [0] * 8}, "planning.full.beds"),
        ({"cases__0__predicted_severe": True}, "planning.full.icu"),
    ],
)
def test_whoever_is_not_served_is_told_what_binds(changes: dict[str, Any], code: str) -> None:
    reasons = dict(plan(read(changed(**changes))).unserved)["first"]
    assert [reason.code for reason in reasons] == [code]


def test_without_the_constants_the_contract_s_hold(tmp_path: Path) -> None:
    short = {name: value for name, value in CASE.items() if name not in ("lymphodepletion_days", "max_hold_weeks", "unserved_penalty")}
    assert plan(read(short)).assignments == plan(read(CASE)).assignments


def test_every_problem_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    slips = {"cases.0.urgency": -1, "cases.1.ready_on": "03/04/2026", "transit_days.macao>plant": -1, "plants.0.turnaround_days": 1e9, "weeks": True}
    said = asked(tmp_path, changed(**{path.replace(".", "__"): value for path, value in slips.items()}), "--json")
    assert said.exit_code == 1
    for field in ("cases[0].urgency", "cases[1].ready_on", "transit_days.macao>plant", "plants[0].turnaround_days", "weeks"):
        assert field in said.output, said.output
    case = changed(horizon_start="2026-03-03", centres__0__beds=[1] * 7, transit_days={"macao>nowhere": 1}, cases__0__centres=["kowloon"])
    case["cases"][1]["id"] = "first"
    with pytest.raises(FormError) as problem:
        read(case)
    assert [one.field for one in problem.value.problems] == [
        "horizon_start", "cases", "centres[0].beds", "transit_days.macao>nowhere", "cases[0].centres",
    ]  # fmt: skip


def test_what_no_solver_could_hold_is_refused_before_it_is_tried() -> None:
    weeks = 520
    centre = {"id": "macao", "chairs": [1] * weeks, "beds": [1] * weeks, "icu": [1] * weeks}
    plant = {**CASE["plants"][0], "starts": [1] * weeks}
    waiting = [{**CASE["cases"][0], "id": f"case{number}", "latest_collection_on": "2036-01-01"} for number in range(300)]
    with pytest.raises(FormError, match="500000"):
        read(changed(weeks=weeks, centres=[centre], plants=[plant], cases=waiting))
    for path, value in (("cases__0__urgency", 10**400), ("unserved_penalty", 10_001), ("max_hold_weeks", 521), ("cases__0__bed_weeks", 0)):
        with pytest.raises(FormError, match=path.rpartition("__")[2]):
            read(changed(**{path: value}))


def test_what_is_no_case_is_told_and_nothing_is_printed(tmp_path: Path) -> None:
    for content in ("[]", "{", '{"weeks": 8, "weeks": 9}', '{"weeks": NaN}', "null", '"case"'):
        (tmp_path / "case.json").write_text(content, "utf-8")
        said = CliRunner().invoke(main, ["schedule", str(tmp_path / "case.json"), "--json"])
        assert said.exit_code == 1 and "case.json" in said.output and "Traceback" not in said.output, content


def test_a_patient_who_was_ready_before_the_first_week_has_waited_since() -> None:
    case = changed(cases__0__ready_on="2026-02-16")
    found = plan(read(case))
    assert {one.case: one.collection_week for one in found.assignments} == {"first": 1, "urgent": 0}
    assert found.objective == 1 * (4 + 2) + 5 * 3


def test_a_part_of_a_day_counts(tmp_path: Path) -> None:
    """14 + 1 + 1 + 5 days are three weeks to the day; an hour more needs a fourth."""
    assert [one.infusion_week - one.collection_week for one in plan(read(CASE)).assignments] == [3, 3]
    longer = changed(transit_days={"macao>plant": 1.05, "plant>macao": 1})
    assert [one.infusion_week - one.collection_week for one in plan(read(longer)).assignments] == [4, 4]


# --- the check ------------------------------------------------------------------------------------------------------

FIRST, URGENT = Assignment("first", "macao", "plant", 1, 4), Assignment("urgent", "macao", "plant", 0, 3)


@pytest.mark.parametrize(
    ("assignments", "left", "objective", "name"),
    [
        ((FIRST,), (), 12, "each_case_once"),
        ((FIRST, FIRST, URGENT), (), 16, "each_case_once"),
        ((replace(FIRST, collection_week=5, infusion_week=7), URGENT), (), 22, "collection_window"),
        ((replace(FIRST, collection_week=0, infusion_week=4), URGENT), (), 19, "chairs"),
        ((replace(FIRST, collection_week=0, infusion_week=4), URGENT), (), 19, "starts"),
        ((replace(FIRST, infusion_week=3), URGENT), (), 18, "time_to_infusion"),
        ((replace(FIRST, infusion_week=3), URGENT), (), 18, "beds"),
        ((FIRST, URGENT), (), 18, "objective"),
    ],
)
def test_a_plan_that_breaks_a_rule_does_not_pass_its_check(assignments: tuple[Assignment, ...], left: tuple[str, ...], objective: int, name: str) -> None:
    found = {check.name: check.holds for check in checks(read(CASE), assignments, left, objective, 0, 10_000)}
    assert found[name] is False


def test_the_check_knows_centre_product_intensive_care_and_the_proof() -> None:
    severe = read(changed(cases__0__predicted_severe=True))
    assert not {check.name: check.holds for check in checks(severe, (FIRST, URGENT), (), 19, 19, 23)}["icu"]
    other = read(changed(cases__0__product="axi"))
    assert not {check.name: check.holds for check in checks(other, (FIRST, URGENT), (), 19, 19, 23)}["acceptable_centre_and_product"]
    found = {check.name: check.holds for check in checks(read(CASE), (FIRST, URGENT), (), 19, 20, 18)}
    assert (found["bound"], found["not_above_first_come"]) == (False, False)
    late = read(changed(cases__0__bed_weeks=5))
    assert not {check.name: check.holds for check in checks(late, (FIRST, URGENT), (), 19, 19, 23)}["horizon"]


# --- made anew ------------------------------------------------------------------------------------------------------


def test_a_plan_made_anew_keeps_what_it_can_and_names_who_moves(tmp_path: Path) -> None:
    (tmp_path / "before.json").write_text(asked(tmp_path, CASE, "--json").output, "utf-8")
    same = json.loads(asked(tmp_path, CASE, "--json", "--previous", str(tmp_path / "before.json")).output)
    assert same["moved"] == []
    lost = json.loads(asked(tmp_path, changed(plants__0__starts=[1, 0, 1, 1, 1, 1, 1, 1]), "--json", "--previous", str(tmp_path / "before.json")).output)
    assert lost["moved"] == [
        {
            "case": "first",
            "before": {"case": "first", "centre": "macao", "plant": "plant", "collection_week": 1, "infusion_week": 4},
            "after": {"case": "first", "centre": "macao", "plant": "plant", "collection_week": 2, "infusion_week": 5},
        }
    ]
    words = asked(tmp_path, changed(plants__0__starts=[1] + [0] * 7), "--previous", str(tmp_path / "before.json")).output
    assert "moved: first, which has no plan any more" in words


def test_a_collection_of_week_0_stays_although_somebody_more_urgent_came(tmp_path: Path) -> None:
    alone = changed()
    del alone["cases"][1]
    (tmp_path / "before.json").write_text(asked(tmp_path, alone, "--json").output, "utf-8")
    found = json.loads(asked(tmp_path, CASE, "--json", "--previous", str(tmp_path / "before.json")).output)
    assert {one["case"]: one["collection_week"] for one in found["assignments"]} == {"first": 0, "urgent": 1}
    assert found["moved"] == []


def test_a_previous_plan_that_is_none_is_told(tmp_path: Path) -> None:
    row = {"case": "first", "centre": "macao", "plant": "plant", "collection_week": 0, "infusion_week": 3}
    for content, told in (({"assignments": [{**row, "collection_week": "0"}]}, "collection_week"), ({"assignments": [row, row]}, "first"), ([], "object")):
        (tmp_path / "before.json").write_text(json.dumps(content), "utf-8")
        said = asked(tmp_path, CASE, "--json", "--previous", str(tmp_path / "before.json"))
        assert said.exit_code == 1 and "before.json" in said.output and told in said.output, said.output
