"""A staff list is brought whole or not at all, says every problem where it stands, and is no way around the second administrator."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.cli.main import main
from baybridge.documents.loader import Documents, packaged_data
from baybridge.journey.command import Actor, Role
from baybridge.ledger import log
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.people import account_list, accounts, administration, invitations
from baybridge.node.people.account_changes import Add, Changed, Disable, Leaving, Roles
from baybridge.node.people.staff_file import MOST_BYTES, MOST_ROWS, Sheet, read, words_of
from baybridge.node.people.staff_list import StaffReport, bring
from baybridge.node.upkeep.founding import found

PASSWORD = "three plain words"
HEAD = "account,name,person id,roles,profession,registration number,language,last day"
WORDS = words_of(Documents(packaged_data()))


class Clock:
    moment = datetime(2026, 3, 8, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    people = [{"name": name, "role": role, "password": PASSWORD} for name, role in (("boss", "administrator"), ("second", "administrator"), ("doctor", "physician"))]
    found(tmp_path / "node", {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"], "accounts": people})
    made = Node(read_config(tmp_path / "node"), now=Clock())
    yield made
    made.storage.close()


def boss(node: Node, name: str = "boss") -> Actor:
    with node.storage.reading() as connection:
        row = account_list.row_of(connection, name)
        assert row is not None
        actor = accounts.open_actor(connection, row["account"], node.now())
    assert actor is not None
    return actor


def listed(node: Node, *lines: str, check: bool = False, by: str = "boss", head: str = HEAD) -> StaffReport:
    return bring(node, boss(node, by), "\n".join((head, *lines)).encode(), check=check)


def places(report: StaffReport | Sheet) -> list[tuple[int, int, str]]:
    return [(one.line, one.column, one.reason.code) for one in report.problems]


def told(report: StaffReport | Sheet) -> list[tuple[int, int, str]]:
    return [(one.line, one.column, one.reason.code) for one in report.notices]


def outcomes(report: StaffReport) -> dict[str, str]:
    return {one.account: one.outcome for one in report.lines}


def here(node: Node) -> dict[str, account_list.Listed]:
    with node.storage.reading() as connection:
        return {one.account: one for one in account_list.listed(connection, node.now())}


def size(node: Node) -> int:
    with node.storage.reading() as connection:
        return log.size(connection)


# --- the file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    ["account;name;roles", "账户;姓名;角色", "帳戶;姓名;角色", "Conta;Nome;Papéis", " ACCOUNT ;Name;roles", "account;person;roles"],
)
def test_headings_in_any_language_and_either_separator(head: str) -> None:
    for separator in ";,":
        sheet = read(f"{head}\nw1;陳大文;nurse + 醫生/farmacêutico\n".replace(";", separator).encode(), WORDS)
        assert (sheet.problems, [(row.account, row.person, row.roles) for row in sheet.rows]) == ([], [("w1", "陳大文", ("nurse", "physician", "pharmacist"))])


def test_letters_are_read_right_or_the_file_is_refused() -> None:
    simple, western = "账户,姓名,角色\nw1,陈大文,护士\n", "account,name,roles\nw1,José Conceição,nurse\n"
    assert read(b"\xef\xbb\xbf" + western.encode(), WORDS).rows[0].person == "José Conceição"
    chinese = read(simple.encode("gb18030"), WORDS)
    assert (chinese.rows[0].person, chinese.rows[0].roles, told(chinese)) == ("陈大文", ("nurse",), [(0, 0, "staff.gb18030")])
    assert read("account,name,roles\nw1,陈大文,护士\n".encode("gb18030"), WORDS).rows[0].person == "陈大文"
    for content in (western.encode("cp1252"), "account,name,roles\nw1,陳大文,nurse\nw2,李麗華,nurse\n".encode("big5"), western.encode("utf-16"), b"\xff\x00"):
        assert places(read(content, WORDS)) == [(0, 0, "staff.encoding")], content


def test_a_file_that_is_none_says_so() -> None:
    assert places(read(b"", WORDS)) == places(read(b"\n \n", WORDS)) == places(read(b"account,name,roles\n", WORDS)) == [(0, 0, "staff.empty")]
    assert places(read(b"x" * (MOST_BYTES + 1), WORDS)) == [(0, 0, "staff.too_large")]
    assert places(read(b"account,name,roles\n" + b"w,W,nurse\n" * (MOST_ROWS + 1), WORDS)) == [(0, 0, "staff.too_large")]
    assert places(read(b"account,name,roles\nw,W\x00,nurse\n", WORDS)) == [(0, 0, "staff.not_text")]
    assert places(read(b'account,name,roles\nw,W,nurse\nx,"W,nurse\n', WORDS)) == [(3, 0, "staff.quotes")]
    assert places(read(b'account,name,roles\n"w"x,W,nurse\n', WORDS)) == [(2, 0, "staff.quotes")]
    headings = read(b"account,rank,account,Password,Phone\nw,nurse,w,secret,1\n", WORDS)
    assert places(headings) == [(1, 3, "staff.heading_twice"), (1, 4, "staff.password"), (1, 0, "staff.heading_lacking")]
    assert told(headings) == [(1, 2, "staff.heading_unknown"), (1, 5, "staff.heading_unknown")]
    assert places(read(b"account,name,roles,registration number\nw,W,nurse,1.23E+11\n", WORDS)) == [(2, 4, "staff.shortened")]


def test_lines_are_counted_as_an_editor_does() -> None:
    sheet = read(b'account,name,roles,last day\r\n\r\nw,"W",nurse,-\r\nx,"a\r\nb",nurse,\r\ny,Y,nurse,2026-02-30\r\nz,Z,nurse,1/2/2027,rest\r\n', WORDS)
    assert [row.line for row in sheet.rows] == [3, 4, 6, 7]
    assert places(sheet) == [(6, 4, "staff.no_such_day"), (7, 5, "staff.too_many_cells"), (7, 4, "accounts.bad_day")]


@pytest.mark.parametrize("day", ["2026-12-01", "2026/12/1", "2026.12.01", "2026年12月1日", "２０２６-12-01"])
def test_days_as_spreadsheets_write_them(day: str) -> None:
    row = read(f"account,name,roles,last day\nw,W,nurse,{day}\n".encode(), WORDS).rows[0]
    assert row.leaves_on is not None
    assert row.leaves_on.isoformat() == "2026-12-01"


# --- all or nothing -------------------------------------------------------------------------------------------------


def test_a_check_tells_and_changes_nothing_and_the_list_then_does_what_was_told(node: Node) -> None:
    before = size(node)
    lines = ("w1,Wong,,nurse,RN,N1,zh-Hant,2026-12-31", "doctor,doctor,,physician,,,,")
    checked = listed(node, *lines, check=True)
    assert (checked.applied, checked.made, size(node), sorted(here(node))) == (False, [], before, ["boss", "doctor", "second"])
    done = listed(node, *lines)
    assert (done.applied, done.fingerprint) == (True, checked.fingerprint)
    assert outcomes(done) == {"w1": "added", "doctor": "unchanged"}
    assert ("roles", "", "nurse") in [(one.column, one.here, one.listed) for one in done.of("added")[0].differences], "who confirms sees what an account gets"
    assert done.not_listed == ["boss", "second"], "told, and not closed"
    assert {one.state for one in here(node).values()} == {"active", "invited"}
    assert invitations.accept(node, done.made[0].invitation, PASSWORD), "the invitation is one like any other"
    again = listed(node, *lines)
    assert (outcomes(again), again.made) == ({"w1": "unchanged", "doctor": "unchanged"}, [])


def test_every_problem_at_once_and_nothing_is_written(node: Node) -> None:
    before = size(node)
    report = listed(
        node,
        "w1,Wong,,nurse king,,,,",
        "w1,Chan,,nurse,,,,",
        "doctor,Somebody,,physician,,,,",
        "w3,,,nurse,,,xx,2026-03-07",
        "w4,Lee,,,,,,2026-13-01",
        "Doctor,doctor,,physician,,,,",
        "good,Ho,,nurse,,,,",
        "p,Pat,,patient,,,,",
    )
    assert places(report) == [
        (2, 4, "accounts.unknown_role"), (3, 1, "staff.account_twice"), (4, 2, "staff.other_person"), (5, 2, "accounts.bad_name"), (5, 7, "accounts.language"),
        (5, 8, "accounts.left_already"), (6, 4, "accounts.no_role"), (6, 8, "staff.no_such_day"), (7, 1, "staff.account_twice"), (9, 4, "accounts.patient"),
    ]  # fmt: skip
    assert (report.applied, report.made, size(node), sorted(here(node))) == (False, [], before, ["boss", "doctor", "second"])


def test_formulas_are_text_and_told(node: Node) -> None:
    report = listed(node, 'w1,"=HYPERLINK(""x"")",,nurse,@x,+1,,')
    assert told(report) == [(2, 2, "staff.formula"), (2, 5, "staff.formula"), (2, 6, "staff.formula")]
    assert here(node)["w1"].name == '=HYPERLINK("x")'


def test_changes_of_an_account_that_is_there(node: Node) -> None:
    listed(node, "w1,Wong,,nurse,RN,N1,,2026-12-31")
    report = listed(node, "w1,WONG,,nurse coordinator,RN,N2,pt,2026-11-30")
    assert [(one.column, one.here, one.listed) for one in report.lines[0].differences] == [
        ("roles", "nurse", "nurse coordinator"), ("registration", "N1", "N2"), ("leaves_on", "2026-12-31", "2026-11-30"),
    ]  # fmt: skip
    assert told(report) == [(2, 7, "staff.language_kept")]
    assert outcomes(listed(node, "w1,Wong,,coordinator nurse,,,,")) == {"w1": "unchanged"}, "an empty cell takes nothing away"
    administration.change(node, boss(node), Disable("w1", "left"))
    closed = listed(node, "w1,Wong,,nurse,,,,")
    assert (outcomes(closed), here(node)["w1"].state) == ({"w1": "closed"}, "disabled"), "a list opens nothing again"


# --- one person is one person ------------------------------------------------------------------------------------------


def test_persons_who_are_alike_are_told_apart_by_their_registration(node: Node) -> None:
    assert places(listed(node, "w1,Wong,,nurse,,,,", "w2,wong,,nurse,,,,", check=True)) == [(3, 2, "staff.alike_in_list")]
    assert places(listed(node, "w1,Wong,,nurse,,N1,,", "w2,Chan,,nurse,,n 1,,", check=True)) == [(3, 2, "staff.alike_in_list")]
    assert places(listed(node, "w1,Wong,,nurse,RN,N1,,", "w2,Wong,,nurse,RN,N2,,")) == []
    assert places(listed(node, "d2,Doctor,,nurse,,,,", check=True)) == [(2, 2, "staff.alike_here")]
    assert places(listed(node, "w3,Wong,,nurse,RN,N2,,", check=True)) == [(2, 2, "staff.alike_here")]


def test_two_accounts_of_one_person(node: Node) -> None:
    report = listed(node, "w1,Wong,p-1,nurse,RN,,,2026-12-31", "w2,Wong,p-1,coordinator,,,,")
    assert report.applied
    assert told(report) == [(2, 3, "staff.new_person_id")]
    with node.storage.reading() as connection:
        days = account_list.last_days_of(connection, "p-1", node.site.zone)
    assert {str(day) for day in days.values()} == {"2026-12-31"}, "who leaves does so by both"
    assert places(listed(node, "w1,Wong,p-2,nurse,,,,", check=True)) == [(2, 3, "staff.other_person_id")]
    assert places(listed(node, "w3,Chan,p-1,nurse,,,,", check=True)) == [(2, 3, "accounts.other_person")]
    differently = listed(node, "w1,Wong,,nurse,RN,,,2026-12-31", "w2,Wong,,coordinator,,,,2026-12-30", check=True)
    assert places(differently) == [(3, 8, "staff.said_differently")]
    listed(node, "w3,Wong,p-1,coordinator,,,,2026-10-01")
    with node.storage.reading() as connection:
        assert {str(day) for day in account_list.last_days_of(connection, "p-1", node.site.zone).values()} == {"2026-10-01"}
    listed(node, "w4,Wong,p-1,coordinator,,,,")
    with node.storage.reading() as connection:
        assert str(account_list.last_days(connection, node.site.zone)["w4"]) == "2026-10-01", "by a further account too"


# --- two administrators ---------------------------------------------------------------------------------------------


LIST = ("chief,Chief,,administrator,,,,", "w1,Wong,,nurse physician,,,,", "w2,Lee,,nurse,,,,")


def test_what_takes_two_administrators_waits_for_the_second_who_brings_the_same_list(node: Node) -> None:
    first = listed(node, *LIST)
    assert outcomes(first) == {"chief": "waits", "w1": "waits", "w2": "added"}
    assert "chief" not in here(node)
    assert "w1" not in here(node)
    assert outcomes(listed(node, *LIST)) == {"chief": "waits", "w1": "waits", "w2": "unchanged"}, "asking twice is not two persons"
    assert "chief" not in here(node)
    second = listed(node, *LIST, by="second")
    assert outcomes(second) == {"chief": "added", "w1": "added", "w2": "unchanged"}
    assert sorted(one.account for one in second.made) == ["chief", "w1"]


def test_a_check_asks_for_nothing(node: Node) -> None:
    listed(node, *LIST, check=True)
    assert outcomes(listed(node, *LIST, by="second")) == {"chief": "waits", "w1": "waits", "w2": "added"}, "a dry run is no first signature"


def test_roles_that_sign_are_not_joined_by_two_lines(node: Node) -> None:
    report = listed(node, "w1,Wong,p-1,nurse,,,,", "w2,Wong,p-1,physician,,,,")
    assert outcomes(report) == {"w1": "added", "w2": "waits"}


def test_the_operator_alone_brings_no_administrator_while_there_are_some(node: Node) -> None:
    operator = Actor("operator", Role.ADMINISTRATOR, "Hospital", via="shell")
    report = bring(node, operator, "\n".join((HEAD, *LIST)).encode(), check=False)
    assert places(report) == [(2, 4, "accounts.administrator_by_account")]
    assert "w2" not in here(node)


def test_a_list_does_not_take_the_administrator_away(node: Node) -> None:
    report = listed(node, "boss,boss,,nurse,,,,", "second,second,,nurse,,,,")
    assert outcomes(report) == {"boss": "waits", "second": "waits"}
    assert here(node)["boss"].roles == ("administrator",)


# --- command and page -----------------------------------------------------------------------------------------------


def test_the_command_prints_what_it_did_and_fails_with_every_problem(node: Node, tmp_path: Path) -> None:
    file = tmp_path / "staff.csv"
    file.write_text(f"{HEAD}\nw1,Wong,,nurse,,,,\n", encoding="utf-8")
    ask = ["user", "import", str(file), "--node", str(tmp_path / "node")]
    checked = CliRunner().invoke(main, [*ask, "--check"]).stdout
    assert "Nothing is changed yet" in checked
    assert "2  w1  Wong  added" in checked, "names are shown, so that wrong letters are seen"
    done = json.loads(CliRunner().invoke(main, [*ask, "--json"]).stdout)
    assert (done["applied"], done["lines"][0]["outcome"]) == (True, "added")
    assert done["invitations"][0]["link"].endswith(done["invitations"][0]["invitation"])
    file.write_text(f"{HEAD}\nw2,,,king,,,,\n", encoding="utf-8")
    failed = CliRunner().invoke(main, ["--language", "pt", *ask])
    assert (failed.exit_code, failed.stderr.count("Linha 2, coluna")) == (1, 2)
    assert failed.stdout == "", "nothing that would have been is told as done"


def test_the_page_shows_first_and_brings_what_was_shown(node: Node) -> None:
    with node.storage.writing() as connection:
        row = account_list.row_of(connection, "boss")
        assert row is not None
        session = accounts.open_session(connection, row["account"], node.now())
    content = f"{HEAD}\nw1,Wong <b>,,nurse,,,,\n".encode()
    with TestClient(application(node), headers={"authorization": f"Bearer {session.token}"}) as client:
        shown = client.post("/accounts/staff", files={"file": ("staff.csv", content)})
        assert shown.status_code == 200
        assert "w1" not in here(node), "shown alone"
        fingerprint = shown.text.partition('name="shown" value="')[2].partition('"')[0]
        sent = {"content": b64encode(content).decode(), "shown": fingerprint}
        assert client.post("/accounts/staff", data={**sent, "shown": "else"}).status_code == 400
        assert client.post("/accounts/staff", data={**sent, "content": "?"}).status_code == 400
        assert "w1" not in here(node)
        done = client.post("/accounts/staff", data=sent)
        assert "/sign-in/invitation?token=" in done.text
        assert here(node)["w1"].name == "Wong <b>"
        assert client.post("/accounts/staff", data=sent).status_code == 400, "it would do something else by now"
        assert client.post("/accounts/staff", files={"file": ("staff.csv", b"")}).status_code == 400


# --- the last day ---------------------------------------------------------------------------------------------------


def change(node: Node, what: Leaving, by: str = "boss") -> list[str]:
    done = administration.change(node, boss(node, by), what)
    return (["asked"] if done.asked else []) if isinstance(done, Changed) else [reason.code for reason in done.reasons]


def test_access_ends_that_day_by_itself_for_sessions_tokens_and_invitations(node: Node) -> None:
    clock = node.now
    assert isinstance(clock, Clock)
    made = administration.change(node, boss(node), Add(account="w1", person="Wong", roles=("nurse",)))
    assert isinstance(made, Changed)
    invitations.accept(node, made.invitation, PASSWORD)
    waiting = administration.change(node, boss(node), Add(account="w2", person="Wong", roles=("coordinator",), person_id=made.person_id))
    assert isinstance(waiting, Changed)
    assert change(node, Leaving("w1", datetime(2026, 3, 8, tzinfo=UTC).date())) == []
    session = accounts.sign_in(node.storage, "w1", PASSWORD, "", node.now())
    assert isinstance(session, accounts.Session)
    with TestClient(application(node)) as client:
        token = {"authorization": f"Bearer {session.token}"}
        cookie = {"cookie": f"baybridge={session.token}"}
        assert [client.get("/account", headers=one).status_code for one in (token, cookie)] == [200, 200]
        clock.moment = datetime(2026, 3, 8, 16, 0, tzinfo=UTC) - timedelta(seconds=1)  # the last second of that day in Hong Kong
        assert client.get("/account", headers=token).status_code == 200
        clock.moment += timedelta(seconds=1)
        assert 200 not in [client.get("/account", headers=one, follow_redirects=False).status_code for one in (token, cookie)]
        sent = {"token": waiting.invitation, "password": PASSWORD, "again": PASSWORD}
        assert client.post("/sign-in/invitation", data=sent).status_code == 403, "an invitation of who has left"
    assert {one.state for one in here(node).values() if one.person_id == made.person_id} == {"left"}
    assert not isinstance(accounts.sign_in(node.storage, "w1", PASSWORD, "", node.now()), accounts.Session)


def test_the_last_day_of_an_administrator_takes_two_and_one_stays(node: Node) -> None:
    day = datetime(2026, 6, 1, tzinfo=UTC).date()
    assert change(node, Leaving("second", day)) == ["asked"]
    assert change(node, Leaving("second", day), by="second") == []
    assert change(node, Leaving("boss", day)) == ["accounts.last_to_stay"]
    assert change(node, Disable("boss", "left")) == ["accounts.last_to_stay"], "closed now it would leave nobody after that day"
    assert change(node, Roles("boss", ("nurse",), ("administrator",))) == ["accounts.last_to_stay"]
    assert change(node, Leaving("doctor", datetime(2026, 3, 7, tzinfo=UTC).date())) == ["accounts.left_already"]
    assert change(node, Leaving("nobody", day)) == ["accounts.unknown"]
    assert change(node, Leaving("second", None)) == ["asked"], "who comes back as one too"
    with node.storage.reading() as connection:
        row = account_list.row_of(connection, "second")
        assert row is not None
    administration.change(node, boss(node), Add(account="other", person="second", roles=("coordinator",), person_id=row["person_id"]))
    assert change(node, Leaving("other", datetime(2026, 3, 8, tzinfo=UTC).date())) == ["asked"], "by whichever account"


def test_the_last_day_by_command_and_page(node: Node, tmp_path: Path) -> None:
    ask = ["user", "leaving", "doctor", "--node", str(tmp_path / "node")]
    assert CliRunner().invoke(main, ask).exit_code == 2
    before = size(node)
    assert "last day 2066-06-01" in CliRunner().invoke(main, [*ask, "--on", "2066-06-01"]).stdout
    assert "2066-06-02" in CliRunner().invoke(main, ["user", "rights", "--node", str(tmp_path / "node")]).stdout
    assert size(node) > before, "it is in the log"
    with node.storage.writing() as connection:
        row = account_list.row_of(connection, "boss")
        assert row is not None
        session = accounts.open_session(connection, row["account"], node.now())
    with TestClient(application(node), headers={"authorization": f"Bearer {session.token}"}) as client:
        assert 'value="2066-06-01"' in client.get("/accounts").text
        assert "2066" in client.get("/accounts/rights").text
        assert client.post("/accounts/change", data={"account": "doctor", "what": "leaving", "leaves_on": "soon"}).status_code == 400
        assert client.post("/accounts/change", data={"account": "doctor", "what": "leaving", "leaves_on": ""}).status_code == 200
        assert 'value="2066-06-01"' not in client.get("/accounts").text
