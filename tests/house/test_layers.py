"""The layers hold, and the list of named steps is the list of the source."""

from __future__ import annotations

import ast
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

from baybridge.node.steps import STEPS

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "baybridge"


def test_imports_keep_to_the_layers() -> None:
    done = subprocess.run([str(Path(sys.executable).parent / "lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_documented_layers_are_the_import_contracts() -> None:
    layers = runpy.run_path(str(ROOT / "tools" / "layers.py"))
    text = layers["PAGE"].read_text("utf-8")
    assert layers["page"](text) == text, "run: python tools/layers.py"
    assert layers["page"](text.replace("    web | api | cli\n", "    web | api\n")) == text


#: The rooms that hold statements and tables; a node's storage has the only engine.
_SQL = ("node", "record", "ledger")
_FOR_THEM = (Path("base/plain_rows.py"),)  # how those three add rows by a database's own driver
_STATEMENTS = {"execute", "exec_driver_sql", "executemany", "scalars"}


def test_every_room_without_a_database_is_under_the_contract_about_sql() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (sql,) = (one for one in contracts if "sqlalchemy" in one.get("forbidden_modules", ()))
    rooms = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()} - {"__init__", "__main__", *_SQL}
    assert sorted(name.removeprefix("baybridge.") for name in sql["source_modules"]) == sorted(rooms)


def test_pages_services_and_commands_run_no_statement() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{call.lineno}"
        for path in SOURCE.rglob("*.py")
        if path.relative_to(SOURCE).parts[0] not in _SQL and path.relative_to(SOURCE) not in _FOR_THEM
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _STATEMENTS
    ]
    assert found == []


def test_every_part_says_what_it_is_for() -> None:
    for folder in sorted(path.parent for path in SOURCE.rglob("__init__.py")):
        text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
        assert text and text.endswith("."), folder.name


def test_no_part_is_empty() -> None:
    empty = [folder.name for folder in SOURCE.iterdir() if (folder / "__init__.py").exists() and len(list(folder.rglob("*.py"))) < 2]
    assert empty == []


def test_named_steps_are_those_of_the_source() -> None:
    found = set()
    for path in (SOURCE / "node").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "step" and call.args:
                name = call.args[0]
                assert isinstance(name, ast.Constant), f"{path.name}:{call.lineno}: a step is named where it is passed"
                found.add(name.value)
    assert found == set(STEPS)
    assert len(STEPS) == len(set(STEPS))
