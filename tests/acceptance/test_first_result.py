"""From nothing to the first result on a page: the commands of the container file install a wheel into a clean environment, two sites are set up from files of answers and
serve over TLS, are neighbours, and two people with a second factor sign in, of whom one brings the first record.

Nothing of the checkout is used but what was built from it: each command is the installed one, run elsewhere. It needs the packages of the lock files, as `make` does.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
import yaml

from acceptance.support import record
from acceptance.support_processes import eventually, free_ports
from acceptance.test_serving import certify
from baybridge.node import clock

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery"

pytestmark = [pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout: nothing to build"), pytest.mark.timeout(600)]

#: Megabytes of the core as it is installed, its packages with it and compiled code without. Source: the aim of this project.
MOST_MEGABYTES = 180


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of the container file, with the folders of this test in place of its own; the folder of the environment."""
    place = tmp_path_factory.mktemp("installed")
    stage = (ROOT / "Containerfile").read_text("utf-8").split("\nFROM ")[1]
    commands = [line.removeprefix("RUN ") for line in stage.splitlines() if line.startswith("RUN ") and "apt-get" not in line]
    assert len(commands) == 5
    for command in commands:
        here = command.replace("/build", str(place / "build")).replace("/opt/baybridge", str(place / "baybridge"))
        here = re.sub(r"^python ", f"{shlex.quote(sys.executable)} ", here)
        done = subprocess.run(["sh", "-c", here], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{here}\n{done.stdout}{done.stderr}"
    return place / "baybridge"


def test_the_core_is_not_large(installed: Path) -> None:
    """What `pip install baybridge` brings; the driver for PostgreSQL is an extra."""
    (packages,) = (installed / "lib").glob("python3.*/site-packages")
    files = (one for one in packages.rglob("*") if one.is_file() and "__pycache__" not in one.parts and not one.relative_to(packages).parts[0].startswith("psycopg"))
    megabytes = sum(one.stat().st_size for one in files) / 1e6
    assert megabytes <= MOST_MEGABYTES, f"{megabytes:.0f} MB"
    assert not (packages / "polars").exists()


@dataclass
class Site:
    """One site: its folder, made by `baybridge setup`, and its served process."""

    baybridge: Path
    place: Path
    name: str
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        return self.place / self.name

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BAYBRIDGE", "VIRTUAL_ENV"))}
        return {**kept, "BAYBRIDGE_AUTHORITIES": str(self.place / "certificate.pem"), "BAYBRIDGE_WITNESS_SECONDS": "0.5"}

    def run(self, *words: str) -> Any:
        done = subprocess.run([str(self.baybridge), *words, "--json"], cwd=self.place, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def set_up(self, **more: Any) -> Any:
        answers = {
            "organisation": f"Hospital {self.name}", "jurisdiction": self.name.upper(), "address": self.url, "listen": {"port": self.port}, "languages": ["en"],
            "tls": {"certificate": "certificate.pem", "key": "key.pem"}, "administrator": {"account": "admin", "name": "Chan Tai Man"}, **more,
        }  # fmt: skip
        (self.place / f"{self.name}.yaml").write_text(yaml.safe_dump(answers), encoding="utf-8")
        return self.run("setup", str(self.folder), "--answers", f"{self.name}.yaml")

    def serve(self) -> None:
        log = (self.place / f"{self.name}.log").open("w")
        self.process = subprocess.Popen([str(self.baybridge), "serve", str(self.folder)], cwd=self.place, env=self.environment, stderr=log, stdout=log)
        eventually(self.answers, f"an answer of {self.name}", patience=240)

    def answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (self.place / f"{self.name}.log").read_text()
        try:
            return self.browser().get("/health/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def browser(self) -> httpx.Client:
        trusted = ssl.create_default_context(cafile=self.place / "certificate.pem")
        head = {"accept-language": "en", "accept": "text/html"}
        return httpx.Client(base_url=self.url, verify=trusted, trust_env=False, follow_redirects=True, timeout=120, headers=head)


@pytest.fixture
def sites(installed: Path, tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    certify(tmp_path, 1)
    both = Site(installed / "bin" / "baybridge", tmp_path, "mo"), Site(installed / "bin" / "baybridge", tmp_path, "hk")
    yield both
    for one in both:
        if one.process is not None:
            one.process.send_signal(signal.SIGTERM)
            assert one.process.wait(timeout=120) == 0


def token(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text[:2000]
    return found[1]


def enter(browser: httpx.Client, link: str, name: str) -> httpx.Response:
    """Take an invitation: a password, a second factor, and a sign-in with both."""
    invitation = link.partition("token=")[2]
    assert browser.get(link).status_code == 200
    page = browser.post("/sign-in/invitation", data={"token": invitation, "password": PASSWORD, "again": PASSWORD})
    assert page.url.path == "/account", page.text[:2000]
    asked = browser.get("/import", headers={"accept": "text/html"})
    assert asked.url.path == "/account" or asked.status_code == 403, "nothing is open before the second factor"
    page = browser.post("/account/second-factor", data={"csrf": token(page)})
    (secret,) = set(re.findall(r"\b((?:[A-Z2-7]{4} ?){8})\b", page.text))
    code = pyotp.TOTP(secret.replace(" ", "")).now()
    page = browser.post("/account/second-factor/confirm", data={"csrf": token(page), "code": code})
    assert page.status_code == 200, page.text[:2000]
    page = browser.get("/")
    assert page.status_code == 200, page.text[:2000]
    return page


def test_from_a_clean_environment_to_the_first_result_on_a_page(sites: tuple[Site, Site]) -> None:
    here, there = sites
    there.set_up()
    there.serve()
    fingerprint = there.run("neighbour", "fingerprint", "--node", str(there.folder))["fingerprint"]
    made = here.set_up(neighbours=[{"card": there.url, "fingerprint": fingerprint}])
    assert [one for one in made["checks"] if one["state"] == "fail"] == []
    here.serve()
    own = here.run("neighbour", "fingerprint", "--node", str(here.folder))["fingerprint"]
    there.run("neighbour", "add", here.url, "--node", str(there.folder), "--fingerprint", own)

    administrator, coordinator = here.browser(), here.browser()
    enter(administrator, made["administrator"]["link"], "admin")
    accounts = administrator.get("/accounts")
    added = administrator.post("/accounts/add", data={"csrf": token(accounts), "account": "wong", "person": "Wong Mei", "role": "coordinator"})
    link = re.search(r"https://[^\s\"<]+/sign-in/invitation\?token=[\w-]+", added.text)
    assert link, added.text[:2000]
    enter(coordinator, link[0], "wong")

    page = coordinator.get("/import")
    bundle = json.dumps(record("test-mo-1", clock.now())).encode()
    imported = coordinator.post("/import", data={"csrf": token(page)}, files={"file": ("record.json", bundle, "application/fhir+json")})
    case = re.search(r'href="(/cases/[^"/]+)"', imported.text)
    assert case, imported.text[:4000]
    results = coordinator.get(f"{case[1]}/tests")
    assert results.status_code == 200
    assert "142" in results.text, "the platelets of the file"

    def witnessed() -> bool:
        (one,) = here.run("neighbour", "list", "--node", str(here.folder))
        return one["state"] == "active" and bool(one["seen_size"])

    eventually(witnessed, "the neighbour's log, seen over TLS", patience=120)
    assert administrator.get(f"{case[1]}/tests").status_code in (403, 404), "an administrator reads no record"
