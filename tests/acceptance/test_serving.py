"""A node as a hospital serves it: over TLS, behind a proxy, watched and logged, stopped and its certificate changed while it runs."""

from __future__ import annotations

import datetime
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from acceptance.support_processes import eventually, free_ports
from baybridge.cli.main import main
from baybridge.http.logs import FIELDS
from baybridge.node.config import read_config
from baybridge.node.upkeep.answering import missing
from baybridge.node.upkeep.founding import found


def certify(folder: Path, number: int, form: PrivateFormat = PrivateFormat.TraditionalOpenSSL) -> tuple[Path, Path]:
    """A certificate for loopback with that serial number and its key, in two files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test node")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=number)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, form, NoEncryption()))
    return folder / "certificate.pem", folder / "key.pem"


class Served:
    """`baybridge serve` as a process."""

    def __init__(self, folder: Path, *options: str, scheme: str = "https", **settings: str) -> None:
        self.folder, self.log, (self.port,) = folder, folder.parent / "log", free_ports(1)
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "baybridge", "serve", str(folder), "--port", str(self.port), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.log.open("w"), env={**os.environ, **settings})
        eventually(self.answers, f"an answer at {self.url}: {self.log.read_text()}", patience=240)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.get("/health/live").status_code == 200
        except httpx.HTTPError:
            return False

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.url + path, verify=False, trust_env=False, timeout=60, headers=headers)

    def serial(self, newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> int:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode, context.maximum_version = False, ssl.CERT_NONE, newest
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as plain, context.wrap_socket(plain) as secure:
            return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"").serial_number

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=120)
        finally:
            self.process.kill()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("served") / "node"
    found(made, {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"]})
    return made


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    certificate, key = certify(folder.parent, 1)
    (metrics_port,) = free_ports(1)
    options = ("--certificate", str(certificate), "--key", str(key), "--metrics-port", str(metrics_port))
    running = Served(folder, *options, BAYBRIDGE_LOG="json")
    running.metrics_port = metrics_port  # type: ignore[attr-defined]
    yield running
    assert running.stop() == 0, "it stops in order when the service manager says so"


def test_pages_come_over_tls_alone_and_browsers_are_told_so(served: Served) -> None:
    answer = served.get("/sign-in")
    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert "; secure" in served.get("/sign-in?language=pt").headers["set-cookie"].lower()
    with pytest.raises(httpx.HTTPError):
        httpx.get(served.url.replace("https:", "http:"), trust_env=False, timeout=60)


def test_older_clients_of_hospitals_are_answered_but_not_the_oldest(served: Served) -> None:
    assert served.serial(ssl.TLSVersion.TLSv1_2) == 1
    with pytest.raises(OSError, match=r"(?i)version|alert|protocol|reset"):
        served.serial(ssl.TLSVersion.TLSv1_1)


def test_forwarded_headers_of_anybody_are_not_looked_at(served: Served) -> None:
    found = served.get("/.well-known/baybridge.json", **{"x-forwarded-host": "evil.example", "x-forwarded-for": "10.0.0.1", "x-request-id": "chosen-by-a-stranger"})
    assert "evil" not in found.text
    assert found.headers["x-request-id"] != "chosen-by-a-stranger"


def test_log_lines_are_json_with_fields_from_a_closed_list_and_nothing_from_outside(served: Served) -> None:
    answer = served.get("/fhir/Patient/Chan-Tai-Man?name=Chan", authorization="Bearer secret-token")
    lines = [json.loads(line) for line in served.log.read_text().splitlines() if line.startswith("{")]
    mine = [line for line in lines if line.get("request") == answer.headers["x-request-id"]]
    assert [(line["method"], line["status"]) for line in mine] == [("GET", answer.status_code)]
    assert all(set(line) <= {"time", "level", "logger", "message", "request", *FIELDS} for line in lines)
    assert not any(word in served.log.read_text() for word in ("Chan", "secret-token", "experimental"))


def test_health_says_whether_it_lives_and_is_ready(served: Served) -> None:
    assert served.get("/health/live").json() == {"state": "live"}
    assert served.get("/health/ready").json() == {"state": "ready", "missing": []}


def test_a_command_says_whether_the_node_of_a_folder_is_served_here_by_its_own_certificate(served: Served, tmp_path: Path) -> None:
    config = read_config(served.folder)
    of_this = replace(config, port=served.port, serving=replace(config.serving, certificate=served.folder.parent / "certificate.pem", host="0.0.0.0"))
    another, _ = certify(tmp_path, 7)
    assert missing(of_this) == ()
    assert missing(replace(of_this, serving=replace(of_this.serving, certificate=another))) == ("answer",), "somebody else answers there"
    assert missing(replace(of_this, port=free_ports(1)[0])) == ("answer",)
    quiet = tmp_path / "quiet"
    found(quiet, {"node": "quiet", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"], "port": free_ports(1)[0]})
    done = CliRunner().invoke(main, ["doctor", str(quiet), "--served", "--json"])
    assert (done.exit_code, json.loads(done.stdout)) == (1, {"state": "unready", "missing": ["answer"]})


def test_metrics_are_told_on_loopback_without_ids(served: Served) -> None:
    served.get("/fhir/Patient/Chan-Tai-Man")
    told = httpx.get(f"http://127.0.0.1:{served.metrics_port}/metrics", trust_env=False, timeout=60).text  # type: ignore[attr-defined]
    for name in ("requests_total", "request_seconds_count", "log_entries", "disk_free_bytes", "certificate_seconds_left"):
        assert f"\nbaybridge_{name}" in told, name
    assert "Chan" not in told
    assert served.get("/metrics").status_code == 404, "not beside the pages, where anybody could ask"


def test_another_certificate_is_shown_without_a_restart_and_a_wrong_one_is_not(served: Served) -> None:
    certify(served.folder.parent, 2, PrivateFormat.PKCS8)
    served.process.send_signal(signal.SIGHUP)
    eventually(lambda: served.serial() == 2, "the second certificate")
    certificate = served.folder.parent / "certificate.pem"
    right = certificate.read_bytes()
    certificate.write_text("no certificate")
    served.process.send_signal(signal.SIGHUP)
    eventually(lambda: "the one before stays" in served.log.read_text(), "a word in the log")
    assert served.get("/health/live").status_code == 200
    assert served.get("/health/ready").json() == {"state": "unready", "missing": ["certificate"]}
    certificate.write_bytes(right)
    assert served.get("/health/ready").status_code == 200


def test_behind_a_trusted_proxy_the_browser_s_address_scheme_and_request_count(tmp_path: Path) -> None:
    found(tmp_path / "node", {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"]})
    running = Served(tmp_path / "node", "--trusted-proxy", "127.0.0.0/8", scheme="http")
    try:
        forwarded = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "x-forwarded-host": "carry.hospital.example", "x-request-id": "0123456789abcdef"}
        answer = running.get("/sign-in?language=pt", **forwarded)
        assert "; secure" in answer.headers["set-cookie"].lower()
        assert answer.headers["strict-transport-security"]
        assert answer.headers["x-request-id"] == "0123456789abcdef"
        assert running.get("/fhir/metadata", **forwarded).json()["implementation"]["url"].startswith("https://carry.hospital.example")
        assert "strict-transport-security" not in running.get("/sign-in").headers
    finally:
        assert running.stop() == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--certificate", "{key}", "--key", "{key}"), "expected a file of certificates in PEM form"),
        (("--certificate", "{certificate}", "--key", "{certificate}"), "expected a private key in PEM form"),
        (("--certificate", "{certificate}", "--key", "{other}"), "expected the key of certificate certificate.pem, found another"),
        (("--certificate", "{certificate}"), "expected --certificate and --key together"),
        (("--trusted-proxy", "10.0.0.0/33", "--trusted-proxy", "somewhere"), "found 10.0.0.0/33, somewhere"),
    ],
)
def test_what_cannot_be_served_with_is_told_at_the_start(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    found(tmp_path / "node", {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"]})
    certificate, key = certify(tmp_path, 1)
    (tmp_path / "other").mkdir()
    _, other = certify(tmp_path / "other", 1)
    given = [option.format(certificate=certificate, key=key, other=other) for option in options]
    (port,) = free_ports(1)
    done = subprocess.run([sys.executable, "-m", "baybridge", "serve", str(tmp_path / "node"), "--port", str(port), *given], capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
