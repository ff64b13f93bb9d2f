"""Messages that leave the building: by rules of the site, over trusted connections alone, with nobody's name, again until they left, and never in an alarm's way."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import yaml
from click.testing import CliRunner
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.cli.main import main
from baybridge.documents.messages import Outbox, Rule, Way
from baybridge.journey.command import Role
from baybridge.journey.events import MessageDelivered, MessageFailed
from baybridge.node.messages import contacts, outbox, ways
from baybridge.node.people import accounts
from baybridge.node.upkeep.doctor import examine
from killing import killed
from message_servers import PASSWORD, Mails, Requests, authority, http_server, mail_server, silent_server
from watch_world import Ward

PRESSOR = {"hypotension": "vasopressor", "vasopressors": 1}
DUTIES = [
    {"specialty": "haematology", "account": name, "from": "2020-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z", "order": order, "deputy": None}
    for order, name in enumerate(("first", "second"), start=1)
]  # fmt: skip


class House:
    """A ward with ways out, each with its server."""

    def __init__(self, folder: Path, mails: Mails, requests: Requests, certificate: Path) -> None:
        self.folder, self.mails, self.requests, self.certificate = folder, mails, requests, certificate
        self.ward: Ward

    def open(self, rules: list[dict[str, object]], **changes: dict[str, object]) -> Ward:
        mail = {"kind": "mail", "host": "localhost", "port": self.mails.port, "security": "starttls", "sender": "baybridge@hospital.example",
                "account": "baybridge", "secret": "mail-password", "authority": "authority"}  # fmt: skip
        sms = {"kind": "form", "address": "gateway", "inside": True, "authority": "authority", "fields": {"to": "{to}", "text": "{text}", "id": "{id}"},
               "secrets": {"key": "sms-key"}}  # fmt: skip
        group = {"kind": "webhook", "form": "wecom", "address": "gateway", "inside": True, "authority": "authority"}
        document = {"id": "outbox", "time_out_s": 2, "ways": {"mail": mail, "sms": sms, "group": group, **changes}, "rules": rules}
        self.ward = Ward(self.folder, documents={"messages/outbox.yaml": yaml.safe_dump(document)})
        gateway = f"https://localhost:{self.requests.port}/send?key=s"
        secrets = {"mail-password": PASSWORD, "sms-key": "k-1", "gateway": gateway, "authority": self.certificate.read_text()}
        (self.folder / "keys" / "messages").mkdir()
        for name, text in secrets.items():
            (self.folder / "keys" / "messages" / name).write_text(text)
        people = {name: {"mail": f"{name}@hospital.example", "sms": "+85260000000"} for name in ("first", "second")}
        (self.folder / "keys" / "contacts.yaml").write_text(yaml.safe_dump(people))
        for name in people:
            self.ward.account(name)
        self.ward.account("quality", Role.QUALITY)
        runner = CliRunner()
        (self.folder / "roster.json").write_text(json.dumps(DUTIES))
        assert runner.invoke(main, ["roster", "set", str(self.folder / "roster.json"), "--node", str(self.folder)]).exit_code == 0
        return self.ward

    def secret(self, name: str, text: str) -> None:
        (self.folder / "keys" / "messages" / name).write_text(text)

    @property
    def said(self) -> list[tuple[str, str, str]]:
        """(way, account, what came of it) as the case has it."""
        found = [item.event for item in self.ward.events if isinstance(item.event, MessageDelivered | MessageFailed)]
        return [(one.way, one.account, "left" if isinstance(one, MessageDelivered) else f"{one.problem}{' for good' if one.final else ''}") for one in found]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    certificate = authority(tmp_path)
    with mail_server(certificate) as mails, http_server(certificate) as requests:
        yield House(tmp_path / "node", mails, requests, tmp_path / "localhost.crt")


ALL = [{"event": "CallNotified", "ways": ["mail", "sms", "group"]}]


def test_a_call_leaves_by_every_way_of_its_rule_and_names_nobody(house: House) -> None:
    ward = house.open(ALL)
    ward.assess(**PRESSOR)
    ward.round()
    assert sorted(house.said) == [("group", "", "left"), ("mail", "first", "left"), ("sms", "first", "left")]
    (mail,) = house.mails.taken
    assert (mail["To"], mail["From"]) == ("first@hospital.example", "baybridge@hospital.example")
    form = next(parse_qs(body.decode()) for _, body in house.requests.taken if b"to=" in body)
    assert (form["to"], form["key"]) == (["+85260000000"], ["k-1"])
    group = next(json.loads(body) for _, body in house.requests.taken if body.startswith(b"{"))
    assert group["msgtype"] == "text"
    everything = mail.as_string() + str(form) + str(group)
    assert ward.node.address in mail.get_content()
    assert not any(word in everything for word in ("Chan", "case-1", "patient-1", "RR-VASOPRESSOR"))


def test_each_step_of_the_escalation_reaches_its_own(house: House) -> None:
    ward = house.open([{"event": "CallNotified", "ways": ["mail"]}])
    ward.assess(**PRESSOR)
    ward.wait(minutes=6)
    ward.round()
    assert house.said == [("mail", "first", "left"), ("mail", "second", "left")]


@pytest.mark.parametrize(
    ("rule", "hours", "left"),
    [
        ({"from_hour": 0, "until_hour": 0}, 0, False), ({"from_hour": 22, "until_hour": 7}, 23, True), ({"from_hour": 22, "until_hour": 7}, 6, True),
        ({"from_hour": 22, "until_hour": 7}, 7, False), ({"from_hour": 8, "until_hour": 18}, 18, False), ({}, 3, True),
    ],
)  # fmt: skip
def test_a_rule_counts_in_its_hours(rule: dict[str, int], hours: int, left: bool) -> None:
    assert Rule(event="CallNotified", ways=("mail",), **rule).holds_at(hours) is left  # type: ignore[arg-type]


def test_rules_go_by_role_and_speak_the_language_of_whom_they_tell(house: House) -> None:
    of_nurses, of_physicians = {"roles": ["nurse"], "ways": ["sms"]}, {"roles": ["physician"], "ways": ["mail"], "language": "zh-Hant"}
    ward = house.open([{"event": "CallNotified", **of_nurses}, {"event": "CallNotified", **of_physicians}])
    ward.assess(**PRESSOR)
    ward.round()
    assert house.said == [("mail", "first", "left")]
    assert "快速應變小組" in house.mails.taken[0]["Subject"]


def test_an_emergency_access_is_told_to_quality_and_to_nobody_that_left(house: House) -> None:
    ward = house.open([{"event": "GlassBroken", "roles": ["quality"], "ways": ["mail"]}])
    ward.give("BreakGlass", Role.PHYSICIAN, "first", reason="unconscious and alone at night")
    ward.round()
    assert house.said == [("mail", "quality", "no_contact")]


# --- what fails, and is tried again -----------------------------------------------------------------------------------------


def test_one_that_fails_holds_up_no_other_and_is_tried_again_until_it_left(house: House) -> None:
    ward = house.open(ALL)
    house.requests.status = 503
    ward.assess(**PRESSOR)
    ward.round()
    assert sorted(house.said) == [("group", "", "unreachable"), ("mail", "first", "left"), ("sms", "first", "unreachable")]
    house.requests.status = 200
    ward.wait(seconds=3)
    assert len(house.said) == 3  # not before its time
    ward.wait(seconds=4)
    assert sorted(house.said[3:]) == [("group", "", "left"), ("sms", "first", "left")]
    assert len(house.mails.taken) == 1


def test_what_never_leaves_is_given_up_and_the_administrator_sees_it(house: House) -> None:
    ward = house.open([{"event": "CallNotified", "ways": ["mail"]}])
    house.mails.refusing = "550 nobody of that name"
    ward.assess(**PRESSOR)
    ward.round()
    for _ in range(8):
        ward.wait(hours=1)
    of_call = house.ward.events
    first = next(item.event.message for item in of_call if isinstance(item.event, MessageFailed))
    assert [item.event.final for item in of_call if isinstance(item.event, MessageFailed) and item.event.message == first] == [False, True]
    with ward.node.storage.writing() as connection:
        accounts.add_account(connection, account="a", name="a", role=Role.ADMINISTRATOR, organisation=ward.node.site.organisation, password="-")
        token = accounts.open_session(connection, "a", ward.node.now()).token
    with TestClient(application(ward.node, workers=False), base_url="http://127.0.0.1") as client:
        page = client.get("/queue", headers={"authorization": f"Bearer {token}"}).text
    assert "given up" in page
    assert "case-1" not in page


def test_a_silent_server_delays_no_alarm_and_no_other_way(house: House) -> None:
    with silent_server() as port:
        ward = house.open(ALL, mail={"kind": "mail", "host": "localhost", "port": port, "security": "tls", "sender": "b@hospital.example", "authority": "authority"})
        ward.assess(**PRESSOR)
        assert [type(one.event).__name__ for one in ward.events][-1] == "CallNotified"  # the call stands before anything was sent
        ward.round()
    assert sorted(house.said) == [("group", "", "left"), ("mail", "first", "unreachable"), ("sms", "first", "left")]


def test_killed_in_the_middle_nothing_is_lost_and_a_repeat_is_known_by_its_id(house: House) -> None:
    ward = house.open([{"event": "CallNotified", "ways": ["sms"]}])
    ward.assess(**PRESSOR)
    killed(lambda: _die_after_sending(ward))
    ward.restart()
    ward.round()
    assert house.said == [("sms", "first", "left")]
    ids = [parse_qs(body.decode())["id"][0] for _, body in house.requests.taken]
    assert len(ids) == 2
    assert ids[0] == ids[1]


def _die_after_sending(ward: Ward) -> None:
    """Plan, send, and be killed before what came of it was written."""
    ward.restart()
    node = ward.node

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    node.consequence_kinds = {**node.consequence_kinds, outbox.SEND.name: replace(outbox.SEND, do=die)}  # type: ignore[misc]
    ward.round()


# --- whom a node trusts -----------------------------------------------------------------------------------------------------


def test_a_certificate_that_nobody_trusts_or_of_another_name_gets_nothing(house: House, tmp_path: Path) -> None:
    ward = house.open(ALL)
    house.secret("authority", authority(tmp_path, "other.example").with_suffix(".crt").read_text())
    ward.assess(**PRESSOR)
    ward.round()
    assert {came for _, _, came in house.said} == {"not_trusted"}
    assert (house.mails.taken, house.requests.taken) == ([], [])


def test_a_mail_server_without_tls_gets_nothing(house: House, tmp_path: Path) -> None:
    with mail_server(tmp_path / "localhost.pem", starttls=False) as plain:
        way = Way(kind="mail", host="localhost", port=plain.port, security="starttls", sender="b@hospital.example")
        with pytest.raises(ways.SendingProblem, match="not_trusted"):
            ways.send(way, ways.Message("1", "s", "t"), "a@hospital.example", tmp_path, 2)
        assert plain.taken == []


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("http://localhost:{port}/", False), ("https://localhost:{port}/", False), ("http://169.254.169.254/latest/meta-data", True), ("https://169.254.169.254/", True),
        ("https://0.0.0.0:{port}/", True), ("file:///etc/passwd", True), ("https://user:pass@localhost:{port}/", True), ("gopher://localhost:{port}/", True),
        ("https://[fe80::1]/", True),
        ("no address", True),
    ],
)  # fmt: skip
def test_an_address_leads_where_the_document_says_and_nowhere_else(tmp_path: Path, address: str, inside: bool) -> None:
    with http_server(None) as requests:
        (tmp_path / "keys" / "messages").mkdir(parents=True)
        (tmp_path / "keys" / "messages" / "there").write_text(address.format(port=requests.port))
        way = Way(kind="webhook", form="teams", address="there", inside=inside)
        with pytest.raises(ways.SendingProblem, match="address_forbidden"):
            ways.send(way, ways.Message("1", "s", "t"), "", tmp_path, 2)
        assert requests.taken == []


def test_a_redirect_is_not_followed_and_a_robot_that_says_no_is_heard(house: House) -> None:
    ward = house.open([{"event": "CallNotified", "ways": ["group"]}])
    house.requests.status = 307
    ward.assess(**PRESSOR)
    ward.round()
    house.requests.status, house.requests.answer = 200, {"errcode": 93000, "errmsg": "invalid webhook url"}
    ward.wait(seconds=7)
    assert house.said == [("group", "", "refused")]
    house.requests.answer = {"errcode": 0}
    ward.wait(minutes=1)
    assert house.said[-1] == ("group", "", "left")


def test_no_line_end_of_a_contact_reaches_the_head_of_a_mail(house: House) -> None:
    ward = house.open([{"event": "CallNotified", "ways": ["mail"]}])
    (house.folder / "keys" / "contacts.yaml").write_text('first: {mail: "a@hospital.example\\nBcc: thief@elsewhere.example"}')
    ward.assess(**PRESSOR)
    ward.round()
    assert house.said == [("mail", "first", "no_contact")]
    with pytest.raises(contacts.ContactsProblem) as problem:
        contacts.contacts(house.folder)
    assert "thief" not in str(problem.value)
    with pytest.raises(ValueError, match=r"[Hh]eader"):
        way = Way(kind="mail", host="localhost", port=house.mails.port, security="starttls", sender="b@hospital.example")
        ways.send(way, ways.Message("1", "s\nBcc: x", "t"), "a@hospital.example", house.folder, 2)


def test_a_secret_that_is_missing_and_a_secret_that_is_wrong_are_told_and_shown_nowhere(house: House, caplog: pytest.LogCaptureFixture) -> None:
    ward = house.open([{"event": "CallNotified", "ways": ["mail", "sms"]}])
    (house.folder / "keys" / "messages" / "sms-key").unlink()
    house.secret("mail-password", "wrong-password")
    ward.assess(**PRESSOR)
    ward.round()
    assert sorted(house.said) == [("mail", "first", "refused"), ("sms", "first", "no_secret")]
    assert "wrong-password" not in caplog.text
    assert any(one.check == "mail" and one.state == "fail" and "sms-key" in one.found for one in examine(house.folder))


# --- documents and commands --------------------------------------------------------------------------------------------------


def test_nothing_leaves_before_a_site_says_so(house: House) -> None:
    ward = house.open([])
    ward.assess(**PRESSOR)
    ward.round()
    assert house.said == []
    assert next(one for one in examine(house.folder) if one.check == "mail").state == "warn"


@pytest.mark.parametrize(
    "text",
    [
        "id: outbox\nrules: [{event: CallNotified, ways: [pigeon]}]", "id: outbox\nways: {m: {kind: mail}}", "id: outbox\nways: {m: {kind: telegraph}}",
        "id: outbox\nways: {m: {kind: form, address: ../../etc/passwd, fields: {a: b}}}", "id: outbox\nrules: [{event: Everything, ways: []}]",
        "id: outbox\nrules: [{event: GlassBroken, ways: []}]", "id: outbox\nrules: [{event: CallNotified, ways: [], from_hour: 3}]", "id: outbox\npassword: x",
    ],
)  # fmt: skip
def test_a_document_that_cannot_be_is_told_by_the_check(tmp_path: Path, text: str) -> None:
    (tmp_path / "messages").mkdir()
    (tmp_path / "messages" / "outbox.yaml").write_text(text)
    done = CliRunner().invoke(main, ["check", str(tmp_path), "--json"])
    assert (done.exit_code, bool(json.loads(done.stdout)["problems"])) == (1, True)


def test_the_command_sends_one_and_says_when_it_cannot(house: House) -> None:
    house.open([])
    runner = CliRunner()
    told = ["message", "test", "--node", str(house.folder), "--way", "mail", "--to", "me@hospital.example", "--json"]
    done = runner.invoke(main, told)
    assert (done.exit_code, json.loads(done.stdout)["sent"], house.mails.taken[0]["To"]) == (0, True, "me@hospital.example")
    house.mails.refusing = "550 no"
    failed = runner.invoke(main, told)
    assert (failed.exit_code, json.loads(failed.stdout)["problem"]) == (1, "refused")
    for wrong in (["--way", "pigeon", "--to", "x"], ["--way", "mail", "--to", "a@b\r\nBcc: c@d"], ["--way", "mail"]):
        assert runner.invoke(main, ["message", "test", "--node", str(house.folder), *wrong]).exit_code == 1


def test_the_command_names_what_is_wrong_with_the_document(house: House) -> None:
    house.open([])
    (house.folder / "data" / "messages" / "outbox.yaml").write_text("id: outbox\nways: {mail: {kind: mial}}")
    done = CliRunner().invoke(main, ["message", "test", "--node", str(house.folder), "--way", "mail", "--to", "me@hospital.example"])
    assert done.exit_code == 1
    assert "ways.mail.kind" in done.output and "mial" in done.output
    assert "names none" not in done.output
    assert not house.mails.taken


def test_our_document_names_no_way_and_no_rule() -> None:
    from baybridge.documents.loader import Documents

    assert (Documents().typed.the(Outbox).ways, Documents().typed.the(Outbox).rules) == ({}, ())
