"""Nothing of the product stands there for nobody: each function, class and name of a module is used by another line of the product.

Main job: a name counts as used where its module reads it outside its own definition, where a module imports it or reads it of the imported module, or where text
names it (`module:Name`, templates). Commands of the command line and whatever else carries a decorator is used by what decorates it.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "baybridge"
#: Gathered by their name from whatever module has them.
GATHERED = frozenset({"COMMAND_ROWS", "EVENT_ROWS"})
#: What tests, benchmarks or the service manager use alone, and why it stands in the product.
FOR_OTHERS = {
    "baybridge.base.spreadsheet.csv_text": "the reading beside the writing: what a program does that reads our files",
    "baybridge.exchange.evidence.verify.sign_decision": "the signing beside the checking",
    "baybridge.facts.series.longest_run": "the plain definition that series are held against",
    "baybridge.funding.population.population.case_of_row": "a row as a case of its own, which both evaluators are held against",
    "baybridge.node.integrity.covered.OTHERWISE": "every table stands in it or in `COVERED`",
    "baybridge.node.intake.records.import_file": "one file in a unit of work of its own caller",
    "baybridge.node.intake.records.import_in_parts": "one file in several units",
    "baybridge.node.steps.STEPS": "where a process can be ended by a test",
    "baybridge.record.identity.links.resting_on": "what rested on a link, by definition",
    "baybridge.base.keys.SealingKey": "the private half of `SealKey`; packages are opened by the library's own keys",
    "baybridge.record.identity.matching.candidates": "a whole record compared without a database, as the exchange contract's cases ask",
}  # fmt: skip


def defined(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Names that a module defines for others or itself; not what a decorator hands on."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if isinstance(node, ast.ClassDef) or not node.decorator_list:
                yield node.name, node
        elif isinstance(node, ast.Assign):
            yield from ((target.id, node) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node


def used(module: str, tree: ast.Module) -> Iterator[str]:
    """The qualified names that a module reads: its own outside their definitions, and those of modules that it imports."""
    imported = defaultdict[str, set[str]](set)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                imported[each.asname or each.name].add(f"{node.module}.{each.name}")
                yield f"{node.module}.{each.name}"
        elif isinstance(node, ast.Import):
            for each in node.names:
                imported[each.asname or each.name].add(each.name)
    for statement in tree.body:
        own = getattr(statement, "name", None)
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id != own:
                yield f"{module}.{node.id}"
            elif isinstance(node, ast.Attribute):
                yield from (f"{place}.{node.attr}" for place in imported.get(ast.unparse(node.value), {ast.unparse(node.value)}))


def unused(modules: dict[str, ast.Module], text: str) -> set[str]:
    """Qualified names that nothing reads; `text` is everything that may name one outside of code."""
    read = {name for module, tree in modules.items() for name in used(module, tree)}
    whole = {name.removesuffix(".*") for name in read if name.endswith(".*")}  # `from module import *`, `import_module("module")`
    whole |= {node.value for tree in modules.values() for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in modules}
    named = set(re.findall(r"\w+", text))
    return {
        f"{module}.{name}"
        for module, tree in modules.items()
        for name, _ in defined(tree)
        if f"{module}.{name}" not in read and module not in whole and name not in GATHERED and name not in named and not name.startswith("__")
    }


def modules_of_the_product() -> dict[str, ast.Module]:
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        if "migrations" not in parts:  # called by alembic
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def named_in_text(modules: dict[str, ast.Module]) -> str:
    """What text of code names (`module:Name`, a name by itself, a type that is cast to), and the entry points."""
    said = [node.value for tree in modules.values() for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    cast = [ast.unparse(node.args[0]) for tree in modules.values() for node in ast.walk(tree) if _is_cast(node)]
    entries = re.findall(r'"baybridge[\w.]*:(\w+)"', (SOURCE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    return " ".join([*(each.rpartition(":")[2] for each in said if re.fullmatch(r"([\w.]+:)?\w+", each)), *cast, *entries])


def _is_cast(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "cast"


def test_every_name_is_used_by_the_product() -> None:
    modules = modules_of_the_product()
    assert unused(modules, named_in_text(modules)) == set(FOR_OTHERS)


def test_a_name_that_nobody_reads_would_be_seen() -> None:
    one = ast.parse("from two import used\nfrom two import other as renamed\nimport two\n\ndef lonely(): return lonely()\ndef main(): two.by_module()\n")
    two = ast.parse("Kind = str\ndef used(): ...\ndef other(): ...\ndef by_module(): ...\ndef by_nobody() -> Kind: ...\n")
    assert unused({"one": one, "two": two}, "main") == {"one.lonely", "two.by_nobody"}
