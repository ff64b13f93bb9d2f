"""Every benchmark of this folder that has `main()`, one after the other, each in a process of its own with its baseline.

Elsewhere: the same benchmarks in two commits, `python -m benchmarks.against`.

Run: `python -m benchmarks`, or with names: `python -m benchmarks policy_one_case funding`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def names() -> list[str]:
    """The benchmarks by the name of their file; `against` runs them itself."""
    return sorted(file.stem for file in HERE.glob("*.py") if file.stem[0] != "_" and file.stem != "against" and "\ndef main(" in file.read_text("utf-8"))


def main() -> None:
    """Run them; stop with 1 where one failed."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n", 1)[0])
    asked.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}; all of them without")
    chosen = asked.parse_args().names or names()
    if strangers := sorted(set(chosen) - {*names()}):
        asked.error(f"no benchmark is called {', '.join(strangers)}")
    failed = []
    for name in chosen:
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=HERE.parent, check=False)
        failed += [name] if done.returncode else []
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
