"""Signing in by name and password of a directory (LDAP over TLS), against Debian's server: what lets somebody in, and everything that must not."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme
import yaml
from starlette.testclient import TestClient

import directory_server
from baybridge.app import application
from baybridge.documents.sign_in import Directory
from baybridge.journey.command import Actor, Role
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.people import account_list, administration
from baybridge.node.people.account_changes import Add, Changed
from baybridge.node.people.outside import directory, secrets
from baybridge.node.people.outside.directory import WrongError
from baybridge.node.people.outside.openid import NotBelievedError, UnreachableError
from baybridge.node.upkeep.founding import found
from directory_server import ASKS_AS, BASE, SECRET

HOME = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[directory_server.Directory]:
    with directory_server.started(tmp_path_factory.mktemp("slapd")) as made:
        yield made


def described(server: directory_server.Directory, **more: Any) -> dict[str, Any]:
    return {
        "title": {"en": "Hospital directory"}, "host": "localhost", "port": server.port, "base": BASE, "bind_name": ASKS_AS, "authority": str(server.authority),
        "groups_base": f"ou=groups,{BASE}", "groups": {"cart-nurses": ["nurse"], "it": ["administrator"]}, **more,
    }  # fmt: skip


def asked(server: directory_server.Directory, name: str, password: str, **more: Any) -> Any:
    place = Directory(**described(server, **more))
    return directory.said_of(Path("/"), place, more.pop("secret", SECRET) if place.bind_name else "", name, password)


# --- the directory itself -------------------------------------------------------------------------------------------


def test_name_and_password_say_who_it_is(server: directory_server.Directory) -> None:
    said = asked(server, "wong", "the-password-of-wong")
    assert re.fullmatch(r"[0-9a-f-]{36}", said.subject), "an identifier for good, not the name"
    assert (said.groups, said.second_factor) == (("cart-nurses",), False)
    assert asked(server, "WONG", "the-password-of-wong").subject == said.subject
    other = asked(server, "chan", "the-password-of-chan")
    assert (other.subject != said.subject, other.groups) == (True, ())


WRONG = [
    ("wong", "wrong"), ("wong", ""), ("wong", "the-password-of-chan"),
    ("nobody", "x"), ("", "x"), (" ", "x"), ("*", "the-password-of-wong"), ("w*", "the-password-of-wong"),
    ("wong)(uid=*", "the-password-of-wong"), ("*)(objectClass=*", "the-password-of-wong"), ("wong\0", "the-password-of-wong"), ("wong", "the-password-of-wong\0"),
    ("uid=wong,dc=hospital,dc=example", "the-password-of-wong"), ("\\77ong", "the-password-of-wong"), ("baybridge", SECRET), ("wong\ud800", "x"), ("w" * 5000, "x"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "password"), WRONG)
def test_what_is_not_both_right_is_wrong(server: directory_server.Directory, name: str, password: str) -> None:
    with pytest.raises(WrongError):
        asked(server, name, password)


def test_an_odd_name_is_a_name(server: directory_server.Directory) -> None:
    assert asked(server, "a*b(c)", "the-password-of-odd").groups == ("cart-nurses",)


def test_two_entries_of_one_name_are_nobody(server: directory_server.Directory) -> None:
    for password in ("the-password-of-first", "the-password-of-second"):
        with pytest.raises(NotBelievedError):
            asked(server, "twice", password)


def test_an_entry_without_what_names_it_for_good_is_nobody(server: directory_server.Directory) -> None:
    with pytest.raises(NotBelievedError):
        asked(server, "wong", "the-password-of-wong", subject_attribute="employeeNumber")


def test_this_node_proves_who_it_is(server: directory_server.Directory) -> None:
    place = Directory(**described(server))
    for secret in ("wrong", ""):  # a name without a password would be taken as nobody, with a yes
        with pytest.raises(NotBelievedError):
            directory.said_of(Path("/"), place, secret, "wong", "the-password-of-wong")


def test_a_base_elsewhere_is_not_followed(server: directory_server.Directory) -> None:
    with pytest.raises(NotBelievedError):
        asked(server, "wong", "the-password-of-wong", base=f"ou=elsewhere,{BASE}")


def test_a_certificate_that_nobody_named_is_not_believed(server: directory_server.Directory, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    for more in ({"authority": None}, {"authority": str(tmp_path / "other.pem")}, {"host": "127.0.0.1"}, {"authority": str(tmp_path / "none.pem")}):
        with pytest.raises(UnreachableError):
            asked(server, "wong", "the-password-of-wong", **more)


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\x30\x84\xff\xff\xff\xff"])
def test_what_is_no_directory_is_an_outage(tmp_path: Path, says: bytes) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        raw, _ = listening.accept()
        with context.wrap_socket(raw, server_side=True) as one:
            one.recv(1000)
            one.sendall(says)

    serving = Thread(target=answer, daemon=True)
    serving.start()
    place = Directory(title={"en": "x"}, host="localhost", port=listening.getsockname()[1], base=BASE, authority=str(tmp_path / "ca.pem"))
    with pytest.raises(UnreachableError):
        directory.said_of(Path("/"), place, "", "wong", "x")
    serving.join(30)
    listening.close()


# --- through the pages ----------------------------------------------------------------------------------------------


@dataclass
class Clock:
    moment: datetime = datetime(2026, 3, 8, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@dataclass
class House:
    node: Node
    clock: Clock

    def browser(self) -> TestClient:
        return TestClient(application(self.node, workers=False), base_url=HOME, follow_redirects=False)

    def invited(self, account: str = "wong") -> str:
        boss = Actor("operator", Role.ADMINISTRATOR, "Hospital")
        done = administration.change(self.node, boss, Add(account=account, person=account, roles=("nurse",)))
        assert isinstance(done, Changed)
        return done.invitation

    def bound(self, account: str = "wong") -> TestClient:
        """A browser in which somebody took an invitation by the directory."""
        browser = self.browser()
        page = browser.post("/sign-in/invitation/outside", data={"token": self.invited(account), "provider": "directory"})
        answer = give(browser, page, account, f"the-password-of-{account}")
        assert answer.status_code == 303, answer.text
        return browser

    def row(self, account: str) -> account_list.Listed:
        with self.node.storage.reading() as connection:
            return next(one for one in account_list.listed(connection, self.node.now()) if one.account == account)


def give(browser: TestClient, page: Any, name: str, password: str) -> Any:
    key = re.search(r'name="key" value="([^"]+)"', page.text)
    assert key, page.text
    return browser.post("/sign-in/directory", data={"key": key[1], "name": name, "password": password})


def enter(browser: TestClient, name: str, password: str) -> Any:
    return give(browser, browser.get("/sign-in/outside/directory"), name, password)


@pytest.fixture
def house(tmp_path: Path, server: directory_server.Directory) -> Iterator[House]:
    folder = tmp_path / "node"
    found(folder, {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"]})
    (folder / "data" / "access").mkdir(parents=True, exist_ok=True)
    (folder / "data" / "access" / "sign-in.yaml").write_text(yaml.safe_dump({"id": "sign-in", "ldap": {"directory": described(server)}}))
    secrets.keep(folder, "directory", SECRET)
    clock = Clock()
    node = Node(read_config(folder), now=clock)
    yield House(node, clock)
    node.storage.close()


def test_who_took_an_invitation_signs_in_by_the_directory(house: House) -> None:
    browser = house.bound()
    assert browser.get("/account").status_code == 200
    assert enter(house.browser(), "wong", "the-password-of-wong").status_code == 303
    other = enter(house.browser(), "a*b(c)", "the-password-of-odd")
    assert (other.status_code, "No account of this node" in other.text) == (401, True), "known there, unknown here"
    assert enter(house.browser(), "wong", "").status_code == 401


def test_who_is_in_no_group_any_more_has_no_role(house: House) -> None:
    browser = house.browser()
    page = browser.post("/sign-in/invitation/outside", data={"token": house.invited("chan"), "provider": "directory"})
    assert give(browser, page, "chan", "the-password-of-chan").status_code == 403
    assert house.row("chan").state == "disabled"


def test_a_form_counts_once_and_in_its_own_browser(house: House) -> None:
    house.bound()
    browser = house.browser()
    page = browser.get("/sign-in/outside/directory")
    assert give(house.browser(), page, "wong", "the-password-of-wong").status_code == 401
    assert give(browser, page, "wong", "the-password-of-wong").status_code == 303
    browser.cookies.delete("baybridge")
    assert give(browser, page, "wong", "the-password-of-wong").status_code == 401


def test_guesses_wait_however_the_name_is_written(house: House) -> None:
    known = house.bound()
    known.cookies.delete("baybridge")  # signed out: what is left is the device
    for name in ("wong", "WONG", " wong ", "Wong", "ｗｏｎｇ"):
        assert enter(house.browser(), name, "wrong").status_code == 401
    held = enter(house.browser(), "wonG", "the-password-of-wong")
    assert (held.status_code, "Wait" in held.text) == (401, True), "the right one waits too: whoever guesses must not learn of it"
    assert enter(known, "wong", "the-password-of-wong").status_code == 303, "a browser from which the person signed in is not held up by others"
    for _ in range(6):
        enter(house.browser(), "wong", "wrong")
    house.clock.moment += timedelta(minutes=1)
    assert enter(house.browser(), "wong", "the-password-of-wong").status_code == 303


def test_the_own_password_of_the_directory_is_nowhere_kept(house: House, tmp_path: Path) -> None:
    house.bound()
    enter(house.browser(), "wong", "the-password-of-wong")
    for path in (tmp_path / "node").rglob("*"):
        assert not path.is_file() or b"the-password-of-wong" not in path.read_bytes(), path


def test_a_directory_that_does_not_answer_is_told(tmp_path: Path, server: directory_server.Directory) -> None:
    found(tmp_path / "node", {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"]})
    (tmp_path / "node" / "data" / "access").mkdir(parents=True, exist_ok=True)
    place = {**described(server), "port": 9}
    (tmp_path / "node" / "data" / "access" / "sign-in.yaml").write_text(yaml.safe_dump({"id": "sign-in", "ldap": {"directory": place}}))
    node = Node(read_config(tmp_path / "node"))
    answer = enter(TestClient(application(node, workers=False), base_url=HOME, follow_redirects=False), "wong", "x")
    assert (answer.status_code, "Hospital directory does not answer" in answer.text) == (503, True)
    node.storage.close()
