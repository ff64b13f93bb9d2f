"""What is special about a command stands in its row or in its form: nowhere is it asked which command one is, by its name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import baybridge
from baybridge.node.commands.table import COMMANDS

SOURCE = Path(baybridge.__file__).parent


def comparisons(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every comparison of something's `name` with the name of a command."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or not any(isinstance(one, ast.Attribute) and one.attr == "name" for one in (node.left, *node.comparators)):
            continue
        for text in ast.walk(node):
            if isinstance(text, ast.Constant) and text.value in COMMANDS:
                yield node.lineno, text.value


def test_no_command_is_asked_for_its_name() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line} {name}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line, name in comparisons(ast.parse(path.read_text("utf-8")))
    ]
    assert not found, "\n".join(found)


def test_a_comparison_would_be_seen() -> None:
    code = 'if kind.name == "GiveDrug" or other.name in ("Assess", "Ship"): ...\nif kind.name == "nothing": ...'
    assert [name for _, name in comparisons(ast.parse(code))] == ["GiveDrug", "Assess", "Ship"]
