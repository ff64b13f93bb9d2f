"""`baybridge decide` and `baybridge policy` as a caller meets them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from baybridge.cli.policies import decide, policy
from baybridge.documents.loader import Documents

FACTS = {"ldh": 300, "creatinine": 88.4, "platelets": 150, "crp": 50}


def run(command, *args, stdin=None):
    return CliRunner().invoke(command, list(args), input=stdin)


def test_one_object_gives_one_decision():
    result = run(decide, "easix", "--facts", "-", "--json", stdin=json.dumps(FACTS))
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert (document["outcome"], document["values"]["easix"], document["as_of"]) == ("computed", 2.0, None)


def test_an_array_gives_an_array_and_lines_give_lines():
    both = [FACTS, {**FACTS, "ldh": None}]
    array = json.loads(run(decide, "easix", "--facts", "-", stdin=json.dumps(both)).stdout)
    lines = run(decide, "easix", "--facts", "-", stdin="\n".join(map(json.dumps, both)) + "\n").stdout.splitlines()
    assert [item["outcome"] for item in array] == ["computed", "undetermined"]
    assert [json.loads(line) for line in lines] == array
    assert json.loads(run(decide, "easix", "--facts", "-", stdin="[]").stdout) == []


def test_a_number_with_its_unit_is_converted():
    given = {**FACTS, "creatinine": {"value": 1.0, "unit": "mg/dL"}}
    assert json.loads(run(decide, "easix", "--facts", "-", stdin=json.dumps(given)).stdout)["values"]["easix"] == 2.0


def test_a_date_is_the_start_of_that_day():
    given = '{"age": 60}'
    early = json.loads(run(decide, "axi-cel-lbcl-2l-cn", "--facts", "-", "--at", "2023-06-26", stdin=given).stdout)
    assert (early["outcome"], early["as_of"]) == ("not-in-force", "2023-06-26T00:00:00+08:00")
    assert (
        json.loads(run(decide, "axi-cel-lbcl-2l-cn", "--facts", "-", "--at", "2023-06-27", stdin=given).stdout)["outcome"] == "undetermined"
    )


def test_a_fact_that_the_policy_does_not_read_is_ignored():
    assert run(decide, "easix", "--facts", "-", stdin=json.dumps({**FACTS, "age": 60})).exit_code == 0


@pytest.mark.parametrize(
    ("args", "stdin", "exit_code"),
    [
        (("easix", "--facts", "-"), '{"platelet": 1}', 1),
        (("easix", "--facts", "-"), '{"platelets": "many"}', 1),
        (("easix", "--facts", "-"), '{"creatinine": {"value": 1, "unit": "Cel"}}', 1),
        (("crs-astct-2019", "--facts", "-"), '{"oxygen_device": "straw"}', 1),
        (("easix", "--facts", "-"), '{"platelets": NaN}', 1),
        (("easix", "--facts", "-"), '{"platelets": 1, "platelets": 2}', 1),
        (("easix", "--facts", "-"), "[1]", 1),
        (("easix", "--facts", "-"), "platelets: 3", 1),
        (("easix", "--facts", "-"), "", 1),
        (("easix", "--facts", "-"), '{"ldh": 1}\n{"ldh": \n', 1),
        (("easix", "--facts", "-"), "[" * 100_000, 1),
        (("easix", "--facts", "-"), '{"crp": 123456789012345678901234567890}', 1),
        (("easix", "--facts", "-"), '{"crp": -5}', 1),
        (("easix", "--facts", "-", "--at", "2026-W01-1"), "{}", 2),
        (("easix", "--facts", "-", "--at", "2026-W01-1T10:00:00+08:00"), "{}", 2),
        (("esix", "--facts", "-"), "{}", 1),
        (("easix", "--facts", "-", "--at", "tomorrow"), "{}", 2),
        (("easix", "--facts", "-", "--at", "2026-01-01T08:00:00"), "{}", 2),
        (("easix",), None, 2),
        (("easix", "--patient", "p"), None, 2),
        (("easix", "--facts", "no-such-file.json"), None, 2),
        ((), None, 2),
    ],
)
def test_what_cannot_be_done_says_so_and_prints_no_decision(args, stdin, exit_code):
    result = run(decide, *args, stdin=stdin)
    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert result.stderr.strip()
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ('{"ldh": 1}\n{"ldh": \n[1]\n\n{"crp": NaN}\n', ["line 2: ", "line 3: ", "line 5: "]),
        ('[{}, 3, null, [1]]', ["[1] ", "[2] ", "[3] "]),
        ('{"ldh": 1}\n{"crp": 1, "crp": 2}', ["line 2: "]),
        ('{"ldh": 1, "crp":\n 2,}', [""]),
        ("\n \n", [""]),
    ],
)
def test_every_item_that_is_no_object_is_told_with_its_place(given, says):
    result = run(decide, "easix", "--facts", "-", stdin=given)
    assert result.exit_code == 1
    assert [line.partition("expected")[0] for line in result.stderr.splitlines()] == [f"-: {place}" for place in says]


def test_no_given_value_is_repeated_in_an_error():
    result = run(decide, "easix", "--facts", "-", stdin='{"platelets": "CANARY-NAME", "crs_diagnosed": "CANARY-NAME"}')
    assert "CANARY" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 2


def test_the_shipped_policies_pass_their_own_check():
    result = run(policy, "check", "--json")
    assert (result.exit_code, json.loads(result.stdout)["problems"]) == (0, [])


def test_a_broken_file_is_told_with_every_problem(tmp_path):
    file = tmp_path / "mine.yaml"
    cases = "cases: [{name: young, facts: {age: 17}, expect: {outcome: holds}}]\n"
    head = 'id: mine\nversion: "1"\nshape: criteria\nsource: s\n'
    file.write_text(head + "criteria: [{id: a, when: agee > 1}, {id: b, when: age > 'x'}]\n", encoding="utf-8")
    result = run(policy, "check", str(file))
    assert result.exit_code == 1
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == [f"{file}:5:26", f"{file}:5:57"]
    file.write_text(head + "criteria: [{id: a, when: age >= 18}]\n" + cases, encoding="utf-8")
    result = run(policy, "check", str(file))
    assert result.exit_code == 1
    assert "young" in result.stderr
    assert "found fails" in result.stderr


def test_worked_cases_are_told_at_the_token_that_is_wrong(tmp_path):
    file = tmp_path / "mine.yaml"
    head = 'id: mine\nversion: "1"\nshape: criteria\nsource: s\ncriteria: [{id: a, when: age >= 18}]\ncases:\n'
    wrong = "  - {name: n, at: soon, facts: {age: 17}, expect: {outcome: holds}}\n"
    unmet = "  - {name: n, facts: {age: 17}, expect: {outcome: holds, missing: [age], values: {x: 1}, reasons: {a: true}}}\n"
    facts = "  - {name: n, facts: {age: '17', agge: 3}, expect: {outcome: holds}}\n"
    file.write_text(head + wrong + unmet + facts, encoding="utf-8")
    told = run(policy, "check", str(file)).stderr.splitlines()
    tokens = [(7, wrong, "soon"), (8, unmet, "holds"), (8, unmet, "[age]"), (8, unmet, "1}"), (8, unmet, "true"), (9, facts, "'17'"), (9, facts, "agge")]
    places = [f"{file}:{line}:{text.index(token) + 1}" for line, text, token in tokens]
    assert [line.split(": ")[0] for line in told] == places


def test_facts_of_worked_cases_are_told_with_what_is_wrong_in_the_rules(tmp_path):
    file = tmp_path / "mine.yaml"
    head = 'id: mine\nversion: "1"\nshape: criteria\nsource: s\n'
    file.write_text(head + "criteria: [{id: a, when: agee >= 18}]\ncases: [{name: n, facts: {age: x}, expect: {outcome: holds}}]\n")
    told = run(policy, "check", str(file)).stderr.splitlines()
    assert [line.split(": ")[0] for line in told] == [f"{file}:5:26", f"{file}:6:32"]


@pytest.mark.parametrize(("first", "why"), [("age >= 18", "one below r0, which asks the same"), ("true", "one below r0, which always holds")])
def test_a_row_that_is_never_reached_is_listed_and_no_failure(tmp_path, first, why):
    file = tmp_path / "mine.yaml"
    head = 'id: mine\nversion: "1"\nshape: table\ntitle: {en: M, pt: M, zh-Hans: M, zh-Hant: M}\nsource: s\ndefault: c\n'
    file.write_text(head + f"rows:\n  - {{id: r0, outcome: a, when: {first!r}}}\n  - {{id: r1, outcome: b, when: age >= 18}}\n")
    result = run(policy, "check", str(file), "--json")
    (note,) = json.loads(result.stdout)["notes"]
    assert (result.exit_code, note["line"], note["found"]) == (0, 9, why)


def test_titles_that_a_language_lacks_are_listed_and_no_failure(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text('id: mine\nversion: "1"\nshape: criteria\ntitle: {en: Mine, pt: Meu}\nsource: s\ncriteria: [{id: a, when: age >= 18}]\n')
    result = run(policy, "check", str(file), "--json")
    assert result.exit_code == 0
    assert [note["expected"] for note in json.loads(result.stdout)["notes"]] == ["a title in zh-Hant", "a title in zh-Hans"]


@pytest.mark.parametrize(
    ("change", "place", "says"),
    [
        (("rate: \"0.00\"", "rate: 1.5"), "28:9", "a rate from 0 to 1"),
        (("currency: CNY", "currency: RMB"), "11:11", "Expected one of CNY"),
        (("in_force_from: null", "in_force_from: 2026-02-31"), "21:16", "in the calendar"),
        (("  kind:", "\tkind:"), "24:1", "never with tabs"),
    ],
)
def test_a_plan_is_checked_as_a_plan(tmp_path, change, place, says):
    file, plan = tmp_path / "plan.yaml", Documents().roots[0] / "plans" / "template.yaml"
    assert run(policy, "check", str(plan)).exit_code == 0
    file.write_text(plan.read_text("utf-8").replace(*change), encoding="utf-8")
    result = run(policy, "check", str(file))
    assert result.exit_code == 1
    first = result.stderr.splitlines()[0]
    assert first.startswith(f"{file}:{place}: ")
    assert says in first


@pytest.mark.parametrize(("encoding", "exit_code"), [("utf-8-sig", 0), ("gb18030", 1), ("utf-16", 1)])
def test_the_encoding_of_a_file(tmp_path, encoding, exit_code):
    file = tmp_path / "mine.yaml"
    file.write_bytes('id: mine\nversion: "1"\nshape: criteria\nsource: 标签\ncriteria: [{id: a, when: age >= 18}]\n'.encode(encoding))
    result = run(policy, "check", str(file))
    assert result.exit_code == exit_code
    assert ("save the file as UTF-8" in result.stderr) is (exit_code == 1)


def test_list_and_show():
    rows = json.loads(run(policy, "list", "--json").stdout)
    assert {"crs-astct-2019", "easix"} <= {row["id"] for row in rows}
    shown = json.loads(run(policy, "show", "easix", "--json").stdout)
    assert shown["sha256"] == json.loads(run(decide, "easix", "--facts", "-", stdin="{}").stdout)["policy_sha256"]
    assert run(policy, "show", "easix").stdout.strip().startswith("#")
    assert run(policy, "show", "esix").exit_code == 1


def test_a_threshold_that_no_worked_case_notices_is_listed_and_no_failure(tmp_path):
    file = tmp_path / "mine.yaml"
    cases = "cases: [{name: young, facts: {age: 17}, expect: {outcome: fails}}, {name: old, facts: {age: 70}, expect: {outcome: holds}}]\n"
    file.write_text('id: mine\nversion: "1"\nshape: criteria\nsource: s\ncriteria: [{id: a, when: age >= 18}]\n' + cases, encoding="utf-8")
    result = run(policy, "check", str(file), "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["unnoticed"] == ["mine: a: age 18: >= -> >", "mine: a: 18 -> 19"]
    assert "no worked case notices: mine: a: 18 -> 19" in run(policy, "check", str(file)).stdout
    assert json.loads(run(policy, "check", str(file), "--no-mutations", "--json").stdout)["unnoticed"] == []
    file.write_text(file.read_text("utf-8").replace("age: 70", "age: 18"), encoding="utf-8")
    assert json.loads(run(policy, "check", str(file), "--json").stdout)["unnoticed"] == []


@pytest.mark.parametrize(
    ("language", "says"),
    [("en", "lines of therapy of at least 3"), ("zh-Hant", "治療線數不低於3"), ("zh-Hans", "治疗线数不低于3"), ("pt", "linhas de tratamento de pelo menos 3")],
)
def test_a_policy_is_shown_in_words_of_a_language(language, says):
    shown = run(policy, "show", "eque-cel-mm-hk", "--language", language).stdout
    assert says in shown
    assert "lines_of_therapy" not in shown
    titles = {row["id"]: row["title"] for row in json.loads(run(policy, "list", "--language", language, "--json").stdout)}
    assert titles["eque-cel-mm-hk"] in shown


def test_a_language_that_texts_are_not_kept_in_is_refused():
    result = run(policy, "show", "easix", "--language", "fr")
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_run_and_a_comparison_say_outcomes_and_criteria_in_words(tmp_path):
    table, changed = tmp_path / "facts.parquet", tmp_path / "changed.yaml"
    rows = {"subject": ["a", "b"], "age": [60.0, 17.0], "diagnosis": ["mm", "mm"], "relapsed_or_refractory": [True, True], "lines_of_therapy": [3, 3]}
    pl.DataFrame(rows | {"had_proteasome_inhibitor": [True, True], "had_immunomodulatory_drug": [True, True]}).write_parquet(table)
    text = run(policy, "show", "eque-cel-mm-hk").stdout
    changed.write_text(text.replace("lines_of_therapy >= 3", "lines_of_therapy >= 4"), encoding="utf-8")
    told = run(policy, "run", "eque-cel-mm-hk", "--facts", str(table), "--language", "zh-Hant").stdout
    assert "eligible" in told and "不符合" in told
    assert "不符合" not in run(policy, "run", "eque-cel-mm-hk", "--facts", str(table)).stdout
    compared = run(policy, "compare", "eque-cel-mm-hk", str(changed), "--facts", str(table), "--language", "pt").stdout
    assert "linhas de tratamento de pelo menos 4" in compared


def test_a_document_that_is_being_written_is_asked_by_its_file(tmp_path: Path) -> None:
    """As `policy run` and `compare` take it; a name that is no file is told as one."""
    file = tmp_path / "draft.yaml"
    file.write_text((Documents().roots[0] / "policies/scores/mycare-2024.yaml").read_text("utf-8").replace("mycare-2024", "draft"), "utf-8")
    facts = tmp_path / "facts.json"
    known = dict.fromkeys(("extramedullary_disease", "lenalidomide_refractory", "high_risk_cytogenetics"), True)
    facts.write_text(json.dumps(known | {"ferritin": 500, "ferritin_upper_limit": 400}), "utf-8")
    done = CliRunner().invoke(decide, [str(file), "--facts", str(facts)])
    answer = json.loads(done.output)
    assert (answer["policy"], answer["outcome"], answer["values"]["score"]) == ("draft", "high", 4)
    lost = CliRunner().invoke(decide, [str(tmp_path / "lost.yaml"), "--facts", str(facts)])
    assert lost.exit_code == 1 and "lost.yaml: expected a policy document, found no such file" in lost.stderr
