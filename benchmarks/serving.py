"""How long a node takes until it is ready, and how much memory it holds when nobody asks anything.

Run: `python -m benchmarks serving`. Baseline in the same run: a server of the same kind that knows nothing of Baybridge, started and asked in the same way. Printed are
the medians of some starts, in seconds and MB (10^6 bytes) of resident memory, their ratios, and the aims of this project.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from time import perf_counter

import httpx

from baybridge.demo.network import free_port
from baybridge.node.node import open_node
from baybridge.node.upkeep.founding import found

STARTS, IDLE_S = 5, 5.0
READY_S, IDLE_MB = 2.0, 150.0
_PLAIN = """
import asyncio, sys
from granian.server.embed import Server
from granian.constants import Interfaces
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})
asyncio.run(Server(app, address="127.0.0.1", port=int(sys.argv[1]), interface=Interfaces.ASGI, log_access=False).serve())
"""


def _started(command: list[str], port: int) -> tuple[float, float]:
    """Seconds until it answers, and MB a while later."""
    began = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False, timeout=5).status_code == 200:
                    break
            if process.poll() is not None:
                raise SystemExit("the server ended before it answered")
            time.sleep(0.01)
        ready = perf_counter() - began
        time.sleep(IDLE_S)
        return ready, _resident_mb(process.pid)
    finally:
        process.terminate()
        process.wait()


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024 / 1e6


def main() -> None:
    """Start both alternately, say the medians and the ratios."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "node"
        found(folder, {"node": "bench", "organisation": "Bench", "jurisdiction": "MO", "kinds": ["centre"]})
        open_node(folder).storage.close()
        nodes, plains = [], []
        for _ in range(STARTS):
            port = free_port(0)
            nodes.append(_started([sys.executable, "-m", "baybridge", "serve", str(folder), "--port", str(port)], port))
            plains.append(_started([sys.executable, "-c", _PLAIN, str(port)], port))
    (ready, idle), (bare_ready, bare_idle) = ((median(one[0] for one in some), median(one[1] for one in some)) for some in (nodes, plains))
    print(f"ready after {ready:.2f} s (aim {READY_S} s); a bare server {bare_ready:.2f} s; ratio {ready / bare_ready:.1f}")
    print(f"idle at {idle:.0f} MB (aim {IDLE_MB:.0f} MB); a bare server {bare_idle:.0f} MB; ratio {idle / bare_idle:.1f}")


if __name__ == "__main__":
    main()
