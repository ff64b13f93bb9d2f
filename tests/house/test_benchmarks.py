"""Every documented benchmark starts: what it imports is there."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py") if path.stem != "__main__"))
def test_benchmarks_can_be_started(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    importlib.import_module(f"benchmarks.{name}")


def test_times_are_read_as_benchmarks_print_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    against = importlib.import_module("benchmarks.against")
    lines = [
        "truth values of 40 criteria                  1.37 us   x  0.182 of zen-engine",
        "1,000 policies, together (ready after 0.68 s)           0.09 ms   x 0.008 of zen-engine",
        "load and type-check               0.614 s   x   3.3",
        "throughput beside zen-engine                  5.5 times",
    ]
    assert against._read("\n".join(lines)) == {
        "truth values of 40 criteria, us": 1.37, "1,000 policies, together, ms": 0.09, "load and type-check, s": 0.614,
    }  # fmt: skip
    assert against._read('{"one_result_ms": 0.089, "one_result_aim_ms": 1.0, "ratio": 0.13}') == {"one_result_ms": 0.089}


def test_what_is_slower_than_its_baseline_is_told_and_a_slower_machine_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    against = importlib.import_module("benchmarks.against")
    before = [{"own, ms": 10.0, "zen-engine, ms": 100.0}]
    slower, loaded = [{"own, ms": 12.0, "zen-engine, ms": 100.0}], [{"own, ms": 12.0, "zen-engine, ms": 120.0}]
    labels = ["own, ms", "zen-engine, ms"]
    assert dict(against._rows(labels, before, slower)) == {"own, ms": pytest.approx(1.2)}
    assert dict(against._rows(labels, before, loaded)) == {"own, ms": pytest.approx(1.0)}
