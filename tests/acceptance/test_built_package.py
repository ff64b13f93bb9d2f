"""A wheel and a source archive are built, and what is installed from them says which commit it is."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout: there is no commit to name")


def built(kind: str, source: Path, into: Path) -> Path:
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)], cwd=source, check=True, capture_output=True)
    return next(into.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


def commit_in(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as opened:
        return opened.read("baybridge/commit.txt").decode("ascii").strip()


def test_wheel_names_its_commit_built_from_a_checkout_or_from_a_source_archive(tmp_path: Path) -> None:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    assert commit_in(built("wheel", ROOT, tmp_path / "one")) == commit
    with tarfile.open(built("sdist", ROOT, tmp_path / "two")) as archive:
        archive.extractall(tmp_path / "three", filter="data")
    assert commit_in(built("wheel", next((tmp_path / "three").iterdir()), tmp_path / "four")) == commit
    assert not (ROOT / "src" / "baybridge" / "commit.txt").exists(), "the checkout itself stays as it is"


def test_wheel_carries_pages_scripts_and_data(tmp_path: Path) -> None:
    """What the package holds in a checkout is in the wheel, byte for byte, but for what Python makes by itself."""
    package = ROOT / "src" / "baybridge"
    tracked = subprocess.run(["git", "ls-files", "src/baybridge"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    expected = {name.removeprefix("src/") for name in tracked if (ROOT / name).is_file()}
    with zipfile.ZipFile(built("wheel", ROOT, tmp_path)) as wheel:
        names = set(wheel.namelist())
        assert expected - names == set()
        assert all(wheel.read(name) == (package.parent / name).read_bytes() for name in expected)
