"""A site's documents: each fault is told at its line and field, and what is laid over ours keeps what the site did not write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from baybridge.cli.main import main
from baybridge.documents.checking import check_folder
from baybridge.documents.kinds import ANY, FOLDERS, KINDS, RULES, kind_of_document
from baybridge.documents.loader import Documents, packaged_data, read_text
from baybridge.documents.overlay import lay_over
from baybridge.documents.problems import DocumentProblem
from baybridge.node.commands.table import COMMANDS
from baybridge.rulebook.site_documents import check_site

AXI = "axicabtagene-ciloleucel"


def write(site: Path, name: str, text: str) -> Path:
    path = site / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def found(site: Path) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.field, problem.code.rpartition(".")[2]) for problem in check_folder(site)[1]]


def test_ours_are_sound() -> None:
    number, problems = check_folder(packaged_data())
    assert (problems, number > 500) == ((), True)


def test_words_for_what_the_site_names_itself_are_no_strangers(tmp_path: Path) -> None:
    write(tmp_path, "translations/fr/a.yaml", "menu.tasks: Tâches\ncode.XA: Îles\ncode.XB: Îles\n")
    write(tmp_path, "languages/fr.yaml", "id: fr\norder: 5\nname: Français\nlocale: fr_FR\ntags: [fr]\n")
    write(tmp_path, "directory/cities.yaml", "id: cities\ncities: [{names: {en: XA}}]\n")
    assert [where for _, where, what in found(tmp_path) if what == "unknown_key" and where.startswith("code.")] == ["code.XB"]


def test_every_folder_of_ours_has_kinds() -> None:
    assert {path.name for path in packaged_data().iterdir() if path.is_dir()} <= FOLDERS


@pytest.mark.parametrize("folder", sorted(set(KINDS) - {"facts", "feeds", "card-issuers"}))
def test_every_document_of_ours_has_a_kind(folder: str) -> None:
    assert all(kind_of_document(folder, name) is not None for name in Documents().folder(folder))
    assert set(KINDS[folder]) - {ANY} <= set(Documents().folder(folder))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("products/a.yaml", f"id: {AXI}\nlables: []\n", [(2, "lables", "unknown_key")]),
        ("products/a.yaml", f"id: {AXI}\nthow: {{infuse_within_min: 45}}\n", [(2, "thow", "unknown_key")]),
        ("products/a.yaml", f"id: {AXI}\nthaw: {{infuse_within_min: 30 min}}\n", [(2, "thaw.infuse_within_min", "wrong_value")]),
        ("products/a.yaml", f"id: {AXI}\nthaw: {{infuse_within_h: 1}}\n", [(2, "thaw.infuse_within_h", "unknown_key")]),
        ("products/a.yaml", f"id: {AXI}\nstorage_max_c: 150\n", [(2, "storage_max_c", "wrong_value")]),
        ("products/a.yaml", "id: ours\n", [(1, "names", "missing"), (1, "source", "missing")]),
        ("products/a.yaml", f"id: {AXI}\nlabels:\n  - {{jurisdiction: CN}}\n", [(3, "labels[0].policy", "missing")]),
        ("products/a.yaml", f"id: {AXI}\natc: A\natc: B\n", [(3, "atc", "twice")]),
        ("products/a.yaml", f"id: {AXI}\nmax_infusions: '2'\n", [(2, "max_infusions", "wrong_value")]),
        ("products/a.yaml", f"id: {AXI}\nplant_in_greater_bay_area: 1\n", [(2, "plant_in_greater_bay_area", "wrong_value")]),
        ("products/a.yaml", "id: [\n", [(2, "", "not_yaml")]),
        ("products/a.yaml", "- id: a\n", [(1, "", "wrong_value")]),
        ("products/a.yaml", "names: {en: a}\n", [(1, "id", "missing")]),
        ("pathways/c.yaml", "id: cold-chain\nfresh_cells: {warmest_f: 46}\n", [(2, "fresh_cells.warmest_f", "unknown_key")]),
        ("pathways/c.yaml", "id: cold-chain\nthaw: null\n", [(2, "thaw", "missing")]),
        ("pathways/c.yaml", "id: cold-chain\nfresh_cells: {warmest_c: 1}\n", [(2, "fresh_cells.warmest_c", "wrong_value")]),
        ("pathways/c.yaml", "id: cold-chian\nfresh_cells: {warmest_c: 9}\n", [(1, "id", "unknown_document")]),
        ("timing/w.yaml", "id: washout\nrows: []\n", [(1, "id", "unknown_document")]),
        ("produts/a.yaml", "id: a\n", [(1, "", "unknown_folder")]),
        ("a.yaml", "id: a\n", [(1, "", "unknown_folder")]),
        ("facts/a.yaml", "height:\n  type: numbr\n", [(2, "height.type", "wrong_value")]),
        ("facts/a.yaml", "height_of_a_man:\n  unit: cm\n", [(1, "height_of_a_man.type", "missing")]),
        ("translations/en/a.yaml", "menu.tasks: 3\n", [(1, "menu.tasks", "wrong_value")]),
        ("translations/en/a.yaml", "menu.taskz: To do\n", [(1, "menu.taskz", "unknown_key")]),
        ("translations/en/a.yaml", "menu.taskz: null\n", [(1, "menu.taskz", "unknown_key")]),
        ("translations/en/a.yaml", "menu.tasks: 'To do'\n", []),
        ("translations/en/a.yaml", "menu.tasks: 'To do {count}'\n", [(1, "menu.tasks", "wrong_value")]),
        ("translations/en/a.yaml", "consent.request.words: 'At least {least}'\n", []),
        ("translations/en/a.yaml", "consent.request.words: 'Write more'\n", []),
        ("translations/en/a.yaml", "consent.request.words: 'At least {least!r}'\n", [(1, "consent.request.words", "wrong_value")]),
        ("translations/en/a.yaml", "consent.request.words: 'At least {least.real}'\n", [(1, "consent.request.words", "wrong_value")]),
        ("translations/en/a.yaml", "consent.request.words: 'At least {}'\n", [(1, "consent.request.words", "wrong_value")]),
        ("translations/en/a.yaml", "consent.request.words: 'At least {least'\n", [(1, "consent.request.words", "wrong_value")]),
        ("translations/en/more/a.yaml", "menu.taskz: To do\n", [(1, "menu.taskz", "unknown_key")]),
        ("translations/zh-hans/a.yaml", "menu.tasks: 任务\n", [(1, "", "unknown_folder")]),
        ("translations/a.yaml", "menu.tasks: To do\n", [(1, "", "unknown_folder")]),
        ("recognition/w.yaml", "id: windows\nrows:\n  - {loinc: 5196-1, purpose: APH_IDM, hours: 1}\n", [(3, "rows[0].loinc", "wrong_value")]),
        ("directory/p.yaml", "id: payers\npayers: {mine: Name}\n", [(2, "payers.mine", "wrong_value")]),
        ("terms/t.yaml", "id: treatments\nlines: {join_days: 2 weeks}\n", [(2, "lines.join_days", "wrong_value")]),
        ("feeds/l.yaml", "id: l\ntimes: {collected_at: '%d/%m/%y %I:%M'}\n", [(2, "times.collected_at", "wrong_value")] * 2),
        ("feeds/l.yaml", "id: l\ntimes: {collected_at: '%d/%m/%Y %I:%M %p'}\n", []),
    ],
)  # fmt: skip
def test_fault_is_told_at_its_line_and_field(tmp_path: Path, name: str, text: str, expected: list[tuple[int, str, str]]) -> None:
    write(tmp_path, name, text)
    assert found(tmp_path) == expected


def test_what_may_have_been_meant_is_said(tmp_path: Path) -> None:
    write(tmp_path, "products/a.yaml", f"id: {AXI}\nlables: []\nthaw: {{infuse_within_min: 30 min}}\n")
    write(tmp_path, "produts/a.yaml", "id: a\n")
    hints = [problem.hint for problem in check_folder(tmp_path)[1]]
    assert hints == ["did you mean labels?", "write the number alone, without quotes and without its unit", "did you mean products?"]


def test_one_id_in_two_files_is_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, f"products/{name}.yaml", f"id: {AXI}\natc: X\n")
    (problem,) = check_folder(tmp_path)[1]
    assert (Path(problem.file).name, problem.code) == ("b.yaml", "document.problem.twice")


def test_another_byte_is_told_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "products").mkdir()
    (tmp_path / "products" / "a.yaml").write_bytes(b"id: a\nnames: {en: \xff}\n")
    (problem,) = check_folder(tmp_path)[1]
    assert (problem.line, problem.found) == (2, "another byte")


# --- laid over ours ---------------------------------------------------------------------------------------------------


def test_partial_document_keeps_what_the_site_did_not_write(tmp_path: Path) -> None:
    write(tmp_path, "pathways/c.yaml", "id: cold-chain\nfresh_cells: {warmest_c: 7}\nresponse: {source: ours}\n")
    documents, ours = Documents(packaged_data(), tmp_path), Documents().folder("pathways")["cold-chain"]
    laid = documents.folder("pathways")["cold-chain"]
    assert laid["fresh_cells"] == {**ours["fresh_cells"], "warmest_c": 7}
    assert laid["response"] == {**ours["response"], "source": "ours"}
    assert {name: laid[name] for name in laid if name not in ("fresh_cells", "response")} == {
        name: ours[name] for name in ours if name not in ("fresh_cells", "response")
    }
    assert found(tmp_path) == []


def test_list_is_replaced_whole_and_null_takes_away(tmp_path: Path) -> None:
    text = "id: cities\ncities: {Macao: null, Zhongshan: [22.52, 113.39]}\n"
    write(tmp_path, "directory/c.yaml", text)
    write(tmp_path, "products/a.yaml", f"id: {AXI}\nlabels: []\nmax_infusions: null\n")
    write(tmp_path, "facts/a.yaml", "height: null\n")
    documents = Documents(packaged_data(), tmp_path)
    cities = documents.folder("directory")["cities"]["cities"]
    assert ("Macao" in cities, cities["Zhongshan"], "Hong Kong" in cities) == (False, [22.52, 113.39], True)
    product = documents.folder("products")[AXI]
    assert (product["labels"], product["max_infusions"], product["atc"]) == ([], None, "L01XL03")
    assert "height" not in documents.folder("facts")


def test_rule_documents_are_never_merged(tmp_path: Path) -> None:
    write(tmp_path, "policies/a.yaml", "id: easix\nversion: '9'\n")
    write(tmp_path, "plans/a.yaml", "id: hk-samaritan-fund\nversion: '9'\n")
    documents = Documents(packaged_data(), tmp_path)
    assert documents.folder("policies")["easix"] == {"id": "easix", "version": "9"}
    assert documents.folder("plans")["hk-samaritan-fund"] == {"id": "hk-samaritan-fund", "version": "9"}
    assert documents.whose("policies", "easix", "values") == "site"


def test_every_value_says_whose_it_is(tmp_path: Path) -> None:
    write(tmp_path, "products/a.yaml", f"id: {AXI}\nthaw: {{infuse_within_min: 20}}\n")
    write(tmp_path, "products/b.yaml", "id: own\nnames: {en: Own}\nsource: us\n")
    documents = Documents(packaged_data(), tmp_path)
    asked: list[tuple[tuple[Any, ...], str]] = [
        (("products", AXI), "both"),
        (("products", AXI, "thaw"), "both"),
        (("products", AXI, "thaw", "infuse_within_min"), "site"),
        (("products", AXI, "thaw", "stable_min"), "ours"),
        (("products", AXI, "names"), "ours"),
        (("products", "own"), "site"),
        (("products", "own", "names", "en"), "site"),
        (("products", "tisagenlecleucel"), "ours"),
    ]
    assert [(path, documents.whose(*path)) for path, _ in asked] == asked


def test_laying_over_touches_neither() -> None:
    ours, site = {"a": {"b": 1, "c": [1]}}, {"a": {"c": [2], "d": None}}
    assert lay_over(ours, site, None) == {"a": {"b": 1, "c": [2]}}
    assert (ours, site) == ({"a": {"b": 1, "c": [1]}}, {"a": {"c": [2], "d": None}})


@pytest.mark.parametrize("folder", sorted(set(KINDS) - RULES))
def test_whole_copy_of_ours_reads_as_ours(tmp_path: Path, folder: str) -> None:
    for index, (name, document) in enumerate(Documents().folder(folder).items()):
        body = document if isinstance(document, dict) and "id" in document else {name: document}
        write(tmp_path, f"{folder}/{index}.yaml", yaml.safe_dump(body, allow_unicode=True))
    assert found(tmp_path) == []
    assert Documents(packaged_data(), tmp_path).folder(folder) == Documents().folder(folder)


# --- the command ------------------------------------------------------------------------------------------------------


def test_check_says_every_problem_as_json(tmp_path: Path) -> None:
    path = write(tmp_path, "products/a.yaml", f"id: {AXI}\nlables: []\n")
    done = CliRunner().invoke(main, ["check", str(tmp_path), "--json"])
    said = json.loads(done.stdout)
    (problem,) = said["problems"]
    assert (done.exit_code, said["documents"]) == (1, 1)
    assert set(problem) == {"file", "line", "column", "field", "found", "expected", "code"}
    assert (problem["file"], problem["line"], problem["column"], problem["field"], problem["found"]) == (str(path), 2, 1, "lables", "lables")
    assert problem["expected"].endswith("did you mean labels?")


def test_check_of_a_sound_folder_ends_well(tmp_path: Path) -> None:
    write(tmp_path, "products/a.yaml", f"id: {AXI}\nthaw: {{infuse_within_min: 20}}\n")
    done = CliRunner().invoke(main, ["check", str(tmp_path), "--json"])
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"documents": 1, "problems": []})


def test_fact_that_a_policy_of_ours_needs_cannot_be_taken_away(tmp_path: Path) -> None:
    write(tmp_path, "facts/a.yaml", "ldh: null\n")
    report = check_site(tmp_path, COMMANDS)
    assert any("easix" in problem.file for problem in report.bars)


def test_policy_that_cannot_be_read_bars_and_a_failing_case_does_not(tmp_path: Path) -> None:
    ours = (packaged_data() / "policies" / "scores" / "easix.yaml").read_text(encoding="utf-8")
    write(tmp_path, "policies/a.yaml", ours.replace("shape: ", "shap: ", 1))
    assert check_site(tmp_path, COMMANDS).bars
    write(tmp_path, "policies/a.yaml", ours.replace("88.4", "88.5"))
    report = check_site(tmp_path, COMMANDS)
    assert (bool(report.problems), report.bars) == (True, ())


def test_what_is_wrong_in_one_file_hides_nothing_in_another(tmp_path: Path) -> None:
    write(tmp_path, "products/a.yaml", f"id: {AXI}\nlables: []\n")
    write(tmp_path, "products/b.yaml", "id: [\n")
    write(tmp_path, "policies/p.yaml", "id: p\nversion: 1\nsource: us\nshape: criteria\ncriteria: [{id: a, when: agee > 3}]\n")
    write(tmp_path, "plans/x.yaml", "id: x\nshape: benefit\norder: first\n")
    write(tmp_path, "timing/t.yaml", "id: recovery\npolicy: none-such\n")
    told = {(Path(problem.file).name, problem.field) for problem in check_site(tmp_path, COMMANDS).bars}
    assert told >= {("a.yaml", "lables"), ("b.yaml", ""), ("p.yaml", "criteria[0].when"), ("x.yaml", "order"), ("t.yaml", "policy")}


def test_a_case_that_does_not_come_out_and_a_plan_that_says_too_little_are_told_beside_a_wrong_form(tmp_path: Path) -> None:
    ours = (packaged_data() / "policies" / "scores" / "easix.yaml").read_text(encoding="utf-8")
    vhis = (packaged_data() / "plans" / "benefits" / "hk-vhis-standard.yaml").read_text(encoding="utf-8")
    write(tmp_path, "policies/p.yaml", ours.replace("88.4", "88.5"))
    write(tmp_path, "plans/own.yaml", "".join(line for line in vhis.splitlines(keepends=True) if not line.startswith("source")))
    alone = check_site(tmp_path, COMMANDS)
    assert {Path(problem.file).name for problem in alone.problems} == {"p.yaml", "own.yaml"}
    write(tmp_path, "products/a.yaml", f"id: {AXI}\nlables: []\n")
    together = check_site(tmp_path, COMMANDS)
    assert {*alone.problems} < {*together.problems}
    assert {Path(problem.file).name for problem in together.bars} == {"a.yaml", *(Path(problem.file).name for problem in alone.bars)}


def test_a_contradiction_is_told_beside_an_unknown_key(tmp_path: Path) -> None:
    write(tmp_path, "pathways/c.yaml", "id: cold-chain\nfresh_cells: {warmest_c: 1}\nthow: {}\n")
    assert {field for _, field, _ in found(tmp_path)} == {"fresh_cells.warmest_c", "thow"}


def test_a_file_that_is_far_too_large_or_gone_is_told(tmp_path: Path) -> None:
    write(tmp_path, "products/a.yaml", "id: a\n" + "#" * 4_000_001)
    (problem,) = check_folder(tmp_path)[1]
    assert (problem.line, problem.code, problem.found) == (1, "policy.problem.too_large", "4000007 bytes")
    with pytest.raises(DocumentProblem) as gone:
        read_text(tmp_path / "products" / "b.yaml")
    assert [(one.code, one.found) for one in gone.value.problems] == [("document.problem.missing", "No such file or directory")]
