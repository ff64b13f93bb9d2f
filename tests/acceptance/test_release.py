"""A release is signed: whoever has the public key sees that every file is the one that was released, and nothing else passes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WHO, SPACE = "maintainers@baybridge.example", "baybridge-release"

pytestmark = [
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout: there is no commit to release"),
    pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not on this machine"),
]


def a_key(folder: Path, name: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", WHO, "-f", str(folder / name)], check=True)
    return folder / name


def verifies(folder: Path, signers: Path) -> bool:
    """The two commands of the manual."""
    with (folder / "SHA256SUMS").open("rb") as sums:
        given = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", WHO, "-n", SPACE, "-s", str(folder / "SHA256SUMS.sig")]
        signed = subprocess.run(given, stdin=sums, capture_output=True, check=False).returncode == 0
    return signed and subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, check=False).returncode == 0


def test_what_is_released_verifies_by_its_key_alone_and_as_it_is_alone(tmp_path: Path) -> None:
    checkout, out = tmp_path / "checkout", tmp_path / "dist"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(checkout)], check=True)
    shutil.copy(ROOT / "tools" / "release.sh", checkout / "tools" / "release.sh")
    key, other = a_key(tmp_path, "key"), a_key(tmp_path, "other")
    signers = tmp_path / "signers"
    signers.write_text(f"{WHO} namespaces=\"{SPACE}\" {key.with_suffix('.pub').read_text()}")
    settings = {"PYTHON": sys.executable, "OUT": str(out), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run(["git", "-C", str(checkout), "-c", "user.name=t", "-c", "user.email=t@t.example", "commit", "-qam", "release", "--allow-empty"], check=True)
    done = subprocess.run(["tools/release.sh", str(key)], cwd=checkout, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in out.iterdir()}
    assert {"SHA256SUMS", "SHA256SUMS.sig", "baybridge.cdx.json"} < names and {name.rpartition(".")[2] for name in names} >= {"whl", "gz"}
    assert json.loads((out / "baybridge.cdx.json").read_bytes())["bomFormat"] == "CycloneDX"
    assert verifies(out, signers)
    (tmp_path / "others").write_text(f"{WHO} {other.with_suffix('.pub').read_text()}")
    assert not verifies(out, tmp_path / "others"), "another key"
    wheel = next(out.glob("*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b"x")
    assert not verifies(out, signers), "a file that was changed"
    again = subprocess.run(["tools/release.sh", str(key)], cwd=checkout, env=settings, capture_output=True, text=True, check=False)
    assert again.returncode == 1 and "move the old one away" in again.stderr
