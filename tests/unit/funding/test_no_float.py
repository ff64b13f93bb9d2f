"""No float in any path that ends in money: neither a literal, nor a call, nor a name, nor true division of whole numbers by accident."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import baybridge.base.money
import baybridge.funding
import baybridge.simulation

EXACT_SIMULATION = ("policy_lab.py", "lab_report.py", "changes.py")  # `outlook.py` draws rates; its amounts are counts times whole refunds
MODULES = [
    *sorted(Path(baybridge.funding.__file__).parent.rglob("*.py")),
    *(Path(baybridge.simulation.__file__).parent / name for name in EXACT_SIMULATION),
    Path(baybridge.base.money.__file__),
]

#: Divisions that stay exact because one side is a Fraction.
EXACT = {"own.deductible / layer.fx", "own.raw / layer.fx", "own.benefit / layer.fx", "minor / Fraction(exchange.per_bill_unit)"}


def floats_in(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        named = isinstance(node, ast.Name) and node.id in {"float", "round"}
        divided = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and ast.unparse(node) not in EXACT
        if literal or named or divided:
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("module", MODULES, ids=[module.name for module in MODULES])
def test_no_float(module: Path) -> None:
    assert floats_in(module.read_text(encoding="utf-8")) == []


def test_the_scan_sees_what_it_looks_for() -> None:
    assert sorted(floats_in("x = 0.5\ny = float(1)\nz = a / b\nw = round(c)")) == ["0.5", "a / b", "float", "round"]
