"""The first readers of a type may come at once: none of them sees it half made."""

from __future__ import annotations

import ast
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from msgspec import DecodeError, Struct, ValidationError

from baybridge.base import decoding

SOURCE = Path(__file__).parents[3] / "src" / "baybridge"

#: Many types that are new to msgspec, each first met by four threads at once; in a process of its own, because what fails ends it.
_AT_ONCE = """
import json, sys, threading, types
from baybridge.base import decoding

sys.setswitchinterval(1e-6)
PARTS = "".join(f"    a{n}: Annotated[str, Meta(max_length=40)] | None = None\\n    d{n}: datetime | None = None\\n    t{n}: tuple[str, ...] = ()\\n" for n in range(6))

def made(number):
    module = types.ModuleType(f"made{number}")
    sys.modules[module.__name__] = module
    words = "from __future__ import annotations\\nfrom datetime import datetime\\nfrom typing import Annotated\\nfrom msgspec import Meta, Struct\\n"
    for depth in range(8):
        words += f"class S{depth}(Struct, tag=True):\\n{PARTS}" + (f"    deeper: S{depth - 1} | None = None\\n" if depth else "")
    exec(words, module.__dict__)
    return module.S7

BODY = {"type": "S7", "a1": "x", "deeper": {"type": "S6", "a2": "y"}}

def first_met_by_four(kind, number):
    ready, read = threading.Barrier(4), []
    def go(place):
        ready.wait()
        read.append(decoding.convert(BODY, kind) if (number + place) % 2 else decoding.decode(json.dumps(BODY), kind))
    threads = [threading.Thread(target=go, args=(place,)) for place in range(4)]
    [one.start() for one in threads]
    [one.join() for one in threads]
    return len(read) == 4 and all(one == read[0] and one.deeper.a2 == "y" for one in read)

print(sum(first_met_by_four(made(number), number) for number in range(150)))
"""


class Dose(Struct, frozen=True):
    """Something to read."""

    amount: int
    at: datetime | None = None


def test_a_type_that_four_threads_meet_at_once_is_read_by_each() -> None:
    done = subprocess.run([sys.executable, "-c", _AT_ONCE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "150"), done.stderr[-2000:]


def test_what_is_read_is_what_msgspec_reads() -> None:
    assert decoding.convert({"amount": 3}, Dose) == decoding.decode(b'{"amount":3}', Dose) == decoding.decoder(Dose).decode(b'{"amount":3}') == Dose(3)
    assert decoding.convert({"amount": "3"}, Dose, strict=False) == Dose(3)
    assert decoding.convert([{"amount": 1}], tuple[Dose, ...]) == (Dose(1),)


def test_what_does_not_fit_is_told_as_before() -> None:
    with pytest.raises(ValidationError, match="amount"):
        decoding.convert({"amount": "3"}, Dose)
    with pytest.raises(DecodeError):
        decoding.decode(b'{"amount":', Dose)


def test_nothing_else_asks_msgspec_for_a_type() -> None:
    found = {str(path.relative_to(SOURCE)): lines for path in SOURCE.rglob("*.py") if (lines := _asks(path))}
    assert list(found) == ["base/decoding.py"]


_READERS = {f"{module}.decode" for module in ("json", "yaml", "msgpack", "msgspec.json", "msgspec.yaml", "msgspec.msgpack")}
_MAKERS = {name.replace("decode", "Decoder") for name in _READERS}


def _asks(path: Path) -> list[int]:
    """Lines that read by msgspec as a type; JSON as plain values is nobody's type."""
    return [node.lineno for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if _asks_here(node)]


def _asks_here(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").startswith("msgspec") and any(one.name in {"convert", "Decoder"} for one in node.names)
    if not isinstance(node, ast.Call):
        return False
    name, typed = ast.unparse(node.func), any(word.arg == "type" for word in node.keywords)
    return name == "msgspec.convert" or (name in _READERS and (typed or len(node.args) > 1)) or (name in _MAKERS and (typed or bool(node.args)))
