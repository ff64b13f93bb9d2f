"""Names the commit in what is built, so that an installed Baybridge can say which software it is."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_IN_PACKAGE = "src/baybridge/commit.txt"


class CommitHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own parameter is no matter here
    """Writes `commit.txt` into the wheel and the source archive; a checkout in use asks its own `.git`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the file where there is a commit to name."""
        commit = _commit(Path(self.root))
        if version == "editable" or not commit:
            return
        self._folder = tempfile.TemporaryDirectory()
        written = Path(self._folder.name) / "commit.txt"
        written.write_text(f"{commit}\n", encoding="ascii")
        build_data["force_include"][str(written)] = _IN_PACKAGE if self.target_name == "sdist" else _IN_PACKAGE.removeprefix("src/")

    def finalize(self, *_: object) -> None:
        """Removes what was written beside the package."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()


def _commit(root: Path) -> str:
    """The commit of this checkout; nothing where a source archive is built, which carries the file already."""
    if not (root / ".git").exists():
        return ""
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607 - git of whoever builds
