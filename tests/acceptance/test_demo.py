"""The demo as somebody starts it: four nodes, each once; a port in use is no failure; Ctrl-C stops everything; the next start continues."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from baybridge.demo import network
from baybridge.node.schema.version import NEWEST

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo network without its cohort, which takes a minute to walk."""
    found = tmp_path_factory.mktemp("demo") / "demo-network"
    network.found_network(found, network.PREFERRED_PORTS)
    (found / "schema").write_text(NEWEST)
    return found


def started(folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    out = folder.parent / f"out-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "baybridge", "demo", "--folder", str(folder)]
    restore = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    process = subprocess.Popen(command, stdout=out.open("wb"), stderr=subprocess.STDOUT, start_new_session=True, **restore)
    for _ in range(600):
        if "What to try first" in out.read_text():
            return process, out
        assert process.poll() is None, out.read_text()
        time.sleep(0.1)
    raise AssertionError(out.read_text())


def addresses(text: str) -> list[str]:
    words = text.replace("│", " ").split()
    return list(dict.fromkeys(word for word in words if word.startswith("http://127.0.0.1:")))[:4]


def serving(folder: Path) -> int:
    """How many processes serve a node of this folder."""
    found = subprocess.run(["pgrep", "-fc", f"serve {folder}"], capture_output=True, text=True).stdout
    return int(found or 0)


def test_four_nodes_start_once_and_all_stop(folder: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", network.PREFERRED_PORTS["mo"]))
            taken.listen()
        except OSError:
            pass  # taken by somebody else, which serves as well
        process, out = started(folder)
        text = out.read_text()
        assert "was in use" in text.replace("\n", " ")
        assert all(httpx.get(f"{url}/.well-known/baybridge.json", trust_env=False).status_code == 200 for url in addresses(text))
        time.sleep(2)
        assert process.poll() is None, out.read_text()
        assert serving(folder) == 4
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(30) == 0, out.read_text()
    assert serving(folder) == 0


def test_the_next_start_continues(folder: Path) -> None:
    process, out = started(folder)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(30) == 0, out.read_text()
    assert serving(folder) == 0


def test_a_network_of_another_version_says_so(folder: Path) -> None:
    (folder / "schema").write_text("another")
    done = subprocess.run([sys.executable, "-m", "baybridge", "demo", "--folder", str(folder)], capture_output=True, text=True)
    assert done.returncode == 1 and "demo-reset" in done.stderr
