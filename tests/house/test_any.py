"""How many functions of the product say `Any` where a reader would like to know what comes in or goes out.

Main job: a signature that says `Any` tells a newcomer nothing and lets a wrong key pass the type checker. Counted is every function
outside `record` and `api` with `Any` in its parameters or its answer, written there or hidden behind an alias of any module.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "baybridge"
OUTSIDE = ("record", "api")  # what arrives and leaves as FHIR, of any shape
GOAL, MOST = 0.05, 0.013  # it was 0.307; `MOST` only ever falls

Tree = ast.Module
Names = dict[str, str]  # a name in a module: the qualified name that it stands for


def test_few_signatures_say_any(capsys) -> None:
    modules = _modules()
    hidden = _aliases_of_any(modules)
    functions, saying = Counter[str](), Counter[str]()
    where = []
    for name, tree in modules.items():
        part = name.split(".")[1] if "." in name else name
        if part in OUTSIDE:
            continue
        names = _names(name, tree)
        for function in _functions(tree):
            functions[part] += 1
            if any(_says_any(each, names, hidden) for each in _annotations(function)):
                saying[part] += 1
                where.append(f"{name}:{function.lineno} {function.name}")
    share = saying.total() / functions.total()
    with capsys.disabled():
        print(f"\nAny in signatures: {saying.total()} of {functions.total()} functions, {share:.1%} (at most {MOST:.1%}, the goal is {GOAL:.0%})")  # noqa: T201
    assert functions.total() > 1000, "the functions of the product were not found"
    assert share <= MOST, f"{share:.1%} of the functions say Any; by part {saying.most_common()}\n" + "\n".join(where)


def test_any_behind_an_alias_is_counted() -> None:
    hiding = ast.parse("from typing import Any\nfrom collections.abc import Mapping\nJson = Mapping[str, Any]\n")
    using = ast.parse("from baybridge.hiding import Json as Document\nRow = list['Document']\ndef reads(row: Row) -> int: ...\ndef counts(n: int): ...\n")
    modules = {"baybridge.hiding": hiding, "baybridge.using": using}
    hidden = _aliases_of_any(modules)
    said = [
        any(_says_any(each, _names("baybridge.using", using), hidden) for each in _annotations(function)) for function in _functions(using)
    ]
    assert said == [True, False]


def _modules() -> dict[str, Tree]:
    """The modules of the product, by their dotted names."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def _names(module: str, tree: Tree) -> Names:
    """What each imported or assigned name of a module stands for."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            names |= {each.asname or each.name: each.name for each in node.names}
    return names | {target: f"{module}.{target}" for target, _ in _assigned(tree)}


def _assigned(tree: Tree) -> Iterator[tuple[str, ast.expr]]:
    """The names that a module gives to expressions: among them its aliases of types."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value


def _aliases_of_any(modules: dict[str, Tree]) -> frozenset[str]:
    """The qualified names of aliases that resolve to something with `Any` in it, however many steps away."""
    hidden: frozenset[str] = frozenset()
    while True:
        found = {
            f"{module}.{target}"
            for module, tree in modules.items()
            for target, value in _assigned(tree)
            if isinstance(value, ast.Subscript | ast.Name | ast.BinOp | ast.Constant | ast.Attribute)
            and _says_any(value, _names(module, tree), hidden)
        }
        if found <= hidden:
            return hidden
        hidden |= found


def _functions(tree: Tree) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _annotations(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    yield from (each.annotation for each in every if each is not None and each.annotation is not None)
    if function.returns is not None:
        yield function.returns


def _says_any(annotation: ast.expr, names: Names, hidden: frozenset[str]) -> bool:
    """Whether an annotation has `Any` in it, or a name that stands for it; text is read as the expression that it quotes."""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if _says_any(_quoted(node.value), names, hidden):
                return True
        elif isinstance(node, ast.Name | ast.Attribute):
            meant = _meant(node, names)
            if meant in ("Any", "typing.Any") or meant in hidden:
                return True
    return False


def _quoted(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return ast.Tuple(elts=[])


def _meant(node: ast.Name | ast.Attribute, names: Names) -> str:
    said = ast.unparse(node)
    first, _, rest = said.partition(".")
    return names.get(first, first) + (f".{rest}" if rest else "")
