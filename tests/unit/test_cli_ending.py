"""A served node ends its process itself: threads of the server that are not Python's may still run when all is closed, and would abort it where Python is taken down."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from baybridge.node.upkeep.founding import found

_SERVED = """
import atexit, sys
from baybridge import serving
from baybridge.cli.main import main
serving.serve = lambda *_: print("served")
atexit.register(print, "taken down")
main(["serve", sys.argv[1]])
"""


def test_a_node_that_was_told_to_stop_is_not_taken_down_by_python(tmp_path: Path) -> None:
    found(tmp_path / "node", {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"]})
    done = subprocess.run([sys.executable, "-c", _SERVED, str(tmp_path / "node")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "served\n"), done.stderr
