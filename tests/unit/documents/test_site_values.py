"""A value of a site's document that has the form of its field and cannot be meant is told at its line and field, and keeps the set out of force."""

from __future__ import annotations

from pathlib import Path

import pytest

from baybridge.documents.loader import Documents, packaged_data
from baybridge.node.commands.table import COMMANDS
from baybridge.rulebook.site_documents import check_site
from baybridge.rulebook.site_values import odd_values

AXI = "id: axicabtagene-ciloleucel\n"


def written(site: Path, name: str, text: str) -> Path:
    path = site / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_ours_say_what_they_mean() -> None:
    assert list(odd_values(Documents(), packaged_data(), COMMANDS)) == []


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("products/a.yaml", f"{AXI}dose: {{per_kg_million_max: 2000000}}\n", "dose.per_kg_million_max"),
        ("products/a.yaml", f"{AXI}dose: {{total_million_max: 200000000}}\n", "dose.total_million_max"),
        ("products/a.yaml", f"{AXI}lymphodepletion: {{days_before: [5]}}\n", "lymphodepletion.days_before[0]"),
        ("products/a.yaml", f"{AXI}status: {{CN: {{status: aproved}}}}\n", "status.CN.status"),
        ("products/a.yaml", f"{AXI}status: {{XX: {{status: approved, source: a, confidence: low}}}}\n", "status.XX"),
        ("products/a.yaml", f"{AXI}status: {{CN: {{indications: [{{policy: none-such}}]}}}}\n", "status.CN.indications[0].policy"),
        ("products/a.yaml", f"{AXI}list_price: [{{jurisdiction: CN, amount_minor: 1, currency: RMB, confidence: high, source: x}}]\n", "list_price[0].currency"),
        ("pathways/a.yaml", "id: standard\nsteps: []\n", "steps"),
        ("pathways/a.yaml", "id: cold-chain\ntocilizumab: {interval_h: 0}\n", "tocilizumab.interval_h"),
        ("pathways/a.yaml", "id: cold-chain\ntocilizumab: {by_weight: [{from_kg: 30, mg_per_kg: 8}]}\n", "tocilizumab.by_weight"),
        ("pathways/a.yaml", "id: cold-chain\ninfectious_markers: {markers: {hiv: []}}\n", "infectious_markers.markers.hiv"),
        ("pathways/a.yaml", "id: cold-chain\ninfectious_markers: {markers: {hiv: [56888-2]}}\n", "infectious_markers.markers.hiv[0]"),
        ("access/a.yaml", "id: people\nsecond_factor: {required_for: [doctor]}\n", "second_factor.required_for[0]"),
        ("access/a.yaml", "id: people\nbreak_glass: {roles: [nurses]}\n", "break_glass.roles[0]"),
        ("access/a.yaml", "id: people\nconfirm_within: {CheckBedsid: PT5M}\n", "confirm_within.CheckBedsid"),
        ("access/a.yaml", "id: people\npassword_at_least: 1\n", "password_at_least"),
        ("access/a.yaml", "id: people\nsession_hours: 100000\n", "session_hours"),
        ("feeds/a.yaml", "id: a\nencoding: UTF-99\n", "encoding"),
        ("feeds/a.yaml", "id: a\nzone: Asia/Hongkong City\n", "zone"),
        ("feeds/a.yaml", "id: a\ncodes: {WBC: {loinc: 6690-3}}\n", "codes.WBC.loinc"),
        ("feeds/a.yaml", "id: a\ncodes: {WBC: {loinc: 6690-2, unit: blob}}\n", "codes.WBC.unit"),
        ("feeds/a.yaml", "id: a\ncolumns: {valeu: Result}\n", "columns.valeu"),
        ("feeds/a.yaml", "id: a\ncolumns: {value: Result, code: Result}\n", "columns.code"),
        ("feeds/a.yaml", "id: a\nwords: {state: {ok: final}}\n", "words.state"),
        ("feeds/a.yaml", "id: a\ndecimal_mark: ','\ndelimiter: ','\n", "delimiter"),
        ("feeds/a.yaml", "id: a\ndecimal_mark: ','\n", "decimal_mark"),
        ("facts/a.yaml", "neutrophils: {unit: 10*6/L}\n", "neutrophils.unit"),
        ("facts/a.yaml", "neutrophils: {plausible: [100, 0]}\n", "neutrophils.plausible"),
        ("directory/a.yaml", "id: holidays\njurisdictions: {CN: {holidays: [2027-01-01], make_up_days: [2027-01-01]}}\n", "jurisdictions.CN.make_up_days[0]"),
        ("languages/fr.yaml", "id: fr\norder: 5\nname: F\nlocale: fr_FR\ntags: [fr, EN]\n", "tags[1]"),
    ],
)
def test_what_cannot_be_meant_keeps_a_set_out_of_force(tmp_path: Path, name: str, text: str, field: str) -> None:
    path = written(tmp_path, name, text)
    told = [problem for problem in check_site(tmp_path, COMMANDS).bars if problem.file == str(path)]
    assert [problem.field for problem in told] == [field]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("feeds/a.yaml", "id: a\nencoding: GBK\nzone: Asia/Macau\ncodes: {WBC: {loinc: 6690-2, unit: 10^9/L}}\ndecimal_mark: ','\ndelimiter: ';'\n"),
        ("facts/a.yaml", "neutrophils: {unit: 10*9/L, plausible: [0, 50]}\n"),
        ("pathways/a.yaml", "id: cold-chain\ninfectious_markers: {markers: {htlv: [22362-8], hiv: null}}\n"),
        ("languages/fr.yaml", "id: fr\norder: 5\nname: F\nlocale: fr_FR\ntags: [fr, fr-CH]\n"),
        ("access/a.yaml", "id: people\nsession_hours: 0.5\nconfirm_within: {CheckBedside: PT10M}\nsecond_factor: {required_for: []}\n"),
    ],
)
def test_what_is_meant_is_taken(tmp_path: Path, name: str, text: str) -> None:
    written(tmp_path, name, text)
    assert check_site(tmp_path, COMMANDS).problems == ()


@pytest.mark.parametrize(("name", "text"), [("products/a.json", "{}"), ("products/a.yaml.txt", AXI), ("products/a.yml", "")])
def test_a_file_that_nothing_reads_is_told_and_bars_nothing(tmp_path: Path, name: str, text: str) -> None:
    path = written(tmp_path, name, text)
    for beside in ("README.txt", "products/notes.md", "products/a.yaml~", "products/.a.yaml.swp"):
        written(tmp_path, beside, "x")
    report = check_site(tmp_path, COMMANDS)
    assert ([problem.file for problem in report.problems], report.bars) == ([str(path)], ())


def test_a_form_is_told_in_words(tmp_path: Path) -> None:
    written(tmp_path, "products/a.yaml", f"{AXI}status: {{CN: {{since: 05/01/2021}}}}\n")
    (problem,) = check_site(tmp_path, COMMANDS).bars
    assert problem.expected == "a day, month or year such as 2026-01-31, 2026-01 or 2026 under since"
