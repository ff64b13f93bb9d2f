"""An OpenID provider that somebody else wrote, started by the tests: npm `oidc-provider`, in `tests/openid`.

Main job: `started(folder, back)` runs it on a free port; `Provider.walked(url, who)` signs somebody in there, as a browser does, and answers the address to which the
browser is sent back. Skips where this machine has none.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from acceptance.support_processes import free_ports

HERE = Path(__file__).parent / "openid"
CLIENT, SECRET = "baybridge", "a-secret-of-the-tests-that-is-long"
TWO = "urn:test:two"  # the class of authentication with a second factor


@dataclass
class Provider:
    """The provider of the tests."""

    issuer: str
    file: Path
    back: str
    process: subprocess.Popen[bytes] | None = None

    def says(self, **people: dict[str, Any]) -> None:
        """Who there is from now on: claims, and how they sign in."""
        addresses = {"redirect_uris": [self.back], "post_logout_redirect_uris": [self.back.partition("/sign-in")[0] + "/sign-in"]}
        client = {"client_id": CLIENT, "client_secret": SECRET, "client_name": "Baybridge", "require_auth_time": True, **addresses}
        self.file.write_text(json.dumps({"clients": [client], "people": people}))

    def walked(self, url: str, who: str) -> str:
        """Sign somebody in; the address at which the browser comes back."""
        with httpx.Client(trust_env=False, timeout=60) as browser:
            for _ in range(20):
                answer = browser.get(url)
                if answer.status_code == 200:  # its own page asks who it is
                    url = f"{url}?who={who}"
                    continue
                assert answer.status_code in (302, 303), answer.text[:500]
                url = urljoin(url, answer.headers["location"])
                if url.startswith(self.back):
                    return url
        raise AssertionError("the provider never sent the browser back")

    def stop(self) -> None:
        """It answers no more."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextmanager
def started(folder: Path, back: str) -> Iterator[Provider]:
    """The provider, running."""
    if shutil.which("node") is None or not (HERE / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("no OpenID provider on this machine: `make openid` installs one (Node.js and npm)")
    port = free_ports(1)[0]
    made = Provider(f"http://127.0.0.1:{port}", folder / "provider.json", back)
    made.says()
    made.process = subprocess.Popen(["node", str(HERE / "provider.mjs"), str(port), str(made.file)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        for line in made.process.stdout or ():
            if b"listening" in line:
                break
        assert made.process.poll() is None, "the provider ended"
        yield made
    finally:
        made.stop()
