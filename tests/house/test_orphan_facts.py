"""The dictionary and its readers know each other: what is read is declared, and what is declared is read, or says why it is kept."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import baybridge
from baybridge.documents.loader import Documents, files, read_document
from baybridge.documents.sentences import texts_in
from baybridge.facts.dictionary import Dictionary
from baybridge.rulebook.library import fact_types, policies_of
from baybridge.web.forms import findings

SOURCE = Path(baybridge.__file__).parent
DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))
LIBRARY = policies_of(DOCUMENTS, fact_types(DOCUMENTS))

#: Codes that recognition judges without a value that a rule reads: reports, images, groups and assays of their own.
NOT_FACTS = {
    "882-1": "ABO and Rh group", "883-9": "ABO group", "10331-7": "Rh group", "11524-6": "ECG report", "24627-2": "CT of the chest", "44136-0": "PET",
    "21198-7": "hCG, quantity", "36923-1": "EBV DNA", "43730-1": "EBV DNA", "47982-4": "EBV DNA", "93840-7": "EBV DNA", "48398-2": "HBV DNA, other unit",
    "54206-8": "CMV DNA, other method", "600-7": "blood culture",
    "2345-7": "glucose", "14749-6": "glucose", "10334-1": "tumour marker", "1834-1": "tumour marker", "2039-6": "tumour marker", "24108-3": "tumour marker",
    "2857-1": "tumour marker", "6875-9": "tumour marker", "10839-9": "troponin I", "42757-5": "troponin I", "89579-7": "troponin I",
    "1743-4": "ALT, other method", "1744-2": "ALT, other method", "30239-8": "AST, other method", "6768-6": "alkaline phosphatase", "2324-2": "GGT",
    "1798-8": "amylase", "3040-3": "lipase", "2157-6": "creatine kinase", "2098-2": "cholinesterase",
    "1989-3": "vitamin D", "2132-9": "vitamin B12", "2284-8": "folate", "48066-5": "D-dimer, other unit",
}  # fmt: skip


@cache
def documents() -> tuple[tuple[str, Any], ...]:
    """Every document that is neither a fact, a policy nor a text, with its folder."""
    placed = [(file.relative_to(DOCUMENTS.roots[0]).parts[0], file) for file in files(DOCUMENTS.roots[0])]
    return tuple((folder, read_document(file)) for folder, file in placed if folder not in ("facts", "policies", "translations"))


@cache
def recognition_codes() -> set[str]:
    return {code for folder, document in documents() if folder == "recognition" for text in texts_in(document) for code in re.findall(r"^\d{1,6}-\d$", text)}


def read_by_policies() -> set[str]:
    return {name for policy_id in LIBRARY.ids() for policy in LIBRARY.versions(policy_id) for name in policy.fact_names}


def read_by_facts() -> set[str]:
    return {name for fact in DICTIONARY.facts.values() for name in (getattr(fact.read, "of", None), *getattr(fact.read, "analytes", ())) if name}


def read_by_code() -> set[str]:
    """Facts that forms, pages and readers name."""
    trees = (ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py"))
    return {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)} & set(DICTIONARY)


def read_somewhere() -> set[str]:
    by_documents = {word for _, document in documents() for word in texts_in(document) if word in DICTIONARY}
    recognised = {fact.name for fact in DICTIONARY.facts.values() if recognition_codes() & {code for _, code in fact.codes}}
    return read_by_policies() | read_by_facts() | read_by_code() | by_documents | recognised


def test_a_fact_is_read_somewhere_or_says_why_it_is_kept() -> None:
    read = read_somewhere()
    assert sorted(name for name in DICTIONARY if name not in read and not DICTIONARY[name].kept) == []


def test_a_reason_to_keep_a_fact_does_not_outlive_its_need() -> None:
    read = read_by_policies() | read_by_facts()
    assert sorted(name for name in DICTIONARY if name in read and DICTIONARY[name].kept) == []


def test_what_is_read_is_declared() -> None:
    """Policies are refused at loading where they read what is not declared; forms, pathways, facts and recognition are looked at here."""
    forms = {name for _, names in findings.GROUPS for name in names}
    pathways = {name for _, document in documents() if isinstance(document, dict) for part in document.values() for name in _conditions(part)}
    assert sorted((forms | pathways | read_by_facts() - {"corrected_calcium"}) - set(DICTIONARY)) == []


def _conditions(part: Any) -> Iterator[str]:
    rows = part if isinstance(part, list) else ()
    yield from (name for row in rows if isinstance(row, dict) for name in row.get("if_facts") or ())


def test_every_code_of_recognition_is_of_a_fact_or_of_what_no_rule_reads() -> None:
    known = {code for fact in DICTIONARY.facts.values() for _, code in fact.codes}
    assert sorted(recognition_codes() - known - set(NOT_FACTS)) == []
    assert sorted(set(NOT_FACTS) & known) == []
